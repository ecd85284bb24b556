// minhash: near-duplicate removal by MinHash signatures and banding (Broder 1997; parameters as in FineWeb, spec/data.md §2.6).
//
// A signature is a pure function of the text and the parameters: it does not depend on threads, ranks or order of arrival. With
// the hashes "datatrove" it equals datatrove's bit for bit where the words are the same (words.h says where they are not).
// Documents that agree on all rows of one band are candidates, candidates are joined to clusters, and of each cluster one
// document is kept. docs/format/minhash.md has the formulas with examples.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/schema.h"
#include "engine/data/deduplicator.h"
#include "engine/data/keep_rule.h"

namespace cairn::data {

// Shingles x to values h_i(x), of which a signature holds the least. Coefficients are 64-bit, sums and products are modulo 2^64.
enum class MinHashes {
  cairn,           // x = XXH64; h = a x + b, a odd: all 64 bits, the default
  datatrove,       // x = XXH64; h = (a x + b) mod (2^61 - 1)
  datatrove_32,    // x = XXH32; the low 32 bits of that
  datatrove_sha1,  // x = the first 8 bytes of SHA-1, little-endian (FineWeb's); h as of datatrove
};

struct MinHashParams {
  MinHashes hashes = MinHashes::cairn;
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

  // Coefficients of the values, in order.
  const std::vector<std::uint64_t>& a() const { return a_; }
  const std::vector<std::uint64_t>& b() const { return b_; }

 private:
  MinHashParams params_;
  std::vector<std::uint64_t> a_, b_;  // padded to a multiple of 8
};

class MinHashDedup : public Deduplicator {
 public:
  MinHashDedup(const MinHashParams& params, KeepRule keep);

  // The signature; nothing for a text without one.
  void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const override;
  void compare(Comparison& comparison) const override;
  std::string rule(const Removal& removal) const override;
  // Also how many values agree with those of the document that is kept. Documents may be linked by others only.
  std::string reason(const Removal& removal, std::string_view kept_url) const override;
  std::vector<MeasuredStatistic> measured(const Outcome& outcome) const override;

  static Variant variant();
  static std::unique_ptr<Deduplicator> make(const Config& config);

 private:
  // A document that is out, and the one that is kept.
  struct KeptPair {
    DocumentNumber document = 0, kept = 0;
    auto operator<=>(const KeptPair&) const = default;
  };
  void report(Comparison& comparison, Exchange<KeptPair>& pairs) const;

  MinHashParams params_;
  KeepRule keep_;
  MinHasher hasher_;
};

}  // namespace cairn::data
