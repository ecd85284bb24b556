#include "engine/model/compare.h"

#include <bit>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hash.h"
#include "engine/model/number_formats.h"
#include "engine/model/safetensors.h"

namespace cairn::model {
namespace {

bool is_float(StoredType type) {
  return type == StoredType::f64 || type == StoredType::f32 || type == StoredType::bf16 || type == StoredType::f16 ||
         type == StoredType::f8_e4m3 || type == StoredType::f8_e5m2;
}

std::uint64_t bits_at(std::span<const std::byte> bytes, std::size_t element, std::size_t width) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, bytes.data() + element * width, width);
  return bits;
}

double value_of(StoredType type, std::uint64_t bits) {
  switch (type) {
    case StoredType::f64:
      return std::bit_cast<double>(bits);
    case StoredType::f32:
      return std::bit_cast<float>(std::uint32_t(bits));
    case StoredType::bf16:
      return std::bit_cast<float>(std::uint32_t(bits) << 16);
    case StoredType::f16:
      return f16_to_float(std::uint16_t(bits));
    case StoredType::f8_e4m3:
      return f8_e4m3_to_float(std::uint8_t(bits));
    default:
      return f8_e5m2_to_float(std::uint8_t(bits));
  }
}

// Representable values between two sign-magnitude patterns; both zeros are the same place.
std::uint64_t ulps_apart(std::uint64_t a, std::uint64_t b, std::size_t width) {
  const std::uint64_t sign = std::uint64_t(1) << (width * 8 - 1);
  const std::uint64_t size_a = a & ~sign, size_b = b & ~sign;
  if ((a & sign) != (b & sign)) return size_a + size_b;
  return size_a > size_b ? size_a - size_b : size_b - size_a;
}

std::string describe_element(const StoredTensor& tensor, std::uint64_t a, std::uint64_t b) {
  const std::size_t width = std::size_t(stored_type_bytes(tensor.type));
  const int digits = int(width) * 2;
  if (!is_float(tensor.type)) return fmt::format("{:#0{}x} and {:#0{}x}", a, digits + 2, b, digits + 2);
  return fmt::format("{:#0{}x} ({}) and {:#0{}x} ({}), {} ULP apart", a, digits + 2, value_of(tensor.type, a), b, digits + 2,
                     value_of(tensor.type, b), ulps_apart(a, b, width));
}

std::vector<std::int64_t> place_in_shape(std::int64_t element, const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> index(shape.size());
  for (std::size_t d = shape.size(); d-- > 0;) {
    index[d] = element % shape[d];
    element /= shape[d];
  }
  return index;
}

std::optional<std::string> value_difference(const StoredTensor& tensor, std::span<const std::byte> a,
                                            std::span<const std::byte> b) {
  if (a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0)) return std::nullopt;
  const std::size_t width = std::size_t(stored_type_bytes(tensor.type));
  const std::int64_t elements = tensor.elements();
  std::int64_t first = -1, count = 0;
  for (std::int64_t i = 0; i < elements; ++i) {
    if (bits_at(a, std::size_t(i), width) == bits_at(b, std::size_t(i), width)) continue;
    if (first < 0) first = i;
    ++count;
  }
  return fmt::format(
      "tensor '{}' element [{}]: {}; {} of {} elements differ", tensor.name, fmt::join(place_in_shape(first, tensor.shape), ", "),
      describe_element(tensor, bits_at(a, std::size_t(first), width), bits_at(b, std::size_t(first), width)), count, elements);
}

}  // namespace

std::string first_difference(const std::filesystem::path& path_a, const std::filesystem::path& path_b) {
  const SafetensorsFile a(path_a), b(path_b);
  for (const StoredTensor& tensor : a.tensors()) {
    const StoredTensor* other = b.find(tensor.name);
    if (!other) return fmt::format("tensor '{}' is in the first file only", tensor.name);
    if (other->type != tensor.type || other->shape != tensor.shape) {
      return fmt::format("tensor '{}' is {} in the first file, {} in the second", tensor.name, tensor.describe(),
                         other->describe());
    }
  }
  for (const StoredTensor& tensor : b.tensors()) {
    if (!a.find(tensor.name)) return fmt::format("tensor '{}' is in the second file only", tensor.name);
  }
  for (const StoredTensor& tensor : a.tensors()) {
    if (const auto difference = value_difference(tensor, a.bytes(tensor), b.bytes(b.require(tensor.name)))) return *difference;
  }
  return sha256_file(path_a) == sha256_file(path_b) ? ""
                                                    : "all tensors are the same; the headers differ (metadata, order or spacing)";
}

}  // namespace cairn::model
