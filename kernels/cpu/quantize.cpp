// 8-bit products: what a GPU is fast at, here so that its results can be looked at anywhere.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/fp8.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kPiece = 64 * 1024;  // elements

// The larger; a number that is none is larger than all.
float larger(float a, float b) {
  return !(b <= a) ? b : a;
}

}  // namespace

void absolute_max(Context& context, const Tensor& amax, const Tensor& x) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    std::vector<float> parts(static_cast<std::size_t>((x.size() + kPiece - 1) / kPiece), 0.0f);
    context.pool.parallel_ranges(x.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
      float largest = 0;
      for (std::int64_t i = begin; i < end; ++i)
        largest = std::isnan(largest) ? largest : larger(largest, std::abs(float(x.as<A>()[i])));
      parts[static_cast<std::size_t>(begin / kPiece)] = largest;
    });
    float& largest = amax.as<float>()[0];
    for (const float part : parts) largest = std::isnan(largest) ? largest : larger(largest, part);
  });
}

void quantize(Context& context, const Tensor& y, const Tensor& y_transposed, const Tensor& scale, const Tensor& x,
              const Tensor& amax, const Tensor& next_amax) {
  const float largest = amax.as<float>()[0], factor = largest == 0 ? 1 : Fp8::kLargest / largest;
  scale.as<float>()[0] = largest == 0 ? 1 : largest / Fp8::kLargest;
  const std::int64_t N = x.shape[0], D = x.shape[1];
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    context.pool.parallel_ranges(N, std::max<std::int64_t>(1, kPiece / std::max<std::int64_t>(D, 1)),
                                 [&](std::int64_t begin, std::int64_t end) {
                                   for (std::int64_t n = begin; n < end; ++n) {
                                     for (std::int64_t d = 0; d < D; ++d) {
                                       const Fp8 value(float(x.as<A>()[n * D + d]) * factor);
                                       if (!y.empty()) y.as<Fp8>()[n * D + d] = value;
                                       if (!y_transposed.empty()) y_transposed.as<Fp8>()[d * N + n] = value;
                                     }
                                   }
                                 });
  });
  if (!next_amax.empty()) absolute_max(context, next_amax, x);
}

void matmul_fp8(Context& context, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
                bool accumulate) {
  const auto numbers = [&](const Tensor& x) {
    std::vector<float> values(static_cast<std::size_t>(x.size()));
    context.pool.parallel_ranges(x.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) values[static_cast<std::size_t>(i)] = x.as<Fp8>()[i];
    });
    return values;
  };
  std::vector<float> left = numbers(a), right = numbers(b), product(static_cast<std::size_t>(c.size()));
  const Tensor sums(product.data(), Dtype::f32, {c.shape[0], c.shape[1]});
  matmul(context, sums, Tensor(left.data(), Dtype::f32, {a.shape[0], a.shape[1]}), Transpose::no,
         Tensor(right.data(), Dtype::f32, {b.shape[0], b.shape[1]}), Transpose::yes, false);
  const float factor = scale_a.as<float>()[0] * scale_b.as<float>()[0];
  with_type(c, [&](auto zero) {
    using A = decltype(zero);
    context.pool.parallel_ranges(c.size(), kPiece, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        A& to = c.as<A>()[i];
        to = A(factor * product[static_cast<std::size_t>(i)] + (accumulate ? float(to) : 0.0f));
      }
    });
  });
}

}  // namespace cairn::cpu
