#include "engine/train/rounding.h"

#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

Tensor view(std::vector<float>& values) {
  return Tensor(values.data(), Dtype::f32, {static_cast<std::int64_t>(values.size())});
}
Tensor view(std::vector<std::uint16_t>& values) {
  return Tensor(values.data(), Dtype::bf16, {static_cast<std::int64_t>(values.size())});
}

std::vector<float> rounded(std::vector<float> values, const Random& noise, std::int64_t first = 0, int threads = 1) {
  ThreadPool pool(threads);
  std::vector<std::uint16_t> stored(values.size());
  round_bf16_stochastic(pool, view(stored), view(values), noise, first);
  widen_bf16(pool, view(values), view(stored));
  return values;
}

}  // namespace

TEST_CASE("rounding: to one of the two neighbours, and the mean stays") {
  const Random noise(1, "test");
  for (const float value : {1.0f + 1.0f / 512, -3.001f, 1e-3f, 2.0f / 3}) {
    const std::vector<float> many = rounded(std::vector<float>(100'000, value), noise);
    const double spacing = std::ldexp(1.0, std::ilogb(value) - 7);
    double sum = 0;
    for (const float r : many) {
      CHECK_MESSAGE(std::abs(r - value) < spacing, r);
      sum += r;
    }
    // Five deviations of a mean of 100,000 draws from {0, 1} * spacing.
    CHECK(std::abs(sum / 100'000 - static_cast<double>(value)) < 5 * 0.5 * spacing / std::sqrt(100'000));
  }
}

TEST_CASE("rounding: what bfloat16 holds stays; infinities and NaN stay what they are") {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> exact{0.0f, -0.0f, 1.0f, -1.5f, 3.0e38f * 0, std::ldexp(1.0f, -126), infinity, -infinity};
  CHECK(rounded(exact, Random(2, "test")) == exact);
  const float quiet = std::numeric_limits<float>::quiet_NaN(), payload = std::bit_cast<float>(0x7f800001u);
  for (const float r : rounded({quiet, payload, -payload}, Random(2, "test"))) CHECK(std::isnan(r));
}

TEST_CASE("rounding: the noise belongs to the element, not to the call or the thread") {
  std::vector<float> values(40'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 1 + 1e-5f * static_cast<float>(i);
  const Random noise(3, "test");
  const std::vector<float> whole = rounded(values, noise);
  CHECK(whole == rounded(values, noise, 0, 3));
  CHECK(whole != rounded(values, Random(4, "test")));
  CHECK(whole != rounded(values, noise, 8));
  const std::vector<float> tail = rounded({values.begin() + 20'000, values.end()}, noise, 20'000);
  CHECK(std::equal(tail.begin(), tail.end(), whole.begin() + 20'000));
  CHECK(test::error_of([&] { rounded(values, noise, 4); }).find("multiple of 8") != std::string::npos);
}

TEST_CASE("rounding: a slow average moves where rounding to the nearest stands still") {
  ThreadPool pool(1);
  std::vector<std::uint16_t> stored(4096, 0x3f80);  // 1.0
  std::vector<float> values(stored.size());
  for (int step = 0; step < 1000; ++step) {
    widen_bf16(pool, view(values), view(stored));
    for (float& value : values) value *= 0.999f;
    round_bf16_stochastic(pool, view(stored), view(values), Random(5, "step " + std::to_string(step)), 0);
  }
  widen_bf16(pool, view(values), view(stored));
  double sum = 0;
  for (const float value : values) sum += value;
  CHECK(sum / 4096 == doctest::Approx(std::pow(0.999, 1000)).epsilon(0.01));
}
