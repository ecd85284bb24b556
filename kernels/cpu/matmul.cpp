#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"

namespace cairn::cpu {
namespace {

// Below so many rows, dot products are faster than packing B. They pay for a horizontal sum an element, which a long K hides.
constexpr std::int64_t few_rows(std::int64_t K) {
  return K >= 512 ? 48 : 12;
}
constexpr std::int64_t kSmall = 1 << 18;  // multiply-adds that are not worth a second thread

std::int64_t divide_up(std::int64_t size, std::int64_t parts) {
  return (size + parts - 1) / parts;
}
std::int64_t round_up(std::int64_t size, std::int64_t unit) {
  return divide_up(size, unit) * unit;
}

// Blocks of C that are computed one after the other on any thread. Each packs its own operands, so the cut is where least is
// packed twice. It may depend on the number of threads, since no element of C depends on the cut.
struct Cut {
  std::int64_t rows, columns;
};
Cut cut_blocks(std::int64_t M, std::int64_t N, std::int64_t K, const Routines& routines, int threads) {
  if (threads == 1 || M * N * K < kSmall) return {M, N};
  Cut best{M, N};
  double least = -1;
  // Few blocks pack least; many blocks leave nobody idle when a thread is held up: a few percent of the work is what that seems
  // worth.
  for (const auto& [blocks_each, risk] : {std::pair{1, 1.04}, {2, 1.015}, {4, 1.0}}) {
    const std::int64_t wanted = blocks_each * threads;
    for (std::int64_t parts = 1; parts <= wanted; ++parts) {
      const Cut cut{std::min(M, round_up(divide_up(M, parts), routines.tile_rows)),
                    std::min(N, round_up(divide_up(N, divide_up(wanted, parts)), routines.tile_cols))};
      const std::int64_t rows = divide_up(M, cut.rows), columns = divide_up(N, cut.columns);
      // An element packed costs about as much as 40 multiply-adds; the last round may leave threads idle.
      const double packed = 40.0 * static_cast<double>(rows * N * K + columns * M * K);
      const std::int64_t rounds = divide_up(rows * columns, threads);
      const double compute = static_cast<double>(rounds * threads) * static_cast<double>(cut.rows * cut.columns * K);
      if (least < 0 || packed + risk * compute < least) {
        least = packed + risk * compute;
        best = cut;
      }
    }
  }
  return best;
}

}  // namespace

void matmul(Context& context, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  if (a.dtype == Dtype::bf16) fail("matmul: the cpu backend does not compute in bfloat16");
  const Routines& routines = routines_of(context);
  const std::int64_t M = c.shape[0], N = c.shape[1], K = ta == Transpose::yes ? a.shape[0] : a.shape[1];
  const GemmBlock whole{M,
                        N,
                        K,
                        a.as<float>(),
                        a.strides[0],
                        ta == Transpose::yes,
                        b.as<float>(),
                        b.strides[0],
                        tb == Transpose::yes,
                        c.as<float>(),
                        c.strides[0],
                        accumulate};
  if (M <= few_rows(K) && !whole.transposed_a && whole.transposed_b) {
    const std::int64_t columns = M * N * K < kSmall ? N : round_up(divide_up(N, 4 * context.pool.threads()), 24);
    context.pool.parallel_ranges(N, std::max<std::int64_t>(columns, 1), [&](std::int64_t begin, std::int64_t end) {
      GemmBlock block = whole;
      block.n = end - begin;
      block.b += begin * block.ldb;
      block.c += begin;
      routines.gemm_dots(block);
    });
    return;
  }
  if (M == 0 || N == 0) return;
  const Cut cut = cut_blocks(M, N, K, routines, context.pool.threads());
  const std::int64_t across = divide_up(N, cut.columns);
  context.pool.parallel_for(divide_up(M, cut.rows) * across, [&](std::int64_t piece) {
    const std::int64_t i = piece / across * cut.rows, j = piece % across * cut.columns;
    GemmBlock block = whole;
    block.m = std::min(cut.rows, M - i);
    block.n = std::min(cut.columns, N - j);
    block.a += block.transposed_a ? i : i * block.lda;
    block.b += block.transposed_b ? j * block.ldb : j;
    block.c += i * block.ldc + j;
    routines.gemm_block(block, thread_scratch(routines.gemm_scratch(K)));
  });
}

}  // namespace cairn::cpu
