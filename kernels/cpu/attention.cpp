// Attention, cut into pieces: of queries and heads forward, of key heads and, where these are few, of queries backward.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kFewQueries = 4;      // of one head: below, scores are dot products and nothing is packed
constexpr std::int64_t kEnoughPieces = 32;   // for any number of threads that is likely
constexpr std::int64_t kQueriesInPiece = 8;  // blocks of queries in one piece of the forward pass

template <typename A>
A* at(const Tensor& tensor, std::int64_t b, std::int64_t head) {
  return tensor.as<A>() + b * tensor.strides[0] + head * tensor.strides[2];
}

// Borders of the pieces of queries whose gradients of keys are summed apart: 0, ..., T. Given by the shape alone. Each piece
// needs memory for its sums, so there are no more than fill 32 threads, and one where heads fill 16 already. Later queries see
// more keys: borders at square roots make the pieces alike.
std::vector<std::int64_t> query_borders(std::int64_t T, std::int64_t heads, std::int64_t unit) {
  const std::int64_t pieces = heads >= 16 ? 1 : std::min((31 + heads) / heads, (T + 255) / 256);
  std::vector<std::int64_t> borders{0};
  for (std::int64_t i = 1; i < pieces; ++i) {
    const double part = std::sqrt(static_cast<double>(i) / static_cast<double>(pieces));
    const std::int64_t border = static_cast<std::int64_t>(static_cast<double>(T) * part) / unit * unit;
    if (border > borders.back()) borders.push_back(border);
  }
  borders.push_back(T);
  return borders;
}

template <typename A>
void forward(Context& context, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
             const Tensor& first_key, double scale) {
  const auto& routines = routines_of<A>(context);
  const std::int64_t B = q.shape[0], T = q.shape[1], H = q.shape[2], E = q.shape[3], S = k.shape[1], K = k.shape[2],
                     group = H / K;
  if (B * T * H * E == 0) return;
  const auto arguments = [&](std::int64_t b, std::int64_t h, std::int64_t heads) {
    return AttentionForward<A>{.first_query = 0,
                               .queries = T,
                               .T = T,
                               .S = S,
                               .E = E,
                               .group = heads,
                               .o = at<A>(o, b, h),
                               .o_stride = o.strides[1],
                               .o_head = o.strides[2],
                               .lse = lse.as<float>() + (b * H + h) * T,
                               .q = at<A>(q, b, h),
                               .k = at<A>(k, b, h / group),
                               .v = at<A>(v, b, h / group),
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
  const std::int64_t queries = kQueriesInPiece * routines_of(context).tile_cols, pieces = (T + queries - 1) / queries;
  const std::int64_t heads = B * K * pieces >= kEnoughPieces ? group : 1;  // that share what is packed of their keys and values
  context.pool.parallel_for(B * H / heads * pieces, [&](std::int64_t piece) {
    const std::int64_t first_head = piece / pieces * heads;  // counted through the batch
    AttentionForward<A> head = arguments(first_head / H, first_head % H, heads);
    head.first_query = piece % pieces * queries;
    head.queries = std::min(queries, T - head.first_query);
    routines.attention_forward(head, thread_scratch(routines.attention_forward_scratch(S, E)));
  });
}

template <typename A>
void backward(Context& context, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o, const Tensor& q,
              const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse, const Tensor& first_key, double scale) {
  const auto& routines = routines_of<A>(context);
  const std::int64_t B = q.shape[0], T = q.shape[1], H = q.shape[2], E = q.shape[3], K = k.shape[2], group = H / K;
  if (B * T * H * E == 0) return;
  const std::vector<std::int64_t> borders = query_borders(T, B * K, routines_of(context).tile_cols);
  const std::int64_t parts = static_cast<std::int64_t>(borders.size()) - 1, part_size = T * E;
  std::vector<float> sums(static_cast<std::size_t>(attention_part_sums(B, T, K, E)));
  const auto part_sums = [&](std::int64_t head, std::int64_t part) {  // of dk, then of dv
    return sums.data() + (head * parts + part) * 2 * part_size;
  };
  context.pool.parallel_for(B * K * parts, [&](std::int64_t piece) {
    const std::int64_t part = parts - 1 - piece % parts;  // the longest first
    const std::int64_t b = piece / parts / K, kv = piece / parts % K, h = kv * group;
    const std::int64_t first_query = borders[static_cast<std::size_t>(part)];
    float* own = parts == 1 ? nullptr : part_sums(piece / parts, part);
    const AttentionBackward<A> head{.first_query = first_query,
                                    .queries = borders[static_cast<std::size_t>(part) + 1] - first_query,
                                    .T = T,
                                    .E = E,
                                    .group = group,
                                    .dq = at<A>(dq, b, h),
                                    .dk = at<A>(dk, b, kv),
                                    .dv = at<A>(dv, b, kv),
                                    .dq_stride = dq.strides[1],
                                    .dq_head = dq.strides[2],
                                    .dk_stride = dk.strides[1],
                                    .dv_stride = dv.strides[1],
                                    .dk_part = own,
                                    .dv_part = own == nullptr ? nullptr : own + part_size,
                                    .d_o = at<A>(d_o, b, h),
                                    .q = at<A>(q, b, h),
                                    .o = at<A>(o, b, h),
                                    .k = at<A>(k, b, kv),
                                    .v = at<A>(v, b, kv),
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
  if (parts == 1) return;
  // The parts of a head in the order of the queries; a part reaches to its own border.
  context.pool.parallel_for(B * K * 2, [&](std::int64_t piece) {
    const std::int64_t head = piece / 2, offset = piece % 2 * part_size;
    float* total = part_sums(head, parts - 1) + offset;
    for (std::int64_t part = 0; part < parts - 1; ++part) {
      routines_of<float>(context).add_to(borders[static_cast<std::size_t>(part) + 1] * E, total, part_sums(head, part) + offset);
    }
    const Tensor& out = piece % 2 == 0 ? dk : dv;
    for (std::int64_t t = 0; t < T; ++t) {
      A* row = at<A>(out, head / K, head % K) + t * out.strides[1];
      if constexpr (std::is_same_v<A, Bf16>) {
        routines_of<float>(context).to_bf16(E, row, total + t * E);
      } else {
        routines_of<float>(context).to_float(E, row, total + t * E);
      }
    }
  });
}

}  // namespace

std::int64_t attention_scratch(std::int64_t T, std::int64_t E, Dtype type) {
  const Routines& routines = *static_cast<const CpuBackend&>(cpu_backend()).routines;
  const auto most = [&](const auto& r) {
    return std::max(r.attention_forward_scratch(T, E), r.attention_backward_scratch(T, E));
  };
  return type == Dtype::bf16 ? most(routines.bf16) : most(routines.f32);
}

std::int64_t attention_part_sums(std::int64_t B, std::int64_t T, std::int64_t K, std::int64_t E) {
  const Routines& routines = *static_cast<const CpuBackend&>(cpu_backend()).routines;
  const std::int64_t parts = static_cast<std::int64_t>(query_borders(T, B * K, routines.tile_cols).size()) - 1;
  return parts == 1 ? 0 : B * K * parts * 2 * T * E;
}

void attention_forward(Context& context, const Tensor& o, const Tensor& lse, const Tensor& q, const Tensor& k, const Tensor& v,
                       const Tensor& first_key, double scale) {
  with_type(q, [&](auto zero) { forward<decltype(zero)>(context, o, lse, q, k, v, first_key, scale); });
}

void attention_backward(Context& context, const Tensor& dq, const Tensor& dk, const Tensor& dv, const Tensor& d_o,
                        const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& o, const Tensor& lse,
                        const Tensor& first_key, double scale) {
  with_type(q, [&](auto zero) { backward<decltype(zero)>(context, dq, dk, dv, d_o, q, k, v, o, lse, first_key, scale); });
}

}  // namespace cairn::cpu
