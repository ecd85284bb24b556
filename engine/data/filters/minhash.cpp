#include "engine/data/filters/minhash.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "base/json.h"
#include "base/random.h"
#include "engine/data/characters.h"
#include "engine/data/components.h"
#include "engine/data/text_analysis.h"
#include "engine/data/text_key.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::uint64_t kMersenne = (std::uint64_t{1} << 61) - 1;

// Eight 64-bit lanes; the compiler maps them to whatever registers there are. Integers only, so the values are the same
// everywhere.
using Lanes = std::uint64_t __attribute__((vector_size(64)));
constexpr std::size_t kLanes = 8;

enum class Kind { whole, mersenne, mersenne_32 };  // all 64 bits; modulo 2^61 - 1; the low half of that

template <Kind kind>
__attribute__((always_inline)) inline void minima_of(const std::uint64_t* shingles, std::size_t count, const std::uint64_t* a,
                                                     const std::uint64_t* b, std::uint64_t* out) {
  Lanes va, vb, least;
  for (std::size_t k = 0; k < kLanes; ++k) {
    va[k] = a[k];
    vb[k] = b[k];
    least[k] = ~std::uint64_t{0};
  }
  for (std::size_t i = 0; i < count; ++i) {
    Lanes r = va * shingles[i] + vb;
    if constexpr (kind != Kind::whole) {
      r = (r & kMersenne) + (r >> 61);  // < 2^61 + 7
      r = r >= kMersenne ? r - kMersenne : r;
    }
    if constexpr (kind == Kind::mersenne_32) r &= 0xFFFFFFFFu;
    least = r < least ? r : least;
  }
  for (std::size_t k = 0; k < kLanes; ++k) out[k] = least[k];
}

using Minima = void (*)(const std::uint64_t*, std::size_t, const std::uint64_t*, const std::uint64_t*, std::uint64_t*);

template <Kind kind>
void minima_plain(const std::uint64_t* s, std::size_t n, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out) {
  minima_of<kind>(s, n, a, b, out);
}
#if defined(__x86_64__)
template <Kind kind>
__attribute__((target("avx2"))) void minima_avx2(const std::uint64_t* s, std::size_t n, const std::uint64_t* a,
                                                 const std::uint64_t* b, std::uint64_t* out) {
  minima_of<kind>(s, n, a, b, out);
}
template <Kind kind>
__attribute__((target("avx512f,avx512dq"))) void minima_avx512(const std::uint64_t* s, std::size_t n, const std::uint64_t* a,
                                                               const std::uint64_t* b, std::uint64_t* out) {
  minima_of<kind>(s, n, a, b, out);
}
#endif

// Least value of each of eight hash functions over the shingles.
template <Kind kind>
Minima fastest_minima() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512dq")) return minima_avx512<kind>;
  if (__builtin_cpu_supports("avx2")) return minima_avx2<kind>;
#endif
  return minima_plain<kind>;
}

Minima fastest_minima(MinHashes hashes) {
  static const Minima whole = fastest_minima<Kind::whole>(), mersenne = fastest_minima<Kind::mersenne>(),
                      mersenne_32 = fastest_minima<Kind::mersenne_32>();
  if (hashes == MinHashes::cairn) return whole;
  return hashes == MinHashes::datatrove_32 ? mersenne_32 : mersenne;
}

std::uint64_t shingle_hash(std::string_view shingle, MinHashes hashes) {
  if (hashes == MinHashes::datatrove_32) return xxhash32(shingle);
  if (hashes != MinHashes::datatrove_sha1) return xxhash64(shingle);
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(shingle.data()), shingle.size(), digest);
  std::uint64_t first;
  std::memcpy(&first, digest, sizeof first);
  return first;
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

// One band of a signature.
struct Band {
  TextKey key;  // its hash, with the band's number
  Node node;
  auto operator<=>(const Band&) const = default;
};

// Some values of a signature, sent to where those of the document that is kept lie.
struct SignaturePart {
  DocumentNumber kept = 0, document = 0;
  std::uint64_t part = 0;
  std::uint64_t values[kLanes] = {};
  auto operator<=>(const SignaturePart&) const = default;
};

}  // namespace

MinHasher::MinHasher(const MinHashParams& params) : params_(params) {
  const auto values = static_cast<std::size_t>(params.values());
  const std::size_t padded = (values + kLanes - 1) / kLanes * kLanes;
  a_.resize(padded);
  b_.resize(padded);
  if (params.hashes == MinHashes::cairn) {
    const Random random(params.seed, "minhash");
    for (std::size_t i = 0; i < values; ++i) {
      a_[i] = random.bits(2 * i) | 1;
      b_[i] = random.bits(2 * i + 1);
    }
    return;
  }
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
    hashes.push_back(shingle_hash(view.substr(begins[i], begins[i + n] - 1 - begins[i]), params_.hashes));
  return hashes;
}

std::optional<MinHashSignature> MinHasher::signature(std::string_view text) const {
  const std::vector<std::uint64_t> hashes = shingles(text);
  if (hashes.empty()) return std::nullopt;
  const Minima minima = fastest_minima(params_.hashes);
  MinHashSignature signature(a_.size());
  for (std::size_t k = 0; k < a_.size(); k += kLanes) minima(hashes.data(), hashes.size(), &a_[k], &b_[k], &signature[k]);
  signature.resize(static_cast<std::size_t>(params_.values()));
  return signature;
}

MinHashDedup::MinHashDedup(const MinHashParams& params, KeepRule keep)
    : Deduplicator("minhash"), params_(params), keep_(keep), hasher_(params) {}

void MinHashDedup::append_keys(const Document& document, std::vector<std::uint64_t>& keys) const {
  const std::optional<MinHashSignature> signature = hasher_.signature(document.text);
  if (signature) keys.insert(keys.end(), signature->begin(), signature->end());
}

void MinHashDedup::compare(Comparison& c) const {
  // Bands that are the same come together in one sorting of all: a band's number is part of its key, which is so long that
  // different ones do not meet.
  const auto rows = static_cast<std::size_t>(params_.rows_per_band);
  const int ranks = c.bench.ranks.size();
  Exchange<KeptPair> pairs(c.bench.in("pairs", 4), "pairs", [&c](const KeptPair& pair) { return c.owner(pair.document); });
  {
    Exchange<Band> bands(c.bench.in("bands", 3), "bands",
                         [ranks](const Band& band) { return owner_of_key(band.key.high, ranks); });
    if (!bands.is_sent()) {
      c.for_each([&](DocumentNumber document, const CuratedRow& row, std::span<const std::uint64_t> signature) {
        const Node node{keep_rank(row, keep_), document};
        for (std::size_t band = 0; band * rows < signature.size(); ++band) {
          const std::string_view bytes(reinterpret_cast<const char*>(&signature[band * rows]), rows * sizeof(std::uint64_t));
          bands.add({{xxhash64(bytes, 2 * band), xxhash64(bytes, 2 * band + 1)}, node});
        }
      });
    }
    bands.send();
    const auto edges = [&bands](const EdgeFn& edge) {
      Band first;
      bool any = false;
      bands.for_each([&](const Band& band) {
        if (any && band.key == first.key)
          edge(first.node, band.node);
        else
          first = band;
        any = true;
      });
    };
    find_components(c.bench.in("components", 3), edges, [&](const Node& node, const Node& kept) {
      pairs.add({node.document, kept.document});
    });
  }
  pairs.send();
  report(c, pairs);
}

// How many values agree with those of the document that is kept, and whether a whole band does.
void MinHashDedup::report(Comparison& c, Exchange<KeptPair>& pairs) const {
  Exchange<SignaturePart> parts(c.bench.in("signatures", 4), "signatures",
                                [&c](const SignaturePart& part) { return c.owner(part.kept); });
  if (!parts.is_sent()) {
    pairs.for_each([&](const KeptPair& pair) {
      c.visit(pair.document, [&](DocumentNumber, const CuratedRow&, std::span<const std::uint64_t> signature) {
        for (std::size_t begin = 0; begin < signature.size(); begin += kLanes) {
          SignaturePart part{pair.kept, pair.document, begin, {}};
          std::copy_n(&signature[begin], std::min(kLanes, signature.size() - begin), part.values);
          parts.add(part);
        }
      });
    });
  }
  parts.send();
  const auto rows = static_cast<std::size_t>(params_.rows_per_band);
  MinHashSignature kept, other;
  SignaturePart last;
  const auto finish = [&] {
    if (other.empty()) return;
    std::uint64_t equal = 0, linked = 1;
    for (std::size_t k = 0; k < kept.size(); ++k) equal += other[k] == kept[k];
    for (std::size_t k = 0; k < kept.size(); k += rows) {
      if (std::equal(&other[k], &other[k] + rows, &kept[k])) linked = 0;
    }
    c.found({last.document, Finding::kOut, equal << 1 | linked, last.kept});
    other.clear();
  };
  parts.for_each([&](const SignaturePart& part) {
    if (part.document != last.document || part.kept != last.kept) finish();
    if (kept.empty() || part.kept != last.kept) {
      c.visit(part.kept, [&](DocumentNumber, const CuratedRow&, std::span<const std::uint64_t> signature) {
        kept.assign(signature.begin(), signature.end());
      });
    }
    other.insert(other.end(), part.values, part.values + kLanes);
    last = part;
  });
  finish();
}

std::string MinHashDedup::rule(const Removal&) const {
  return "near_duplicate";
}

std::string MinHashDedup::reason(const Removal& removal, std::string_view kept_url) const {
  const std::uint64_t equal = removal.detail >> 1;
  if (removal.detail & 1)
    return fmt::format("linked by near-duplicates to {}, {} of {} hash values agree", kept_url, equal, params_.values());
  return fmt::format("near-duplicate of {}: {} of {} hash values agree", kept_url, equal, params_.values());
}

std::vector<MeasuredStatistic> MinHashDedup::measured(const Outcome& outcome) const {
  Statistic similarity{0,
                       "similarity",
                       "share of hash values that near-duplicates have in common with the document that is kept",
                       Statistic::Scale::share,
                       1,
                       {},
                       {"near_duplicate"}};
  // Where the chance to be a candidate rises most (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, 3.4.2).
  similarity.limits = {rounded_score(std::pow(1.0 / params_.bands, 1.0 / params_.rows_per_band))};
  StatisticTally tally;
  outcome.for_each([&](const DedupRow& row, std::span<const std::uint64_t>) {
    if (row.removal) tally.add(0, similarity, static_cast<double>(row.removal.detail >> 1) / params_.values(), true);
  });
  const std::optional<Histogram> histogram = outcome.of_all_ranks(tally);
  if (!histogram) return {};
  return {{name(), similarity, *histogram}};
}

Variant MinHashDedup::variant() {
  const MinHashParams d;
  return {
      "minhash",
      {
          field("hashes", string().one_of({"cairn", "datatrove", "datatrove_32", "datatrove_sha1"}).def("cairn"),
                "cairn: 64 bits; the others: datatrove's signatures with xxHash of 64 or 32 bits, or with SHA-1 as FineWeb's"),
          field("ngram_words", integer().min(1).max(100).def(d.ngram_words), "words in a shingle"),
          field("bands", integer().min(1).max(1000).def(d.bands), "documents that agree on one whole band are near-duplicates"),
          field("rows_per_band", integer().min(1).max(100).def(d.rows_per_band), "values in a band"),
          field("seed", integer().min(0).max(4294967295.0).def(d.seed), "of the hash functions"),
          keep_field(),
      },
      "near-duplicates by MinHash with datatrove's parameters; one of each cluster is kept"};
}

std::unique_ptr<Deduplicator> MinHashDedup::make(const Config& config) {
  MinHashParams p;
  const std::string hashes = config.string("hashes");
  if (hashes == "datatrove") p.hashes = MinHashes::datatrove;
  if (hashes == "datatrove_32") p.hashes = MinHashes::datatrove_32;
  if (hashes == "datatrove_sha1") p.hashes = MinHashes::datatrove_sha1;
  p.ngram_words = static_cast<int>(config.integer("ngram_words"));
  p.bands = static_cast<int>(config.integer("bands"));
  p.rows_per_band = static_cast<int>(config.integer("rows_per_band"));
  p.seed = static_cast<std::uint32_t>(config.integer("seed"));
  return std::make_unique<MinHashDedup>(p, keep_rule_of(config));
}

}  // namespace cairn::data
