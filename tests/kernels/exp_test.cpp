// The vector exponentials over their whole ranges, against double; and the peak measurement.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/cpu/ops.h"
#include "kernels/cpu/peak.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

const cpu::Routines& routines(const std::string& isa) {
  return *static_cast<const cpu::CpuBackend&>(cpu_backend_for_isa(isa)).routines;
}

double ulp(double value) {
  return std::ldexp(1.0, std::max(std::ilogb(value), -126) - 23);
}

// Every 997th float of [from, to], both of one sign.
std::vector<float> floats_between(float from, float to) {
  std::vector<float> list;
  std::int32_t a, b;
  static_assert(sizeof a == sizeof from);
  std::memcpy(&a, &from, sizeof a);
  std::memcpy(&b, &to, sizeof b);
  const std::int64_t low = std::min(a, b), high = std::max(a, b);
  for (std::int64_t i = low; i <= high; i += 997) {
    const auto bits = static_cast<std::int32_t>(i);
    float value;
    std::memcpy(&value, &bits, sizeof value);
    list.push_back(value);
  }
  return list;
}

}  // namespace

TEST_CASE("exp is within its stated error on every instruction set") {
  for (const std::string& isa : cpu_isa_names()) {
    double worst = 0;
    for (const auto& x : {floats_between(-0.0f, -87.3f), floats_between(0.0f, 88.0f)}) {
      std::vector<float> y(x.size());
      routines(isa).exp_array(static_cast<std::int64_t>(x.size()), y.data(), x.data());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double want = std::exp(static_cast<double>(x[i]));
        worst = std::max(worst, std::abs(y[i] - want) / ulp(want));
      }
    }
    CHECK_MESSAGE(worst <= 1.0, isa);
    const std::vector<float> edge{-87.4f, -1000.0f, -INFINITY, 1000.0f, std::nanf(""), 0.0f};
    std::vector<float> y(edge.size());
    routines(isa).exp_array(static_cast<std::int64_t>(edge.size()), y.data(), edge.data());
    CHECK(y[0] == 0);
    CHECK(y[1] == 0);
    CHECK(y[2] == 0);
    CHECK(y[3] == doctest::Approx(std::exp(88.0)));
    CHECK(std::isnan(y[4]));
    CHECK(y[5] == 1);
  }
}

TEST_CASE("2^x for x <= 0 is within its stated errors on every instruction set") {
  for (const std::string& isa : cpu_isa_names()) {
    const std::vector<float> x = floats_between(-0.0f, -125.5f);
    std::vector<float> y(x.size()), narrow(x.size());
    const auto count = static_cast<std::int64_t>(x.size());
    routines(isa).exp2_array(count, y.data(), x.data());
    routines(isa).exp2_array_bf16(count, narrow.data(), x.data());
    double worst = 0, worst_narrow = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp2(static_cast<double>(x[i]));
      worst = std::max(worst, std::abs(y[i] - want) / ulp(want));
      worst_narrow = std::max(worst_narrow, std::abs(narrow[i] - want) / want);
    }
    CHECK_MESSAGE(worst <= 1.1, isa);
    CHECK_MESSAGE(worst_narrow <= 4e-6, isa);
    const std::vector<float> edge{0.0f, -1.0f, -130.0f, -1e30f, std::nanf("")};
    for (const auto& array : {routines(isa).exp2_array, routines(isa).exp2_array_bf16}) {
      float got[5];
      array(5, got, edge.data());
      CHECK(got[0] == 1);
      CHECK(got[1] == 0.5f);
      CHECK(got[2] <= std::ldexp(1.0f, -126));
      CHECK(got[3] <= std::ldexp(1.0f, -126));
      CHECK(std::isnan(got[4]));
    }
  }
}

TEST_CASE("exp(x) - 1 - x does not cancel near zero") {
  for (const std::string& isa : cpu_isa_names()) {
    const std::vector<float> x = floats_between(-1e-7f, -1e4f);
    std::vector<float> rest(x.size()), e(x.size());
    routines(isa).exp_minus_linear_array(static_cast<std::int64_t>(x.size()), rest.data(), e.data(), x.data());
    double worst = 0, worst_exp = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = x[i];
      // Below 1e-3 the difference is its Taylor series; double loses digits there too.
      const double want = v > -1e-3 ? v * v / 2 * (1 + v / 3 * (1 + v / 4 * (1 + v / 5))) : std::expm1(v) - v;
      worst = std::max(worst, std::abs(rest[i] - want) / ulp(want));
      if (v > -87) worst_exp = std::max(worst_exp, std::abs(e[i] - std::exp(v)) / ulp(std::exp(v)));
    }
    CHECK_MESSAGE(worst <= 6, isa);
    CHECK_MESSAGE(worst_exp <= 1, isa);
  }
}

TEST_CASE("the peak is measured in less than 200 ms and is plausible") {
  ThreadPool pool(1);
  const auto start = std::chrono::steady_clock::now();
  const double peak = measure_peak_flops(pool);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 0.2);
  CHECK(peak > 1e8);
  CHECK(peak < 1e12);
}

}  // namespace cairn::test
