#include "engine/data/near_copies.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "engine/data/evaluation_texts.h"

namespace cairn::data {

std::vector<std::uint64_t> run_hashes(const std::vector<std::uint64_t>& words, std::size_t ngram_words) {
  std::vector<std::uint64_t> hashes;
  for (std::size_t begin = 0; begin + ngram_words <= words.size(); ++begin) {
    std::uint64_t hash = ngram_words;
    for (std::size_t i = begin; i < begin + ngram_words; ++i) hash = (std::rotl(hash, 23) ^ words[i]) * 0x9E3779B97F4A7C15u;
    hashes.push_back(hash ^ (hash >> 32));
  }
  return hashes;
}

NearCopies::NearCopies(const std::vector<std::vector<std::uint64_t>>& items, std::size_t ngram_words)
    : ngram_words_(ngram_words),
      counts_(items.size(), 0),
      seen_counts_(items.size(), 0),
      most_(items.size(), 0),
      urls_(items.size()) {
  for (std::uint32_t item = 0; item < items.size(); ++item) {
    for (const std::uint64_t hash : run_hashes(items[item], ngram_words)) grams_.push_back({hash, item});
  }
  std::sort(grams_.begin(), grams_.end());
  grams_.erase(std::unique(grams_.begin(), grams_.end()), grams_.end());
  seen_.assign(grams_.size(), false);
  maybe_.resize(std::bit_ceil(grams_.size() * 16 + 64) / 64);
  for (const Gram& gram : grams_) {
    ++counts_[gram.item];
    maybe_[gram.hash / 64 % maybe_.size()] |= std::uint64_t{1} << gram.hash % 64;
  }
}

std::vector<std::uint32_t> NearCopies::runs_in(std::string_view text) const {
  std::vector<std::uint32_t> runs;
  for (const std::uint64_t hash : run_hashes(word_hashes(text), ngram_words_)) {
    if ((maybe_[hash / 64 % maybe_.size()] >> hash % 64 & 1) == 0) continue;
    auto at = std::lower_bound(grams_.begin(), grams_.end(), Gram{hash, 0});
    for (; at != grams_.end() && at->hash == hash; ++at) runs.push_back(static_cast<std::uint32_t>(at - grams_.begin()));
  }
  std::sort(runs.begin(), runs.end());
  runs.erase(std::unique(runs.begin(), runs.end()), runs.end());
  return runs;
}

void NearCopies::add(const std::vector<std::uint32_t>& runs, const std::string& url) {
  std::unordered_map<std::uint32_t, std::uint32_t> of_item;
  for (const std::uint32_t run : runs) {
    ++of_item[grams_[run].item];
    if (!seen_[run]) ++seen_counts_[grams_[run].item];
    seen_[run] = true;
  }
  for (const auto& [item, count] : of_item) {
    if (count <= most_[item]) continue;
    most_[item] = count;
    urls_[item] = url;
  }
}

NearCopies::Found NearCopies::found(std::size_t item) const {
  const double runs = std::max<double>(counts_[item], 1);
  return {seen_counts_[item] / runs, most_[item] / runs, urls_[item]};
}

}  // namespace cairn::data
