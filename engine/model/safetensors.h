// Safetensors files (spec/apertus.md §6): an 8-byte little-endian header length, a JSON header, then the tensors' bytes.
//
// Everything a file claims is checked when it is opened, before any of it is used: the header's length and JSON, names, types,
// shapes, that each tensor's bytes are what its shape and type need, and that the tensors cover the data without overlap or hole.
// Errors name the file and the tensor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/mapped_file.h"
#include "kernels/tensor.h"

namespace cairn::model {

enum class StoredType : std::uint8_t { boolean, u8, i8, f8_e4m3, f8_e5m2, i16, u16, f16, bf16, i32, u32, f32, f64, i64, u64 };

const char* stored_type_name(StoredType type);  // "F32", "BF16", ... as in the header
std::int64_t stored_type_bytes(StoredType type);

struct StoredTensor {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;   // any rank; rank 0 is a scalar
  std::uint64_t begin = 0, end = 0;  // bytes, from the start of the data

  std::int64_t elements() const;
  std::string describe() const;  // "F32 [300, 64]"
};

// An open file, mapped. May be used from any thread.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  const std::vector<StoredTensor>& tensors() const { return tensors_; }  // in the order of their bytes
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const StoredTensor* find(std::string_view name) const;     // null when absent
  const StoredTensor& require(std::string_view name) const;  // Error when absent
  std::span<const std::byte> bytes(const StoredTensor& tensor) const;

  // Converts to the type of `out`: any float type to f64, f32 or bf16 (to nearest, ties to even); any integer type to i32 (each
  // value must fit). Error unless `out` has the tensor's shape. `out` may lie on a device.
  void read(const StoredTensor& tensor, Tensor out) const;

 private:
  std::filesystem::path path_;
  MappedFile file_;
  std::uint64_t data_begin_ = 0;
  std::vector<StoredTensor> tensors_;
  std::vector<std::size_t> by_name_;  // indices into tensors_, sorted by name
  std::map<std::string, std::string> metadata_;
};

// How a file of these tensors, in this order, begins: the length of the header and the header. `begin` and `end` are not looked
// at.
std::string safetensors_header(const std::vector<StoredTensor>& tensors,
                               const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

struct TensorToStore {
  std::string name;
  StoredType type = StoredType::f32;
  Tensor tensor;  // f64, f32, bf16 -> F64, F32, BF16, F16 (nearest, ties to even); i32 -> I32, I64
};

// Writes a new file and syncs it. The bytes are a function of the arguments: tensors in the given order, the header padded with
// spaces so that the data starts at a multiple of 8. Error on a duplicate name or a conversion that is not listed above.
void write_safetensors(Disk& disk, const std::filesystem::path& path, const std::vector<TensorToStore>& tensors,
                       const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

}  // namespace cairn::model
