// Embedding, RMSNorm and what is fused with it, biases, rotary embedding, cross entropy.
#include <algorithm>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kPieceFloats = 32 * 1024;  // 128 KB: a piece fits L2 and is worth handing out

// Rows in a piece: a function of the shape alone, since some pieces are summed on their own.
std::int64_t rows_in_piece(std::int64_t width) {
  return std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(width, 1));
}

// total [width] += sums over N rows, where piece(begin, count, sum) overwrites sum [width] with those of its rows, `rows` of them
// at most. The order is that of the pieces.
template <typename Piece>
void sum_rows(Context& context, std::int64_t N, std::int64_t rows, std::int64_t width, float* total, Piece&& piece) {
  const std::int64_t pieces = (N + rows - 1) / rows;
  std::vector<float> sums(static_cast<std::size_t>(pieces * width));
  context.pool.parallel_for(pieces,
                            [&](std::int64_t i) { piece(i * rows, std::min(rows, N - i * rows), sums.data() + i * width); });
  for (std::int64_t column = 0; column < width; ++column) {
    double sum = 0;
    for (std::int64_t i = 0; i < pieces; ++i) sum += sums[static_cast<std::size_t>(i * width + column)];
    total[column] = static_cast<float>(total[column] + sum);
  }
}

}  // namespace

void embedding_forward(Context& context, const Tensor& y, const Tensor& table, const Tensor& tokens) {
  with_type(y, [&](auto zero) {
    using A = decltype(zero);
    const std::int64_t N = y.shape[0], D = y.shape[1];
    context.pool.parallel_ranges(N, rows_in_piece(D), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = begin; n < end; ++n) {
        std::copy_n(table.as<A>() + tokens.as<std::int32_t>()[n] * D, D, y.as<A>() + n * D);
      }
    });
  });
}

// Cut by columns: each piece sees all tokens in ascending order, so no two pieces meet in one element.
void embedding_backward(Context& context, const Tensor& dtable, const Tensor& dy, const Tensor& tokens) {
  with_type(dy, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = dy.shape[0], D = dy.shape[1];
    context.pool.parallel_ranges(D, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t n = 0; n < N; ++n) {
        float* row = dtable.as<float>() + tokens.as<std::int32_t>()[n] * D + begin;
        routines.add_to(end - begin, row, dy.as<A>() + n * D + begin);
      }
    });
  });
}

void rmsnorm_forward(Context& context, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t D = w.size(), N = x.size() / D;
    context.pool.parallel_ranges(N, rows_in_piece(D), [&](std::int64_t begin, std::int64_t end) {
      routines.rmsnorm_forward(end - begin, D, y.as<A>() + begin * D, inv_rms.as<float>() + begin, x.as<A>() + begin * D,
                               w.as<float>(), static_cast<float>(eps));
    });
  });
}

void rmsnorm_backward(Context& context, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms, bool accumulate) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t D = w.size(), N = x.size() / D;
    sum_rows(context, N, rows_in_piece(D), D, dw.as<float>(), [&](std::int64_t begin, std::int64_t count, float* dw_piece) {
      routines.rmsnorm_backward(count, D, dx.as<A>() + begin * D, dw_piece, dy.as<A>() + begin * D, x.as<A>() + begin * D,
                                w.as<float>(), inv_rms.as<float>() + begin, accumulate);
    });
  });
}

void add_rmsnorm_forward(Context& context, const Tensor& sum, const Tensor& y, const Tensor& inv_rms, const Tensor& a,
                         const Tensor& b, const Tensor& w, double eps) {
  with_type(sum, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t D = w.size(), N = sum.size() / D;
    context.pool.parallel_ranges(N, rows_in_piece(D), [&](std::int64_t begin, std::int64_t end) {
      routines.add_rmsnorm_forward(end - begin, D, sum.as<A>() + begin * D, y.as<A>() + begin * D, inv_rms.as<float>() + begin,
                                   a.as<A>() + begin * D, b.as<A>() + begin * D, w.as<float>(), static_cast<float>(eps));
    });
  });
}

void norm_rope_forward(Context& context, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps,
                       const Tensor& cos, const Tensor& sin, const Tensor& positions) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = x.shape[0], H = x.shape[1], E = x.shape[2];
    context.pool.parallel_ranges(N, rows_in_piece(H * E), [&](std::int64_t begin, std::int64_t end) {
      routines.norm_rope_forward(end - begin, H, E, y.as<A>() + begin * H * E, inv_rms.as<float>() + begin * H,
                                 x.as<A>() + begin * H * E, w.as<float>(), static_cast<float>(eps), cos.as<float>(),
                                 sin.as<float>(), positions.as<std::int32_t>() + begin);
    });
  });
}

void norm_rope_backward(Context& context, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                        const Tensor& inv_rms, const Tensor& cos, const Tensor& sin, const Tensor& positions) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = x.shape[0], H = x.shape[1], E = x.shape[2], width = H * E;
    sum_rows(context, N, rows_in_piece(width), E, dw.as<float>(), [&](std::int64_t begin, std::int64_t count, float* dw_piece) {
      routines.norm_rope_backward(count, H, E, dx.as<A>() + begin * width, dw_piece, dy.as<A>() + begin * width,
                                  x.as<A>() + begin * width, w.as<float>(), inv_rms.as<float>() + begin * H, cos.as<float>(),
                                  sin.as<float>(), positions.as<std::int32_t>() + begin);
    });
  });
}

void bias_forward(Context& context, const Tensor& y, const Tensor& b) {
  with_type(y, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = y.shape[0], M = y.shape[1];
    context.pool.parallel_ranges(N, rows_in_piece(M), [&](std::int64_t begin, std::int64_t end) {
      routines.bias_forward(end - begin, M, y.as<A>() + begin * M, b.as<float>());
    });
  });
}

void bias_backward(Context& context, const Tensor& db, const Tensor& dy) {
  with_type(dy, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = dy.shape[0], M = dy.shape[1];
    sum_rows(context, N, rows_in_piece(M), M, db.as<float>(), [&](std::int64_t begin, std::int64_t count, float* db_piece) {
      routines.bias_backward(count, M, db_piece, dy.as<A>() + begin * M);
    });
  });
}

void rope(Context& context, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse) {
  with_type(x, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = x.shape[0], H = x.shape[1], E = x.shape[2];
    context.pool.parallel_ranges(N, rows_in_piece(H * E), [&](std::int64_t begin, std::int64_t end) {
      routines.rope(end - begin, H, E, y.as<A>() + begin * H * E, x.as<A>() + begin * H * E, cos.as<float>(), sin.as<float>(),
                    positions.as<std::int32_t>() + begin, inverse ? -1.0f : 1.0f);
    });
  });
}

void cross_entropy(Context& context, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                   bool with_gradient, double z_loss) {
  with_type(logits, [&](auto zero) {
    using A = decltype(zero);
    const auto& routines = routines_of<A>(context);
    const std::int64_t N = logits.shape[0], V = logits.shape[1];
    context.pool.parallel_ranges(N, rows_in_piece(V), [&](std::int64_t begin, std::int64_t end) {
      routines.cross_entropy(end - begin, V, losses.as<float>() + begin, logits.as<A>() + begin * V,
                             targets.as<std::int32_t>() + begin, weights.as<float>() + begin, with_gradient,
                             static_cast<float>(z_loss), thread_scratch(V));
    });
  });
}

}  // namespace cairn::cpu
