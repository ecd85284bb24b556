// A text as a sparse vector of hashed word n-grams (Weinberger et al. 2009, without signs).
//
// The words are those of data::simplify(text): lower case, numbers as 0, no punctuation, no marks. Each run of 1 to `ngrams` of
// them, joined by spaces, counts in bucket XXH64(run, seed 0) mod `buckets`; the counts are scaled to a Euclidean length of 1.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::score {

// In order of their buckets, each once; none for a text without words. `text` is valid UTF-8.
std::vector<std::pair<std::uint32_t, float>> hashed_features(std::string_view text, int ngrams, std::int64_t buckets);

}  // namespace cairn::score
