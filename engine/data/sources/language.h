// Language tags as files declare them, in one form; and languages that paths name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cairn::data {

// BCP 47 in lower case with '-': "pt_BR.UTF-8" -> "pt-br". A region that goes without saying is left out ("de-DE" -> "de",
// "ja_JP" -> "ja", "en-US" -> "en"). "und" for what is not a language tag.
std::string normal_language(std::string_view declared);

// A language out of a path by a regular expression (ECMAScript) with one group: "\.([a-z]{2}(-[a-z]{2})?)\.html$".
class LanguageRule {
 public:
  explicit LanguageRule(const std::string& pattern);  // Error (usage) when it does not compile or has no group
  ~LanguageRule();
  std::string language_of(const std::string& path) const;  // normal form; empty when nothing matches

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::data
