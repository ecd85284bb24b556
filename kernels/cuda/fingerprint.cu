#include "kernels/cuda/fingerprint.h"

#include "kernels/cuda/launch.h"

namespace cairn::cuda {
namespace {

constexpr int kThreads = 256;
constexpr std::size_t kPerThread = 32;  // words

// SplitMix64 (Steele et al. 2014) of a word and its place. The sum of all of them does not depend on an order.
__device__ inline std::uint64_t mixed(std::uint64_t word, std::uint64_t place) {
  std::uint64_t z = (place + 1) * 0x9e3779b97f4a7c15u + word * 0xd1342543de82ef95u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

__global__ void fingerprint_kernel(unsigned long long* sum, const std::uint32_t* words, std::size_t count,
                                   const std::uint8_t* rest, std::size_t rest_count) {
  std::uint64_t mine = 0;
  for (std::size_t k = 0; k < kPerThread; ++k) {
    const std::size_t i = (blockIdx.x * kPerThread + k) * kThreads + threadIdx.x;
    if (i < count) mine += mixed(words[i], i);
  }
  if (blockIdx.x == 0 && threadIdx.x < rest_count) mine += mixed(rest[threadIdx.x], ~std::uint64_t{threadIdx.x});
  atomicAdd(sum, static_cast<unsigned long long>(mine));
}

__global__ void clear_kernel(unsigned long long* sum) {
  *sum = 0;
}

}  // namespace

std::uint64_t fingerprint(const Queue& queue, const void* data, std::size_t bytes) {
  auto* sum = queue.scratch<unsigned long long>(1);
  const std::size_t words = bytes / 4;
  launch(clear_kernel, 1, 1, 0, queue.stream(), sum);
  launch(fingerprint_kernel, blocks_for(static_cast<std::int64_t>(words) + 1, kThreads * static_cast<std::int64_t>(kPerThread)),
         kThreads, 0, queue.stream(), sum, static_cast<const std::uint32_t*>(data), words,
         static_cast<const std::uint8_t*>(data) + 4 * words, bytes % 4);
  unsigned long long result = 0;
  queue.read(&result, sum, sizeof result);
  return result;
}

}  // namespace cairn::cuda
