// Matrix products without tensor cores or libraries (kernels/ops.h), which under emulation stand in for cuBLASLt's. Tiles of 32 x
// 32 through shared memory, K in ascending order.
#include "kernels/cuda/launch.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/ops.h"
#include "kernels/cuda/types.h"

namespace cairn::cuda {
namespace {

constexpr int kTile = 32;
constexpr int kRows = 8;  // of threads: each computes four rows of the tile

struct Shape {
  std::int64_t M, N, K;
  std::int64_t a_row, b_row, c_row;  // strides between stored rows
};

template <typename C, typename A>
__global__ void matmul_kernel(C* c, const A* a, const A* b, Shape s, bool transpose_a, bool transpose_b, bool accumulate) {
  __shared__ float left[kTile][kTile + 1], right[kTile][kTile + 1];
  const std::int64_t m0 = static_cast<std::int64_t>(blockIdx.y) * kTile, n0 = static_cast<std::int64_t>(blockIdx.x) * kTile;
  const int x = static_cast<int>(threadIdx.x);
  float sum[kTile / kRows] = {};
  for (std::int64_t k0 = 0; k0 < s.K; k0 += kTile) {
    for (int y = static_cast<int>(threadIdx.y); y < kTile; y += kRows) {
      // left[row of c][k], right[k][column of c]; x runs along the stored rows, so that accesses are coalesced
      const std::int64_t am = m0 + (transpose_a ? x : y), ak = k0 + (transpose_a ? y : x);
      left[transpose_a ? x : y][transpose_a ? y : x] =
          am < s.M && ak < s.K ? to_float(transpose_a ? a[ak * s.a_row + am] : a[am * s.a_row + ak]) : 0;
      const std::int64_t bk = k0 + (transpose_b ? x : y), bn = n0 + (transpose_b ? y : x);
      right[transpose_b ? x : y][transpose_b ? y : x] =
          bk < s.K && bn < s.N ? to_float(transpose_b ? b[bn * s.b_row + bk] : b[bk * s.b_row + bn]) : 0;
    }
    __syncthreads();
    for (int k = 0; k < kTile; ++k) {
      for (int i = 0; i < kTile / kRows; ++i) sum[i] += left[static_cast<int>(threadIdx.y) + i * kRows][k] * right[k][x];
    }
    __syncthreads();
  }
  for (int i = 0; i < kTile / kRows; ++i) {
    const std::int64_t m = m0 + threadIdx.y + i * kRows, n = n0 + x;
    if (m >= s.M || n >= s.N) continue;
    C& out = c[m * s.c_row + n];
    out = from_float<C>(accumulate ? to_float(out) + sum[i] : sum[i]);
  }
}

}  // namespace

void matmul_plain(Context& ctx, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  with_type(c, [&](auto c_type) {
    with_type(a, [&](auto a_type) {
      using C = decltype(c_type);
      using A = decltype(a_type);
      const Shape shape{c.shape[0],   c.shape[1],   ta == Transpose::yes ? a.shape[0] : a.shape[1],
                        a.strides[0], b.strides[0], c.strides[0]};
      launch(matmul_kernel<C, A>, dim3(blocks_for(shape.N, kTile), blocks_for(shape.M, kTile)), dim3(kTile, kRows), 0,
             queue_of(ctx).stream(), c.as<C>(), a.as<A>(), b.as<A>(), shape, ta == Transpose::yes, tb == Transpose::yes,
             accumulate);
    });
  });
}

}  // namespace cairn::cuda
