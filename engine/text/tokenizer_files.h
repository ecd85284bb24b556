// The files of a trained tokenizer, in the form that the `tokenizers` and `transformers` libraries read.
#pragma once

#include <string>

#include "engine/text/bpe_trainer.h"

namespace cairn::text {

// The "pre_tokenizer" of a pattern: a name of known_patterns.h or a regular expression.
std::string pre_tokenizer_json(const std::string& pattern);

}  // namespace cairn::text
