#include "base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <iostream>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("thread pool: each piece runs once, for any number of threads and pieces") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    CHECK(pool.threads() == threads);
    for (const std::int64_t count : {0, 1, 2, 3, 7, 1000, 10'000}) {
      std::vector<std::atomic<int>> runs(static_cast<std::size_t>(count));
      pool.parallel_for(count, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
      CHECK(std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }));
    }
    pool.parallel_for(-5, [](std::int64_t) { FAIL("nothing to do"); });
  }
  CHECK(ThreadPool().threads() >= 1);
  CHECK(error_of([] { ThreadPool pool(-1); }) == "a thread pool needs 1 thread or more, -1 asked for");
}

TEST_CASE("thread pool: hundreds of thousands of small jobs, with sleeps that send the workers to bed") {
  ThreadPool pool(4);
  std::int64_t sum = 0;
  for (int job = 0; job < 100'000; ++job) {
    std::atomic<std::int64_t> now{0};
    pool.parallel_for(1 + job % 5, [&](std::int64_t i) { now += i + job; });
    sum += now;
    if (job % 10'000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  std::int64_t expected = 0;
  for (std::int64_t job = 0; job < 100'000; ++job) {
    const std::int64_t count = 1 + job % 5;
    expected += count * job + count * (count - 1) / 2;
  }
  CHECK(sum == expected);
}

TEST_CASE("thread pool: pieces really run on several threads at once") {
  ThreadPool pool(2);
  std::atomic<int> inside{0};
  bool met = false;
  pool.parallel_for(2, [&](std::int64_t) {
    ++inside;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (inside < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (inside == 2) met = true;
    ++inside;
  });
  CHECK(met);
}

TEST_CASE("thread pool: the exception of the lowest index comes out, after all pieces ran") {
  for (const int threads : {1, 2, 4}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 200; ++round) {
      std::atomic<int> ran{0};
      const std::string message = error_of([&] {
        pool.parallel_for(50, [&](std::int64_t i) {
          ++ran;
          if (i % 10 == 7) fail("piece {}", i);
        });
      });
      REQUIRE(message == "piece 7");
      REQUIRE(ran == 50);
    }
    int ran = 0;
    pool.parallel_for(1, [&](std::int64_t) { ++ran; });  // the pool goes on
    CHECK(ran == 1);
  }
}

TEST_CASE("thread pool: a call from inside a piece runs on that thread, in order") {
  ThreadPool pool(3);
  std::atomic<int> wrong{0};
  std::atomic<int> inner{0};
  pool.parallel_for(20, [&](std::int64_t) {
    const auto self = std::this_thread::get_id();
    std::int64_t next = 0;
    pool.parallel_for(10, [&](std::int64_t i) {
      if (std::this_thread::get_id() != self || i != next++) ++wrong;
      ++inner;
    });
  });
  CHECK(wrong == 0);
  CHECK(inner == 200);
  CHECK(error_of([&] {
          pool.parallel_for(4, [&](std::int64_t) { pool.parallel_for(3, [](std::int64_t i) { fail("inner {}", i); }); });
        }) == "inner 0");
}

TEST_CASE("thread pool: several threads may call, in turn or at once") {
  ThreadPool pool(3);
  std::atomic<std::int64_t> sum{0};
  std::vector<std::thread> callers;
  for (int c = 0; c < 4; ++c) {
    callers.emplace_back([&] {
      for (int job = 0; job < 2000; ++job) pool.parallel_for(5, [&](std::int64_t i) { sum += i; });
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(sum == 4 * 2000 * 10);
}

TEST_CASE("thread pool: ranges depend on size and grain alone") {
  for (const int threads : {1, 4}) {
    ThreadPool pool(threads);
    std::mutex mutex;
    std::set<std::pair<std::int64_t, std::int64_t>> ranges;
    pool.parallel_ranges(10, 4, [&](std::int64_t begin, std::int64_t end) {
      const std::lock_guard lock(mutex);
      ranges.insert({begin, end});
    });
    CHECK(ranges == std::set<std::pair<std::int64_t, std::int64_t>>{{0, 4}, {4, 8}, {8, 10}});
    pool.parallel_ranges(0, 4, [](std::int64_t, std::int64_t) { FAIL("nothing to do"); });
    CHECK(error_of([&] { pool.parallel_ranges(10, 0, [](std::int64_t, std::int64_t) {}); }) == "pieces of 0 items asked for");
  }
}

TEST_CASE("thread pool: a float sum by pieces has the same bits on any number of threads") {
  const auto sum_on = [](int threads) {
    ThreadPool pool(threads);
    std::vector<float> sums(8);
    pool.parallel_ranges(100'000, 12'500, [&](std::int64_t begin, std::int64_t end) {
      float sum = 0;
      for (std::int64_t i = begin; i < end; ++i) sum += 1.0f / static_cast<float>(i + 1);
      sums[static_cast<std::size_t>(begin / 12'500)] = sum;
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0f);
  };
  const float serial = sum_on(1);
  for (const int threads : {2, 3, 5, 8}) CHECK(sum_on(threads) == serial);
}

TEST_CASE("thread pool: an empty job on two threads costs microseconds") {
  if (!std::getenv("CAIRN_MEASURE")) SKIP_TEST("set CAIRN_MEASURE=1 on an idle machine");
  ThreadPool pool(2);
  const std::function<void(std::int64_t)> nothing = [](std::int64_t) {};
  double best = 1e9;
  for (int round = 0; round < 20; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int job = 0; job < 10'000; ++job) pool.parallel_for(2, nothing);
    best = std::min(best, std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / 10'000);
  }
  std::cout << "parallel_for(2) on 2 threads: " << best << " us\n";
  CHECK(best < 5);
}
