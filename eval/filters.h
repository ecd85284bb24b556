// Filters on generated text, as task files list them (spec/evaluation.md §2.7).
#pragma once

#include <string>
#include <vector>

#include "eval/task.h"

namespace cairn::eval {

// A compiled regular expression in Python's dialect as far as PCRE2 has it. Error naming `origin` when it does not compile.
class Pattern {
 public:
  Pattern(const std::string& pattern, const std::string& origin);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  // Python's re.findall with groups reduced as the harness does: the first non-empty group, or the whole match.
  std::vector<std::string> find_all(const std::string& text) const;
  std::string remove_all(const std::string& text) const;

 private:
  void* code_;
};

std::string apply_filters(const FilterChain& chain, const std::string& response);

}  // namespace cairn::eval
