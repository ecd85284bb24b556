// Philox-4x32-10 on the device; the same numbers as base/random.h.
#pragma once

#include "kernels/cuda/platform.h"

namespace cairn::cuda {

struct Philox {
  unsigned at[4];
};

__device__ inline Philox philox4x32_10(Philox counter, unsigned key_low, unsigned key_high) {
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned high0 = __umulhi(0xd2511f53u, counter.at[0]), low0 = 0xd2511f53u * counter.at[0];
    const unsigned high1 = __umulhi(0xcd9e8d57u, counter.at[2]), low1 = 0xcd9e8d57u * counter.at[2];
    counter = {high1 ^ counter.at[1] ^ key_low, low1, high0 ^ counter.at[3] ^ key_high, low0};
    key_low += 0x9e3779b9u;
    key_high += 0xbb67ae85u;
  }
  return counter;
}

}  // namespace cairn::cuda
