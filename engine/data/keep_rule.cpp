#include "engine/data/keep_rule.h"

#include "base/json.h"

namespace cairn::data {

bool is_better(const CuratedRow& a, const CuratedRow& b, KeepRule rule) {
  switch (rule) {
    case KeepRule::first:
      return false;
    case KeepRule::newest:
      return a.retrieved > b.retrieved;
    case KeepRule::oldest:
      return !a.retrieved.empty() && (b.retrieved.empty() || a.retrieved < b.retrieved);
    case KeepRule::longest:
      return a.text.size() > b.text.size();
  }
  return false;
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
