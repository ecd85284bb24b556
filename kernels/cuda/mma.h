// Tensor-core instructions that one warp issues together, and copies into shared memory that run behind it: thin names over PTX
// (ISA 8.0, sections "mma.m16n8k16", "ldmatrix", "cp.async"). Under emulation tests/gpu/cuda_emulation_mma.h defines them from
// the same fragment layouts:
//
//   A [16 x 16]  a[r], r = 0..3: row lane/4 + 8 (r % 2), columns 2 (lane % 4) + 8 (r / 2) and the next
//   B [16 x 8]   b[r], r = 0..1: rows 2 (lane % 4) + 8 r and the next, column lane/4
//   C [16 x 8]   c[0..1]: row lane/4, columns 2 (lane % 4) and the next; c[2..3]: row lane/4 + 8
#pragma once

#include <cstdint>

#include "kernels/cuda/numbers.h"

namespace cairn::cuda {

#ifdef __CUDACC__

// c += a b in float32, a and b in bfloat16.
__device__ inline void mma_m16n8k16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Four 8 x 8 matrices of 16-bit values from shared memory: lane l names row l % 8 of matrix l / 8 (16 bytes, aligned); register r
// of lane l gets elements 2 (l % 4), 2 (l % 4) + 1 of row l / 4 of matrix r.
__device__ inline void load_matrices(std::uint32_t (&r)[4], const Bf16* row) {
  const auto at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}
// As above, of the transposed matrices.
__device__ inline void load_matrices_transposed(std::uint32_t (&r)[4], const Bf16* row) {
  const auto at = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(at));
}

// 16 bytes from global to shared memory, or zeros when not `there`; done at wait_copies().
__device__ inline void copy_async(void* shared, const void* global, bool there) {
  const auto at = static_cast<unsigned>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(at), "l"(global), "r"(there ? 16 : 0) : "memory");
}
// Ends a group of copies.
__device__ inline void commit_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
// Until at most `kPending` of this thread's newest groups are still on their way.
template <int kPending>
__device__ void wait_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
}

#endif

// Two floats rounded to nearest even: the lower column in the lower half.
__device__ inline std::uint32_t pack(float low, float high) {
#ifdef __CUDACC__
  std::uint32_t both;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
  return both;
#else
  return static_cast<std::uint32_t>(from_float<Bf16>(low).bits) | static_cast<std::uint32_t>(from_float<Bf16>(high).bits) << 16;
#endif
}

// Over the four lanes that share a row of a C fragment.
__device__ inline float row_max(float value) {
  value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, 1));
  return fmaxf(value, __shfl_xor_sync(kAllLanes, value, 2));
}
__device__ inline float row_sum(float value) {
  value += __shfl_xor_sync(kAllLanes, value, 1);
  return value + __shfl_xor_sync(kAllLanes, value, 2);
}

// A tile in shared memory whose rows lie 8 elements further apart than they are long: rows that one instruction reads together
// fall into different banks.
template <int kColumns>
struct Tile {
  static constexpr int kStride = kColumns + 8;
  Bf16* data;

  __device__ Bf16* at(int row, int column) const { return data + row * kStride + column; }

  // The A fragment of rows [row, row + 16), columns [column, column + 16).
  __device__ void load_a(std::uint32_t (&a)[4], int row, int column) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarp, matrix = lane / 8;
    load_matrices(a, at(row + matrix % 2 * 8 + lane % 8, column + matrix / 2 * 8));
  }
  // B fragments for products with the tile transposed, b[k][n] = tile[n][k]: n in [row, row + 16), k in [column, column + 16).
  // b[0..1] is of the first eight n, b[2..3] of the next.
  __device__ void load_b_of_transposed(std::uint32_t (&b)[4], int row, int column) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarp, matrix = lane / 8;
    load_matrices(b, at(row + matrix / 2 * 8 + lane % 8, column + matrix % 2 * 8));
  }
  // B fragments b[k][n] = tile[k][n]: k in [row, row + 16), n in [column, column + 16), halves as above.
  __device__ void load_b(std::uint32_t (&b)[4], int row, int column) const {
    const int lane = static_cast<int>(threadIdx.x) % kWarp, matrix = lane / 8;
    load_matrices_transposed(b, at(row + matrix % 2 * 8 + lane % 8, column + matrix / 2 * 8));
  }

  // Starts the copy of rows [0, kRows) of `from`, whose rows lie `stride` apart; those from `count` on are zeros. By all threads.
  template <int kRows>
  __device__ void fetch(const Bf16* from, std::int64_t stride, std::int64_t count) const {
    constexpr int kChunks = kColumns / 8;
    for (int i = static_cast<int>(threadIdx.x); i < kRows * kChunks; i += static_cast<int>(blockDim.x)) {
      const int row = i / kChunks, column = i % kChunks * 8;
      const bool there = row < count;
      copy_async(at(row, column), from + (there ? row : 0) * stride + column, there);
    }
  }
};

}  // namespace cairn::cuda
