#include "tests/gpu/cuda_emulation_hopper.h"

#include <algorithm>
#include <deque>
#include <map>
#include <vector>

#include "base/error.h"

namespace cairn::emulation {
namespace {

using Copy = std::function<void()>;

// What a barrier's 8 bytes stand for. Kept beside them, and made anew by init_barrier().
struct BarrierState {
  unsigned count = 0, missing = 0, phase = 0;
  std::int64_t bytes = 0;  // expected, less those that came
  std::vector<Copy> on_their_way;

  void advance() {
    if (missing > 0 || bytes != 0) return;
    phase ^= 1;
    missing = count;
  }
};

// A tile of a strided tensor of bfloat16, in a TileMap.
struct Tiles {
  const unsigned char* data;
  std::int64_t sizes[4], strides[4];  // B, T, heads, E; strides in elements
  int rows;
};

struct Product {
  int N;
  float* c;
  std::uint64_t a, b;
  std::uint32_t registers[4];
  bool add;
  Depth depth;
};

// Of one thread: groups of products that were begun and not waited for; the last is still open.
struct Begun {
  std::deque<std::vector<Product>> groups;
  std::vector<Product> open;
};

struct Memory {
  std::uint64_t block = 0;
  std::map<const cuda::Barrier*, BarrierState> barriers;
  std::map<unsigned, Begun> begun;  // by thread
};

thread_local bool copies_are_late = false;

Memory& memory() {
  static thread_local Memory instance;
  if (instance.block != block_number()) instance = {block_number(), {}, {}};  // nothing is left of the block before
  return instance;
}

BarrierState& state_of(cuda::Barrier* barrier) {
  const auto found = memory().barriers.find(barrier);
  if (found == memory().barriers.end()) fail("CUDA emulation: a barrier that was not initialised");
  return found->second;
}

void come(BarrierState& state, unsigned bytes, const Copy& copy) {
  const auto done = [&state, bytes, copy] {
    copy();
    state.bytes -= bytes;
    state.advance();
  };
  if (copies_are_late) {
    state.on_their_way.push_back(done);
  } else {
    done();
  }
}

// The 16-byte pieces of a row are permuted by the row's number: bits 4-6 of the address by bits 7-9.
unsigned swizzled(unsigned address) {
  return address ^ (address >> 7 & 7u) << 4;
}

// An operand in shared memory as its descriptor says.
struct Operand {
  explicit Operand(std::uint64_t d)
      : address(static_cast<unsigned>(d & 0x3fff) << 4),
        leading(static_cast<unsigned>(d >> 16 & 0x3fff) << 4),
        stride(static_cast<unsigned>(d >> 32 & 0x3fff) << 4) {
    if (d >> 62 != 1 || (d >> 49 & 7) != 0) fail("CUDA emulation: a descriptor that is not of 128-byte swizzle");
  }
  // Row i of the operand whose 16 columns of depth lie along memory's rows.
  float along(int i, int depth) const {
    return at(address + static_cast<unsigned>(i / 8) * stride + static_cast<unsigned>(i % 8 * 128 + depth * 2));
  }
  // Column i of the operand of 16 rows in memory.
  float across(int i, int depth) const {
    return at(address + static_cast<unsigned>(i / 64) * leading + static_cast<unsigned>(depth / 8) * stride +
              static_cast<unsigned>(depth % 8 * 128 + i % 64 * 2));
  }
  static float at(unsigned unswizzled) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, static_cast<const unsigned char*>(dynamic_shared()) + swizzled(unswizzled), sizeof bits);
    return std::bit_cast<float>(std::uint32_t{bits} << 16);
  }
  unsigned address, leading, stride;
};

// By one thread for its warpgroup, whose threads have the same products in their lists.
void compute(unsigned first_thread, std::size_t group, std::size_t which) {
  const auto of = [&](int thread) -> const Product& {
    return memory().begun.at(first_thread + static_cast<unsigned>(thread)).groups[group].at(which);
  };
  const Product& product = of(0);
  const int N = product.N;
  std::vector<float> a(64 * 16), b(static_cast<std::size_t>(16 * N));
  for (int row = 0; row < 64; ++row) {
    for (int k = 0; k < 16; ++k) {
      float value = 0;
      if (product.depth == Depth::across_b) {
        const Product& holder = of(row / 16 * 32 + row % 8 * 4 + k % 8 / 2);
        value = cuda::emulated::half_of(holder.registers[row % 16 / 8 + k / 8 * 2], k % 2);
      } else {
        value = product.depth == Depth::along ? Operand(product.a).along(row, k) : Operand(product.a).across(row, k);
      }
      a[static_cast<std::size_t>(row * 16 + k)] = value;
    }
  }
  const Operand right(product.b);
  for (int k = 0; k < 16; ++k) {
    for (int n = 0; n < N; ++n)
      b[static_cast<std::size_t>(k * N + n)] = product.depth == Depth::along ? right.along(n, k) : right.across(n, k);
  }
  std::vector<float> sums(static_cast<std::size_t>(N));
  for (int row = 0; row < 64; ++row) {
    std::fill(sums.begin(), sums.end(), 0.0f);
    for (int k = 0; k < 16; ++k) {
      const float left = a[static_cast<std::size_t>(row * 16 + k)];
      const float* values = b.data() + k * N;
      for (int n = 0; n < N; ++n) sums[static_cast<std::size_t>(n)] += left * values[n];
    }
    for (int n = 0; n < N; ++n) {
      const Product& holder = of(row / 16 * 32 + row % 8 * 4 + n % 8 / 2);
      float& c = holder.c[n / 8 * 4 + row % 16 / 8 * 2 + n % 2];
      c = (product.add ? c : 0.0f) + sums[static_cast<std::size_t>(n)];
    }
  }
}

}  // namespace

void late_copies(bool late) {
  copies_are_late = late;
}

unsigned shared_address(const void* in_shared) {
  return static_cast<unsigned>(static_cast<const unsigned char*>(in_shared) - static_cast<unsigned char*>(dynamic_shared()));
}

void init_barrier(cuda::Barrier* barrier, int count) {
  const unsigned threads = static_cast<unsigned>(count);
  memory().barriers[barrier] = {threads, threads, 0, 0, {}};
}

void arrive(cuda::Barrier* barrier, unsigned bytes) {
  BarrierState& state = state_of(barrier);
  if (state.missing == 0) fail("CUDA emulation: more threads arrive at a barrier than it counts");
  state.bytes += bytes;
  --state.missing;
  state.advance();
}

void wait(cuda::Barrier* barrier, unsigned parity) {
  wait_until([&state = state_of(barrier), parity] {
    const std::vector<Copy> coming = std::exchange(state.on_their_way, {});
    for (const Copy& copy : coming) copy();
    return state.phase != parity;
  });
}

void copy_tile(void* to, const cuda::TileMap& from, cuda::Barrier* barrier, int e, int t, int head, int b) {
  if (shared_address(to) % 1024 != 0) fail("CUDA emulation: a tile at {}, which is no multiple of 1024", shared_address(to));
  Tiles tiles{};
  std::memcpy(&tiles, &from, sizeof tiles);
  come(state_of(barrier), static_cast<unsigned>(tiles.rows) * 128, [=] {
    for (int row = 0; row < tiles.rows; ++row) {
      for (int column = 0; column < 64; ++column) {
        std::uint16_t value = 0;
        const bool inside = t + row < tiles.sizes[1] && t + row >= 0 && e + column < tiles.sizes[3] && head < tiles.sizes[2] &&
                            b < tiles.sizes[0];
        if (inside) {
          const std::int64_t at = b * tiles.strides[0] + (t + row) * tiles.strides[1] + head * tiles.strides[2] + e + column;
          std::memcpy(&value, tiles.data + at * 2, sizeof value);
        }
        const unsigned place = swizzled(shared_address(to) + static_cast<unsigned>(row * 128 + column * 2));
        std::memcpy(static_cast<unsigned char*>(dynamic_shared()) + place, &value, sizeof value);
      }
    }
  });
}

void copy_bytes(void* to, const void* from, unsigned bytes, cuda::Barrier* barrier) {
  if (shared_address(to) % 16 != 0 || bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(from) % 16 != 0)
    fail("CUDA emulation: a copy of {} bytes that is not aligned to 16", bytes);
  come(state_of(barrier), bytes, [=] { std::memcpy(to, from, bytes); });
}

void multiply(int N, float* c, std::uint64_t a, const std::uint32_t* a_registers, std::uint64_t b, bool add, Depth depth) {
  Product product{N, c, a, b, {}, add, depth};
  if (a_registers) std::copy_n(a_registers, 4, product.registers);
  memory().begun[thread_index()].open.push_back(product);
}

void end_products() {
  Begun& mine = memory().begun[thread_index()];
  mine.groups.push_back(std::exchange(mine.open, {}));
}

void wait_products(int pending) {
  const unsigned first = thread_index() / 128 * 128;
  const int name = 1000 + static_cast<int>(first);  // beside the kernel's own
  meet(name, 128, true);
  Begun& mine = memory().begun[thread_index()];
  if (thread_index() == first) {
    for (std::size_t group = 0; group + static_cast<std::size_t>(pending) < mine.groups.size(); ++group) {
      for (std::size_t which = 0; which < mine.groups[group].size(); ++which) compute(first, group, which);
    }
  }
  meet(name, 128, true);
  while (mine.groups.size() > static_cast<std::size_t>(pending)) mine.groups.pop_front();
  meet(name, 128, true);
}

}  // namespace cairn::emulation

namespace cairn::cuda {

bool on_hopper() {
  return true;
}

TileMap tile_map(const Tensor& tensor, int rows) {
  emulation::Tiles tiles{static_cast<const unsigned char*>(tensor.data), {}, {}, rows};
  for (std::size_t i = 0; i < 4; ++i) {
    tiles.sizes[i] = tensor.shape[i];
    tiles.strides[i] = tensor.strides[i];
  }
  TileMap map{};
  static_assert(sizeof tiles <= sizeof map);
  std::memcpy(&map, &tiles, sizeof tiles);
  return map;
}

}  // namespace cairn::cuda
