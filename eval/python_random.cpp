#include "eval/python_random.h"

#include <bit>
#include <cmath>
#include <numeric>
#include <unordered_set>

#include "base/error.h"

namespace cairn::eval {

// Matsumoto & Nishimura 1998; init_by_array of the reference implementation, as CPython calls it.
PythonRandom::PythonRandom(std::uint64_t seed) {
  state_[0] = 19650218U;
  for (std::uint32_t i = 1; i < 624; ++i) state_[i] = 1812433253U * (state_[i - 1] ^ (state_[i - 1] >> 30)) + i;
  std::vector<std::uint32_t> key{static_cast<std::uint32_t>(seed)};
  if (seed >> 32) key.push_back(static_cast<std::uint32_t>(seed >> 32));
  std::size_t i = 1;
  std::size_t j = 0;
  for (std::size_t k = 624; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1664525U)) + key[j] + static_cast<std::uint32_t>(j);
    if (++i == 624) {
      state_[0] = state_[623];
      i = 1;
    }
    if (++j == key.size()) j = 0;
  }
  for (std::size_t k = 623; k > 0; --k) {
    state_[i] = (state_[i] ^ ((state_[i - 1] ^ (state_[i - 1] >> 30)) * 1566083941U)) - static_cast<std::uint32_t>(i);
    if (++i == 624) {
      state_[0] = state_[623];
      i = 1;
    }
  }
  state_[0] = 0x80000000U;
}

void PythonRandom::refill() {
  for (std::size_t i = 0; i < 624; ++i) {
    const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % 624] & 0x7fffffffU);
    state_[i] = state_[(i + 397) % 624] ^ (y >> 1) ^ ((y & 1U) ? 0x9908b0dfU : 0U);
  }
  next_ = 0;
}

std::uint32_t PythonRandom::bits32() {
  if (next_ == 624) refill();
  std::uint32_t y = state_[next_++];
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680U;
  y ^= (y << 15) & 0xefc60000U;
  return y ^ (y >> 18);
}

std::int64_t PythonRandom::below(std::int64_t n) {
  const int width = std::bit_width(static_cast<std::uint64_t>(n));
  if (n < 1 || width > 32) fail("PythonRandom::below: {} is outside 1..2^32-1", n);
  std::uint32_t r;
  do {
    r = bits32() >> (32 - width);
  } while (r >= static_cast<std::uint64_t>(n));
  return r;
}

double PythonRandom::uniform() {
  const std::uint32_t a = bits32() >> 5;
  const std::uint32_t b = bits32() >> 6;
  return (a * 67108864.0 + b) / 9007199254740992.0;
}

// random.sample: a pool copy for small n, rejection with a set of used indices otherwise.
std::vector<std::int64_t> PythonRandom::sample(std::int64_t n, std::int64_t k) {
  if (k < 0 || k > n) fail("PythonRandom::sample: cannot draw {} of {}", k, n);
  std::vector<std::int64_t> picked;
  double set_size = 21;
  if (k > 5) set_size += std::pow(4, std::ceil(std::log(static_cast<double>(k) * 3) / std::log(4.0)));
  if (static_cast<double>(n) <= set_size) {
    std::vector<std::int64_t> pool(static_cast<std::size_t>(n));
    std::iota(pool.begin(), pool.end(), 0);
    for (std::int64_t i = 0; i < k; ++i) {
      const auto j = static_cast<std::size_t>(below(n - i));
      picked.push_back(pool[j]);
      pool[j] = pool[static_cast<std::size_t>(n - i - 1)];
    }
    return picked;
  }
  std::unordered_set<std::int64_t> used;
  for (std::int64_t i = 0; i < k; ++i) {
    std::int64_t j;
    do {
      j = below(n);
    } while (!used.insert(j).second);
    picked.push_back(j);
  }
  return picked;
}

}  // namespace cairn::eval
