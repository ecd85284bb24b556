#include "kernels/checks.h"

#include "base/error.h"

namespace cairn::ops {

void Checks::refuse(const Named& argument, const std::string& expected) const {
  throw Error(fmt::format("{}: {} is {}, expected {}", op_, argument.name, argument.tensor.describe(), expected));
}

void Checks::present(const Named& argument, bool contiguous) const {
  if (argument.tensor.data == nullptr && argument.tensor.size() != 0) {
    fail("{}: {} ({}) has no memory", op_, argument.name, argument.tensor.describe());
  }
  if (contiguous && !argument.tensor.contiguous()) refuse(argument, "contiguous memory");
}

bool Checks::knows(Dtype dtype) const {
  return dtype == Dtype::f32 || dtype == Dtype::bf16 || (dtype == Dtype::f64 && backend_.float64);
}

Dtype Checks::activations(Arguments arguments, bool contiguous) const {
  const Named& first = *arguments.begin();
  const Dtype A = first.tensor.dtype;
  for (const Named& argument : arguments) {
    if (!knows(A)) fail("{}: the {} backend does not compute in {}", op_, backend_.name, dtype_name(A));
    if (argument.tensor.dtype != A) refuse(argument, fmt::format("{} like {}", dtype_name(A), first.name));
    present(argument, contiguous);
  }
  return A;
}

void Checks::statistics(Dtype A, Arguments arguments, bool contiguous) const {
  const Dtype S = statistics_type(A);
  for (const Named& argument : arguments) {
    if (argument.tensor.dtype != S) refuse(argument, fmt::format("{}, as goes with {}", dtype_name(S), dtype_name(A)));
    present(argument, contiguous);
  }
}

void Checks::float_type(const Named& argument) const {
  if (!knows(argument.tensor.dtype)) {
    fail("{}: the {} backend does not compute in {}", op_, backend_.name, dtype_name(argument.tensor.dtype));
  }
  present(argument, true);
}

void Checks::fp8(const Named& argument) const {
  if (argument.tensor.dtype != Dtype::fp8_e4m3) refuse(argument, dtype_name(Dtype::fp8_e4m3));
  present(argument, true);
}

void Checks::indices(const Named& argument, std::int64_t size) const {
  present(argument, false);
  if (argument.tensor.dtype != Dtype::i32 || !argument.tensor.contiguous()) refuse(argument, "contiguous int32");
  if (argument.tensor.size() != size) refuse(argument, fmt::format("{} elements", size));
}

void Checks::range(const char* what, const Tensor& indices, std::int64_t limit) const {
  if (!indices.on_host()) return;  // looked at where they were copied from
  const std::int32_t* values = indices.as<std::int32_t>();
  for (std::int64_t n = 0; n < indices.size(); ++n) {
    if (values[n] < 0 || values[n] >= limit) fail("{}: {} {} at position {} is outside [0, {})", op_, what, values[n], n, limit);
  }
}

void Checks::shape(const Named& argument, std::initializer_list<std::int64_t> sizes) const {
  const Tensor expected(nullptr, argument.tensor.dtype, sizes);
  if (argument.tensor.dims != expected.dims || argument.tensor.shape != expected.shape) refuse(argument, expected.describe());
}

void Checks::size(const Named& argument, std::int64_t size) const {
  if (argument.tensor.size() != size) refuse(argument, fmt::format("{} elements", size));
}

void Checks::like(const Named& argument, const Named& model) const {
  if (argument.tensor.dims != model.tensor.dims || argument.tensor.shape != model.tensor.shape) {
    refuse(argument, fmt::format("the shape of {}, {}", model.name, model.tensor.describe()));
  }
}

void Checks::dims(const Named& argument, int dims) const {
  if (argument.tensor.dims != dims) refuse(argument, fmt::format("{} dimensions", dims));
}

void Checks::last_contiguous(Arguments arguments) const {
  for (const Named& argument : arguments) {
    if (argument.tensor.strides[static_cast<std::size_t>(argument.tensor.dims - 1)] != 1) {
      refuse(argument, "a contiguous last dimension");
    }
  }
}

}  // namespace cairn::ops
