// minhash: near-duplicate removal by MinHash signatures and banding (Broder 1997; parameters as in FineWeb, spec/data.md §2.6).
//
// A signature is a pure function of the text and the parameters: it does not depend on threads, ranks or order of arrival.
// Signatures equal datatrove's bit for bit where the words are the same (words.h says where they are not). Documents that agree
// on all rows of one band are candidates, candidates are joined to clusters, and of each cluster the first document in order is
// kept.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "base/thread_pool.h"

namespace cairn::data {

struct MinHashParams {
  int ngram_words = 5;  // words in a shingle (twice as many where words are single characters, words.h)
  int bands = 14;       // documents that agree on one whole band are candidates
  int rows_per_band = 8;
  std::uint32_t seed = 1;  // of the coefficients

  int values() const { return bands * rows_per_band; }
};

using MinHashSignature = std::vector<std::uint64_t>;

class MinHasher {
 public:
  explicit MinHasher(const MinHashParams& params);

  // bands * rows_per_band values, or none for a text of fewer than ngram_words words, which has no shingle and is never a
  // duplicate.
  std::optional<MinHashSignature> signature(std::string_view text) const;
  // Hashes of the shingles of a text, in order.
  std::vector<std::uint64_t> shingles(std::string_view text) const;

  // h_i(x) = ((a_i x + b_i) mod 2^64) mod (2^61 - 1)
  const std::vector<std::uint64_t>& a() const { return a_; }
  const std::vector<std::uint64_t>& b() const { return b_; }

 private:
  MinHashParams params_;
  std::vector<std::uint64_t> a_, b_;  // padded to a multiple of 8
};

struct NearDuplicate {
  std::uint32_t document = 0;  // dropped
  std::uint32_t kept = 0;      // the first of its cluster
  int band = -1;               // first band on which the two agree; -1 when others link them
  int equal_values = 0;        // of params.values()
};

// `signatures`: one per document in order, `params.values()` numbers each, flat; documents without one (has[i] false) are
// skipped. Results in order of `document`; a function of the arguments alone.
std::vector<NearDuplicate> find_near_duplicates(std::span<const std::uint64_t> signatures, const std::vector<bool>& has,
                                                const MinHashParams& params, ThreadPool& threads);

Variant minhash_variant();
MinHashParams minhash_params(const Config& config);

}  // namespace cairn::data
