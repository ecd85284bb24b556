#include <algorithm>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kFewQueries = 4;      // of one head: below, scores are dot products and nothing is packed
constexpr std::int64_t kQueriesInPiece = 8;  // blocks of queries in one piece of the forward pass

// A tensor of bfloat16 as float32, contiguous; written back where the operation wrote.
class Widened {
 public:
  Widened(const Routines& routines, const Tensor& tensor) : routines_(routines), from_(tensor) {
    const auto& [B, T, H, E] = tensor.shape;
    numbers_.resize(static_cast<std::size_t>(tensor.size()));
    tensor_ = Tensor(numbers_.data(), Dtype::f32, {B, T, H, E});
    each_head([&](Bf16* narrow, float* wide) { routines_.bf16.to_float(E, wide, narrow); });
  }
  const Tensor& tensor() const { return tensor_; }
  void write_back() {
    each_head([&](Bf16* narrow, float* wide) { routines_.f32.to_bf16(from_.shape[3], narrow, wide); });
  }

 private:
  template <typename Fn>
  void each_head(Fn&& fn) {
    const auto& [B, T, H, E] = from_.shape;
    float* wide = numbers_.data();
    for (std::int64_t b = 0; b < B; ++b) {
      for (std::int64_t t = 0; t < T; ++t) {
        for (std::int64_t h = 0; h < H; ++h, wide += E) {
          fn(from_.as<Bf16>() + b * from_.strides[0] + t * from_.strides[1] + h * from_.strides[2], wide);
        }
      }
    }
  }

  const Routines& routines_;
  Tensor from_, tensor_;
  std::vector<float> numbers_;
};

float* at(const Tensor& tensor, std::int64_t b, std::int64_t head) {
  return tensor.as<float>() + b * tensor.strides[0] + head * tensor.strides[2];
}

}  // namespace

void attention_forward(Context& context, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale) {
  const Routines& routines = routines_of(context);
  if (q.dtype == Dtype::bf16) {
    Widened wide_o(routines, o), wide_q(routines, q), wide_k(routines, k), wide_v(routines, v);
    attention_forward(context, wide_o.tensor(), lse, wide_q.tensor(), wide_k.tensor(), wide_v.tensor(), first_key, scale);
    return wide_o.write_back();
  }
  const std::int64_t B = q.shape[0], T = q.shape[1], H = q.shape[2], E = q.shape[3], S = k.shape[1], K = k.shape[2],
                     group = H / K;
  if (B * T * H * E == 0) return;
  const auto arguments = [&](std::int64_t b, std::int64_t h, std::int64_t heads) {
    return AttentionForward{.first_query = 0,
                            .queries = T,
                            .T = T,
                            .S = S,
                            .E = E,
                            .group = heads,
                            .o = at(o, b, h),
                            .o_stride = o.strides[1],
                            .o_head = o.strides[2],
                            .lse = lse.as<float>() + (b * H + h) * T,
                            .q = at(q, b, h),
                            .k = at(k, b, h / group),
                            .v = at(v, b, h / group),
                            .q_stride = q.strides[1],
                            .q_head = q.strides[2],
                            .k_stride = k.strides[1],
                            .v_stride = v.strides[1],
                            .first_key = first_key.as<std::int32_t>() + b * T,
                            .scale = static_cast<float>(scale)};
  };
  if (T <= kFewQueries) {
    context.pool.parallel_for(B * K, [&](std::int64_t piece) {
      routines.attention_decode(arguments(piece / K, piece % K * group, group),
                                thread_scratch(routines.attention_decode_scratch(group * T, S, E)));
    });
    return;
  }
  const std::int64_t queries = kQueriesInPiece * routines.tile_cols, pieces = (T + queries - 1) / queries;
  context.pool.parallel_for(B * H * pieces, [&](std::int64_t piece) {
    AttentionForward head = arguments(piece / pieces / H, piece / pieces % H, 1);
    head.first_query = piece % pieces * queries;
    head.queries = std::min(queries, T - head.first_query);
    routines.attention_forward(head, thread_scratch(routines.attention_forward_scratch(S, E)));
  });
}

void attention_backward(Context& context, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                        const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                        const Tensor& first_key, double scale) {
  const Routines& routines = routines_of(context);
  if (q.dtype == Dtype::bf16) {
    Widened wide_dq(routines, dq), wide_dk(routines, dk), wide_dv(routines, dv), wide_do(routines, d_o), wide_q(routines, q),
        wide_k(routines, k), wide_v(routines, v), wide_o(routines, o);
    attention_backward(context, wide_dq.tensor(), wide_dk.tensor(), wide_dv.tensor(), wide_do.tensor(), wide_q.tensor(),
                       wide_k.tensor(), wide_v.tensor(), wide_o.tensor(), lse, first_key, scale);
    wide_dq.write_back();
    wide_dk.write_back();
    return wide_dv.write_back();
  }
  const std::int64_t B = q.shape[0], T = q.shape[1], H = q.shape[2], E = q.shape[3], K = k.shape[2], group = H / K;
  if (B * T * H * E == 0) return;
  context.pool.parallel_for(B * K, [&](std::int64_t piece) {
    const std::int64_t b = piece / K, kv = piece % K, h = kv * group;
    const AttentionBackward head{.T = T,
                                 .E = E,
                                 .group = group,
                                 .dq = at(dq, b, h),
                                 .dk = at(dk, b, kv),
                                 .dv = at(dv, b, kv),
                                 .dq_stride = dq.strides[1],
                                 .dq_head = dq.strides[2],
                                 .dk_stride = dk.strides[1],
                                 .dv_stride = dv.strides[1],
                                 .d_o = at(d_o, b, h),
                                 .q = at(q, b, h),
                                 .o = at(o, b, h),
                                 .k = at(k, b, kv),
                                 .v = at(v, b, kv),
                                 .do_stride = d_o.strides[1],
                                 .do_head = d_o.strides[2],
                                 .q_stride = q.strides[1],
                                 .q_head = q.strides[2],
                                 .o_stride = o.strides[1],
                                 .o_head = o.strides[2],
                                 .k_stride = k.strides[1],
                                 .v_stride = v.strides[1],
                                 .lse = lse.as<float>() + (b * H + h) * T,
                                 .first_key = first_key.as<std::int32_t>() + b * T,
                                 .scale = static_cast<float>(scale)};
    routines.attention_backward(head, thread_scratch(routines.attention_backward_scratch(T, E)));
  });
}

}  // namespace cairn::cpu
