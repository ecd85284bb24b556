#include "eval/overlap.h"

#include <algorithm>
#include <unordered_set>
#include <vector>

namespace cairn::eval {

std::int64_t longest_common_subsequence(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::vector<std::int64_t> row(b.size() + 1, 0);  // of the prefixes of b, with the prefix of a so far
  for (const std::int32_t token : a) {
    std::int64_t before = 0;  // of one token less on both sides
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::int64_t above = row[j];
      row[j] = token == b[j - 1] ? before + 1 : std::max(above, row[j - 1]);
      before = above;
    }
  }
  return row.back();
}

double rouge_l(std::span<const std::int32_t> generated, std::span<const std::int32_t> reference) {
  if (generated.empty() || reference.empty()) return 0;
  const auto common = static_cast<double>(longest_common_subsequence(generated, reference));
  const double precision = common / static_cast<double>(generated.size());
  const double recall = common / static_cast<double>(reference.size());
  return common > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

std::int64_t longest_common_run(std::span<const std::int32_t> a, std::span<const std::int32_t> b) {
  std::vector<std::int64_t> row(b.size() + 1, 0);  // of the runs that end here on both sides
  std::int64_t longest = 0;
  for (const std::int32_t token : a) {
    std::int64_t before = 0;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::int64_t above = row[j];
      row[j] = token == b[j - 1] ? before + 1 : 0;
      longest = std::max(longest, row[j]);
      before = above;
    }
  }
  return longest;
}

double type_token_ratio(std::span<const std::int32_t> tokens) {
  if (tokens.empty()) return 0;
  const std::unordered_set<std::int32_t> distinct(tokens.begin(), tokens.end());
  return static_cast<double>(distinct.size()) / static_cast<double>(tokens.size());
}

}  // namespace cairn::eval
