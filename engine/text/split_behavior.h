// What becomes of the matches when text is split: "behavior" of tokenizer.json.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// By either spelling: "MergedWithNext", "merged_with_next". Error beginning with `origin` on another.
SplitBehavior split_behavior_named(const std::string& name, const std::string& origin);

// A stretch of the text that is a match, or between matches.
struct SplitPart {
  std::size_t begin, end;
  bool match;
};

// Appends what is kept of `parts`, which cover `text` in order, joined as `behavior` says. Empty pieces are left out.
void join_parts(const std::vector<SplitPart>& parts, SplitBehavior behavior, std::string_view text,
                std::vector<std::string_view>& out);

}  // namespace cairn::text
