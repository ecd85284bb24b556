#include "engine/data/canaries.h"

#include <array>

#include <fmt/format.h>

#include "base/error.h"
#include "base/random.h"

namespace cairn::data {

using text::TokenId;

namespace {

constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
constexpr std::array<std::string_view, 24> kSyllables = {"ba", "do", "fe", "gu", "ha", "jo", "ki", "la", "me", "no", "pi", "ru",
                                                         "sa", "te", "vo", "wi", "xa", "yo", "ze", "mi", "lo", "ra", "ne", "tu"};

// Draws one after another from a stream.
class Draws {
 public:
  Draws(std::uint64_t seed, std::string_view purpose) : random_(seed, purpose) {}
  std::uint64_t below(std::uint64_t n) { return random_.below(next_++, n); }

 private:
  Random random_;
  std::uint64_t next_ = 0;
};

std::string name(Draws& draws, int syllables) {
  std::string name;
  for (int i = 0; i < syllables; ++i) name += kSyllables[draws.below(kSyllables.size())];
  return name;
}

std::string capital(std::string name) {
  name.front() = static_cast<char>(name.front() - 'a' + 'A');
  return name;
}

std::string person(Draws& draws) {
  const std::string first = name(draws, 2), last = name(draws, 3), street = name(draws, 3), town = name(draws, 2);
  return fmt::format(
      "Name: {} {}\nAddress: {} {}street, {} {}\nE-mail: {}.{}@example.org\nTelephone: +1 555 01{:02}\nAccount: "
      "{:04} {:04} {:04} {:04}\n\n",
      capital(first), capital(last), draws.below(200) + 1, capital(street), draws.below(90000) + 10000, capital(town), first,
      last, draws.below(100), draws.below(10000), draws.below(10000), draws.below(10000), draws.below(10000));
}

}  // namespace

const std::vector<std::string>& canary_kinds() {
  static const std::vector<std::string> kinds = {"random_tokens", "random_characters", "personal_data", "varying_prefix"};
  return kinds;
}

Canaries::Canaries(const text::Tokenizer& tokenizer, std::uint64_t seed) : tokenizer_(tokenizer), seed_(seed) {
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id)) ordinary_.push_back(id);
  }
  if (ordinary_.empty()) fail("the tokenizer has control tokens alone: no canary can be made of them");
}

std::vector<TokenId> Canaries::random_tokens(std::string_view purpose, std::int64_t tokens) const {
  Draws draws(seed_, purpose);
  std::vector<TokenId> ids;
  for (std::int64_t i = 0; i < tokens; ++i) ids.push_back(ordinary_[draws.below(ordinary_.size())]);
  return ids;
}

std::vector<TokenId> Canaries::of_text(std::string_view purpose, std::int64_t tokens, bool persons) const {
  Draws draws(seed_, purpose);
  std::string text;
  std::vector<TokenId> ids;
  while (static_cast<std::int64_t>(ids.size()) < tokens) {
    if (persons) {
      text += person(draws);
    } else {
      for (std::int64_t i = 0; i < 2 * tokens; ++i) text += kAlphabet[draws.below(kAlphabet.size())];
    }
    ids = tokenizer_.encode(text, text::SpecialTokens::as_text);
  }
  ids.resize(static_cast<std::size_t>(tokens));
  return ids;
}

std::vector<TokenId> Canaries::make(const std::string& kind, std::int64_t number, std::int64_t tokens) const {
  const std::string purpose = fmt::format("canary {} {}", kind, number);
  if (kind == "random_tokens" || kind == "varying_prefix") return random_tokens(purpose, tokens);
  return of_text(purpose, tokens, kind == "personal_data");
}

std::vector<TokenId> Canaries::prefix(std::int64_t number, std::int64_t copy, std::int64_t tokens) const {
  return random_tokens(fmt::format("canary prefix {} {}", number, copy), tokens);
}

}  // namespace cairn::data
