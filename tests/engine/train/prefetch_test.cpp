#include "engine/train/prefetch.h"

#include <atomic>
#include <mutex>
#include <set>
#include <utility>

#include "base/error.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

struct Reading {
  MemoryTokens stream{tiny_tokens(900)};
  Curriculum curriculum{{{"", 12, {{2, 5}, {4, 20}}, 0, {}, {}}, {"", 24, {{3, 15}}, 0, {}, {}}}};
  Loader loader{{&stream}, ReadSet(5, curriculum, {{"data", stream.size(), 0, 0}}), {}};
};

}  // namespace

TEST_CASE("prefetch: the same batches for any number of workers and any distance, restarts and jumps included") {
  const Reading r;
  for (const std::int64_t ahead : {0, 1, 3, 8, 100}) {
    for (const std::int64_t workers : {1, 2, 5}) {
      Prefetcher prefetch([&](const StepPlan& plan) { return r.loader.batch(plan); }, r.curriculum, ahead, workers);
      // The first two stop while batches are ready or under way.
      for (const auto& [from, end] : {std::pair<std::int64_t, std::int64_t>{0, 6}, {17, 20}, {3, r.curriculum.steps()}, {5, 9}}) {
        for (std::int64_t step = from; step < end; ++step) {
          const TokenBatch batch = prefetch.take(r.curriculum.at(step)), expected = r.loader.batch(r.curriculum.at(step));
          REQUIRE(batch.tokens == expected.tokens);
          REQUIRE(batch.labels == expected.labels);
          REQUIRE(batch.weights == expected.weights);
          REQUIRE(batch.first_key == expected.first_key);
          REQUIRE(batch.weighted == expected.weighted);
        }
      }
    }
  }
}

TEST_CASE("prefetch: what is ahead is bounded, and made once") {
  const Reading r;
  std::mutex mutex;
  std::multiset<std::int64_t> made;
  std::atomic<std::int64_t> taken{0}, furthest{0};
  {
    Prefetcher prefetch(
        [&](const StepPlan& plan) {
          const std::lock_guard lock(mutex);
          made.insert(plan.step);
          furthest = std::max(furthest.load(), plan.step - taken.load());
          return r.loader.batch(plan);
        },
        r.curriculum, 4, 2);
    for (std::int64_t step = 0; step < r.curriculum.steps(); ++step) {
      taken = step;
      prefetch.take(r.curriculum.at(step));
    }
  }
  CHECK(furthest <= 4);
  CHECK(made.size() == static_cast<std::size_t>(r.curriculum.steps()));
  CHECK(std::set<std::int64_t>(made.begin(), made.end()).size() == made.size());
}

TEST_CASE("prefetch: an error comes with the step that it belongs to") {
  const Reading r;
  Prefetcher prefetch(
      [&](const StepPlan& plan) {
        if (plan.step == 6) fail("step 6 is bad");
        return r.loader.batch(plan);
      },
      r.curriculum, 4, 2);
  for (std::int64_t step = 0; step < 6; ++step) CHECK_NOTHROW(prefetch.take(r.curriculum.at(step)));
  CHECK(test::error_of([&] { prefetch.take(r.curriculum.at(6)); }) == "step 6 is bad");
  CHECK_NOTHROW(prefetch.take(r.curriculum.at(7)));
  CHECK_FALSE(test::error_of([&] { Prefetcher(nullptr, r.curriculum, 2, 0); }).empty());
}
