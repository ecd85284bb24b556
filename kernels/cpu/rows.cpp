// Embedding, RMSNorm, rotary embedding, cross entropy.
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/cpu/ops.h"

namespace cairn::cpu {
namespace {

constexpr std::int64_t kPieceFloats = 32 * 1024;  // 128 KB: a piece fits L2 and is worth handing out

// Rows in a piece: a function of the shape alone, since some pieces are summed on their own.
std::int64_t rows_in_piece(std::int64_t width) {
  return std::max<std::int64_t>(1, kPieceFloats / std::max<std::int64_t>(width, 1));
}

}  // namespace

void embedding_forward(Context& context, const Tensor& y, const Tensor& table, const Tensor& tokens) {
  const std::int64_t N = y.shape[0], D = y.shape[1];
  context.pool.parallel_ranges(N, rows_in_piece(D), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = begin; n < end; ++n) {
      const std::int64_t token = tokens.as<std::int32_t>()[n];
      std::memcpy(y.as<float>() + n * D, table.as<float>() + token * D, static_cast<std::size_t>(D) * sizeof(float));
    }
  });
}

// Cut by columns: each piece sees all tokens in ascending order, so no two pieces meet in one element.
void embedding_backward(Context& context, const Tensor& dtable, const Tensor& dy, const Tensor& tokens) {
  const Routines& routines = routines_of(context);
  const std::int64_t N = dy.shape[0], D = dy.shape[1];
  context.pool.parallel_ranges(D, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t n = 0; n < N; ++n) {
      float* row = dtable.as<float>() + tokens.as<std::int32_t>()[n] * D + begin;
      routines.add(end - begin, row, row, dy.as<float>() + n * D + begin);
    }
  });
}

void rmsnorm_forward(Context& context, const Tensor& y, const Tensor& inv_rms, const Tensor& x, const Tensor& w, double eps) {
  const Routines& routines = routines_of(context);
  const std::int64_t D = w.size(), N = x.size() / D;
  context.pool.parallel_ranges(N, rows_in_piece(D), [&](std::int64_t begin, std::int64_t end) {
    routines.rmsnorm_forward(end - begin, D, y.as<float>() + begin * D, inv_rms.as<float>() + begin, x.as<float>() + begin * D,
                             w.as<float>(), static_cast<float>(eps));
  });
}

void rmsnorm_backward(Context& context, const Tensor& dx, const Tensor& dw, const Tensor& dy, const Tensor& x, const Tensor& w,
                      const Tensor& inv_rms) {
  const Routines& routines = routines_of(context);
  const std::int64_t D = w.size(), N = x.size() / D;
  const std::int64_t rows = rows_in_piece(D), pieces = (N + rows - 1) / rows;
  std::vector<float> dw_pieces(static_cast<std::size_t>(pieces * D));
  context.pool.parallel_for(pieces, [&](std::int64_t piece) {
    const std::int64_t begin = piece * rows, count = std::min(rows, N - begin);
    routines.rmsnorm_backward(count, D, dx.as<float>() + begin * D, dw_pieces.data() + piece * D, dy.as<float>() + begin * D,
                              x.as<float>() + begin * D, w.as<float>(), inv_rms.as<float>() + begin);
  });
  for (std::int64_t d = 0; d < D; ++d) {
    double sum = 0;
    for (std::int64_t piece = 0; piece < pieces; ++piece) sum += dw_pieces[static_cast<std::size_t>(piece * D + d)];
    dw.as<float>()[d] = static_cast<float>(dw.as<float>()[d] + sum);
  }
}

void rope(Context& context, const Tensor& y, const Tensor& x, const Tensor& cos, const Tensor& sin, const Tensor& positions,
          bool inverse) {
  const Routines& routines = routines_of(context);
  const std::int64_t N = x.shape[0], H = x.shape[1], E = x.shape[2];
  context.pool.parallel_ranges(N, rows_in_piece(H * E), [&](std::int64_t begin, std::int64_t end) {
    routines.rope(end - begin, H, E, y.as<float>() + begin * H * E, x.as<float>() + begin * H * E, cos.as<float>(),
                  sin.as<float>(), positions.as<std::int32_t>() + begin, inverse ? -1.0f : 1.0f);
  });
}

void cross_entropy(Context& context, const Tensor& losses, const Tensor& logits, const Tensor& targets, const Tensor& weights,
                   bool with_gradient) {
  const Routines& routines = routines_of(context);
  const std::int64_t N = logits.shape[0], V = logits.shape[1];
  context.pool.parallel_ranges(N, rows_in_piece(V), [&](std::int64_t begin, std::int64_t end) {
    routines.cross_entropy(end - begin, V, losses.as<float>() + begin, logits.as<float>() + begin * V,
                           targets.as<std::int32_t>() + begin, weights.as<float>() + begin, with_gradient);
  });
}

}  // namespace cairn::cpu
