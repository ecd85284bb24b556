// The `model` of a tokenizer.json. Every name and number is checked before it is used.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/model.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {

enum class ModelType { bpe, unigram, word_piece, word_level };

// Files before 0.9 do not say it: then by the fields that are there. Errors begin with `place` ("t.json: model").
ModelType model_type(const Json& model, const std::string& place);
// Whether the model can take bytes instead of characters behind a ByteLevel pre-tokenizer.
bool model_takes_bytes(const Json& model, const std::string& place);

// The model's tokens; `added` more may follow.
Vocabulary read_vocabulary(const Json& model, std::size_t added, const std::string& place);

struct ReadModel {
  std::unique_ptr<const Model> model;
  std::vector<TokenId> whole_words;  // tokens that a word becomes at once
  std::string cut_before;            // as in Tokenizer::State
};

// `special`, by id: tokens that text never becomes.
ReadModel read_model(const Json& model, const Vocabulary& vocabulary, const std::vector<bool>& special, bool byte_level,
                     const std::string& place);

}  // namespace cairn::text
