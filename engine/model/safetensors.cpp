#include "engine/model/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <numeric>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/model/number_formats.h"
#include "kernels/arena.h"
#include "kernels/bf16.h"

namespace cairn::model {

static_assert(std::endian::native == std::endian::little, "the file's bytes are read in place");

namespace {

struct TypeFacts {
  const char* name;
  int bytes;
};
constexpr std::array<TypeFacts, 15> kTypes{{{"BOOL", 1},
                                            {"U8", 1},
                                            {"I8", 1},
                                            {"F8_E4M3", 1},
                                            {"F8_E5M2", 1},
                                            {"I16", 2},
                                            {"U16", 2},
                                            {"F16", 2},
                                            {"BF16", 2},
                                            {"I32", 4},
                                            {"U32", 4},
                                            {"F32", 4},
                                            {"F64", 8},
                                            {"I64", 8},
                                            {"U64", 8}}};
constexpr std::uint64_t kMaxHeader = 100'000'000;

std::optional<StoredType> type_by_name(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i) {
    if (name == kTypes[i].name) return StoredType(i);
  }
  return std::nullopt;
}

// Elements of a shape, or nothing when the count or its bytes overflow. A zero anywhere makes it empty.
std::optional<std::uint64_t> bytes_of(const std::vector<std::int64_t>& shape, StoredType type) {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::uint64_t bytes = std::uint64_t(stored_type_bytes(type));
  for (const std::int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, std::uint64_t(size), &bytes)) return std::nullopt;
  }
  if (bytes > std::uint64_t(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return bytes;
}

// Reads the header's entry of one tensor; complaints begin with `where`, "FILE: tensor 'NAME'".
class EntryReader {
 public:
  EntryReader(const Json& entry, std::string where) : entry_(entry), where_(std::move(where)) {
    if (!entry_.is_object()) fail("{}: expected an object in the header, found {}", where_, entry_.type_name());
    for (const auto& item : entry_.items()) {
      if (item.key() != "dtype" && item.key() != "shape" && item.key() != "data_offsets") {
        fail("{}: unknown key '{}' in the header; expected dtype, shape, data_offsets", where_, item.key());
      }
    }
  }

  StoredType type() const {
    const Json& value = member("dtype");
    const std::optional<StoredType> type = value.is_string() ? type_by_name(value.get_ref<const std::string&>()) : std::nullopt;
    if (!type) fail("{}: unknown dtype {}", where_, value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40));
    return *type;
  }

  std::vector<std::int64_t> shape() const {
    const Json& value = member("shape");
    if (!value.is_array()) fail("{}: shape: expected a list of sizes, found {}", where_, value.type_name());
    std::vector<std::int64_t> shape;
    for (const Json& size : value) shape.push_back(std::int64_t(whole(size, "shape")));
    return shape;
  }

  std::pair<std::uint64_t, std::uint64_t> offsets() const {
    const Json& value = member("data_offsets");
    if (!value.is_array() || value.size() != 2) fail("{}: data_offsets: expected [begin, end]", where_);
    return {whole(value[0], "data_offsets"), whole(value[1], "data_offsets")};
  }

 private:
  const Json& member(const char* key) const {
    const auto it = entry_.find(key);
    if (it == entry_.end()) fail("{}: {} is missing in the header", where_, key);
    return *it;
  }
  std::uint64_t whole(const Json& value, const char* key) const {
    const bool unsigned_number = value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!unsigned_number || value.get<std::uint64_t>() > std::uint64_t(std::numeric_limits<std::int64_t>::max())) {
      fail("{}: {}: expected whole numbers in 0..2^63-1, found {}", where_, key,
           value.dump(-1, ' ', false, Json::error_handler_t::replace).substr(0, 40));
    }
    return value.get<std::uint64_t>();
  }

  const Json& entry_;
  std::string where_;
};

StoredTensor read_entry(const std::string& name, const Json& entry, const std::string& file, std::uint64_t data_bytes) {
  const std::string where = fmt::format("{}: tensor '{}'", file, name);
  const EntryReader reader(entry, where);
  StoredTensor tensor{name, reader.type(), reader.shape(), 0, 0};
  std::tie(tensor.begin, tensor.end) = reader.offsets();
  if (tensor.begin > tensor.end || tensor.end > data_bytes) {
    fail("{} claims bytes {}..{}, the file has {}", where, tensor.begin, tensor.end, data_bytes);
  }
  const std::optional<std::uint64_t> wanted = bytes_of(tensor.shape, tensor.type);
  if (!wanted) fail("{}: {} is too large", where, tensor.describe());
  if (*wanted != tensor.end - tensor.begin) {
    fail("{}: {} needs {} bytes, the header gives it {} ({}..{})", where, tensor.describe(), *wanted, tensor.end - tensor.begin,
         tensor.begin, tensor.end);
  }
  return tensor;
}

void check_coverage(const std::vector<StoredTensor>& tensors, const std::string& file, std::uint64_t data_bytes) {
  std::uint64_t covered = 0;
  const StoredTensor* previous = nullptr;
  for (const StoredTensor& tensor : tensors) {
    if (tensor.begin < covered) {
      fail("{}: tensors '{}' and '{}' overlap: bytes {}..{} and {}..{}", file, previous->name, tensor.name, previous->begin,
           previous->end, tensor.begin, tensor.end);
    }
    if (tensor.begin > covered) fail("{}: bytes {}..{} belong to no tensor", file, covered, tensor.begin);
    covered = tensor.end;
    previous = &tensor;
  }
  if (covered != data_bytes) fail("{}: bytes {}..{} belong to no tensor", file, covered, data_bytes);
}

// Calls put(i, value) for each of the `count` elements at `bytes`, which need not be aligned.
template <typename Stored, typename Put>
void each(const std::byte* bytes, std::int64_t count, Put put) {
  for (std::int64_t i = 0; i < count; ++i) {
    Stored value;
    std::memcpy(&value, bytes + std::size_t(i) * sizeof(Stored), sizeof(Stored));
    put(i, value);
  }
}

// False when the stored type is not a floating-point type.
template <typename Out>
bool read_floats(StoredType type, const std::byte* bytes, std::int64_t count, Out* out) {
  switch (type) {
    case StoredType::f64:
      each<double>(bytes, count, [=](auto i, double x) { out[i] = Out(x); });
      return true;
    case StoredType::f32:
      each<float>(bytes, count, [=](auto i, float x) { out[i] = Out(x); });
      return true;
    case StoredType::bf16:
      each<Bf16>(bytes, count, [=](auto i, Bf16 x) { out[i] = Out(float(x)); });
      return true;
    case StoredType::f16:
      each<std::uint16_t>(bytes, count, [=](auto i, auto x) { out[i] = Out(f16_to_float(x)); });
      return true;
    case StoredType::f8_e4m3:
      each<std::uint8_t>(bytes, count, [=](auto i, auto x) { out[i] = Out(f8_e4m3_to_float(x)); });
      return true;
    case StoredType::f8_e5m2:
      each<std::uint8_t>(bytes, count, [=](auto i, auto x) { out[i] = Out(f8_e5m2_to_float(x)); });
      return true;
    default:
      return false;
  }
}

// Index of the first value that does not fit an i32, or `count`; -1 when the stored type is not an integer type.
std::int64_t read_integers(StoredType type, const std::byte* bytes, std::int64_t count, std::int32_t* out) {
  std::int64_t misfit = count;
  const auto put = [&](std::int64_t i, auto value) {
    if (!std::in_range<std::int32_t>(value)) {
      misfit = std::min(misfit, i);
    } else {
      out[i] = std::int32_t(value);
    }
  };
  switch (type) {
    case StoredType::boolean:
    case StoredType::u8:
      each<std::uint8_t>(bytes, count, put);
      break;
    case StoredType::i8:
      each<std::int8_t>(bytes, count, put);
      break;
    case StoredType::i16:
      each<std::int16_t>(bytes, count, put);
      break;
    case StoredType::u16:
      each<std::uint16_t>(bytes, count, put);
      break;
    case StoredType::i32:
      each<std::int32_t>(bytes, count, put);
      break;
    case StoredType::u32:
      each<std::uint32_t>(bytes, count, put);
      break;
    case StoredType::i64:
      each<std::int64_t>(bytes, count, put);
      break;
    case StoredType::u64:
      each<std::uint64_t>(bytes, count, put);
      break;
    default:
      return -1;
  }
  return misfit;
}

}  // namespace

const char* stored_type_name(StoredType type) {
  return kTypes[std::size_t(type)].name;
}
std::int64_t stored_type_bytes(StoredType type) {
  return kTypes[std::size_t(type)].bytes;
}

std::int64_t StoredTensor::elements() const {
  return std::int64_t(end - begin) / stored_type_bytes(type);
}
std::string StoredTensor::describe() const {
  return fmt::format("{} [{}]", stored_type_name(type), fmt::join(shape, ", "));
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : path_(path), file_(path) {
  const std::string file = path.string();
  if (file_.size() < 8) fail("{}: {} bytes; a safetensors file begins with an 8-byte header length", file, file_.size());
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, file_.data(), 8);
  if (header_bytes > kMaxHeader) fail("{}: claims a header of {} bytes; at most {} are allowed", file, header_bytes, kMaxHeader);
  if (header_bytes > file_.size() - 8)
    fail("{}: claims a header of {} bytes, the file has {}", file, header_bytes, file_.size() - 8);
  data_begin_ = 8 + header_bytes;

  const std::string_view text = file_.text().substr(8, header_bytes);
  if (text.empty() || text.front() != '{') fail("{}: the header does not begin with '{{'", file);
  const Json header = parse_json(text, file + ": header");
  const std::uint64_t data_bytes = file_.size() - data_begin_;
  for (const auto& item : header.items()) {
    if (item.key() != "__metadata__") {
      tensors_.push_back(read_entry(item.key(), item.value(), file, data_bytes));
      continue;
    }
    if (!item.value().is_object()) fail("{}: __metadata__: expected an object of strings", file);
    for (const auto& fact : item.value().items()) {
      if (!fact.value().is_string())
        fail("{}: __metadata__: expected a string in '{}', found {}", file, fact.key(), fact.value().type_name());
      metadata_.emplace(fact.key(), fact.value().get<std::string>());
    }
  }
  std::sort(tensors_.begin(), tensors_.end(), [](const StoredTensor& a, const StoredTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_coverage(tensors_, file, data_bytes);

  by_name_.resize(tensors_.size());
  std::iota(by_name_.begin(), by_name_.end(), std::size_t(0));
  std::sort(by_name_.begin(), by_name_.end(),
            [this](std::size_t a, std::size_t b) { return tensors_[a].name < tensors_[b].name; });
}

const StoredTensor* SafetensorsFile::find(std::string_view name) const {
  const auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                   [this](std::size_t i, std::string_view wanted) { return tensors_[i].name < wanted; });
  return it != by_name_.end() && tensors_[*it].name == name ? &tensors_[*it] : nullptr;
}

const StoredTensor& SafetensorsFile::require(std::string_view name) const {
  const StoredTensor* tensor = find(name);
  if (!tensor) fail("{}: has no tensor '{}'", path_.string(), name);
  return *tensor;
}

std::span<const std::byte> SafetensorsFile::bytes(const StoredTensor& tensor) const {
  return {file_.data() + data_begin_ + tensor.begin, std::size_t(tensor.end - tensor.begin)};
}

void SafetensorsFile::read(const StoredTensor& tensor, Tensor out) const {
  const std::vector<std::int64_t> wanted(out.shape.begin(), out.shape.begin() + out.dims);
  if (wanted != tensor.shape || !out.contiguous()) {
    fail("{}: tensor '{}' is {}, expected the shape [{}]", path_.string(), tensor.name, tensor.describe(),
         fmt::join(wanted, ", "));
  }
  if (!out.on_host()) {
    ArenaPlan plan;
    const ArenaSlot slot = plan.add(tensor.name, out.dtype, {out.size()});
    const Arena host(plan);
    Tensor here = out;
    here.data = host.tensor(slot).data;
    here.memory = nullptr;
    read(tensor, here);
    return copy(out, here);
  }
  const std::byte* source = bytes(tensor).data();
  bool converted = false;
  if (out.dtype == Dtype::f32) converted = read_floats(tensor.type, source, tensor.elements(), out.as<float>());
  if (out.dtype == Dtype::f64) converted = read_floats(tensor.type, source, tensor.elements(), out.as<double>());
  if (out.dtype == Dtype::bf16) converted = read_floats(tensor.type, source, tensor.elements(), out.as<Bf16>());
  if (out.dtype == Dtype::i32) {
    const std::int64_t misfit = read_integers(tensor.type, source, tensor.elements(), out.as<std::int32_t>());
    if (misfit >= 0 && misfit < tensor.elements()) {
      fail("{}: tensor '{}': element {} does not fit a 32-bit integer", path_.string(), tensor.name, misfit);
    }
    converted = misfit >= 0;
  }
  if (!converted) {
    fail("{}: tensor '{}' is {} and cannot be read as {}", path_.string(), tensor.name, stored_type_name(tensor.type),
         dtype_name(out.dtype));
  }
}

std::string safetensors_header(const std::vector<StoredTensor>& tensors, const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) text += "\"__metadata__\":" + Json(metadata).dump() + ",";
  std::set<std::string_view> names;
  std::uint64_t offset = 0;
  for (const StoredTensor& item : tensors) {
    if (!names.insert(item.name).second || item.name == "__metadata__")
      fail("tensor name '{}' is used twice or reserved", item.name);
    std::uint64_t bytes = std::uint64_t(stored_type_bytes(item.type));
    for (const std::int64_t size : item.shape) bytes *= std::uint64_t(size);
    text += fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},", Json(item.name).dump(),
                        stored_type_name(item.type), fmt::join(item.shape, ","), offset, offset + bytes);
    offset += bytes;
  }
  if (text.size() > 1) text.pop_back();
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + text;
}

namespace {

// Writes elements converted by `convert`, a block at a time.
template <typename In, typename Convert>
void write_converted(GatheringFile& file, const In* values, std::int64_t count, Convert convert) {
  using Out = decltype(convert(In()));
  constexpr std::int64_t kBlock = 1 << 16;
  std::vector<Out> block(std::size_t(std::min(count, kBlock)));
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    const std::int64_t end = std::min(count, begin + kBlock);
    for (std::int64_t i = begin; i < end; ++i) block[std::size_t(i - begin)] = convert(values[i]);
    file.write({reinterpret_cast<const char*>(block.data()), std::size_t(end - begin) * sizeof(Out)});
  }
}

// False when the stored type is not one that floats are written as.
template <typename In>
bool write_floats(GatheringFile& file, StoredType type, const In* values, std::int64_t count) {
  switch (type) {
    case StoredType::f64:
      write_converted(file, values, count, [](In x) { return double(x); });
      return true;
    case StoredType::f32:
      write_converted(file, values, count, [](In x) { return float(x); });
      return true;
    case StoredType::bf16:
      write_converted(file, values, count, [](In x) { return Bf16(x); });
      return true;
    case StoredType::f16:
      write_converted(file, values, count, [](In x) { return float_to_f16(float(x)); });
      return true;
    default:
      return false;
  }
}

bool write_integers(GatheringFile& file, StoredType type, const std::int32_t* values, std::int64_t count) {
  if (type == StoredType::i32) write_converted(file, values, count, [](std::int32_t x) { return x; });
  if (type == StoredType::i64) write_converted(file, values, count, [](std::int32_t x) { return std::int64_t(x); });
  return type == StoredType::i32 || type == StoredType::i64;
}

void write_part(GatheringFile& file, const TensorToStore& item, const Tensor& tensor) {
  const std::int64_t count = tensor.size();
  bool written = false;
  if (tensor.dtype == Dtype::f64) written = write_floats(file, item.type, tensor.as<const double>(), count);
  if (tensor.dtype == Dtype::f32) written = write_floats(file, item.type, tensor.as<const float>(), count);
  if (tensor.dtype == Dtype::bf16) written = write_floats(file, item.type, tensor.as<const Bf16>(), count);
  if (tensor.dtype == Dtype::i32) written = write_integers(file, item.type, tensor.as<const std::int32_t>(), count);
  if (!written) fail("tensor '{}': {} cannot be stored as {}", item.name, dtype_name(tensor.dtype), stored_type_name(item.type));
}

void write_elements(GatheringFile& file, const TensorToStore& item) {
  if (!item.tensor.contiguous()) fail("tensor '{}' is not contiguous", item.name);
  in_waves(item.tensor, [&](const Tensor& part) { write_part(file, item, part); });
}

}  // namespace

void write_safetensors(Disk& disk, const std::filesystem::path& path, const std::vector<TensorToStore>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<StoredTensor> stored;
  for (const TensorToStore& item : tensors) {
    stored.push_back({item.name, item.type, {item.tensor.shape.begin(), item.tensor.shape.begin() + item.tensor.dims}, 0, 0});
  }
  const std::string header = safetensors_header(stored, metadata);
  GatheringFile file(disk, path);
  file.write(header);
  for (const TensorToStore& item : tensors) write_elements(file, item);
  file.finish();
}

}  // namespace cairn::model
