#include "kernels/tensor.h"

namespace cairn {

std::int64_t dtype_bytes(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return 8;
    case Dtype::f32:
    case Dtype::i32:
      return 4;
    case Dtype::bf16:
    case Dtype::f16:
      return 2;
    case Dtype::i8:
    case Dtype::fp8_e4m3:
      return 1;
  }
  fail("unknown dtype {}", static_cast<int>(dtype));
}

const char* dtype_name(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return "float64";
    case Dtype::f32:
      return "float32";
    case Dtype::bf16:
      return "bfloat16";
    case Dtype::f16:
      return "float16";
    case Dtype::i32:
      return "int32";
    case Dtype::i8:
      return "int8";
    case Dtype::fp8_e4m3:
      return "float8_e4m3";
  }
  return "unknown";
}

Tensor::Tensor(void* data_, Dtype dtype_, std::initializer_list<std::int64_t> sizes, Memory* memory_)
    : data(data_), dtype(dtype_), memory(memory_), dims(static_cast<int>(sizes.size())) {
  if (sizes.size() > 4) fail("a tensor has at most 4 dimensions, not {}", sizes.size());
  std::size_t at = 0;
  for (const std::int64_t size : sizes) {
    if (size < 0) fail("a tensor's dimension {} is negative: {}", at, size);
    shape[at++] = size;
  }
  std::int64_t step = 1;
  for (int d = 3; d >= 0; --d) {
    strides[d] = d < dims ? step : 1;
    step *= shape[d];
  }
}

bool Tensor::contiguous() const {
  std::int64_t step = 1;
  for (int d = dims - 1; d >= 0; --d) {
    if (shape[d] != 1 && strides[d] != step) return false;
    step *= shape[d];
  }
  return true;
}

Tensor Tensor::reshape(std::initializer_list<std::int64_t> sizes) const {
  const Tensor view(data, dtype, sizes, memory);
  if (!contiguous()) fail("cannot reshape {}: it is not contiguous", describe());
  if (view.size() != size()) fail("cannot reshape {} to {}: another number of elements", describe(), view.describe());
  return view;
}

Tensor Tensor::rows(std::int64_t begin, std::int64_t end) const {
  if (dims < 1 || begin < 0 || begin > end || end > shape[0]) fail("rows [{}, {}) do not lie in {}", begin, end, describe());
  Tensor view = *this;
  view.data = static_cast<char*>(data) + begin * strides[0] * dtype_bytes(dtype);
  view.shape[0] = end - begin;
  return view;
}

std::string Tensor::describe() const {
  std::string text = dtype_name(dtype);
  text += " [";
  for (int d = 0; d < dims; ++d) text += (d ? ", " : "") + std::to_string(shape[d]);
  return text + "]";
}

}  // namespace cairn
