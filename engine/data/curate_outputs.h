// What a curation writes: ranks bring together what has become of their documents, and the first writes it, in the order of
// source and address.
#pragma once

#include <vector>

#include "engine/data/curation.h"
#include "engine/data/filter_chain.h"
#include "engine/data/token_counter.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

// After curation.run(). Ranks come to its end together but for the first, which writes.
void write_outputs(steps::StepContext& ctx, const std::vector<Stage>& stages, const TokenCounter& tokens,
                   const Curation& curation);

}  // namespace cairn::data
