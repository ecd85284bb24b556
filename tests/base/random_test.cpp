#include "base/random.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("philox4x32-10: the published vectors (Random123 kat_vectors)") {
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) == PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) == PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random: a value depends on seed, purpose and index, and on nothing else") {
  const Random a(7, "init");
  CHECK(a.bits(5) == Random(7, "init").bits(5));
  CHECK(a.bits(5) != a.bits(6));
  CHECK(a.bits(5) != Random(8, "init").bits(5));
  CHECK(a.bits(5) != Random(7, "dropout").bits(5));
  CHECK(a.bits(5) != Random(7 + (std::uint64_t{1} << 32), "init").bits(5));
  CHECK(a.bits(5) != a.bits(5 + (std::uint64_t{1} << 32)));
  CHECK(a.block(5)[0] == static_cast<std::uint32_t>(a.bits(5)));
}

TEST_CASE("random: the streams are what they were (checkpoints and sample orders depend on them)") {
  const Random random(42, "sample");
  CHECK(random.bits(0) == 0x5fdd46c81a847379u);
  CHECK(random.bits(123456789012345) == 0xdd7a96886dc3fd52u);
  CHECK(random.uniform(1) == 0x1.57b0faf11ee4p-1);
  CHECK(random.normal(2) == -0x1.a2f62a2b4029fp-2);
  CHECK(random.below(3, 1000) == 755);
}

TEST_CASE("random: uniform is in [0, 1) with the moments of the uniform distribution") {
  const Random random(1, "moments");
  constexpr int kCount = 400'000;
  double sum = 0, squares = 0;
  std::vector<int> bins(64);
  for (int i = 0; i < kCount; ++i) {
    const double u = random.uniform(static_cast<std::uint64_t>(i));
    REQUIRE(u >= 0);
    REQUIRE(u < 1);
    sum += u;
    squares += u * u;
    ++bins[static_cast<std::size_t>(u * 64)];
  }
  CHECK(std::abs(sum / kCount - 0.5) < 4 * std::sqrt(1.0 / 12 / kCount));
  CHECK(std::abs(squares / kCount - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / kCount));
  double chi_squared = 0;
  for (const int count : bins) chi_squared += (count - kCount / 64.0) * (count - kCount / 64.0) / (kCount / 64.0);
  CHECK(chi_squared < 114);  // 63 degrees of freedom: above this once in 10^4
}

TEST_CASE("random: normal has the moments and tails of N(0, 1) and is Box-Muller of its block") {
  const Random random(1, "normal");
  constexpr int kCount = 400'000;
  double sums[5] = {};
  int beyond2 = 0, beyond4 = 0;
  double worst = 0;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.normal(static_cast<std::uint64_t>(i));
    for (int k = 1; k <= 4; ++k) sums[k] += std::pow(x, k);
    beyond2 += std::abs(x) > 2;
    beyond4 += std::abs(x) > 4;
    const PhiloxCounter words = random.block(static_cast<std::uint64_t>(i));
    const double u = std::ldexp(static_cast<double>(((std::uint64_t{words[1]} << 32 | words[0]) >> 11) + 1), -53);
    const double v = std::ldexp(static_cast<double>((std::uint64_t{words[3]} << 32 | words[2]) >> 11), -53);
    const double exact = static_cast<double>(std::sqrt(-2 * std::log(static_cast<long double>(u))) *
                                             std::cos(6.283185307179586476925286766559L * static_cast<long double>(v)));
    worst = std::max(worst, std::abs(x - exact));
  }
  CHECK(std::abs(sums[1] / kCount) < 4 / std::sqrt(kCount));
  CHECK(std::abs(sums[2] / kCount - 1) < 4 * std::sqrt(2.0 / kCount));
  CHECK(std::abs(sums[3] / kCount) < 4 * std::sqrt(15.0 / kCount));
  CHECK(std::abs(sums[4] / kCount - 3) < 4 * std::sqrt(96.0 / kCount));
  CHECK(std::abs(beyond2 / double{kCount} - 0.0455) < 0.0014);
  CHECK(beyond4 > 8);
  CHECK(beyond4 < 48);
  CHECK(worst < 4e-15);
}

TEST_CASE("random: below covers [0, n) evenly, also for large n, and 0 is refused") {
  const Random random(3, "below");
  std::vector<int> counts(7);
  for (std::uint64_t i = 0; i < 70'000; ++i) ++counts[random.below(i, 7)];
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 400);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    CHECK(random.below(i, 1) == 0);
    CHECK(random.below(i, ~std::uint64_t{0}) < ~std::uint64_t{0});
  }
  CHECK(error_of([&] { random.below(0, 0); }) != "");
}
