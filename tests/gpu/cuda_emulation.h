// CUDA's names on the CPU, so that plain kernels run in every test (DESIGN.md §4). Included by the build before the kernel file.
//
// The threads of a block are fibers that run one after another and change places at barriers and shuffles alone; blocks run one
// after another. Indexing, reductions, masks and the use of shared memory are what this can show; races, memory order and tensor
// cores are not. A barrier that some thread of the block (or of the warp) never reaches is an Error instead of a hang.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after another in one thread: one instance is every block's own
#define __align__(n) alignas(n)
#define __grid_constant__
#define CAIRN_DYNAMIC_SHARED(type, name) type* const name = static_cast<type*>(::cairn::emulation::dynamic_shared())

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};
struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x_size = 1, unsigned y_size = 1, unsigned z_size = 1) : x(x_size), y(y_size), z(z_size) {}
};

namespace cairn::emulation {

struct Place {  // of the thread that runs
  uint3 thread, block;
  dim3 block_size, grid_size;
};
const Place& place();
void* dynamic_shared();  // at a multiple of 1024
void block_barrier();
void warp_barrier();
// Until the condition holds; an Error when no thread of the block can go on and it does not.
void wait_until(const std::function<bool()>& condition);
// Warpgroups go on at uneven speed, by draws from `seed`; 0: evenly. What one should wait for then shows.
void uneven(std::uint64_t seed);
void give_way();  // all other threads that can go on do so first
// `threads` threads of the block meet under a name; those that only announce themselves do not wait.
void meet(int name, unsigned threads, bool waits);
unsigned thread_index();       // in the block
std::uint64_t block_number();  // of all blocks that ran
// Every lane of the warp gives a value and gets that of lane `source`, both at most 8 bytes.
std::uint64_t exchange(std::uint64_t value, int source);
int lane();
// Shows a value to the warp's other lanes, and waits for theirs. Valid until the next warp_barrier().
void publish(std::uint64_t value);
std::uint64_t published(int lane);

// What surrounds each launch, where the stream is one: how a test lets kernels alone reach a device's memory.
class Fence {
 public:
  virtual ~Fence() = default;
  virtual void open() = 0;
  virtual void close() = 0;
  // Takes the work instead of its being done now, while work is recorded.
  virtual bool take(std::function<void()> work) = 0;
};
class Opened {
 public:
  explicit Opened(Fence* fence) : fence_(fence) {
    if (fence_) fence_->open();
  }
  ~Opened() {
    if (fence_) fence_->close();
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  Fence* fence_;
};

void run_grid(dim3 grid, dim3 block, std::size_t shared, const std::function<void()>& kernel);

template <typename T>
T exchange_value(T value, int source) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = exchange(bits, source);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace cairn::emulation

#define threadIdx (::cairn::emulation::place().thread)
#define blockIdx (::cairn::emulation::place().block)
#define blockDim (::cairn::emulation::place().block_size)
#define gridDim (::cairn::emulation::place().grid_size)

inline void __syncthreads() {
  cairn::emulation::block_barrier();
}
inline void __syncwarp(unsigned = 0xffffffffu) {
  cairn::emulation::warp_barrier();
}
template <typename T>
T __shfl_xor_sync(unsigned, T value, int mask) {
  return cairn::emulation::exchange_value(value, cairn::emulation::lane() ^ mask);
}
inline unsigned __float_as_uint(float value) {
  return std::bit_cast<unsigned>(value);
}
inline float __uint_as_float(unsigned bits) {
  return std::bit_cast<float>(bits);
}
inline float rsqrtf(float value) {
  return 1.0f / std::sqrt(value);
}
inline unsigned long long atomicAdd(unsigned long long* at, unsigned long long value) {
  const unsigned long long before = *at;
  *at += value;
  return before;
}
inline int atomicAdd(int* at, int value) {
  const int before = *at;
  *at += value;
  return before;
}
inline int atomicMax(int* at, int value) {
  const int before = *at;
  *at = value > before ? value : before;
  return before;
}
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>((std::uint64_t{a} * b) >> 32);
}

namespace cairn::cuda {

template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared, void* stream, Arguments... arguments) {
  auto* fence = static_cast<emulation::Fence*>(stream);
  const auto run = [=] {
    const emulation::Opened opened(fence);
    emulation::run_grid(grid, block, shared, [&] { kernel(static_cast<Parameters>(arguments)...); });
  };
  if (fence == nullptr || !fence->take(run)) run();
}

}  // namespace cairn::cuda
