#include "engine/train/loader.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "tests/support/test.h"

using namespace cairn::train;

namespace {

std::vector<std::int32_t> counting(std::int64_t count) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), 100);
  return tokens;
}

TokenBatch one_row(const std::vector<std::int32_t>& window, const MaskOptions& options) {
  TokenBatch batch(1, static_cast<std::int64_t>(window.size()) - 1);
  RowBuilder(options).fill(batch, 0, window);
  return batch;
}

using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

}  // namespace

TEST_CASE("loader: the golden row of the spec, positions, loss mask and documents") {
  const Ints window{1, 5, 6, 2, 1, 7, 2, 1, 8, 9, 4};
  const TokenBatch row = one_row(window, {});
  CHECK(row.tokens == Ints(window.begin(), window.end() - 1));
  CHECK(row.labels == Ints(window.begin() + 1, window.end()));
  CHECK(row.positions == Ints{0, 1, 2, 3, 0, 1, 2, 0, 1, 2});
  CHECK(row.weights == Floats{1, 1, 1, 0, 1, 1, 0, 1, 1, 1});
  CHECK(row.first_key == Ints{0, 0, 0, 0, 4, 4, 4, 7, 7, 7});
  CHECK(row.weighted == 8);
}

TEST_CASE("loader: each mask can be turned off by itself") {
  const Ints window{1, 2, 1, 3, 3};
  MaskOptions options;
  options.mask_eod = false;
  CHECK(one_row(window, options).weights == Floats{1, 1, 1, 1});
  options.pad = 3;
  CHECK(one_row(window, options).weights == Floats{1, 1, 0, 0});
  options.reset_positions = false;
  CHECK(one_row(window, options).positions == Ints{0, 1, 2, 3});
  CHECK(one_row(window, options).first_key == Ints{0, 0, 2, 2});
  options.document_attention = false;
  CHECK(one_row(window, options).first_key == Ints{0, 0, 0, 0});
}

TEST_CASE("loader: goldfish drops labels, not inputs, and counts what is left") {
  MaskOptions options;
  options.mask_eod = false;
  options.goldfish = GoldfishParams{4, 3};
  // Labels 1 5 6 2 1 7 2 1 8 9 11 13 drop 3 and 8 (spec/apertus.md §3.5).
  const Ints window{4, 1, 5, 6, 2, 1, 7, 2, 1, 8, 9, 11, 13};
  const TokenBatch row = one_row(window, options);
  CHECK(row.weights == Floats{1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1});
  CHECK(row.tokens == Ints(window.begin(), window.end() - 1));
  CHECK(row.weighted == 10);
}

TEST_CASE("loader: an epoch reads every sample once, windows overlap by one token") {
  const std::int64_t T = 7, n = 12;
  const MemoryTokens stream(counting(n * T + 1));
  const Loader loader(stream, 5, 4, T, {});
  REQUIRE(loader.samples() == n);
  for (const std::int64_t epoch : {0, 1}) {
    std::set<std::int32_t> starts;
    for (std::int64_t step = epoch * 3; step < epoch * 3 + 3; ++step) {
      const TokenBatch batch = loader.batch_at(step * 4);
      for (std::int64_t row = 0; row < 4; ++row) {
        const auto at = static_cast<std::size_t>(row * T);
        const std::int32_t start = batch.tokens[at];
        CHECK((start - 100) % T == 0);
        starts.insert(start);
        for (std::size_t t = 0; t < static_cast<std::size_t>(T); ++t)
          CHECK(batch.labels[at + t] == start + static_cast<int>(t) + 1);
      }
    }
    CHECK(starts.size() == static_cast<std::size_t>(n));
  }
}

TEST_CASE("loader: a batch is a function of seed and position") {
  const MemoryTokens stream(counting(1000));
  const Loader a(stream, 5, 4, 8, {}), b(stream, 5, 4, 8, {}), other(stream, 6, 4, 8, {});
  const TokenBatch late = a.batch_at(160);
  a.batch_at(12);
  CHECK(a.batch_at(160).tokens == late.tokens);
  CHECK(b.batch_at(160).tokens == late.tokens);
  CHECK(other.batch_at(160).tokens != late.tokens);
  // The same positions in batches of another size are the same samples.
  const Loader halves(stream, 5, 2, 8, {});
  Ints two = halves.batch_at(160).tokens;
  const Ints second = halves.batch_at(162).tokens;
  two.insert(two.end(), second.begin(), second.end());
  CHECK(two == late.tokens);
}

TEST_CASE("loader: the last tokens that fill no sample are left out, too little data is refused") {
  CHECK(samples_in(0, 8) == 0);
  CHECK(samples_in(8, 8) == 0);
  CHECK(samples_in(9, 8) == 1);
  CHECK(samples_in(16, 8) == 1);
  CHECK(samples_in(17, 8) == 2);
  const MemoryTokens stream(counting(8));
  CHECK(cairn::test::error_of([&] { Loader(stream, 1, 1, 8, {}); }) ==
        "the data hold 8 tokens, and one sample of sequence_length 8 needs 9");
  CHECK_FALSE(cairn::test::error_of([&] { Loader(stream, 1, 0, 4, {}); }).empty());
  CHECK_FALSE(cairn::test::error_of([&] { Loader(stream, 1, 1, 0, {}); }).empty());
}
