#include "engine/train/loader.h"

#include <numeric>
#include <set>

#include "base/json.h"
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

TEST_CASE("loader: fewer tokens than a row are padded; pieces end documents without an end of their own") {
  // Two whole documents, the beginning of a third, and two tokens of padding.
  const Window window{{1, 5, 2, 1, 2, 1, 7, 8}, {3, 2, 3}};
  MaskOptions options;
  options.pad = 3;
  TokenBatch row(1, 9);
  RowBuilder(options).fill(row, 0, window);
  CHECK(row.tokens == Ints{1, 5, 2, 1, 2, 1, 7, 8, 3});
  CHECK(row.labels == Ints{5, 2, 1, 2, 1, 7, 8, 3, 3});
  CHECK(row.weights == Floats{1, 1, 0, 1, 0, 1, 1, 0, 0});
  CHECK(row.positions == Ints{0, 1, 2, 0, 1, 0, 1, 2, 0});
  CHECK(row.first_key == Ints{0, 0, 0, 3, 3, 5, 5, 5, 8});
  CHECK(row.weighted == 5);
  // A piece that is cut in the middle of its document: its last label is of another document.
  const Window cut{{1, 5, 6, 1, 9, 9}, {3, 3}};
  options.pad = -1;
  options.mask_eod = false;
  TokenBatch second(1, 5);
  RowBuilder(options).fill(second, 0, cut);
  CHECK(second.weights == Floats{1, 1, 0, 1, 1});
  CHECK(second.first_key == Ints{0, 0, 0, 3, 3});
  TokenBatch nothing(1, 4);
  RowBuilder(options).fill(nothing, 0, Window{});
  CHECK(nothing.weighted == 0);
  CHECK(nothing.tokens == Ints{2, 2, 2, 2});
}

TEST_CASE("loader: masks go through JSON") {
  MaskOptions options;
  options.eod = 7;
  options.pad = 3;
  options.mask_eod = options.reset_positions = false;
  options.goldfish = GoldfishParams{4, 3};
  CHECK(masks_json(masks_from_json(masks_json(options))) == masks_json(options));
  CHECK(masks_json(masks_from_json(masks_json({}))) == masks_json({}));
  cairn::Json wrong = masks_json(options);
  wrong["goldfish"]["k"] = 0;
  CHECK(cairn::test::error_of([&] { masks_from_json(wrong); }).find("masks.goldfish.k") != std::string::npos);
}

TEST_CASE("loader: an epoch reads every sample once, windows overlap by one token") {
  const std::int64_t T = 7, n = 12;
  const MemoryTokens stream(counting(n * T + 1));
  const Loader loader({&stream}, ReadSet::plain(5, stream.size(), T, 4, 6), {});
  const Curriculum& curriculum = loader.read_set().curriculum();
  for (const std::int64_t epoch : {0, 1}) {
    std::set<std::int32_t> starts;
    for (std::int64_t step = epoch * 3; step < epoch * 3 + 3; ++step) {
      const TokenBatch batch = loader.batch(curriculum.at(step));
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
  const auto loader = [&](std::uint64_t seed, std::int64_t batch) {
    return Loader({&stream}, ReadSet::plain(seed, stream.size(), 8, batch, 200 / batch), {});
  };
  const auto at = [](const Loader& from, std::int64_t step) { return from.batch(from.read_set().curriculum().at(step)).tokens; };
  const Loader a = loader(5, 4), b = loader(5, 4), other = loader(6, 4);
  const Ints late = at(a, 40);
  at(a, 3);
  CHECK(at(a, 40) == late);
  CHECK(at(b, 40) == late);
  CHECK(at(other, 40) != late);
  // The same positions in batches of another size are the same samples.
  const Loader halves = loader(5, 2);
  Ints two = at(halves, 80);
  const Ints second = at(halves, 81);
  two.insert(two.end(), second.begin(), second.end());
  CHECK(two == late);
}

TEST_CASE("loader: too little data is refused") {
  CHECK(cairn::test::error_of([&] { ReadSet::plain(1, 8, 8, 1, 1); }) ==
        "the data hold 8 tokens, and one sample of sequence_length 8 needs 9");
  CHECK_NOTHROW(ReadSet::plain(1, 9, 8, 1, 1));
  CHECK(cairn::test::error_of([&] { Loader({}, ReadSet::plain(1, 9, 8, 1, 1), {}); }) ==
        "a read set of 1 inputs, and 0 to read from");
}
