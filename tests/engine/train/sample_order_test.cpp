#include "engine/train/sample_order.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <vector>

#include "base/disk.h"
#include "tests/support/test.h"

using cairn::train::SampleOrder;

TEST_CASE("sample order: the vectors of docs/format/permutation.md") {
  const std::string page = cairn::read_file(cairn::test::source_folder() / "docs/format/permutation.md");
  const std::size_t fence = page.find("```\nseed ");
  REQUIRE(fence != std::string::npos);
  std::istringstream lines(page.substr(fence + 4, page.find("```", fence + 4) - fence - 4));
  std::string line;
  std::getline(lines, line);
  int vectors = 0;
  for (; std::getline(lines, line); ++vectors) {
    std::istringstream fields(line);
    std::uint64_t seed = 0;
    std::int64_t samples = 0, position = 0, sample = 0;
    REQUIRE(static_cast<bool>(fields >> seed >> samples >> position >> sample));
    const SampleOrder order(seed, samples);
    CHECK(order.sample_at(position) == sample);
    CHECK(order.position_of(sample, position / samples) == position);
  }
  CHECK(vectors == 24);
}

TEST_CASE("sample order: a bijection in each epoch, and its inverse") {
  for (const std::int64_t n : {1, 2, 3, 4, 5, 16, 17, 63, 64, 65, 1000, 4097}) {
    const SampleOrder order(1234, n);
    for (const std::int64_t epoch : {0, 1, 7}) {
      std::vector<int> seen(static_cast<std::size_t>(n));
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t sample = order.sample_at(epoch * n + i);
        REQUIRE(sample >= 0);
        REQUIRE(sample < n);
        ++seen[static_cast<std::size_t>(sample)];
        REQUIRE(order.position_of(sample, epoch) == epoch * n + i);
      }
      CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
    }
  }
}

TEST_CASE("sample order: seeds and epochs give different orders") {
  const std::int64_t n = 10000;
  const SampleOrder a(1, n), b(2, n);
  int same_seed = 0, same_epoch = 0, fixed = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    same_seed += a.sample_at(i) == b.sample_at(i);
    same_epoch += a.sample_at(i) == a.sample_at(n + i);
    fixed += a.sample_at(i) == i;
  }
  // Each count is about Poisson(1); ten is a chance of 1e-7.
  CHECK(same_seed < 10);
  CHECK(same_epoch < 10);
  CHECK(fixed < 10);
}

// Storage is clustered by source. If the order is as good as a draw, the number of samples of one source in a batch is
// hypergeometric; the sum over batches and sources of (observed - expected)^2 / variance then has mean one a term.
TEST_CASE("sample order: the mix of sources in batches is as random as a draw") {
  const std::int64_t n = 20000, batch = 50;
  const std::vector<std::int64_t> sources{9000, 6000, 3000, 1500, 400, 100};  // sizes, stored one after another
  for (const std::uint64_t seed : {7ULL, 8ULL, 123456789123ULL}) {
    const SampleOrder order(seed, n);
    double sum = 0;
    std::int64_t terms = 0;
    for (std::int64_t first = 0; first < n; first += batch) {
      std::vector<std::int64_t> found(sources.size());
      for (std::int64_t i = first; i < first + batch; ++i) {
        std::int64_t sample = order.sample_at(i);
        std::size_t source = 0;
        while (sample >= sources[source]) sample -= sources[source++];
        ++found[source];
      }
      for (std::size_t s = 0; s < sources.size(); ++s) {
        const double share = static_cast<double>(sources[s]) / static_cast<double>(n);
        const double expected = static_cast<double>(batch) * share;
        const double variance = expected * (1 - share) * static_cast<double>(n - batch) / static_cast<double>(n - 1);
        const double off = static_cast<double>(found[s]) - expected;
        sum += off * off / variance;
        ++terms;
      }
    }
    // 2400 terms, standard deviation of their mean about 0.035 (the rare source's excess kurtosis included).
    CHECK(std::abs(sum / static_cast<double>(terms) - 1) < 0.15);
  }
}

TEST_CASE("sample order: neighbours in storage do not stay neighbours") {
  const std::int64_t n = 50000;
  const SampleOrder order(99, n);
  double product = 0;
  std::int64_t adjacent = 0;
  for (std::int64_t i = 0; i + 1 < n; ++i) {
    const double a = static_cast<double>(order.sample_at(i)) / static_cast<double>(n) - 0.5;
    const double b = static_cast<double>(order.sample_at(i + 1)) / static_cast<double>(n) - 0.5;
    product += 12 * a * b;
    adjacent += std::abs(order.sample_at(i) - order.sample_at(i + 1)) == 1;
  }
  CHECK(std::abs(product / static_cast<double>(n)) < 4 / std::sqrt(static_cast<double>(n)));
  CHECK(adjacent < 15);  // expected 2
}

TEST_CASE("sample order: refuses what it cannot order") {
  CHECK(cairn::test::error_of([] { SampleOrder(1, 0); }).find("found 0") != std::string::npos);
  CHECK_FALSE(cairn::test::error_of([] { SampleOrder(1, -3); }).empty());
  const SampleOrder order(1, 10);
  CHECK(cairn::test::error_of([&] { order.position_of(10, 0); }).find("sample 10 is outside") != std::string::npos);
  CHECK_FALSE(cairn::test::error_of([&] { order.position_of(-1, 0); }).empty());
  CHECK_FALSE(cairn::test::error_of([&] { order.position_of(0, -1); }).empty());
  CHECK_FALSE(cairn::test::error_of([&] { order.sample_at(-1); }).empty());
}
