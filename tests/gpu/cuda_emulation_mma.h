// The warp-wide instructions of kernels/cuda/mma.h on the CPU, from the fragment layouts that PTX documents.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

// clang-format off
#include "tests/gpu/cuda_emulation.h"
// After the names that it is written in.
#include "kernels/cuda/numbers.h"
// clang-format on

namespace cairn::cuda {

namespace emulated {

struct Fragments {
  const std::uint32_t* a;
  std::uint32_t b[2];
};

inline float half_of(std::uint32_t pair, int which) {
  return std::bit_cast<float>((which ? pair >> 16 : pair & 0xffffu) << 16);
}

// What each lane gives, seen by all until the second barrier.
template <typename T>
std::array<const T*, 32> gather(const T& mine) {
  std::array<const T*, 32> all{};
  emulation::publish(reinterpret_cast<std::uintptr_t>(&mine));
  for (int lane = 0; lane < 32; ++lane)
    all[static_cast<std::size_t>(lane)] = reinterpret_cast<const T*>(emulation::published(lane));
  return all;
}

}  // namespace emulated

inline void mma_m16n8k16(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  const emulated::Fragments mine{a, {b0, b1}};
  const auto all = emulated::gather(mine);
  const int lane = emulation::lane();
  float sums[4];
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
    float sum = c[i];
    for (int k = 0; k < 16; ++k) {
      const emulated::Fragments& of_a = *all[static_cast<std::size_t>(row % 8 * 4 + k % 8 / 2)];
      const emulated::Fragments& of_b = *all[static_cast<std::size_t>(column * 4 + k % 8 / 2)];
      sum += emulated::half_of(of_a.a[row / 8 + k / 8 * 2], k % 2) * emulated::half_of(of_b.b[k / 8], k % 2);
    }
    sums[i] = sum;
  }
  emulation::warp_barrier();
  std::memcpy(c, sums, sizeof sums);
}

inline void load_matrices(std::uint32_t (&r)[4], const Bf16* row) {
  const auto all = emulated::gather(*row);
  const int lane = emulation::lane();
  for (int matrix = 0; matrix < 4; ++matrix)
    std::memcpy(&r[matrix], all[static_cast<std::size_t>(matrix * 8 + lane / 4)] + lane % 4 * 2, sizeof r[matrix]);
  emulation::warp_barrier();
}

inline void load_matrices_transposed(std::uint32_t (&r)[4], const Bf16* row) {
  const auto all = emulated::gather(*row);
  const int lane = emulation::lane();
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto element = [&](int i) { return std::uint32_t{all[static_cast<std::size_t>(matrix * 8 + i)][lane / 4].bits}; };
    r[matrix] = element(lane % 4 * 2) | element(lane % 4 * 2 + 1) << 16;
  }
  emulation::warp_barrier();
}

inline void copy_async(void* shared, const void* global, bool there) {
  if (there) {
    std::memcpy(shared, global, 16);
  } else {
    std::memset(shared, 0, 16);
  }
}
inline void commit_copies() {}
template <int kPending>
void wait_copies() {}

}  // namespace cairn::cuda
