// Hopper's barriers, copy engine and products of warpgroups (kernels/cuda/hopper.h) on the CPU, from the layouts that PTX
// documents: descriptors are decoded, and the swizzle is that of the address bits.
//
// A product is computed when it is waited for: what it reads must still be there, and its result is not there earlier. A copy
// comes at once, or, with late_copies(), when its barrier is waited for: memory that is given back too early, or read without a
// wait, shows. Registers and fences are not emulated.
#pragma once

// clang-format off
#include "tests/gpu/cuda_emulation_mma.h"
#include "kernels/cuda/hopper.h"
#include "kernels/cuda/turns.h"
// clang-format on

namespace cairn::emulation {

// Whether copies of the engine come at the latest moment instead of the earliest.
void late_copies(bool late);

void init_barrier(cuda::Barrier* barrier, int count);
void arrive(cuda::Barrier* barrier, unsigned bytes);
void wait(cuda::Barrier* barrier, unsigned parity);
void copy_tile(void* to, const cuda::TileMap& from, cuda::Barrier* barrier, int e, int t, int head, int b);
void copy_bytes(void* to, const void* from, unsigned bytes, cuda::Barrier* barrier);

unsigned shared_address(const void* in_shared);
// Where the depth of operands lies: along the rows of both, across those of b with a in registers, across those of both.
enum class Depth { along, across_b, across };
void multiply(int N, float* c, std::uint64_t a, const std::uint32_t* a_registers, std::uint64_t b, bool add, Depth depth);
void end_products();
void wait_products(int pending);

}  // namespace cairn::emulation

namespace cairn::cuda {

inline unsigned shared_address(const void* in_shared) {
  return emulation::shared_address(in_shared);
}
inline void init_barrier(Barrier* barrier, int count) {
  emulation::init_barrier(barrier, count);
}
inline void publish_barriers() {}
inline void arrive(Barrier* barrier) {
  emulation::arrive(barrier, 0);
  emulation::give_way();  // who waited for this may act before the thread goes on
}
inline void arrive_expecting(Barrier* barrier, unsigned bytes) {
  emulation::arrive(barrier, bytes);
}
inline void wait(Barrier* barrier, unsigned parity) {
  emulation::wait(barrier, parity);
}
inline void copy_tile(void* to, const TileMap& from, Barrier* barrier, int e, int t, int head, int b) {
  emulation::copy_tile(to, from, barrier, e, t, head, b);
}
inline void copy_bytes(void* to, const void* from, unsigned bytes, Barrier* barrier) {
  emulation::copy_bytes(to, from, bytes, barrier);
}
inline void meet(int name, int threads) {
  emulation::meet(name, static_cast<unsigned>(threads), true);
}
inline void announce(int name, int threads) {
  emulation::meet(name, static_cast<unsigned>(threads), false);
}
inline float exp2_fast(float x) {
  return std::exp2(x);
}
template <int kCount>
void give_back_registers() {}
template <int kCount>
void take_registers() {}
inline void begin_products() {}
inline void end_products() {
  emulation::end_products();
}
template <int kPending>
void wait_products() {
  emulation::wait_products(kPending);
}
template <int kCount>
void settle(float (&)[kCount]) {}
inline void finish_before_this(float*, float) {}

template <int N>
void multiply_shared(float (&c)[N / 2], std::uint64_t a, std::uint64_t b, bool add) {
  emulation::multiply(N, c, a, nullptr, b, add, emulation::Depth::along);
}
template <int N>
void multiply_registers(float (&c)[N / 2], const std::uint32_t (&a)[4], std::uint64_t b, bool add) {
  emulation::multiply(N, c, 0, a, b, add, emulation::Depth::across_b);
}
template <int N>
void multiply_turned(float (&c)[N / 2], std::uint64_t a, std::uint64_t b, bool add) {
  emulation::multiply(N, c, a, nullptr, b, add, emulation::Depth::across);
}
inline void show_to_products() {}

inline void wait_for(const int* next, int turn) {
  emulation::wait_until([=] { return *next == turn; });
}
inline void pass_on(int* next, int turn) {
  *next = turn;
}
inline void add_four(Four* to, const Four& values) {
  for (int i = 0; i < 4; ++i) to->at[i] += values.at[i];
}
inline Four load_four(const Four* from) {
  return *from;
}

}  // namespace cairn::cuda
