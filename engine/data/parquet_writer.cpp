#include "engine/data/parquet_writer.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/error.h"
#include "base/utf8.h"
#include "engine/data/thrift_writer.h"

namespace cairn::data {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are written as they lie");

constexpr std::string_view kMagic = "PAR1";
constexpr int kPlain = 0, kRle = 3, kRleDictionary = 8;
constexpr int kZstd = 6;
constexpr int kZstdLevel = 3;
constexpr std::size_t kLongestText = kMaxPage - 64;  // a page holds its length and level, too
constexpr std::size_t kLongestBound = 64;            // bytes of a text in the statistics
constexpr std::size_t kDictionaryEntries = 1 << 16;  // at most; and its bytes
constexpr std::size_t kDictionaryBytes = 1'000'000;

template <typename Number>
void put(std::string& out, Number number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

int bits_for(std::size_t most) {
  return static_cast<int>(std::bit_width(most));
}

// Runs of one value, and groups of eight packed in `width` bits, in turn (RLE/bit-packed hybrid).
class HybridWriter {
 public:
  explicit HybridWriter(int width) : width_(width) {}

  std::string encode(const std::vector<std::uint32_t>& values) {
    for (std::size_t at = 0; at < values.size();) {
      std::size_t run = at + 1;
      while (run < values.size() && values[run] == values[at]) ++run;
      // A run may begin only where a group ends, for but the last group has to be full.
      if (run - at >= 8 && packed_.size() % 8 == 0) {
        flush();
        varint((run - at) << 1);
        for (int byte = 0; byte < (width_ + 7) / 8; ++byte) out_ += static_cast<char>(values[at] >> (8 * byte));
        at = run;
      } else {
        packed_.push_back(values[at++]);
      }
    }
    flush();
    return std::move(out_);
  }

 private:
  void flush() {
    if (packed_.empty()) return;
    packed_.resize((packed_.size() + 7) / 8 * 8);
    varint(packed_.size() / 8 << 1 | 1);
    std::uint64_t bits = 0;
    int held = 0;
    for (const std::uint32_t value : packed_) {
      bits |= static_cast<std::uint64_t>(value) << held;
      for (held += width_; held >= 8; held -= 8, bits >>= 8) out_ += static_cast<char>(bits);
    }
    packed_.clear();
  }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(0x80 | (value & 0x7F));
    out_ += static_cast<char>(value);
  }

  int width_;
  std::string out_;
  std::vector<std::uint32_t> packed_;
};

// Values of one column of one row group; texts one after another.
struct ColumnValues {
  std::vector<bool> there;  // of an optional field
  std::string texts;
  std::vector<std::uint32_t> lengths;
  std::vector<std::int64_t> numbers;
  std::vector<double> reals;
  std::vector<bool> flags;
  std::int64_t rows = 0;
};

struct Statistics {
  std::int64_t nulls = 0;
  std::optional<std::string> least, most;
};

template <typename Number>
std::string raw(Number number) {
  std::string bytes;
  put(bytes, number);
  return bytes;
}

Statistics statistics_of(const ParquetField& field, const ColumnValues& values) {
  Statistics found;
  found.nulls = field.optional ? std::count(values.there.begin(), values.there.end(), false) : 0;
  switch (field.type) {
    case ParquetField::Type::text: {
      std::string_view least, most;
      std::size_t at = 0;
      for (std::size_t i = 0; i < values.lengths.size(); ++i) {
        const std::string_view text = std::string_view(values.texts).substr(at, values.lengths[i]);
        at += text.size();
        if (i == 0 || text < least) least = text;
        if (i == 0 || text > most) most = text;
      }
      if (!values.lengths.empty() && least.size() <= kLongestBound) found.least = least;
      if (!values.lengths.empty() && most.size() <= kLongestBound) found.most = most;
      break;
    }
    case ParquetField::Type::int64:
      if (values.numbers.empty()) break;
      found.least = raw(*std::min_element(values.numbers.begin(), values.numbers.end()));
      found.most = raw(*std::max_element(values.numbers.begin(), values.numbers.end()));
      break;
    case ParquetField::Type::float64: {
      // No bounds where a value is none; a zero counts as the lower or the higher one of its two.
      if (values.reals.empty() || std::any_of(values.reals.begin(), values.reals.end(), [](double x) { return std::isnan(x); }))
        break;
      const double least = *std::min_element(values.reals.begin(), values.reals.end());
      const double most = *std::max_element(values.reals.begin(), values.reals.end());
      found.least = raw(least == 0 ? -0.0 : least);
      found.most = raw(most == 0 ? 0.0 : most);
      break;
    }
    case ParquetField::Type::boolean:
      if (values.flags.empty()) break;
      found.least =
          std::string(1, std::find(values.flags.begin(), values.flags.end(), false) == values.flags.end() ? '\1' : '\0');
      found.most = std::string(1, std::find(values.flags.begin(), values.flags.end(), true) == values.flags.end() ? '\0' : '\1');
      break;
  }
  return found;
}

// The different texts in the order in which they occur, and which one each is; none where they would save too little.
struct Dictionary {
  std::vector<std::string_view> entries;
  std::vector<std::uint32_t> indices;
};

std::optional<Dictionary> dictionary_of(const ColumnValues& values) {
  Dictionary dictionary;
  std::unordered_map<std::string_view, std::uint32_t> known;
  std::size_t at = 0, bytes = 0;
  for (const std::uint32_t length : values.lengths) {
    const std::string_view text = std::string_view(values.texts).substr(at, length);
    at += length;
    const auto [entry, fresh] = known.try_emplace(text, static_cast<std::uint32_t>(dictionary.entries.size()));
    if (fresh) {
      bytes += 4 + length;
      if (dictionary.entries.size() == kDictionaryEntries || bytes > kDictionaryBytes) return std::nullopt;
      dictionary.entries.push_back(text);
    }
    dictionary.indices.push_back(entry->second);
  }
  if (dictionary.entries.empty() || 2 * bytes > values.texts.size() + 4 * values.lengths.size()) return std::nullopt;
  return dictionary;
}

int type_number(ParquetField::Type type) {
  switch (type) {
    case ParquetField::Type::text:
      return static_cast<int>(ParquetType::bytes);
    case ParquetField::Type::int64:
      return static_cast<int>(ParquetType::int64);
    case ParquetField::Type::float64:
      return static_cast<int>(ParquetType::float64);
    case ParquetField::Type::boolean:
      return static_cast<int>(ParquetType::boolean);
  }
  return 0;
}

struct Chunk {
  std::vector<std::int32_t> encodings;
  std::int64_t values = 0, data_at = 0;
  std::optional<std::int64_t> dictionary_at;
  std::int64_t bytes = 0, packed_bytes = 0;  // pages with their headers
  Statistics statistics;
};

struct RowGroup {
  std::int64_t rows = 0, at = 0;
  std::vector<Chunk> chunks;
};

}  // namespace

struct ParquetWriter::State {
  std::unique_ptr<DiskFile> file;
  std::vector<ParquetField> fields;
  ParquetOptions options;
  std::vector<ColumnValues> columns;
  std::vector<RowGroup> groups;
  std::int64_t rows = 0, group_rows = 0;
  std::uint64_t group_bytes = 0, at = 0;
  bool finished = false;

  void write(std::string_view bytes) {
    file->write(bytes);
    at += bytes.size();
  }

  // `dictionary`: a page of one; else of data.
  void write_page(const std::string& page, std::int64_t values, int encoding, bool dictionary, Chunk& chunk) {
    if (page.size() > kMaxPage) fail("a page of {} bytes; the rows of a page have to be fewer or shorter", page.size());
    std::string packed;
    if (options.zstd) {
      packed.resize(ZSTD_compressBound(page.size()));
      const std::size_t size = ZSTD_compress(packed.data(), packed.size(), page.data(), page.size(), kZstdLevel);
      if (ZSTD_isError(size)) fail("zstd: {}", ZSTD_getErrorName(size));
      packed.resize(size);
    }
    const std::string& stored = options.zstd ? packed : page;
    ThriftWriter header;
    header.i32(1, dictionary ? 2 : 0);
    header.i32(2, static_cast<std::int64_t>(page.size()));
    header.i32(3, static_cast<std::int64_t>(stored.size()));
    const auto sum = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(stored.data()), stored.size()));
    header.i32(4, static_cast<std::int32_t>(sum));
    header.begin(dictionary ? 7 : 5);
    header.i32(1, values);
    header.i32(2, encoding);
    if (!dictionary) {
      header.i32(3, kRle);
      header.i32(4, kRle);
    }
    header.end();
    header.end();
    chunk.bytes += static_cast<std::int64_t>(header.bytes().size() + page.size());
    chunk.packed_bytes += static_cast<std::int64_t>(header.bytes().size() + stored.size());
    write(header.bytes());
    write(stored);
  }

  Chunk write_chunk(const ParquetField& field, const ColumnValues& values) {
    Chunk chunk;
    chunk.values = values.rows;
    chunk.statistics = statistics_of(field, values);
    std::optional<Dictionary> dictionary;
    if (field.type == ParquetField::Type::text) dictionary = dictionary_of(values);
    chunk.encodings = {dictionary ? kRleDictionary : kPlain, kRle};
    if (dictionary) {
      chunk.encodings.push_back(kPlain);  // of the dictionary itself
      chunk.dictionary_at = static_cast<std::int64_t>(at);
      std::string page;
      for (const std::string_view entry : dictionary->entries) {
        put(page, static_cast<std::uint32_t>(entry.size()));
        page += entry;
      }
      write_page(page, static_cast<std::int64_t>(dictionary->entries.size()), kPlain, true, chunk);
    }
    chunk.data_at = static_cast<std::int64_t>(at);
    std::size_t row = 0, value = 0, text_at = 0;
    const auto rows = static_cast<std::size_t>(values.rows);
    while (row < rows) {
      std::vector<std::uint32_t> levels, indices;
      std::string data;
      std::size_t flags = 0;
      const std::size_t first = row;
      for (std::uint64_t bytes = 0; row < rows; ++row) {
        const bool there = !field.optional || values.there[row];
        const std::uint64_t size = !there                                   ? 0
                                   : field.type != ParquetField::Type::text ? 8
                                   : dictionary                             ? 4
                                                                            : 4 + values.lengths[value];
        if (row > first && bytes + size > options.page_bytes) break;
        bytes += std::max<std::uint64_t>(size, 1);  // nulls, too, end a page some time
        if (field.optional) levels.push_back(there);
        if (!there) continue;
        switch (field.type) {
          case ParquetField::Type::text:
            if (dictionary) {
              indices.push_back(dictionary->indices[value]);
            } else {
              put(data, values.lengths[value]);
              data.append(values.texts, text_at, values.lengths[value]);
            }
            text_at += values.lengths[value];
            break;
          case ParquetField::Type::int64:
            put(data, values.numbers[value]);
            break;
          case ParquetField::Type::float64:
            put(data, values.reals[value]);
            break;
          case ParquetField::Type::boolean:
            if (flags % 8 == 0) data += '\0';
            if (values.flags[value]) data.back() = static_cast<char>(data.back() | 1 << (flags % 8));
            ++flags;
            break;
        }
        ++value;
      }
      std::string page;
      if (field.optional) {
        const std::string runs = HybridWriter(1).encode(levels);
        put(page, static_cast<std::uint32_t>(runs.size()));
        page += runs;
      }
      if (dictionary) {
        const int width = bits_for(dictionary->entries.size() - 1);
        page += static_cast<char>(width);
        page += HybridWriter(width).encode(indices);
      }
      page += data;
      write_page(page, static_cast<std::int64_t>(row - first), dictionary ? kRleDictionary : kPlain, false, chunk);
    }
    return chunk;
  }

  void write_group() {
    if (group_rows == 0) return;
    RowGroup group;
    group.rows = group_rows;
    group.at = static_cast<std::int64_t>(at);
    for (std::size_t i = 0; i < fields.size(); ++i) {
      group.chunks.push_back(write_chunk(fields[i], columns[i]));
      columns[i] = {};
    }
    groups.push_back(std::move(group));
    group_rows = 0;
    group_bytes = 0;
  }

  std::string footer() const {
    ThriftWriter out;
    out.i32(1, 2);
    out.list_of_structs(2, fields.size() + 1);
    out.begin_element();
    out.binary(4, "schema");
    out.i32(5, static_cast<std::int64_t>(fields.size()));
    out.end();
    for (const ParquetField& field : fields) {
      out.begin_element();
      out.i32(1, type_number(field.type));
      out.i32(3, field.optional ? 1 : 0);
      out.binary(4, field.name);
      if (field.type == ParquetField::Type::text) {
        out.i32(6, 0);  // UTF8, and the same as a logical type
        out.begin(10);
        out.begin(1);
        out.end();
        out.end();
      }
      out.end();
    }
    out.i64(3, rows);
    out.list_of_structs(4, groups.size());
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const RowGroup& group = groups[g];
      std::int64_t bytes = 0, packed_bytes = 0;
      out.begin_element();
      out.list_of_structs(1, fields.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        const Chunk& chunk = group.chunks[i];
        bytes += chunk.bytes;
        packed_bytes += chunk.packed_bytes;
        out.begin_element();
        out.i64(2, 0);
        out.begin(3);
        out.i32(1, type_number(fields[i].type));
        out.list_of_i32(2, chunk.encodings);
        out.list_of_texts(3, {fields[i].name});
        out.i32(4, options.zstd ? kZstd : 0);
        out.i64(5, chunk.values);
        out.i64(6, chunk.bytes);
        out.i64(7, chunk.packed_bytes);
        out.i64(9, chunk.data_at);
        if (chunk.dictionary_at) out.i64(11, *chunk.dictionary_at);
        out.begin(12);
        out.i64(3, chunk.statistics.nulls);
        if (chunk.statistics.most) out.binary(5, *chunk.statistics.most);
        if (chunk.statistics.least) out.binary(6, *chunk.statistics.least);
        out.end();
        out.end();
        out.end();
      }
      out.i64(2, bytes);
      out.i64(3, group.rows);
      out.i64(5, group.at);
      out.i64(6, packed_bytes);
      if (g <= 0x7FFF) out.i16(7, static_cast<std::int64_t>(g));
      out.end();
    }
    out.binary(6, "cairn");
    out.list_of_structs(7, fields.size());  // bounds are in the order of each type
    for (std::size_t i = 0; i < fields.size(); ++i) {
      out.begin_element();
      out.begin(1);
      out.end();
      out.end();
    }
    out.end();
    return out.bytes();
  }
};

ParquetWriter::ParquetWriter(std::unique_ptr<DiskFile> file, std::vector<ParquetField> fields, ParquetOptions options)
    : state_(std::make_unique<State>()) {
  if (fields.empty()) fail("a Parquet file needs a column");
  std::set<std::string_view> names;
  for (const ParquetField& field : fields) {
    if (!names.insert(field.name).second) fail("two Parquet columns are called '{}'", field.name);
  }
  state_->file = std::move(file);
  state_->columns.resize(fields.size());
  state_->fields = std::move(fields);
  state_->options = options;
  state_->write(kMagic);
}
ParquetWriter::~ParquetWriter() = default;

void ParquetWriter::append(const std::vector<ParquetValue>& row) {
  State& s = *state_;
  if (row.size() != s.fields.size()) fail("row {}: {} values for {} columns", s.rows, row.size(), s.fields.size());
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const ParquetField& field = s.fields[i];
    const auto complain = [&](const std::string& what) { fail("row {}: column '{}': {}", s.rows, field.name, what); };
    if (std::holds_alternative<std::monostate>(row[i])) {
      if (!field.optional) complain("null where a value is needed");
      bytes += 1;
      continue;
    }
    const bool fits = field.type == ParquetField::Type::text      ? std::holds_alternative<std::string>(row[i])
                      : field.type == ParquetField::Type::int64   ? std::holds_alternative<std::int64_t>(row[i])
                      : field.type == ParquetField::Type::float64 ? std::holds_alternative<double>(row[i])
                                                                  : std::holds_alternative<bool>(row[i]);
    if (!fits) complain("a value of another type");
    bytes += 8;
    if (const auto* text = std::get_if<std::string>(&row[i])) {
      if (text->size() > kLongestText) complain(std::to_string(text->size()) + " bytes are too many for one value");
      if (find_invalid_utf8(*text) != std::string::npos) complain("not UTF-8");
      bytes += text->size();
    }
  }
  if (s.group_rows > 0 && s.group_bytes + bytes > s.options.row_group_bytes) s.write_group();
  for (std::size_t i = 0; i < row.size(); ++i) {
    ColumnValues& column = s.columns[i];
    ++column.rows;
    const bool there = !std::holds_alternative<std::monostate>(row[i]);
    if (s.fields[i].optional) column.there.push_back(there);
    if (const auto* text = std::get_if<std::string>(&row[i])) {
      column.texts += *text;
      column.lengths.push_back(static_cast<std::uint32_t>(text->size()));
    } else if (const auto* number = std::get_if<std::int64_t>(&row[i])) {
      column.numbers.push_back(*number);
    } else if (const auto* real = std::get_if<double>(&row[i])) {
      column.reals.push_back(*real);
    } else if (const auto* flag = std::get_if<bool>(&row[i])) {
      column.flags.push_back(*flag);
    }
  }
  s.group_bytes += bytes;
  ++s.group_rows;
  ++s.rows;
}

void ParquetWriter::finish() {
  State& s = *state_;
  if (s.finished) return;
  s.write_group();
  std::string end = s.footer();
  if (end.size() > 0xFFFFFFFFu) fail("a Parquet footer of {} bytes", end.size());
  put(end, static_cast<std::uint32_t>(end.size()));
  end += kMagic;
  s.write(end);
  s.file->sync();
  s.file->close();
  s.finished = true;
}

std::int64_t ParquetWriter::rows() const {
  return state_->rows;
}
std::uint64_t ParquetWriter::bytes() const {
  return state_->at;
}

}  // namespace cairn::data
