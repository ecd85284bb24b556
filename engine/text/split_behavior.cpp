#include "engine/text/split_behavior.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::text {

SplitBehavior split_behavior_named(const std::string& name, const std::string& origin) {
  // Both spellings occur: what the library writes, and what its Python side takes.
  if (name == "Removed" || name == "removed") return SplitBehavior::removed;
  if (name == "Isolated" || name == "isolated") return SplitBehavior::isolated;
  if (name == "MergedWithPrevious" || name == "merged_with_previous") return SplitBehavior::merged_with_previous;
  if (name == "MergedWithNext" || name == "merged_with_next") return SplitBehavior::merged_with_next;
  if (name == "Contiguous" || name == "contiguous") return SplitBehavior::contiguous;
  fail("{}.behavior: unknown behavior \"{}\"", origin, name);
}

void join_parts(const std::vector<SplitPart>& parts, SplitBehavior behavior, std::string_view text,
                std::vector<std::string_view>& out) {
  std::vector<SplitPart> joined;
  switch (behavior) {
    case SplitBehavior::removed:
      for (const SplitPart& part : parts) {
        if (!part.match) joined.push_back(part);
      }
      break;
    case SplitBehavior::isolated:
      joined = parts;
      break;
    case SplitBehavior::contiguous:
      for (const SplitPart& part : parts) {
        if (!joined.empty() && joined.back().match == part.match)
          joined.back().end = part.end;
        else
          joined.push_back(part);
      }
      break;
    case SplitBehavior::merged_with_previous: {
      bool previous_match = false;
      for (const SplitPart& part : parts) {
        if (part.match && !previous_match && !joined.empty())
          joined.back().end = part.end;
        else
          joined.push_back(part);
        previous_match = part.match;
      }
      break;
    }
    case SplitBehavior::merged_with_next: {
      bool previous_match = false;
      for (std::size_t i = parts.size(); i-- > 0;) {
        const SplitPart& part = parts[i];
        if (part.match && !previous_match && !joined.empty())
          joined.back().begin = part.begin;
        else
          joined.push_back(part);
        previous_match = part.match;
      }
      std::reverse(joined.begin(), joined.end());
      break;
    }
  }
  for (const SplitPart& part : joined) {
    if (part.end > part.begin) out.push_back(text.substr(part.begin, part.end - part.begin));
  }
}

}  // namespace cairn::text
