#include "base/background_queue.h"

#include <atomic>
#include <memory>
#include <vector>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;

TEST_CASE("background queue: jobs run one at a time, in the order they were given, while the caller goes on") {
  BackgroundQueue queue;
  CHECK(queue.idle());
  std::atomic<bool> go{false};
  std::vector<int> order;
  queue.submit([&] { go.wait(false); });
  for (int i = 0; i < 1000; ++i) queue.submit([&order, i] { order.push_back(i); });
  CHECK_FALSE(queue.idle());  // the first job waits for us
  go = true;
  go.notify_all();
  queue.wait();
  CHECK(queue.idle());
  REQUIRE(order.size() == 1000);
  for (int i = 0; i < 1000; ++i) CHECK(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("background queue: a job that throws is told of once, and those behind it are dropped") {
  BackgroundQueue queue;
  std::atomic<bool> go{false};
  int ran = 0;
  queue.submit([&] {
    go.wait(false);
    fail("disk full");
  });
  queue.submit([&] { ++ran; });
  go = true;
  go.notify_all();
  CHECK(test::error_of([&] { queue.wait(); }) == "disk full");
  CHECK(ran == 0);
  queue.wait();
  queue.submit([&] { ++ran; });
  queue.wait();
  CHECK(ran == 1);
}

TEST_CASE("background queue: the end waits for what was submitted") {
  int ran = 0;
  {
    BackgroundQueue queue;
    for (int i = 0; i < 100; ++i) queue.submit([&] { ++ran; });
  }
  CHECK(ran == 100);
  {
    BackgroundQueue queue;
    queue.submit([] { fail("nobody hears this"); });
  }
}

TEST_CASE("background queue: a caller can keep the pile small, and a done job holds nothing") {
  BackgroundQueue queue;
  const auto held = std::make_shared<int>(0);
  std::atomic<int> waiting{0}, most{0};
  for (int i = 0; i < 200; ++i) {
    queue.wait_until_at_most(3);
    most = std::max(most.load(), ++waiting);
    queue.submit([&, held] { --waiting; });
  }
  queue.wait();
  CHECK(most <= 4);
  CHECK(held.use_count() == 1);
}
