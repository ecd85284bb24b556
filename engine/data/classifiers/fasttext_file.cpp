#include "engine/data/classifiers/fasttext_file.h"

#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "base/error.h"

namespace cairn::data {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie");

namespace {

constexpr std::int32_t kMagic = 793712314;
constexpr std::int32_t kVersion = 12;
constexpr std::int32_t kCentroids = 256;

float float_at(const char* bytes, std::int64_t index) {
  float value;
  std::memcpy(&value, bytes + 4 * index, sizeof value);
  return value;
}

std::size_t slots_for(std::size_t entries) {
  return std::bit_ceil(2 * entries + 1);
}

std::uint32_t spread(std::uint32_t key) {
  return key * 2654435769u ^ key >> 15;
}

}  // namespace

// ---- matrices

const float* FastTextMatrix::centroid(std::int32_t part, std::uint8_t code) const {
  const std::size_t begin = static_cast<std::size_t>(part) * kCentroids * static_cast<std::size_t>(part_);
  return centroids_.data() + begin +
         static_cast<std::size_t>(code) * static_cast<std::size_t>(part + 1 == parts_ ? last_part_ : part_);
}

void FastTextMatrix::add_row(std::int64_t row, float* out) const {
  const std::uint8_t* codes = codes_ + row * parts_;
  const float scale = norm(row);
  for (std::int32_t p = 0; p < parts_; ++p) {
    const float* c = centroid(p, codes[p]);
    const std::int32_t size = p + 1 == parts_ ? last_part_ : part_;
    for (std::int32_t j = 0; j < size; ++j) out[j] += scale * c[j];
    out += size;
  }
}

void FastTextMatrix::unpack() {
  constexpr std::int64_t kMostFloats = 1 << 24;
  if (quantised() && rows_ <= kMostFloats / columns_) {
    unpacked_.resize(static_cast<std::size_t>(rows_ * columns_), 0.0f);
    for (std::int64_t row = 0; row < rows_; ++row) add_row(row, unpacked_.data() + row * columns_);
  }
}

void FastTextMatrix::add_rows(std::span<const std::int32_t> rows, std::span<float> sum) const {
  const char* const floats = unpacked_.empty() ? dense_ : reinterpret_cast<const char*>(unpacked_.data());
  if (floats == nullptr) {
    for (const std::int32_t row : rows) add_row(row, sum.data());
    return;
  }
  using Columns = float __attribute__((vector_size(64)));
  const auto load = [](const void* from) {
    Columns columns;
    std::memcpy(&columns, from, sizeof columns);
    return columns;
  };
  const auto add = [&](std::span<const std::int32_t> some) {
    std::int64_t j = 0;
    for (; j + 16 <= columns_; j += 16) {
      Columns columns = load(sum.data() + j);
      for (const std::int32_t row : some) columns += load(floats + 4 * (row * columns_ + j));
      std::memcpy(sum.data() + j, &columns, sizeof columns);
    }
    for (; j < columns_; ++j) {
      for (const std::int32_t row : some) sum[static_cast<std::size_t>(j)] += float_at(floats, row * columns_ + j);
    }
  };
  // Narrow rows (lid.176 has 16 columns): sums stay in registers over all of them. Wide ones: each is read once, in order.
  if (columns_ <= 32) return add(rows);
  for (std::size_t i = 0; i < rows.size(); ++i) add(rows.subspan(i, 1));
}

float FastTextMatrix::dot_row(std::int64_t row, std::span<const float> vector) const {
  float sum = 0;
  if (dense_ != nullptr) {
    const char* values = dense_ + 4 * row * columns_;
    for (std::int64_t j = 0; j < columns_; ++j) sum += float_at(values, j) * vector[static_cast<std::size_t>(j)];
    return sum;
  }
  const std::uint8_t* codes = codes_ + row * parts_;
  const float* x = vector.data();
  for (std::int32_t p = 0; p < parts_; ++p) {
    const float* c = centroid(p, codes[p]);
    const std::int32_t size = p + 1 == parts_ ? last_part_ : part_;
    for (std::int32_t j = 0; j < size; ++j) sum += x[j] * c[j];
    x += size;
  }
  return sum * norm(row);
}

void FastTextMatrix::dot_rows(std::int64_t first, std::span<const float> vector, std::span<float> out) const {
  std::size_t i = 0;
  if (dense_ != nullptr) {
    // Eight rows side by side: each sum keeps its order, and none waits for its own last addition.
    constexpr std::size_t kRows = 8;
    for (; i + kRows <= out.size(); i += kRows) {
      const char* values = dense_ + 4 * (first + static_cast<std::int64_t>(i)) * columns_;
      float sums[kRows] = {};
      for (std::int64_t j = 0; j < columns_; ++j) {
        const float x = vector[static_cast<std::size_t>(j)];
        for (std::size_t r = 0; r < kRows; ++r) sums[r] += float_at(values, static_cast<std::int64_t>(r) * columns_ + j) * x;
      }
      for (std::size_t r = 0; r < kRows; ++r) out[i + r] = sums[r];
    }
  }
  for (; i < out.size(); ++i) out[i] = dot_row(first + static_cast<std::int64_t>(i), vector);
}

// ---- dictionary

void FastTextDictionary::index_entries() {
  slots_.resize(slots_for(entries_.size()));
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const std::uint32_t h = hash(entries_[i]);
    std::size_t at = spread(h) & mask;
    while (slots_[at].entry >= 0) at = (at + 1) & mask;
    slots_[at] = {h, static_cast<std::int32_t>(i)};
  }
}

void FastTextDictionary::index_kept(const std::vector<std::pair<std::int32_t, std::int32_t>>& kept) {
  kept_.resize(slots_for(kept.size()));
  may_be_kept_.resize(std::bit_ceil(kept.size() / 4 + 1));  // at least sixteen bits for each
  const std::size_t mask = kept_.size() - 1;
  for (const auto& [bucket, row] : kept) {
    std::size_t at = spread(static_cast<std::uint32_t>(bucket)) & mask;
    while (kept_[at].entry >= 0 && kept_[at].hash != static_cast<std::uint32_t>(bucket)) at = (at + 1) & mask;
    may_be_kept_[(static_cast<std::size_t>(bucket) / 64) & (may_be_kept_.size() - 1)] |= std::uint64_t{1} << (bucket % 64);
    kept_[at] = {static_cast<std::uint32_t>(bucket), row};  // of a bucket named twice the last, as the reference does
  }
}

std::int32_t FastTextDictionary::find(std::string_view entry, std::uint32_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = spread(hash) & mask; slots_[at].entry >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash && entries_[static_cast<std::size_t>(slots_[at].entry)] == entry) return slots_[at].entry;
  }
  return -1;
}

std::int32_t FastTextDictionary::row_of_ngram(std::int32_t bucket) const {
  if (!pruned_) return words_ + bucket;
  const std::uint64_t bits = may_be_kept_[(static_cast<std::size_t>(bucket) / 64) & (may_be_kept_.size() - 1)];
  if (((bits >> (bucket % 64)) & 1) == 0) return -1;
  const std::size_t mask = kept_.size() - 1;
  for (std::size_t at = spread(static_cast<std::uint32_t>(bucket)) & mask; kept_[at].entry >= 0; at = (at + 1) & mask) {
    if (kept_[at].hash == static_cast<std::uint32_t>(bucket)) return words_ + kept_[at].entry;
  }
  return -1;
}

// ---- the file

class FastTextReader {
 public:
  FastTextReader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}

  FastTextFile read() {
    FastTextFile file;
    read_args(file.args);
    read_dictionary(file.args, file.dictionary);
    const bool quantised = flag("whether the input is quantised");
    if (!quantised && file.dictionary.pruned()) refuse("a pruned dictionary belongs to a quantised matrix, this one is not");
    read_matrix(file.input, "input", quantised);
    const bool quantised_output = flag("whether the output is quantised");
    read_matrix(file.output, "output", quantised && quantised_output);
    check(file);
    file.input.unpack();
    if (at_ != bytes_.size()) refuse(fmt::format("the model ends here, {} bytes follow", bytes_.size() - at_));
    return file;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const { fail("{}: byte {}: {}", name_, at_, what); }

  template <typename Number>
  Number number(const char* what) {
    if (bytes_.size() - at_ < sizeof(Number)) refuse(fmt::format("the file ends where {} should stand", what));
    Number value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

  // `count` things of `size` bytes each, which must be there.
  const char* array(std::int64_t count, std::int64_t size, const std::string& what) {
    const auto left = static_cast<std::int64_t>(bytes_.size() - at_);
    if (count < 0 || count > left / size)
      refuse(fmt::format("{}: {} of {} bytes each are claimed, {} bytes are left", what, count, size, left));
    const char* found = bytes_.data() + at_;
    at_ += static_cast<std::size_t>(count * size);
    return found;
  }

  std::vector<float> floats(std::int64_t count, const std::string& what) {
    const char* found = array(count, 4, what);
    std::vector<float> values(static_cast<std::size_t>(count));
    if (count > 0) std::memcpy(values.data(), found, values.size() * sizeof(float));
    return values;
  }

  bool flag(const char* what) {
    const auto value = number<std::uint8_t>(what);
    if (value > 1) refuse(fmt::format("{}: expected 0 or 1, found {}", what, value));
    return value != 0;
  }

  void read_args(FastTextArgs& args) {
    if (bytes_.size() < 8 || number<std::int32_t>("the magic number") != kMagic)
      fail("{}: this is no fastText model file", name_);
    const auto version = number<std::int32_t>("the version");
    if (version < 1 || version > kVersion) refuse(fmt::format("version {}, known are 1 to {}", version, kVersion));
    args.dim = number<std::int32_t>("dim");
    for (const char* unused : {"ws", "epoch", "minCount", "neg"}) number<std::int32_t>(unused);
    args.word_ngrams = number<std::int32_t>("wordNgrams");
    const auto loss = number<std::int32_t>("loss");
    const auto model = number<std::int32_t>("model");
    args.bucket = number<std::int32_t>("bucket");
    args.minn = number<std::int32_t>("minn");
    args.maxn = number<std::int32_t>("maxn");
    number<std::int32_t>("lrUpdateRate");
    number<double>("t");
    if (model == 1 || model == 2)
      refuse(fmt::format("a {} model: word vectors, which classify nothing; expected a supervised one",
                         model == 1 ? "cbow" : "skipgram"));
    if (model != 3) refuse(fmt::format("model {}, expected 3 (supervised)", model));
    if (loss < 1 || loss > 4) refuse(fmt::format("loss {}, expected 1 (hs), 2 (ns), 3 (softmax) or 4 (one-vs-all)", loss));
    args.loss = static_cast<FastTextLoss>(loss);
    if (args.dim < 1 || args.dim > 1 << 20) refuse(fmt::format("{} dimensions, expected 1 to {}", args.dim, 1 << 20));
    if (version == 11) args.maxn = 0;  // supervised models of that version had no character n-grams
    if (args.bucket < 0) refuse(fmt::format("bucket {}", args.bucket));
    if (args.bucket == 0 && (args.maxn > 0 || args.word_ngrams > 1)) refuse("n-grams are hashed, but into no buckets");
  }

  void read_dictionary(const FastTextArgs& args, FastTextDictionary& dictionary) {
    const auto size = number<std::int32_t>("the size of the dictionary");
    dictionary.words_ = number<std::int32_t>("the number of words");
    const auto labels = number<std::int32_t>("the number of labels");
    number<std::int64_t>("the number of tokens");
    const auto kept = number<std::int64_t>("the number of kept n-grams");
    const auto left = static_cast<std::int64_t>(bytes_.size() - at_);
    constexpr std::int64_t kLeastEntry = 10;  // an empty name, a count, a type
    if (dictionary.words_ < 0 || labels < 1 || std::int64_t{dictionary.words_} + labels != size)
      refuse(fmt::format("a dictionary of {} entries cannot have {} words and {} labels", size, dictionary.words_, labels));
    if (size > left / kLeastEntry) refuse(fmt::format("a dictionary of {} entries is claimed, {} bytes are left", size, left));
    dictionary.entries_.reserve(static_cast<std::size_t>(size));
    for (std::int32_t i = 0; i < size; ++i) {
      const std::size_t end = bytes_.find('\0', at_);
      if (end == std::string_view::npos) refuse(fmt::format("entry {} of the dictionary does not end", i));
      dictionary.entries_.push_back(bytes_.substr(at_, end - at_));
      at_ = end + 1;
      const auto count = number<std::int64_t>("a count");
      const auto type = number<std::uint8_t>("a type");
      const bool label = i >= dictionary.words_;
      if (type != (label ? 1 : 0))
        refuse(fmt::format("entry {} of the dictionary should be a {}, its type is {}", i, label ? "label" : "word", type));
      if (!label) continue;
      if (count < 0 || count >= 1'000'000'000'000'000)
        refuse(fmt::format("label {} was counted {} times", i - dictionary.words_, count));
      dictionary.label_counts_.push_back(count);
    }
    dictionary.index_entries();
    dictionary.pruned_ = kept >= 0;
    if (!dictionary.pruned_) return;
    const char* pairs = array(kept, 8, "kept n-grams");
    std::vector<std::pair<std::int32_t, std::int32_t>> list(static_cast<std::size_t>(kept));
    for (std::size_t i = 0; i < list.size(); ++i) {
      std::memcpy(&list[i].first, pairs + 8 * i, 4);
      std::memcpy(&list[i].second, pairs + 8 * i + 4, 4);
      if (list[i].first < 0 || list[i].first >= args.bucket || list[i].second < 0 || list[i].second >= kept)
        refuse(
            fmt::format("kept n-gram {}: bucket {} of {} in row {} of {}", i, list[i].first, args.bucket, list[i].second, kept));
    }
    dictionary.index_kept(list);
  }

  void read_matrix(FastTextMatrix& matrix, const std::string& name, bool quantised) {
    const bool with_norms = quantised && flag("whether norms are kept apart");
    matrix.rows_ = number<std::int64_t>("a number of rows");
    matrix.columns_ = number<std::int64_t>("a number of columns");
    if (matrix.rows_ < 0 || matrix.columns_ < 1 || matrix.columns_ > 1 << 20)
      refuse(fmt::format("a matrix of {} x {} ({})", matrix.rows_, matrix.columns_, name));
    if (!quantised) {
      matrix.dense_ = array(matrix.rows_, 4 * matrix.columns_, "rows of the " + name + " matrix");
      return;
    }
    const auto codes = number<std::int32_t>("the number of codes");
    matrix.codes_ = reinterpret_cast<const std::uint8_t*>(array(codes, 1, "codes of the " + name + " matrix"));
    matrix.centroids_ = read_quantiser(matrix.columns_, matrix.parts_, matrix.part_, matrix.last_part_, name);
    if (matrix.rows_ > codes / matrix.parts_ || matrix.rows_ * matrix.parts_ != codes)
      refuse(fmt::format("{} rows in {} parts need other than {} codes ({})", matrix.rows_, matrix.parts_, codes, name));
    if (!with_norms) return;
    matrix.norm_codes_ = reinterpret_cast<const std::uint8_t*>(array(matrix.rows_, 1, "norms of the " + name + " matrix"));
    std::int32_t parts, part, last_part;
    matrix.norms_ = read_quantiser(1, parts, part, last_part, name + " norms");
  }

  std::vector<float> read_quantiser(std::int64_t columns, std::int32_t& parts, std::int32_t& part, std::int32_t& last_part,
                                    const std::string& name) {
    const auto dim = number<std::int32_t>("columns of a quantiser");
    parts = number<std::int32_t>("parts of a quantiser");
    part = number<std::int32_t>("columns of a part");
    last_part = number<std::int32_t>("columns of the last part");
    const bool whole = dim == columns && parts >= 1 && part >= 1 && last_part >= 1 && last_part <= part &&
                       std::int64_t{parts - 1} * part + last_part == dim;
    if (!whole)
      refuse(fmt::format("a quantiser of {} columns in {} parts of {}, the last of {}, for {} columns ({})", dim, parts, part,
                         last_part, columns, name));
    return floats(std::int64_t{dim} * kCentroids, "centroids of the " + name);
  }

  void check(const FastTextFile& file) const {
    const FastTextDictionary& dictionary = file.dictionary;
    const std::int64_t kept = dictionary.pruned() ? file.input.rows() - dictionary.words() : file.args.bucket;
    if (dictionary.pruned()) {
      for (const FastTextDictionary::Slot& slot : dictionary.kept_) {
        if (slot.entry >= kept)
          refuse(fmt::format("the input matrix has {} rows, a kept n-gram is in row {} behind {} words", file.input.rows(),
                             slot.entry, dictionary.words()));
      }
    }
    if (file.input.rows() < dictionary.words() + kept || file.input.rows() < dictionary.words())
      refuse(fmt::format("the input matrix has {} rows; {} words and {} n-grams need more", file.input.rows(), dictionary.words(),
                         kept));
    if (file.output.rows() != dictionary.labels())
      refuse(fmt::format("the output matrix has {} rows for {} labels", file.output.rows(), dictionary.labels()));
    for (const FastTextMatrix* matrix : {&file.input, &file.output}) {
      if (matrix->columns() != file.args.dim)
        refuse(fmt::format("a matrix has {} columns, the model {} dimensions", matrix->columns(), file.args.dim));
    }
  }

  std::string_view bytes_;
  const std::string& name_;
  std::size_t at_ = 0;
};

FastTextFile read_fasttext(std::string_view bytes, const std::string& name) {
  return FastTextReader(bytes, name).read();
}

}  // namespace cairn::data
