// What Hopper computes and copies with: barriers in shared memory, the copy engine, products of a warpgroup (four warps). Thin
// names over PTX (ISA 8.0, sections "mbarrier", "cp.async.bulk", "wgmma.mma_async", "setmaxnreg"). Under emulation
// tests/gpu/cuda_emulation_hopper.h defines them from the same layouts: a product is computed when it is waited for, a copy at
// once or when its barrier is waited for, so that a wait that is missing, or comes too late, shows in the numbers.
//
// Fragments of a warpgroup, warp w holding rows [16 w, 16 w + 16), lane l:
//   A [64 x 16]  a[r]: row l/4 + 8 (r % 2), columns 2 (l % 4) + 8 (r / 2) and the next: that of mma.h
//   C [64 x N]   c[4 n + i]: row l/4 + 8 (i / 2), column 8 n + 2 (l % 4) + i % 2
// Operands in shared memory are named by the descriptors of panels.h.
#pragma once

#include <cstdint>

#include "kernels/cuda/numbers.h"
#include "kernels/cuda/tile_map.h"

namespace cairn::cuda {

// Products of a warpgroup exist on 9.0 alone, not on what comes later; there, kernels that are made of them are empty and
// kernels/cuda/attention.cpp does not choose them.
#if !defined(__CUDACC__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
inline constexpr bool kHopper = true;
#else
inline constexpr bool kHopper = false;
#endif

inline constexpr int kWarpgroup = 128;

// In shared memory, 8 bytes aligned. A phase ends when `count` threads have arrived and all bytes that were expected have come.
struct Barrier {
  std::uint64_t word;
};

// Accumulators += or = a b, a [64 x 16] and b [16 x N] in bfloat16, sums in float32. Asynchronous: between begin_products() and
// end_products(); results are there after wait_products(). b's N rows of 16 lie along its rows in memory.
template <int N>
__device__ void multiply_shared(float (&c)[N / 2], std::uint64_t a, std::uint64_t b, bool add);
// The same with a in registers, and b as 16 rows of N in memory.
template <int N>
__device__ void multiply_registers(float (&c)[N / 2], const std::uint32_t (&a)[4], std::uint64_t b, bool add);
// Both in memory, a as 16 rows of 64, b as 16 rows of N.
template <int N>
__device__ void multiply_turned(float (&c)[N / 2], std::uint64_t a, std::uint64_t b, bool add);

#if defined(__CUDACC__)

__device__ inline unsigned shared_address(const void* in_shared) {
  return static_cast<unsigned>(__cvta_generic_to_shared(in_shared));
}

__device__ inline void init_barrier(Barrier* barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(count) : "memory");
}
// After the initialisations, before the block meets: the copy engine sees them.
__device__ inline void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async.shared::cta;" ::: "memory");
}
__device__ inline void arrive(Barrier* barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}
// Arrives, and the phase waits for so many bytes more.
__device__ inline void arrive_expecting(Barrier* barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
}
// Until the phase of this parity has ended. The phase before the first counts as one of parity 1 that has.
__device__ inline void wait(Barrier* barrier, unsigned parity) {
  unsigned done = 0;
  while (!done) {
    asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}\n"
                 : "=r"(done)
                 : "r"(shared_address(barrier)), "r"(parity)
                 : "memory");
  }
}

// A tile to shared memory (1024 bytes aligned): its first row t and column e of a head. By one thread.
__device__ inline void copy_tile(void* to, const TileMap& from, Barrier* barrier, int e, int t, int head, int b) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2];" ::"r"(
          shared_address(to)),
      "l"(&from), "r"(shared_address(barrier)), "r"(e), "r"(t), "r"(head), "r"(b)
      : "memory");
}
// Bytes to shared memory; addresses and size are multiples of 16. By one thread.
__device__ inline void copy_bytes(void* to, const void* from, unsigned bytes, Barrier* barrier) {
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared_address(to)),
      "l"(from), "r"(bytes), "r"(shared_address(barrier))
      : "memory");
}

// Meetings of some of the block's warps: `threads` in all, of which those that only announce themselves do not wait.
__device__ inline void meet(int name, int threads) {
  asm volatile("bar.sync %0, %1;" ::"r"(name), "r"(threads) : "memory");
}
__device__ inline void announce(int name, int threads) {
  asm volatile("bar.arrive %0, %1;" ::"r"(name), "r"(threads) : "memory");
}

__device__ inline float exp2_fast(float x) {  // 2^-22 relative
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// Registers of each thread of this warpgroup from here on: others' were given back before more are taken.
template <int kCount>
__device__ void give_back_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kCount));
}
template <int kCount>
__device__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kCount));
}

// After a thread wrote to shared memory what products read, before a barrier of those that wrote.
__device__ inline void show_to_products() {
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}
// Before products whose registers were written by other instructions.
__device__ inline void begin_products() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
__device__ inline void end_products() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
// Until at most `kPending` of the newest groups of products are under way.
template <int kPending>
__device__ void wait_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}
// After the wait: accumulators are read from here on, not earlier.
template <int kCount>
__device__ void settle(float (&c)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(c[i])::"memory");
}

// Writes a number to shared memory, where nobody reads it: what it is computed from comes before the next wait. ptxas moves
// arithmetic behind a wait, where nothing runs beside it, but not stores.
__device__ inline void finish_before_this(float* nowhere, float number) {
  asm volatile("st.shared.f32 [%0], %1;" ::"r"(shared_address(nowhere)), "f"(number) : "memory");
}

#define CAIRN_EIGHT(i) \
  "+f"(c[i]), "+f"(c[i + 1]), "+f"(c[i + 2]), "+f"(c[i + 3]), "+f"(c[i + 4]), "+f"(c[i + 5]), "+f"(c[i + 6]), "+f"(c[i + 7])

// clang-format off
template <>
__device__ inline void multiply_shared<64>(float (&c)[32], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
      "}, %32, %33, p, 1, 1, 0, 0;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8), CAIRN_EIGHT(16), CAIRN_EIGHT(24)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
template <>
__device__ inline void multiply_registers<64>(float (&c)[32], const std::uint32_t (&a)[4], std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %37, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
      "}, {%32, %33, %34, %35}, %36, p, 1, 1, 1;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8), CAIRN_EIGHT(16), CAIRN_EIGHT(24)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)));
}
template <>
__device__ inline void multiply_shared<128>(float (&c)[64], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %66, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
      "}, %64, %65, p, 1, 1, 0, 0;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8), CAIRN_EIGHT(16), CAIRN_EIGHT(24), CAIRN_EIGHT(32), CAIRN_EIGHT(40), CAIRN_EIGHT(48), CAIRN_EIGHT(56)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
template <>
__device__ inline void multiply_registers<128>(float (&c)[64], const std::uint32_t (&a)[4], std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %69, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
      "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
      "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
      "}, {%64, %65, %66, %67}, %68, p, 1, 1, 1;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8), CAIRN_EIGHT(16), CAIRN_EIGHT(24), CAIRN_EIGHT(32), CAIRN_EIGHT(40), CAIRN_EIGHT(48), CAIRN_EIGHT(56)
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(static_cast<int>(add)));
}
template <>
__device__ inline void multiply_turned<32>(float (&c)[16], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %18, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n32k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
      "}, %16, %17, p, 1, 1, 1, 1;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
template <>
__device__ inline void multiply_turned<64>(float (&c)[32], std::uint64_t a, std::uint64_t b, bool add) {
  asm volatile(
      "{\n.reg .pred p;\nsetp.ne.b32 p, %34, 0;\n"
      "wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 {"
      "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
      "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
      "}, %32, %33, p, 1, 1, 1, 1;\n}\n"
      : CAIRN_EIGHT(0), CAIRN_EIGHT(8), CAIRN_EIGHT(16), CAIRN_EIGHT(24)
      : "l"(a), "l"(b), "r"(static_cast<int>(add)));
}
// clang-format on
#undef CAIRN_EIGHT
#endif

}  // namespace cairn::cuda
