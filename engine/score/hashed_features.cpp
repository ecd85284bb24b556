#include "engine/score/hashed_features.h"

#include <cmath>
#include <map>
#include <string>

#include "engine/data/characters.h"
#include "engine/data/xxhash64.h"

namespace cairn::score {

std::vector<std::pair<std::uint32_t, float>> hashed_features(std::string_view text, int ngrams, std::int64_t buckets) {
  const std::string simple = data::simplify(text);
  std::vector<std::size_t> begins;  // of words; one space stands between them
  for (std::size_t at = 0; at < simple.size();
       at = simple.find(' ', at) == std::string::npos ? simple.size() : simple.find(' ', at) + 1)
    begins.push_back(at);
  const auto end_of = [&](std::size_t word) { return word + 1 < begins.size() ? begins[word + 1] - 1 : simple.size(); };
  std::map<std::uint32_t, std::int64_t> counts;
  for (std::size_t first = 0; first < begins.size(); ++first) {
    for (std::size_t last = first; last < begins.size() && last < first + static_cast<std::size_t>(ngrams); ++last) {
      const std::string_view run = std::string_view(simple).substr(begins[first], end_of(last) - begins[first]);
      ++counts[static_cast<std::uint32_t>(data::xxhash64(run) % static_cast<std::uint64_t>(buckets))];
    }
  }
  double squares = 0;
  for (const auto& [bucket, count] : counts) squares += static_cast<double>(count) * static_cast<double>(count);
  std::vector<std::pair<std::uint32_t, float>> features;
  features.reserve(counts.size());
  for (const auto& [bucket, count] : counts)
    features.emplace_back(bucket, static_cast<float>(static_cast<double>(count) / std::sqrt(squares)));
  return features;
}

}  // namespace cairn::score
