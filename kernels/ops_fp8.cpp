// The operations in 8 bits (ops.h): their checks.
#include "kernels/ops.h"

#include <array>

#include "base/error.h"
#include "kernels/backend.h"
#include "kernels/checks.h"

namespace cairn::ops {

void absolute_max(Context& context, Tensor amax, Tensor x) {
  const Checks check("absolute_max", context);
  check.statistics(check.activations({{"x", x}}), {{"amax", amax}});
  check.size({"amax", amax}, 1);
  context.backend.absolute_max(context, amax, x);
}

void quantize(Context& context, Tensor y, Tensor y_transposed, Tensor scale, Tensor x, Tensor amax, Tensor next_amax) {
  const Checks check("quantize", context);
  const Dtype A = check.activations({{"x", x}});
  check.dims({"x", x}, 2);
  check.statistics(A, {{"scale", scale}, {"amax", amax}});
  check.size({"scale", scale}, 1);
  check.size({"amax", amax}, 1);
  if (y.empty() && y_transposed.empty()) fail("quantize: neither y nor y_transposed is given");
  const auto [N, D] = std::array{x.shape[0], x.shape[1]};
  if (!y.empty()) {
    check.fp8({"y", y});
    check.shape({"y", y}, {N, D});
  }
  if (!y_transposed.empty()) {
    check.fp8({"y_transposed", y_transposed});
    check.shape({"y_transposed", y_transposed}, {D, N});
  }
  if (!next_amax.empty()) {
    check.statistics(A, {{"next_amax", next_amax}});
    check.size({"next_amax", next_amax}, 1);
  }
  context.backend.quantize(context, y, y_transposed, scale, x, amax, next_amax);
}

void matmul_fp8(Context& context, Tensor c, Tensor a, Tensor scale_a, Tensor b, Tensor scale_b, bool accumulate) {
  const Checks check("matmul_fp8", context);
  const Dtype C = check.activations({{"c", c}});
  for (const Named& operand : {Named{"a", a}, Named{"b", b}}) {
    check.fp8(operand);
    check.dims(operand, 2);
  }
  check.statistics(C, {{"scale_a", scale_a}, {"scale_b", scale_b}});
  check.size({"scale_a", scale_a}, 1);
  check.size({"scale_b", scale_b}, 1);
  check.shape({"b", b}, {b.shape[0], a.shape[1]});
  check.shape({"c", c}, {a.shape[0], b.shape[0]});
  context.backend.matmul_fp8(context, c, a, scale_a, b, scale_b, accumulate);
}

}  // namespace cairn::ops
