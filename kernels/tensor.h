// Tensor: a view of numbers somewhere in memory. It owns nothing; memory comes from an Arena (kernels/arena.h).
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "base/error.h"

namespace cairn {

enum class Dtype : std::uint8_t { f64, f32, bf16, f16, i32, i8, fp8_e4m3 };

std::int64_t dtype_bytes(Dtype dtype);
const char* dtype_name(Dtype dtype);  // "float32", ...

class Memory;

// Shape and strides count elements; strides are row-major where not said otherwise. dims in 0..4; unused sizes are 1.
struct Tensor {
  void* data = nullptr;
  Dtype dtype = Dtype::f32;
  Memory* memory = nullptr;  // where `data` lies: on a device (kernels/memory.h), or null, on the host
  int dims = 0;
  std::array<std::int64_t, 4> shape{1, 1, 1, 1};
  std::array<std::int64_t, 4> strides{1, 1, 1, 1};

  Tensor() = default;
  // A contiguous view of `data`.
  Tensor(void* data, Dtype dtype, std::initializer_list<std::int64_t> sizes, Memory* memory = nullptr);

  std::int64_t size() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
  std::int64_t bytes() const { return size() * dtype_bytes(dtype); }
  bool contiguous() const;
  bool empty() const { return data == nullptr; }
  bool on_host() const { return memory == nullptr; }
  template <typename T>
  T* as() const {  // not to be followed where the tensor is not on the host
    return static_cast<T*>(data);
  }

  Tensor reshape(std::initializer_list<std::int64_t> sizes) const;  // contiguous only; same size
  Tensor rows(std::int64_t begin, std::int64_t end) const;          // [begin, end) of the first dimension
  std::string describe() const;                                     // "float32 [8, 512, 256]"
};

}  // namespace cairn
