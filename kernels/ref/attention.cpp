#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ref/ref.h"

namespace cairn::ref {
namespace {

// The vector of one head at one place of a [B, T, H, E] tensor.
template <typename T>
T* head(const Tensor& tensor, std::int64_t b, std::int64_t t, std::int64_t h) {
  return tensor.as<T>() + b * tensor.strides[0] + t * tensor.strides[1] + h * tensor.strides[2];
}

template <typename T>
double dot(const T* a, const T* b, std::int64_t size) {
  double sum = 0;
  for (std::int64_t i = 0; i < size; ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

}  // namespace

void attention_forward(Context&, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale) {
  with_type(q, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t B = q.shape[0], Tq = q.shape[1], H = q.shape[2], E = q.shape[3], S = k.shape[1], group = H / k.shape[2];
    std::vector<double> score(static_cast<std::size_t>(S));
    for (std::int64_t b = 0; b < B; ++b) {
      for (std::int64_t h = 0; h < H; ++h) {
        for (std::int64_t t = 0; t < Tq; ++t) {
          const std::int64_t first = first_key.as<std::int32_t>()[b * Tq + t], last = S - Tq + t;
          double highest = -INFINITY, sum = 0;
          for (std::int64_t j = first; j <= last; ++j) {
            score[j] = scale * dot<T>(head<T>(q, b, t, h), head<T>(k, b, j, h / group), E);
            highest = std::max(highest, score[j]);
          }
          for (std::int64_t j = first; j <= last; ++j) sum += std::exp(score[j] - highest);
          const double log_sum = highest + std::log(sum);
          lse.as<Statistics<T>>()[(b * H + h) * Tq + t] = static_cast<Statistics<T>>(log_sum);
          for (std::int64_t j = first; j <= last; ++j) score[j] = std::exp(score[j] - log_sum);  // now probabilities
          for (std::int64_t e = 0; e < E; ++e) {
            double out = 0;
            for (std::int64_t j = first; j <= last; ++j) out += score[j] * head<T>(v, b, j, h / group)[e];
            head<T>(o, b, t, h)[e] = static_cast<T>(out);
          }
        }
      }
    }
  });
}

void attention_backward(Context&, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key,
                        double scale) {
  with_type(q, [&](auto zero) {
    using T = decltype(zero);
    const std::int64_t B = q.shape[0], Tq = q.shape[1], H = q.shape[2], E = q.shape[3], K = k.shape[2], group = H / K;
    const auto at = [&](std::int64_t t, std::int64_t e) { return static_cast<std::size_t>(t * E + e); };
    std::vector<double> dk_sum(static_cast<std::size_t>(Tq * E)), dv_sum(dk_sum.size()), dq_sum(static_cast<std::size_t>(E));
    for (std::int64_t b = 0; b < B; ++b) {
      for (std::int64_t kv = 0; kv < K; ++kv) {
        std::fill(dk_sum.begin(), dk_sum.end(), 0.0);
        std::fill(dv_sum.begin(), dv_sum.end(), 0.0);
        for (std::int64_t h = kv * group; h < (kv + 1) * group; ++h) {
          for (std::int64_t t = 0; t < Tq; ++t) {
            const T* query = head<T>(q, b, t, h);
            const T* grad = head<T>(d_o, b, t, h);
            const double mean = dot<T>(grad, head<T>(o, b, t, h), E);  // sum_j P dP
            std::fill(dq_sum.begin(), dq_sum.end(), 0.0);
            for (std::int64_t j = first_key.as<std::int32_t>()[b * Tq + t]; j <= t; ++j) {
              const T* key = head<T>(k, b, j, kv);
              const double p = std::exp(scale * dot<T>(query, key, E) - lse.as<Statistics<T>>()[(b * H + h) * Tq + t]);
              const double ds = p * (dot<T>(grad, head<T>(v, b, j, kv), E) - mean);
              for (std::int64_t e = 0; e < E; ++e) {
                dq_sum[static_cast<std::size_t>(e)] += scale * ds * key[e];
                dk_sum[at(j, e)] += scale * ds * query[e];
                dv_sum[at(j, e)] += p * grad[e];
              }
            }
            for (std::int64_t e = 0; e < E; ++e) head<T>(dq, b, t, h)[e] = static_cast<T>(dq_sum[static_cast<std::size_t>(e)]);
          }
        }
        for (std::int64_t j = 0; j < Tq; ++j) {
          for (std::int64_t e = 0; e < E; ++e) {
            head<T>(dk, b, j, kv)[e] = static_cast<T>(dk_sum[at(j, e)]);
            head<T>(dv, b, j, kv)[e] = static_cast<T>(dv_sum[at(j, e)]);
          }
        }
      }
    }
  });
}

}  // namespace cairn::ref
