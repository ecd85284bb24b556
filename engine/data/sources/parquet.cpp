#include "engine/data/sources/parquet.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/data/compressed.h"
#include "engine/data/sources/block_codecs.h"
#include "engine/data/sources/byte_reader.h"
#include "engine/data/sources/thrift_compact.h"

namespace cairn::data {

namespace {

constexpr int kPlain = 0, kPlainDictionary = 2, kRle = 3, kBitPacked = 4, kDeltaBinaryPacked = 5, kDeltaLengthByteArray = 6,
              kDeltaByteArray = 7, kRleDictionary = 8;
constexpr std::size_t kMaxColumns = 10'000;
constexpr std::size_t kMaxPath = 4096;           // bytes of a column's path
constexpr std::size_t kMaxDictionary = 1 << 24;  // entries
constexpr std::size_t kMaxFooterValues = 5'000'000, kMaxPageHeaderValues = 1000;
constexpr std::int64_t kMaxRows = std::int64_t{1} << 31;  // of a row group; a run of nulls of any length is a few bytes

int bits_for(int most) {
  int bits = 0;
  while (most >> bits) ++bits;
  return bits;
}

// `width` bits, 64 at most, from bit `bit` on; what lies beyond the bytes is 0.
std::uint64_t bits_at(std::string_view bytes, std::size_t bit, int width) {
  const std::size_t first = bit / 8, shift = bit % 8;
  if (width == 0 || first >= bytes.size()) return 0;
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + first, std::min<std::size_t>(8, bytes.size() - first));
  value >>= shift;
  if (shift + static_cast<std::size_t>(width) > 64 && first + 8 < bytes.size())
    value |= std::uint64_t{static_cast<unsigned char>(bytes[first + 8])} << (64 - shift);
  return width == 64 ? value : value & ((std::uint64_t{1} << width) - 1);
}

// Runs of one value, and of values packed in `width` bits, in turn.
class HybridRuns {
 public:
  HybridRuns(ByteReader bytes, int width) : bytes_(bytes), width_(width) {
    if (width < 0 || width > 32) fail("values of {} bits", width);
  }
  std::uint32_t next() {
    while (left_ == 0) {
      const std::uint64_t head = bytes_.varint();
      packed_ = head & 1;
      if (packed_) {
        if ((head >> 1) > (std::uint64_t{1} << 32)) fail("a run of {} groups", head >> 1);
        // Writers may leave out the end of the last group.
        const std::uint64_t wanted = (head >> 1) * static_cast<std::uint64_t>(width_);
        group_ = bytes_.take(static_cast<std::size_t>(std::min<std::uint64_t>(wanted, bytes_.rest().size())));
        left_ = width_ == 0 ? (head >> 1) * 8
                            : std::min<std::uint64_t>((head >> 1) * 8, group_.size() * 8 / static_cast<std::uint64_t>(width_));
        if (left_ == 0 && (head >> 1) > 0) fail("a run is cut short");
        bit_ = 0;
      } else {
        left_ = head >> 1;
        value_ = 0;
        const std::string_view raw = bytes_.take(static_cast<std::size_t>(width_ + 7) / 8);
        for (std::size_t i = 0; i < raw.size(); ++i) value_ |= std::uint32_t{static_cast<unsigned char>(raw[i])} << (8 * i);
      }
    }
    --left_;
    if (!packed_) return value_;
    const auto value = static_cast<std::uint32_t>(bits_at(group_, bit_, width_));
    bit_ += static_cast<std::size_t>(width_);
    return value;
  }

 private:
  ByteReader bytes_;
  int width_;
  std::uint64_t left_ = 0;
  bool packed_ = false;
  std::uint32_t value_ = 0;
  std::string_view group_;
  std::size_t bit_ = 0;
};

// DELTA_BINARY_PACKED: all of it at once; `bytes` keeps what follows. `most`: values that may be there.
std::vector<std::int64_t> delta_numbers(ByteReader& bytes, std::uint64_t most) {
  const std::uint64_t block = bytes.varint(), minis = bytes.varint(), total = bytes.varint();
  if (block == 0 || block > 1 << 20 || minis == 0 || minis > block || block % minis != 0)
    fail("delta: blocks of {} in {} parts", block, minis);
  if (total > most) fail("delta: {} values, the page has {}", total, most);
  // Equal steps take no bits: a few bytes may claim any number of values.
  if (total > kMaxPage / sizeof(std::int64_t)) fail("delta: {} values in one page", total);
  const std::uint64_t in_mini = block / minis;
  std::vector<std::int64_t> values;
  auto value = static_cast<std::uint64_t>(bytes.zigzag());
  if (total > 0) values.push_back(static_cast<std::int64_t>(value));
  while (values.size() < total) {
    const auto least = static_cast<std::uint64_t>(bytes.zigzag());
    const std::string_view widths = bytes.take(minis);
    for (std::uint64_t m = 0; m < minis && values.size() < total; ++m) {
      const int width = static_cast<unsigned char>(widths[m]);
      if (width > 64) fail("delta: values of {} bits", width);
      const std::string_view packed = bytes.take(static_cast<std::size_t>((in_mini * static_cast<std::uint64_t>(width) + 7) / 8));
      for (std::uint64_t i = 0; i < in_mini && values.size() < total; ++i) {
        value += least + bits_at(packed, static_cast<std::size_t>(i) * static_cast<std::size_t>(width), width);
        values.push_back(static_cast<std::int64_t>(value));
      }
    }
  }
  return values;
}

std::string unpacked(std::string_view packed, std::size_t size, int codec) {
  if (size > kMaxPage) fail("a page of {} bytes; {} are read at most", size, kMaxPage);
  std::string out;
  switch (codec) {
    case 0:
      out = std::string(packed);
      break;
    case 1:
      return unpack_snappy(packed, size);
    case 2:
      if (!packed.empty() && compression_of(packed) != Compression::gzip) fail("no gzip where some should be");
      if (!packed.empty()) out = decompress_all(packed, "page", size);
      break;
    case 6: {
      if (size / 1'000'000 > packed.size()) fail("damaged zstd block");
      out.resize(size);
      const std::size_t got = ZSTD_decompress(out.data(), size, packed.data(), packed.size());
      if (ZSTD_isError(got)) fail("zstd: {}", ZSTD_getErrorName(got));
      out.resize(got);
      break;
    }
    case 7:
      return unpack_lz4_block(packed, size);
    default:
      fail("codec {} is not read; uncompressed, snappy, gzip, zstd and lz4_raw are", codec == 3   ? "LZO"
                                                                                     : codec == 4 ? "brotli"
                                                                                     : codec == 5 ? "LZ4 (of Hadoop)"
                                                                                                  : std::to_string(codec));
  }
  if (out.size() != size) fail("a page of {} bytes unpacks to {}", size, out.size());
  return out;
}

}  // namespace

struct ParquetFile::State {
  std::string_view bytes;
  ThriftValue footer;
  std::vector<ParquetColumn> columns;
  std::int64_t rows = 0;
};

struct ParquetColumnReader::State {
  ParquetColumn column;
  std::string_view file;
  std::size_t at = 0;     // of the next page
  std::int64_t left = 0;  // values of the chunk that are still to come
  int codec = 0;
  std::vector<ParquetValue> dictionary;
  bool has_dictionary = false;

  std::string page;          // unpacked
  std::int64_t in_page = 0;  // values still to come of it
  int encoding = kPlain;
  std::unique_ptr<HybridRuns> repetition, definition, indices;
  ByteReader plain;
  std::size_t bit = 0;                // of plain booleans
  std::vector<std::int64_t> numbers;  // decoded deltas, or lengths of bytes
  std::vector<std::int64_t> prefixes;
  std::size_t number = 0;
  std::string previous;
  std::size_t joined = 0;  // bytes of the page's values that were put together of a beginning and an end

  void open_page();
  void open_values(std::string_view values, std::int64_t most);
  ParquetValue plain_value(ByteReader& bytes);
  ParquetValue value();
};

ParquetValue ParquetColumnReader::State::plain_value(ByteReader& bytes) {
  switch (column.type) {
    case ParquetType::boolean: {
      const std::string_view rest = bytes.rest();
      if (bit / 8 >= rest.size()) fail("cut short");
      const bool set = (static_cast<unsigned char>(rest[bit / 8]) >> (bit % 8)) & 1;
      ++bit;
      return set;
    }
    case ParquetType::int32:
      return std::int64_t{bytes.number<std::int32_t>()};
    case ParquetType::int64:
      return bytes.number<std::int64_t>();
    case ParquetType::int96:
      return std::string(bytes.take(12));
    case ParquetType::float32:
      return double{bytes.number<float>()};
    case ParquetType::float64:
      return bytes.number<double>();
    case ParquetType::bytes:
      return std::string(bytes.take(bytes.number<std::uint32_t>()));
    case ParquetType::fixed_bytes:
      return std::string(bytes.take(static_cast<std::size_t>(column.type_length)));
  }
  fail("a column of unknown type");
}

void ParquetColumnReader::State::open_values(std::string_view values, std::int64_t most) {
  plain = ByteReader(values);
  bit = number = 0;
  numbers.clear();
  prefixes.clear();
  previous.clear();
  joined = 0;
  indices.reset();
  const auto limit = static_cast<std::uint64_t>(most);
  switch (encoding) {
    case kPlain:
      return;
    case kPlainDictionary:
    case kRleDictionary:
      if (!has_dictionary) fail("a page of a dictionary that is not there");
      if (plain.empty()) return;  // nulls alone
      indices = std::make_unique<HybridRuns>(ByteReader(values.substr(1)), plain.byte());
      return;
    case kRle: {
      if (column.type != ParquetType::boolean) fail("RLE of what is no boolean");
      const std::uint32_t size = plain.number<std::uint32_t>();
      indices = std::make_unique<HybridRuns>(ByteReader(plain.take(size)), 1);
      return;
    }
    case kDeltaBinaryPacked:
      if (column.type != ParquetType::int32 && column.type != ParquetType::int64) fail("deltas of what is no number");
      numbers = delta_numbers(plain, limit);
      return;
    case kDeltaLengthByteArray:
    case kDeltaByteArray:
      if (column.type != ParquetType::bytes && column.type != ParquetType::fixed_bytes) fail("delta lengths of what has none");
      if (plain.empty()) return;
      if (encoding == kDeltaByteArray) prefixes = delta_numbers(plain, limit);
      numbers = delta_numbers(plain, limit);
      if (encoding == kDeltaByteArray && numbers.size() != prefixes.size())
        fail("delta: {} beginnings for {} ends", prefixes.size(), numbers.size());
      return;
    default:
      fail("encoding {} is not read", encoding);
  }
}

ParquetValue ParquetColumnReader::State::value() {
  switch (encoding) {
    case kPlain:
      return plain_value(plain);
    case kPlainDictionary:
    case kRleDictionary: {
      if (!indices) fail("cut short");
      const std::uint32_t index = indices->next();
      if (index >= dictionary.size()) fail("entry {} of a dictionary of {}", index, dictionary.size());
      return dictionary[index];
    }
    case kRle:
      return indices->next() != 0;
    default:
      break;
  }
  if (number >= numbers.size()) fail("cut short");
  const std::int64_t n = numbers[number];
  if (encoding == kDeltaBinaryPacked) {
    ++number;
    return column.type == ParquetType::int32 ? std::int64_t{static_cast<std::int32_t>(n)} : n;
  }
  if (n < 0) fail("a length of {}", n);
  std::string text;
  if (encoding == kDeltaByteArray) {
    const std::int64_t kept = prefixes[number];
    if (kept < 0 || static_cast<std::size_t>(kept) > previous.size())
      fail("delta: {} bytes of a value of {}", kept, previous.size());
    // A value that only repeats the one before it takes no bytes: their sum is what must be bounded.
    joined += static_cast<std::size_t>(kept);
    if (joined > kMaxPage) fail("delta: the values of a page have more than {} bytes", kMaxPage);
    text = previous.substr(0, static_cast<std::size_t>(kept));
  }
  text += plain.take(static_cast<std::uint64_t>(n));
  ++number;
  if (encoding == kDeltaByteArray) previous = text;
  return text;
}

void ParquetColumnReader::State::open_page() {
  std::size_t used = 0;
  const ThriftValue header = parse_thrift_compact(file.substr(at), used, kMaxPageHeaderValues);
  at += used;
  const std::int64_t size = header.field(2).number(), packed_size = header.field(3).number();
  if (packed_size < 0 || size < 0 || static_cast<std::uint64_t>(packed_size) > file.size() - at)
    fail("byte {}: a page of {} bytes, beyond the file", at, packed_size);
  const std::string_view packed = file.substr(at, static_cast<std::size_t>(packed_size));
  const std::size_t here = at;
  at += packed.size();
  if (header.has(4)) {
    const auto sum = static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(packed.data()), packed.size()));
    if (sum != static_cast<std::uint32_t>(header.field(4).number())) fail("byte {}: the page's checksum differs", here);
  }
  const std::int64_t kind = header.field(1).number();
  if (kind == 2) {
    const ThriftValue& about = header.field(7);
    const std::int64_t count = about.field(1).number();
    if (has_dictionary) fail("byte {}: a second dictionary", here);
    if (about.field(2).number() != kPlain && about.field(2).number() != kPlainDictionary)
      fail("byte {}: a dictionary in encoding {}", here, about.field(2).number());
    page = unpacked(packed, static_cast<std::size_t>(size), codec);
    if (count < 0 || static_cast<std::uint64_t>(count) > std::min(page.size() * 8 + 1, kMaxDictionary))
      fail("byte {}: a dictionary of {} entries in {} bytes", here, count, page.size());
    ByteReader bytes(page);
    bit = 0;
    for (std::int64_t i = 0; i < count; ++i) dictionary.push_back(plain_value(bytes));
    has_dictionary = true;
    return;
  }
  if (kind != 0 && kind != 3) return;  // an index page
  const ThriftValue& about = header.field(kind == 0 ? 5 : 8);
  in_page = about.field(1).number();
  if (in_page < 0 || in_page > left) fail("byte {}: a page of {} values, {} are left", here, in_page, left);
  repetition.reset();
  definition.reset();
  const int repetition_bits = bits_for(column.max_repetition), definition_bits = bits_for(column.max_definition);
  if (kind == 0) {
    encoding = static_cast<int>(about.field(2).number());
    page = unpacked(packed, static_cast<std::size_t>(size), codec);
    ByteReader bytes(page);
    const auto levels = [&](int width, std::int64_t how) -> std::unique_ptr<HybridRuns> {
      if (width == 0) return nullptr;
      if (how == kBitPacked) fail("byte {}: levels in the old bit-packed encoding are not read", here);
      return std::make_unique<HybridRuns>(ByteReader(bytes.take(bytes.number<std::uint32_t>())), width);
    };
    repetition = levels(repetition_bits, about.field(4).number());
    definition = levels(definition_bits, about.field(3).number());
    open_values(bytes.rest(), in_page);
    return;
  }
  encoding = static_cast<int>(about.field(4).number());
  const std::int64_t definition_size = about.field(5).number(), repetition_size = about.field(6).number();
  const std::int64_t most = std::min(packed_size, size);
  if (definition_size < 0 || repetition_size < 0 || definition_size > most || repetition_size > most - definition_size)
    fail("byte {}: levels of more bytes than the page", here);
  const auto level_bytes = static_cast<std::size_t>(definition_size + repetition_size);
  const bool is_packed = !about.has(7) || about.field(7).number() != 0;
  page = std::string(packed.substr(0, level_bytes)) + unpacked(packed.substr(level_bytes),
                                                               static_cast<std::size_t>(size) - level_bytes,
                                                               is_packed && packed.size() > level_bytes ? codec : 0);
  ByteReader bytes(page);
  const std::string_view r = bytes.take(static_cast<std::size_t>(repetition_size)),
                         d = bytes.take(static_cast<std::size_t>(definition_size));
  if (repetition_bits > 0) repetition = std::make_unique<HybridRuns>(ByteReader(r), repetition_bits);
  if (definition_bits > 0) definition = std::make_unique<HybridRuns>(ByteReader(d), definition_bits);
  open_values(bytes.rest(), in_page);
}

ParquetColumnReader::ParquetColumnReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ParquetColumnReader::~ParquetColumnReader() = default;

bool ParquetColumnReader::next(ParquetCell& cell) {
  State& s = *state_;
  if (s.left == 0) return false;
  while (s.in_page == 0) s.open_page();
  cell.repetition = s.repetition ? static_cast<int>(s.repetition->next()) : 0;
  cell.definition = s.definition ? static_cast<int>(s.definition->next()) : 0;
  if (cell.repetition > s.column.max_repetition || cell.definition > s.column.max_definition) fail("a level beyond the column's");
  cell.value = cell.definition == s.column.max_definition ? s.value() : ParquetValue();
  --s.in_page;
  --s.left;
  return true;
}

ParquetFile::ParquetFile(std::string_view bytes) : state_(std::make_unique<State>()) {
  if (bytes.size() < 12 || !bytes.starts_with("PAR1")) fail("no Parquet file");
  if (bytes.ends_with("PARE")) fail("an encrypted Parquet file");
  if (!bytes.ends_with("PAR1")) fail("the file is cut short: no Parquet footer at its end");
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + bytes.size() - 8, 4);
  if (length > bytes.size() - 12) fail("the footer claims {} bytes, the file has {}", length, bytes.size());
  state_->bytes = bytes.substr(0, bytes.size() - 8 - length);
  std::size_t used = 0;
  state_->footer = parse_thrift_compact(bytes.substr(bytes.size() - 8 - length, length), used, kMaxFooterValues);
  state_->rows = state_->footer.field(3).number();

  // The schema is a tree, depth first; leaves are columns.
  const std::vector<ThriftValue>& elements = state_->footer.field(2).list();
  if (elements.empty() || elements.size() > kMaxColumns) fail("a schema of {} elements", elements.size());
  struct Open {
    std::int64_t children;
    std::string path;
    int definition, repetition;
  };
  if (elements[0].field(5).number() < 0) fail("a schema of {} columns", elements[0].field(5).number());
  std::vector<Open> open{{elements[0].field(5).number(), "", 0, 0}};
  for (std::size_t i = 1; i < elements.size(); ++i) {
    while (!open.empty() && open.back().children == 0) open.pop_back();
    if (open.empty() || open.size() > 64) fail("the schema's tree does not close");
    --open.back().children;
    const ThriftValue& element = elements[i];
    Open here = open.back();
    here.path += (here.path.empty() ? "" : ".") + std::string(element.field(4).bytes().substr(0, kMaxPath + 1));
    if (here.path.size() > kMaxPath) fail("a column's path is longer than {} bytes", kMaxPath);
    const std::int64_t how = element.field(3).number();  // 0 required, 1 optional, 2 repeated
    here.definition += how != 0;
    here.repetition += how == 2;
    here.children = element.field(5).number();
    if (here.children > 0) {
      open.push_back(here);
      continue;
    }
    const std::int64_t type = element.field(1).number();
    const std::int64_t type_length = element.field(2).number();
    if (type < 0 || type > 7 || type_length < 0 || type_length > 1 << 20) fail("column {}: unknown type {}", here.path, type);
    state_->columns.push_back(
        {here.path, static_cast<ParquetType>(type), static_cast<std::int32_t>(type_length), here.definition, here.repetition});
  }
  for (const ThriftValue& group : state_->footer.field(4).list()) {
    const std::int64_t rows = group.field(3).number();
    if (rows < 0 || rows > kMaxRows) fail("a row group of {} rows", rows);
    if (group.field(1).list().size() != state_->columns.size())
      fail("a row group of {} columns, the schema has {}", group.field(1).list().size(), state_->columns.size());
  }
}
ParquetFile::~ParquetFile() = default;

const std::vector<ParquetColumn>& ParquetFile::columns() const {
  return state_->columns;
}
std::int64_t ParquetFile::rows() const {
  return state_->rows;
}
std::size_t ParquetFile::row_groups() const {
  return state_->footer.field(4).list().size();
}
std::int64_t ParquetFile::rows_of(std::size_t row_group) const {
  return state_->footer.field(4).list().at(row_group).field(3).number();
}

int ParquetFile::column_named(std::string_view path) const {
  for (std::size_t i = 0; i < state_->columns.size(); ++i) {
    if (state_->columns[i].path == path) return static_cast<int>(i);
  }
  return -1;
}

std::unique_ptr<ParquetColumnReader> ParquetFile::read(std::size_t row_group, std::size_t column) const {
  const ThriftValue& about = state_->footer.field(4).list().at(row_group).field(1).list().at(column).field(3);
  auto state = std::make_unique<ParquetColumnReader::State>();
  state->column = state_->columns.at(column);
  state->file = state_->bytes;
  state->codec = static_cast<int>(about.field(4).number());
  state->left = about.field(5).number();
  const std::int64_t data = about.field(9).number(), dictionary = about.field(11).number();
  const std::int64_t start =
      about.has(11) && dictionary > 0 && dictionary < data ? dictionary : data;  // some writers put 0 there
  if (start < 4 || static_cast<std::uint64_t>(start) >= state_->bytes.size()) {
    if (state->left > 0) fail("column {}: its pages begin at byte {} of {}", state->column.path, start, state_->bytes.size());
  }
  if (state->left < 0 || state->left > 16 * kMaxRows) fail("column {}: {} values", state->column.path, state->left);
  state->at = static_cast<std::size_t>(std::max<std::int64_t>(start, 0));
  return std::make_unique<ParquetColumnReader>(std::move(state));
}

}  // namespace cairn::data
