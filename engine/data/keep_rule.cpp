#include "engine/data/keep_rule.h"

#include "base/json.h"

namespace cairn::data {

std::uint64_t date_number(std::string_view date) {
  std::uint64_t number = 0;
  int digits = 0;
  for (const char c : date) {
    if (c < '0' || c > '9' || digits == 19) continue;
    number = 10 * number + static_cast<std::uint64_t>(c - '0');
    ++digits;
  }
  if (digits == 0) return 0;
  for (; digits < 19; ++digits) number *= 10;
  return number;
}

std::uint64_t keep_rank(const CuratedRow& row, KeepRule rule) {
  switch (rule) {
    case KeepRule::first:
      return 0;
    case KeepRule::newest:
      return ~date_number(row.retrieved);
    case KeepRule::oldest:
      return date_number(row.retrieved) - 1;  // without a date the largest
    case KeepRule::longest:
      return ~static_cast<std::uint64_t>(row.text.size());
  }
  return 0;
}

Field keep_field() {
  return field("keep", string().one_of({"first", "newest", "oldest", "longest"}).def("first"),
               "which one is kept; of equals the first in order");
}

KeepRule keep_rule_of(const Config& config) {
  const std::string name = config.string("keep");
  if (name == "newest") return KeepRule::newest;
  if (name == "oldest") return KeepRule::oldest;
  if (name == "longest") return KeepRule::longest;
  return KeepRule::first;
}

}  // namespace cairn::data
