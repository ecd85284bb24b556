// Canaries: sequences that stand nowhere else, for measuring what a model remembers of what it cannot have guessed (spec/data.md
// §1.5).
//
// Every sequence is a function of the seed, its kind and its number. Persons are made up: their addresses lie in example.org and
// their telephone numbers in the range that is kept for fiction.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/tokenizer.h"

namespace cairn::data {

// random_tokens      ordinary tokens, each equally likely
// random_characters  letters and digits, as the tokenizer cuts them
// personal_data      made-up persons with address, telephone and account
// varying_prefix     as random_tokens, each copy behind other random tokens, so that no two copies begin alike
const std::vector<std::string>& canary_kinds();

class Canaries {
 public:
  Canaries(const text::Tokenizer& tokenizer, std::uint64_t seed);

  std::vector<text::TokenId> make(const std::string& kind, std::int64_t number, std::int64_t tokens) const;
  // What stands before copy `copy` of a varying_prefix.
  std::vector<text::TokenId> prefix(std::int64_t number, std::int64_t copy, std::int64_t tokens) const;

 private:
  std::vector<text::TokenId> random_tokens(std::string_view purpose, std::int64_t tokens) const;
  std::vector<text::TokenId> of_text(std::string_view purpose, std::int64_t tokens, bool persons) const;

  const text::Tokenizer& tokenizer_;
  std::uint64_t seed_;
  std::vector<text::TokenId> ordinary_;
};

}  // namespace cairn::data
