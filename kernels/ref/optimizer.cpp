#include <cmath>

#include "base/random.h"
#include "kernels/ref/ref.h"

namespace cairn::ref {
namespace {

// Moment number `moment` of an optimizer, of type S or bfloat16, in one step.
class Moment {
 public:
  Moment(const Tensor& tensor, std::uint32_t moment, std::int64_t step, const UpdateOptions& options)
      : tensor_(tensor), moment_(moment), step_(step), options_(options) {}

  double read(std::int64_t i) const {
    if (tensor_.dtype == Dtype::f64) return tensor_.as<double>()[i];
    return tensor_.dtype == Dtype::bf16 ? float(tensor_.as<Bf16>()[i]) : tensor_.as<float>()[i];
  }

  void write(std::int64_t i, double value) const {
    if (tensor_.dtype == Dtype::f64) {
      tensor_.as<double>()[i] = value;
    } else if (tensor_.dtype == Dtype::f32) {
      tensor_.as<float>()[i] = static_cast<float>(value);
    } else {
      tensor_.as<Bf16>()[i] = rounded(static_cast<float>(value), draw(static_cast<std::uint64_t>(options_.first_element + i)));
    }
  }

 private:
  // 16 uniform bits for element number `element` (kernels/ops.h).
  std::uint32_t draw(std::uint64_t element) const {
    const std::uint64_t block = element / 128 * 16 + element % 16, place = element % 128 / 16;
    const PhiloxCounter words = philox4x32_10(
        {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), moment_, static_cast<std::uint32_t>(step_)},
        {static_cast<std::uint32_t>(options_.seed), static_cast<std::uint32_t>(options_.seed >> 32)});
    return words[place / 2] >> (place % 2 * 16) & 0xffffu;
  }

  static Bf16 rounded(float value, std::uint32_t random) {
    if (!std::isfinite(value)) return Bf16(value);
    Bf16 result;
    result.bits = static_cast<std::uint16_t>((__builtin_bit_cast(std::uint32_t, value) + random) >> 16);
    return result;
  }

  const Tensor& tensor_;
  std::uint32_t moment_;
  std::int64_t step_;
  const UpdateOptions& options_;
};

void write_copy(const Tensor& copy, std::int64_t i, double value) {
  if (copy.empty()) return;
  with_type(copy, [&](auto zero) { copy.as<decltype(zero)>()[i] = static_cast<decltype(zero)>(value); });
}

}  // namespace

void adamw(Context&, const Tensor& p, const Tensor& m, const Tensor& v, const Tensor& g, const AdamWParams& params,
           const Tensor& copy) {
  const double steps = static_cast<double>(params.step);
  const double correction1 = 1 - std::pow(params.beta1, steps), correction2 = 1 - std::pow(params.beta2, steps);
  const Moment first(m, 0, params.step, params.options), second(v, 1, params.step, params.options);
  with_type(p, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < p.size(); ++i) {
      const double grad = params.options.gradient_scale * g.as<T>()[i], value = p.as<T>()[i];
      const double mean = params.beta1 * first.read(i) + (1 - params.beta1) * grad;
      const double square = params.beta2 * second.read(i) + (1 - params.beta2) * grad * grad;
      first.write(i, mean);
      second.write(i, square);
      const double denominator = std::sqrt(square) / std::sqrt(correction2) + params.eps;
      p.as<T>()[i] = static_cast<T>(value - params.lr * (mean / correction1 / denominator + params.weight_decay * value));
      write_copy(copy, i, p.as<T>()[i]);
    }
  });
}

void ademamix(Context&, const Tensor& p, const Tensor& m1, const Tensor& m2, const Tensor& v, const Tensor& g,
              const AdEMAMixParams& params, const Tensor& copy) {
  const double steps = static_cast<double>(params.step);
  const double correction1 = 1 - std::pow(params.beta1, steps), correction2 = 1 - std::pow(params.beta2, steps);
  const Moment first(m1, 0, params.step, params.options), slow_moment(m2, 1, params.step, params.options),
      second(v, 2, params.step, params.options);
  with_type(p, [&](auto zero) {
    using T = decltype(zero);
    for (std::int64_t i = 0; i < p.size(); ++i) {
      const double grad = params.options.gradient_scale * g.as<T>()[i], value = p.as<T>()[i];
      const double fast = params.beta1 * first.read(i) + (1 - params.beta1) * grad;
      const double slow = params.beta3 * slow_moment.read(i) + (1 - params.beta3) * grad;
      const double square = params.beta2 * second.read(i) + (1 - params.beta2) * grad * grad;
      first.write(i, fast);
      slow_moment.write(i, slow);
      second.write(i, square);
      const double denominator = std::sqrt(square) / std::sqrt(correction2) + params.eps;
      const double update = (fast / correction1 + params.alpha * slow) / denominator + params.weight_decay * value;
      p.as<T>()[i] = static_cast<T>(value - params.lr * update);
      write_copy(copy, i, p.as<T>()[i]);
    }
  });
}

}  // namespace cairn::ref
