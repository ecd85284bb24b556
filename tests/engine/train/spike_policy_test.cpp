#include "engine/train/spike_policy.h"

#include <limits>

#include "base/random.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Losses around 3 with a deviation of 0.1, norms around 1 with 0.05.
struct Windows {
  std::vector<double> losses, norms;
  explicit Windows(std::uint64_t count) {
    const Random random(1, "losses");
    for (std::uint64_t i = 0; i < count; ++i) {
      losses.push_back(3 + 0.1 * random.normal(2 * i));
      norms.push_back(1 + 0.05 * random.normal(2 * i + 1));
    }
  }
};

}  // namespace

TEST_CASE("spikes: median and deviation") {
  CHECK(spread_of({3, 1, 2}).median == 2);
  CHECK(spread_of({4, 1, 2, 3}).median == 2.5);
  CHECK(spread_of({4, 1, 2, 3}).deviation == doctest::Approx(std::sqrt(1.25)));
  CHECK(spread_of({5, 5, 5}).deviation == doctest::Approx(5e-4));  // a floor: no spike out of rounding
  CHECK(spread_of({0, 0}).deviation > 0);
}

TEST_CASE("spikes: six deviations above the median, of the loss or of the norm, never below it") {
  const Windows w(128);
  const SpikeOptions options;
  const Spread loss = spread_of(w.losses), norm = spread_of(w.norms);
  CHECK(loss.deviation == doctest::Approx(0.1).epsilon(0.2));
  const auto reason = [&](double l, double n) { return reason_to_skip(w.losses, w.norms, l, n, options); };
  CHECK(reason(loss.median + 5.9 * loss.deviation, norm.median + 5.9 * norm.deviation) == "");
  CHECK(reason(loss.median - 100, norm.median - 1) == "");
  CHECK(reason(loss.median + 6.5 * loss.deviation, 1).find("loss 3.") == 0);
  CHECK(reason(loss.median + 6.5 * loss.deviation, 1).find("is 6.5 deviations above the median") != std::string::npos);
  CHECK(reason(3, norm.median + 7.5 * norm.deviation).find("gradient norm 1.") == 0);
}

TEST_CASE("spikes: what is not finite is left out from the first step on; a spike needs half a window, or is switched off") {
  SpikeOptions options;
  CHECK(reason_to_skip({}, {}, std::nan(""), 1, options) == "loss nan is not finite");
  CHECK(reason_to_skip({}, {}, 1, kInfinity, options) == "gradient norm inf is not finite");
  CHECK(reason_to_skip({}, {}, 1e30, 1e30, options) == "");
  const Windows few(63), enough(64);
  CHECK(reason_to_skip(few.losses, few.norms, 30, 1, options) == "");
  CHECK(reason_to_skip(enough.losses, enough.norms, 30, 1, options) != "");
  options.sigma = 0;
  CHECK(reason_to_skip(enough.losses, enough.norms, 30, 1, options) == "");
  CHECK(reason_to_skip(enough.losses, enough.norms, -kInfinity, 1, options) != "");
}

TEST_CASE("spikes: a lasting change of level is accepted after some steps") {
  Windows w(128);
  const SpikeOptions options;
  int skipped = 0;
  for (int step = 0; step < 100; ++step) {
    skipped += !reason_to_skip(w.losses, w.norms, 6, 1, options).empty();
    remember(w.losses, 6, options.window);
    remember(w.norms, 1, options.window);
  }
  CHECK(skipped > 0);
  CHECK(skipped < 10);
}

TEST_CASE("spikes: the window keeps the last values that are finite") {
  std::vector<double> window;
  for (const double value : {1.0, 2.0, std::nan(""), 3.0, kInfinity, 4.0}) remember(window, value, 3);
  CHECK(window == std::vector<double>{2, 3, 4});
}
