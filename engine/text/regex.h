// Regular expressions over UTF-8 through PCRE2 (JIT-compiled), with the meaning they have in tokenizer.json files.
//
// Those are written for Oniguruma with Ruby's syntax. Where PCRE2 reads the same text otherwise it is rewritten: \s is
// White_Space, \w is Alphabetic, M, Nd and Pc, \h is a hexadecimal digit, ^ and $ match at lines. Class intersection (&&) is
// refused.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace cairn::text {

class Regex {
 public:
  // Error naming `origin`, the pattern, the place and PCRE2's reason when it does not compile.
  Regex(std::string_view pattern, std::string_view origin);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The first match that starts at or after `from`; `text` must be valid UTF-8. Any thread. Error naming the origin when the
  // search runs into PCRE2's limits of steps or memory: a pattern that backtracks without end never cuts text wrongly in silence.
  bool find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::text
