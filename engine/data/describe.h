// Statistics of a dataset, for people and for its card (docs/data_cards.md).
#pragma once

#include <filesystem>
#include <functional>

#include "base/thread_pool.h"
#include "engine/data/dataset_statistics.h"
#include "engine/data/document_encoder.h"
#include "engine/data/public_suffix.h"
#include "engine/steps/step.h"

namespace cairn::data {

extern const steps::StepSpec kDescribe;

// Counts a folder of documents, in parallel. Tokens by `encoder` and registrable domains by `suffixes`, where they are given; a
// site is a host without them. `after_piece` is called between pieces, with the documents that were in them.
DatasetStatistics count_documents(const std::filesystem::path& folder, const DocumentEncoder* encoder,
                                  const PublicSuffixList* suffixes, ThreadPool& threads,
                                  const std::function<void(std::size_t)>& after_piece);

}  // namespace cairn::data
