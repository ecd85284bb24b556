#include "base/random.h"

#include <bit>
#include <cmath>

#include "base/error.h"
#include "base/hash.h"

namespace cairn {
namespace {

constexpr double kTwoToMinus53 = 0x1p-53;

std::uint64_t join(std::uint32_t low, std::uint32_t high) {
  return static_cast<std::uint64_t>(high) << 32 | low;
}

// ln(x) for 0 < x <= 1, within 2 ulp. Written out in plain multiplications and additions because libm picks its variant, and with
// it the last bit, by instruction set, while a model's initial weights should be the same on every machine.
double plain_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // exact
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  // ln(m) = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172: the series' next term is below 2^-60.
  const double s = (mantissa - 1) / (mantissa + 1);
  const double s2 = s * s;
  double sum = 0;
  for (int k = 23; k >= 3; k -= 2) sum = (sum + 1.0 / k) * s2;
  constexpr double kLn2High = 0x1.62e42fefa3800p-1;
  constexpr double kLn2Low = 0x1.ef35793c76730p-45;
  return exponent * kLn2High + (exponent * kLn2Low + 2 * (s + s * sum));
}

// cos(2 pi u) for 0 <= u < 1, likewise plain.
double plain_cos_turns(double u) {
  if (u > 0.5) u = 1 - u;  // cos is even and has period 1; exact for multiples of 2^-53
  double sign = 1;
  if (u > 0.25) {
    u = 0.5 - u;
    sign = -1;
  }
  constexpr double kTwoPi = 6.283185307179586477;
  const bool use_sine = u > 0.125;  // cos(2 pi u) = sin(2 pi (1/4 - u))
  const double angle = kTwoPi * (use_sine ? 0.25 - u : u);
  const double a2 = angle * angle;
  // Taylor, argument at most pi/4; the next term is below 2^-58.
  double sum = 1;
  for (int k = use_sine ? 17 : 18; k >= 2; k -= 2) sum = 1 - a2 / (k * (k - 1.0)) * sum;
  return sign * (use_sine ? angle * sum : sum);
}

}  // namespace

Random::Random(std::uint64_t seed, std::string_view purpose)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}, purpose_(0) {
  const Digest digest = sha256(purpose);
  for (std::size_t i = 0; i < 8; ++i) purpose_ |= static_cast<std::uint64_t>(digest.bytes[i]) << (8 * i);
}

PhiloxCounter Random::block(std::uint64_t index) const {
  return philox4x32_10({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                        static_cast<std::uint32_t>(purpose_), static_cast<std::uint32_t>(purpose_ >> 32)},
                       key_);
}

std::uint64_t Random::bits(std::uint64_t index) const {
  const PhiloxCounter words = block(index);
  return join(words[0], words[1]);
}

double Random::uniform(std::uint64_t index) const {
  return static_cast<double>(bits(index) >> 11) * kTwoToMinus53;
}

double Random::normal(std::uint64_t index) const {
  const PhiloxCounter words = block(index);
  const double radius_uniform = static_cast<double>((join(words[0], words[1]) >> 11) + 1) * kTwoToMinus53;  // (0, 1]
  const double turn = static_cast<double>(join(words[2], words[3]) >> 11) * kTwoToMinus53;                  // [0, 1)
  return std::sqrt(-2 * plain_log(radius_uniform)) * plain_cos_turns(turn);
}

std::uint64_t Random::below(std::uint64_t index, std::uint64_t n) const {
  if (n == 0) fail("random number below 0 asked for");
  __extension__ using uint128 = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<uint128>(bits(index)) * n) >> 64);
}

}  // namespace cairn
