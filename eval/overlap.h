// How much of one sequence of tokens is found in another: what memorisation is measured by (spec/evaluation.md §1.3). All on
// token ids, not on words.
#pragma once

#include <cstdint>
#include <span>

namespace cairn::eval {

// Length of the longest common subsequence: in order, not necessarily side by side. O(|a| |b|) time.
std::int64_t longest_common_subsequence(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

// Rouge-L: F1 of precision LCS/|generated| and recall LCS/|reference| (Lin 2004, as rouge-score computes it); 0 if either is
// empty.
double rouge_l(std::span<const std::int32_t> generated, std::span<const std::int32_t> reference);

// Length of the longest run of tokens, side by side, that both hold.
std::int64_t longest_common_run(std::span<const std::int32_t> a, std::span<const std::int32_t> b);

// Distinct tokens / tokens; 0 of nothing.
double type_token_ratio(std::span<const std::int32_t> tokens);

}  // namespace cairn::eval
