#include "engine/data/filters/minhash.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/words.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::uint64_t kMersenne = (std::uint64_t{1} << 61) - 1;

// Eight 64-bit lanes; the compiler maps them to whatever registers there are. Integers only, so the values are the same
// everywhere.
using Lanes = std::uint64_t __attribute__((vector_size(64)));
constexpr std::size_t kLanes = 8;

__attribute__((always_inline)) inline void minima_of(const std::uint64_t* shingles, std::size_t count, const std::uint64_t* a,
                                                     const std::uint64_t* b, std::uint64_t* out) {
  Lanes va, vb, least;
  for (std::size_t k = 0; k < kLanes; ++k) {
    va[k] = a[k];
    vb[k] = b[k];
    least[k] = kMersenne;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const Lanes x = va * shingles[i] + vb;
    Lanes r = (x & kMersenne) + (x >> 61);  // < 2^61 + 7
    r = r >= kMersenne ? r - kMersenne : r;
    least = r < least ? r : least;
  }
  for (std::size_t k = 0; k < kLanes; ++k) out[k] = least[k];
}

using Minima = void (*)(const std::uint64_t*, std::size_t, const std::uint64_t*, const std::uint64_t*, std::uint64_t*);

void minima_plain(const std::uint64_t* s, std::size_t n, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out) {
  minima_of(s, n, a, b, out);
}
#if defined(__x86_64__)
__attribute__((target("avx2"))) void minima_avx2(const std::uint64_t* s, std::size_t n, const std::uint64_t* a,
                                                 const std::uint64_t* b, std::uint64_t* out) {
  minima_of(s, n, a, b, out);
}
__attribute__((target("avx512f,avx512dq"))) void minima_avx512(const std::uint64_t* s, std::size_t n, const std::uint64_t* a,
                                                               const std::uint64_t* b, std::uint64_t* out) {
  minima_of(s, n, a, b, out);
}
#endif

// Least value of each of eight hash functions over the shingles.
Minima fastest_minima() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512dq")) return minima_avx512;
  if (__builtin_cpu_supports("avx2")) return minima_avx2;
#endif
  return minima_plain;
}

// NumPy's legacy RandomState: a 64-bit draw is two outputs, high half first, masked to 61 bits and drawn again while above
// `most`.
std::uint64_t draw(std::mt19937& generator, std::uint64_t most) {
  for (;;) {
    const std::uint64_t high = generator();
    const std::uint64_t value = (high << 32 | generator()) & kMersenne;
    if (value <= most) return value;
  }
}

class UnionFind {
 public:
  explicit UnionFind(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), 0u); }
  std::uint32_t find(std::uint32_t x) {
    while (parent_[x] != x) x = parent_[x] = parent_[parent_[x]];
    return x;
  }
  // The smaller root stays: the root of a cluster is its first document.
  void unite(std::uint32_t x, std::uint32_t y) {
    x = find(x);
    y = find(y);
    parent_[std::max(x, y)] = std::min(x, y);
  }

 private:
  std::vector<std::uint32_t> parent_;
};

}  // namespace

MinHasher::MinHasher(const MinHashParams& params) : params_(params) {
  const auto values = static_cast<std::size_t>(params.values());
  const std::size_t padded = (values + kLanes - 1) / kLanes * kLanes;
  a_.resize(padded);
  b_.resize(padded);
  std::mt19937 generator(params.seed);
  for (std::size_t i = 0; i < values; ++i) a_[i] = 1 + draw(generator, kMersenne - 2);
  for (std::size_t i = 0; i < values; ++i) b_[i] = draw(generator, kMersenne - 1);
}

std::vector<std::uint64_t> MinHasher::shingles(std::string_view text) const {
  const std::string simple = simplify(text);
  TextAnalysis analysis(simple);
  const std::vector<std::string_view>& words = analysis.words();
  const auto n = static_cast<std::size_t>(params_.ngram_words * analysis.unspaced_scale());
  std::vector<std::uint64_t> hashes;
  if (words.size() < n) return hashes;
  // The words joined by single spaces; a shingle is a part of it. Nearly always that is the text itself.
  std::string joined;
  joined.reserve(simple.size() + words.size());
  std::vector<std::uint32_t> begins;
  begins.reserve(words.size() + 1);
  for (const std::string_view word : words) {
    begins.push_back(static_cast<std::uint32_t>(joined.size()));
    joined += word;
    joined += ' ';
  }
  begins.push_back(static_cast<std::uint32_t>(joined.size()));
  hashes.reserve(words.size() - n + 1);
  const std::string_view view = joined;
  for (std::size_t i = 0; i + n <= words.size(); ++i)
    hashes.push_back(xxhash64(view.substr(begins[i], begins[i + n] - 1 - begins[i])));
  return hashes;
}

std::optional<MinHashSignature> MinHasher::signature(std::string_view text) const {
  const std::vector<std::uint64_t> hashes = shingles(text);
  if (hashes.empty()) return std::nullopt;
  static const Minima minima = fastest_minima();
  MinHashSignature signature(a_.size());
  for (std::size_t k = 0; k < a_.size(); k += kLanes) minima(hashes.data(), hashes.size(), &a_[k], &b_[k], &signature[k]);
  signature.resize(static_cast<std::size_t>(params_.values()));
  return signature;
}

std::vector<NearDuplicate> find_near_duplicates(std::span<const std::uint64_t> signatures, const std::vector<bool>& has,
                                                const MinHashParams& params, ThreadPool& threads) {
  const auto values = static_cast<std::size_t>(params.values());
  const auto rows = static_cast<std::size_t>(params.rows_per_band);
  const auto band_of = [&](std::uint32_t document, std::size_t band) {
    return signatures.subspan(document * values + band * rows, rows);
  };
  const auto same_band = [&](std::uint32_t x, std::uint32_t y, std::size_t band) {
    return std::ranges::equal(band_of(x, band), band_of(y, band));
  };

  using Edge = std::pair<std::uint32_t, std::uint32_t>;
  std::vector<std::vector<Edge>> edges(static_cast<std::size_t>(params.bands));
  threads.parallel_for(params.bands, [&](std::int64_t band_index) {
    const auto band = static_cast<std::size_t>(band_index);
    std::vector<std::uint32_t> order;
    for (std::uint32_t i = 0; i < has.size(); ++i) {
      if (has[i]) order.push_back(i);
    }
    std::sort(order.begin(), order.end(), [&](std::uint32_t x, std::uint32_t y) {
      const auto less = std::lexicographical_compare_three_way(band_of(x, band).begin(), band_of(x, band).end(),
                                                               band_of(y, band).begin(), band_of(y, band).end());
      return less < 0 || (less == 0 && x < y);
    });
    for (std::size_t i = 1; i < order.size(); ++i) {
      if (same_band(order[i - 1], order[i], band)) edges[band].emplace_back(order[i - 1], order[i]);
    }
  });

  UnionFind clusters(has.size());
  for (const std::vector<Edge>& of_band : edges) {
    for (const auto& [x, y] : of_band) clusters.unite(x, y);
  }
  std::vector<NearDuplicate> found;
  for (std::uint32_t i = 0; i < has.size(); ++i) {
    const std::uint32_t kept = clusters.find(i);
    if (kept == i) continue;
    NearDuplicate duplicate{i, kept, -1, 0};
    for (int band = params.bands; band-- > 0;) {
      if (same_band(i, kept, static_cast<std::size_t>(band))) duplicate.band = band;
    }
    for (std::size_t k = 0; k < values; ++k)
      duplicate.equal_values += signatures[i * values + k] == signatures[kept * values + k];
    found.push_back(duplicate);
  }
  return found;
}

Variant minhash_variant() {
  const MinHashParams d;
  return {
      "minhash",
      {
          field("ngram_words", integer().min(1).max(100).def(d.ngram_words), "words in a shingle"),
          field("bands", integer().min(1).max(1000).def(d.bands), "documents that agree on one whole band are near-duplicates"),
          field("rows_per_band", integer().min(1).max(100).def(d.rows_per_band), "values in a band"),
          field("seed", integer().min(0).max(4294967295.0).def(d.seed), "of the hash functions"),
      },
      "near-duplicates by MinHash, as in datatrove; the first of each cluster is kept"};
}

MinHashParams minhash_params(const Config& config) {
  MinHashParams p;
  p.ngram_words = static_cast<int>(config.integer("ngram_words"));
  p.bands = static_cast<int>(config.integer("bands"));
  p.rows_per_band = static_cast<int>(config.integer("rows_per_band"));
  p.seed = static_cast<std::uint32_t>(config.integer("seed"));
  return p;
}

}  // namespace cairn::data
