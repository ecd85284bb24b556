// The files of a trained tokenizer, in the form that the `tokenizers` and `transformers` libraries read.
#pragma once

#include <string>

#include "engine/text/bpe_trainer.h"

namespace cairn::text {

// The "pre_tokenizer" of options.pattern: a name of known_patterns.h, with so many digits in a word (0: as it is), or a regular
// expression. Error (usage) on digits for a pattern that does not count them: gpt2, a regular expression.
std::string pre_tokenizer_json(const BpeTrainerOptions& options);

}  // namespace cairn::text
