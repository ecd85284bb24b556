// What a fastText model file holds: arguments, a dictionary, an input and an output matrix (Bojanowski et al. 2017; Joulin et al.
// 2016 for the quantised form; layout: spec/data.md §2.9).
//
// Everything is a view into the mapped file, whose claims are checked against its size before any memory is taken for them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

enum class FastTextLoss : std::int32_t { hierarchical_softmax = 1, negative_sampling = 2, softmax = 3, one_vs_all = 4 };

struct FastTextArgs {
  std::int32_t dim = 0, word_ngrams = 1, bucket = 0, minn = 0, maxn = 0;  // of character n-grams: minn to maxn code points
  FastTextLoss loss = FastTextLoss::softmax;
};

// rows x columns of f32, row-major as in the file; or each row as one byte for every `part` columns, an index into 256 centroids
// of that part (product quantisation), the whole scaled by one of 256 norms when those are kept apart.
class FastTextMatrix {
 public:
  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  bool quantised() const { return dense_ == nullptr; }

  // sum[j] += M[row, j], row after row
  void add_rows(std::span<const std::int32_t> rows, std::span<float> sum) const;
  // out[i] = sum over j, in that order, of M[first + i, j] * vector[j]
  void dot_rows(std::int64_t first, std::span<const float> vector, std::span<float> out) const;
  float dot_row(std::int64_t row, std::span<const float> vector) const;

 private:
  friend class FastTextReader;
  std::int64_t rows_ = 0, columns_ = 0;
  const char* dense_ = nullptr;  // f32, at any address
  const std::uint8_t* codes_ = nullptr;
  const std::uint8_t* norm_codes_ = nullptr;
  std::int32_t parts_ = 0, part_ = 0, last_part_ = 0;  // how many, columns in each and in the last
  std::vector<float> centroids_, norms_;
  std::vector<float> unpacked_;  // of a quantised matrix that is small so: its rows, as they are added

  void unpack();
  void add_row(std::int64_t row, float* sum) const;
  const float* centroid(std::int32_t part, std::uint8_t code) const;
  float norm(std::int64_t row) const { return norm_codes_ ? norms_[norm_codes_[row]] : 1.0f; }
};

// Words (numbered first), then labels; and which hashed n-grams a pruned model kept.
class FastTextDictionary {
 public:
  std::int32_t words() const { return words_; }
  std::int32_t labels() const { return static_cast<std::int32_t>(entries_.size()) - words_; }
  std::string_view label(std::int32_t index) const { return entries_[static_cast<std::size_t>(words_ + index)]; }
  const std::vector<std::int64_t>& label_counts() const { return label_counts_; }
  bool pruned() const { return pruned_; }

  // Index of an entry whose hash() is `hash`, -1 when there is none.
  std::int32_t find(std::string_view entry, std::uint32_t hash) const;
  // Row of a hashed n-gram below args.bucket, -1 when the model dropped it.
  std::int32_t row_of_ngram(std::int32_t bucket) const;

  // FNV-1a, 32 bits, over bytes that are sign-extended first.
  static constexpr std::uint32_t kBasis = 2166136261u;
  static std::uint32_t extend(std::uint32_t hash, char byte) {
    return (hash ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(byte))) * 16777619u;
  }
  static std::uint32_t hash(std::string_view text) {
    std::uint32_t h = kBasis;
    for (const char byte : text) h = extend(h, byte);
    return h;
  }

 private:
  friend class FastTextReader;
  struct Slot {
    std::uint32_t hash = 0;
    std::int32_t entry = -1;
  };
  void index_entries();
  void index_kept(const std::vector<std::pair<std::int32_t, std::int32_t>>& kept);

  std::int32_t words_ = 0;
  bool pruned_ = false;
  std::vector<std::string_view> entries_;
  std::vector<std::int64_t> label_counts_;
  std::vector<Slot> slots_, kept_;  // open addressing; sizes are powers of two
  std::vector<std::uint64_t>
      may_be_kept_;  // a bit for each bucket modulo their number: most that were dropped need no look at kept_
};

struct FastTextFile {
  FastTextArgs args;
  FastTextDictionary dictionary;
  FastTextMatrix input, output;  // [words + n-grams, dim], [labels, dim]
};

// `bytes` must outlive the result. Error naming `name`, the byte and what was expected: other files, versions after 12, models
// of word vectors (cbow, skipgram), claims that the bytes do not hold, anything behind the end.
FastTextFile read_fasttext(std::string_view bytes, const std::string& name);

}  // namespace cairn::data
