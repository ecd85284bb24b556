#include <algorithm>
#include <utility>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/scratch.h"

namespace cairn::cpu {
namespace {

// Below so many rows, dot products are faster than packing B. They pay for a horizontal sum an element, which a long K hides.
constexpr std::int64_t few_rows(std::int64_t K) {
  return K >= 512 ? 48 : 12;
}
constexpr std::int64_t kSmall = 1 << 18;  // multiply-adds that are not worth a second thread

// Blocks that are larger need more memory for packed rows and waiting sums and save little: what is packed serves so many
// rows or columns already.
constexpr std::int64_t kMostRows = 2016, kMostColumns = 2048;

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
  const Cut most{std::min(M, kMostRows), std::min(N, kMostColumns)};
  if (threads == 1 || M * N * K < kSmall) return most;
  Cut best = most;
  double least = -1;
  // Few blocks pack least; many blocks leave nobody idle when a thread is held up: a few percent of the work is what that seems
  // worth.
  for (const auto& [blocks_each, risk] : {std::pair{1, 1.04}, {2, 1.015}, {4, 1.0}}) {
    const std::int64_t wanted = blocks_each * threads;
    for (std::int64_t parts = 1; parts <= wanted; ++parts) {
      const Cut cut{std::min(most.rows, round_up(divide_up(M, parts), routines.tile_rows)),
                    std::min(most.columns, round_up(divide_up(N, divide_up(wanted, parts)), routines.tile_cols))};
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

bool by_dots(const GemmBlock& g, bool rows_alone) {
  return (rows_alone || g.m <= few_rows(g.k)) && !g.transposed_a && g.transposed_b;
}

}  // namespace

std::int64_t matmul_scratch(const ProductShape& shape, int threads) {
  const Routines& routines = *static_cast<const CpuBackend&>(cpu_backend()).routines;
  const Cut cut = cut_blocks(shape.M, shape.N, shape.K, routines, threads);
  const GemmBlock block{.m = cut.rows,
                        .n = cut.columns,
                        .k = shape.K,
                        .a = nullptr,
                        .lda = 0,
                        .transposed_a = shape.a == Transpose::yes,
                        .b = nullptr,
                        .ldb = 0,
                        .transposed_b = shape.b == Transpose::yes,
                        .c = nullptr,
                        .ldc = 0,
                        .accumulate = false,
                        .bf16 = shape.type == Dtype::bf16,
                        .bf16_c = shape.type_c == Dtype::bf16};
  return by_dots(block, false) ? 0 : routines.gemm_scratch(block);
}

void matmul(Context& context, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  const Routines& routines = routines_of(context);
  const std::int64_t M = c.shape[0], N = c.shape[1], K = ta == Transpose::yes ? a.shape[0] : a.shape[1];
  const GemmBlock whole{.m = M,
                        .n = N,
                        .k = K,
                        .a = a.data,
                        .lda = a.strides[0],
                        .transposed_a = ta == Transpose::yes,
                        .b = b.data,
                        .ldb = b.strides[0],
                        .transposed_b = tb == Transpose::yes,
                        .c = c.data,
                        .ldc = c.strides[0],
                        .accumulate = accumulate,
                        .bf16 = a.dtype == Dtype::bf16,
                        .bf16_c = c.dtype == Dtype::bf16};
  // The block of rows [i, i + m) and columns [j, j + n) of C.
  const auto part = [&](std::int64_t i, std::int64_t m, std::int64_t j, std::int64_t n) {
    const auto at = [](const void* data, bool bf16, std::int64_t numbers) {
      return static_cast<const char*>(data) + numbers * (bf16 ? 2 : 4);
    };
    GemmBlock block = whole;
    block.m = m;
    block.n = n;
    block.a = at(whole.a, whole.bf16, whole.transposed_a ? i : i * whole.lda);
    block.b = at(whole.b, whole.bf16, whole.transposed_b ? j * whole.ldb : j);
    block.c = const_cast<char*>(at(whole.c, whole.bf16_c, i * whole.ldc + j));
    return block;
  };
  if (by_dots(whole, context.rows_alone)) {  // an element's order there is that of K alone
    const std::int64_t columns = M * N * K < kSmall ? N : round_up(divide_up(N, 4 * context.pool.threads()), 24);
    context.pool.parallel_ranges(N, std::max<std::int64_t>(columns, 1), [&](std::int64_t begin, std::int64_t end) {
      routines.gemm_dots(part(0, M, begin, end - begin));
    });
    return;
  }
  if (M == 0 || N == 0) return;
  const Cut cut = cut_blocks(M, N, K, routines, context.pool.threads());
  const std::int64_t across = divide_up(N, cut.columns);
  const std::int64_t scratch = routines.gemm_scratch(part(0, cut.rows, 0, cut.columns));
  context.pool.parallel_for(divide_up(M, cut.rows) * across, [&](std::int64_t piece) {
    const std::int64_t i = piece / across * cut.rows, j = piece % across * cut.columns;
    routines.gemm_block(part(i, std::min(cut.rows, M - i), j, std::min(cut.columns, N - j)), thread_scratch(scratch));
  });
}

}  // namespace cairn::cpu
