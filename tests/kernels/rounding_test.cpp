// How numbers are rounded to bfloat16: to nearest when stored, stochastically as moments of an optimizer.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"
#include "kernels/backend.h"
#include "kernels/bf16.h"
#include "kernels/fp8.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

float float_of(std::uint32_t bits) {
  float value;
  static_assert(sizeof value == sizeof bits);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// ref and every instruction set of this machine.
std::vector<const Backend*> all_backends() {
  std::vector<const Backend*> list{&ref_backend()};
  for (const std::string& isa : cpu_isa_names()) list.push_back(&cpu_backend_for_isa(isa));
  return list;
}

// AdamW whose first moment is in bfloat16 and whose learning rate is 0: only the moments move.
struct Update {
  std::vector<Bf16> m;
  std::vector<float> p, v, g;
  ThreadPool pool{2};

  explicit Update(std::size_t size) : m(size), p(size), v(size), g(size) {}
  void run(const Backend& backend, double beta1, std::int64_t step, UpdateOptions options = {}) {
    Context context{backend, pool};
    const auto view = [&](std::vector<float>& values) {
      return Tensor(values.data(), Dtype::f32, {static_cast<std::int64_t>(values.size())});
    };
    ops::adamw(context, view(p), Tensor(m.data(), Dtype::bf16, {static_cast<std::int64_t>(m.size())}), view(v), view(g),
               {.lr = 0, .beta1 = beta1, .beta2 = 0.5, .eps = 1, .weight_decay = 0, .step = step, .options = options});
  }
};

}  // namespace

TEST_CASE("storing bfloat16 rounds to nearest, ties to even; NaN and infinities stay") {
  const std::vector<std::pair<std::uint32_t, std::uint16_t>> cases{
      {0x3f800000, 0x3f80}, {0x3f807fff, 0x3f80}, {0x3f808000, 0x3f80}, {0x3f808001, 0x3f81},
      {0x3f818000, 0x3f82}, {0xbf818000, 0xbf82}, {0x7f7fffff, 0x7f80}, {0x7f800000, 0x7f80},
      {0xff800000, 0xff80}, {0x7f800001, 0x7fc0}, {0xffc00000, 0xffc0}, {0x00000000, 0x0000},
      {0x80000000, 0x8000}, {0x00008000, 0x0000}, {0x00018000, 0x0002}, {0x007fffff, 0x0080}};
  std::vector<float> x;
  for (int repeat = 0; repeat < 3; ++repeat) {  // whole vectors and rests
    for (const auto& c : cases) x.push_back(float_of(c.first));
  }
  x.resize(x.size() - 3);
  const std::int64_t size = static_cast<std::int64_t>(x.size());
  ThreadPool pool(1);
  for (const Backend* backend : all_backends()) {
    Context context{*backend, pool};
    std::vector<Bf16> y(x.size() + 1);
    y.back().bits = 0x1234;
    ops::convert(context, Tensor(y.data(), Dtype::bf16, {size}), Tensor(x.data(), Dtype::f32, {size}));
    for (std::size_t i = 0; i < x.size(); ++i) {
      CHECK_MESSAGE(y[i].bits == cases[i % cases.size()].second, backend->name << " " << backend->isa << " " << i);
    }
    CHECK(y.back().bits == 0x1234);  // what lies behind is not touched
    std::vector<float> back(x.size());
    ops::convert(context, Tensor(back.data(), Dtype::f32, {size}), Tensor(y.data(), Dtype::bf16, {size}));
    for (std::size_t i = 0; i < x.size(); ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, &back[i], sizeof bits);
      CHECK(bits == std::uint32_t{y[i].bits} << 16);
    }
  }
}

TEST_CASE("a moment in bfloat16 follows the formula of ops.h, draw by draw") {
  // m = 0 and beta1 = 0.5: the new m is g / 2 exactly, and only the draw decides.
  constexpr std::int64_t kSize = 700, kFirst = 1'000'003;
  constexpr std::uint64_t kSeed = 0xfeedfacecafe0001;
  for (const Backend* backend : all_backends()) {
    Update update(kSize);
    for (std::int64_t i = 0; i < kSize; ++i) {
      update.g[static_cast<std::size_t>(i)] = float_of(0x40000000u + static_cast<std::uint32_t>(i) * 9337u % 65536u);
    }
    update.run(*backend, 0.5, 9, {.seed = kSeed, .first_element = kFirst});
    for (std::int64_t i = 0; i < kSize; ++i) {
      const std::uint64_t e = static_cast<std::uint64_t>(kFirst + i), j = e % 128, block = e / 128 * 16 + j % 16;
      const PhiloxCounter words = philox4x32_10(
          {static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 9}, {0xcafe0001u, 0xfeedfaceu});
      const std::uint32_t draw = words[j / 32] >> (j / 16 % 2 * 16) & 0xffffu;
      const std::uint32_t value = 0x3f800000u + static_cast<std::uint32_t>(i) * 9337u % 65536u;
      CHECK_MESSAGE(update.m[static_cast<std::size_t>(i)].bits == (value + draw) >> 16,
                    backend->name << " " << backend->isa << " " << i);
    }
  }
}

TEST_CASE("a slow average in bfloat16 does not stick: its mean over elements is that of the exact one") {
  constexpr std::size_t kSize = 4096;
  Update update(kSize);
  for (float& g : update.g) g = 1;
  double exact = 0;
  for (std::int64_t step = 1; step <= 400; ++step) {
    update.run(cpu_backend(), 0.999, step, {.seed = 5});
    exact += 0.001 * (1 - exact);
  }
  double sum = 0;
  for (const Bf16 m : update.m) sum += m;
  CHECK(exact == doctest::Approx(0.33).epsilon(0.01));
  CHECK(sum / kSize == doctest::Approx(exact).epsilon(0.01));
}

TEST_CASE("what a piece of the elements draws does not depend on how they are cut") {
  constexpr std::size_t kSize = 1000, kCut = 333;
  const auto fill = [](Update& update, std::size_t first) {
    for (std::size_t i = 0; i < update.g.size(); ++i) update.g[i] = std::sin(static_cast<float>(first + i));
  };
  Update whole(kSize), head(kCut), tail(kSize - kCut);
  fill(whole, 0), fill(head, 0), fill(tail, kCut);
  for (std::int64_t step = 1; step <= 3; ++step) {
    whole.run(cpu_backend(), 0.9, step, {.seed = 5});
    head.run(cpu_backend(), 0.9, step, {.seed = 5});
    tail.run(cpu_backend(), 0.9, step, {.seed = 5, .first_element = kCut});
  }
  for (std::size_t i = 0; i < kSize; ++i) {
    CHECK(whole.m[i].bits == (i < kCut ? head.m[i] : tail.m[i - kCut]).bits);
  }
}

TEST_CASE("a moment that is no number or infinite stays so") {
  for (const Backend* backend : all_backends()) {
    Update update(40);
    update.g[3] = std::numeric_limits<float>::quiet_NaN();
    update.g[39] = std::numeric_limits<float>::infinity();
    update.run(*backend, 0.5, 1, {.seed = 1});
    CHECK(std::isnan(static_cast<float>(update.m[3])));
    CHECK(std::isinf(static_cast<float>(update.m[39])));
    CHECK(static_cast<float>(update.m[4]) == 0);
  }
}

TEST_CASE("float8_e4m3: every number is itself, and others go to the nearest, to the even one of two") {
  std::vector<float> numbers;  // the positive ones, in ascending order of their codes
  for (int code = 0; code < 127; ++code) {
    Fp8 stored;
    stored.bits = static_cast<std::uint8_t>(code);
    const float value = stored;
    // Sign, exponent and mantissa by the format's own formula.
    const int exponent = code >> 3, mantissa = code & 7;
    CHECK(value == (exponent == 0 ? std::ldexp(static_cast<float>(mantissa), -9)
                                  : std::ldexp(1 + static_cast<float>(mantissa) / 8, exponent - 7)));
    CHECK(Fp8(value).bits == code);
    CHECK(Fp8(-value).bits == (code | 0x80));
    numbers.push_back(value);
  }
  for (std::size_t code = 0; code + 1 < numbers.size(); ++code) {
    const float middle = (numbers[code] + numbers[code + 1]) / 2;
    CHECK(Fp8(middle).bits == code + code % 2);
    CHECK(Fp8(std::nextafter(middle, 0.0f)).bits == code);
    CHECK(Fp8(std::nextafter(middle, 1000.0f)).bits == code + 1);
  }
  CHECK(float(Fp8(1e30f)) == 448);
  CHECK(float(Fp8(-std::numeric_limits<float>::infinity())) == -448);
  CHECK(std::isnan(float(Fp8(std::numeric_limits<float>::quiet_NaN()))));
}

}  // namespace cairn::test
