#include "engine/train/goldfish.h"

#include <numeric>

#include <zlib.h>

#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using train::Goldfish;

namespace {

std::vector<std::int64_t> dropped(const Goldfish& goldfish, const std::vector<std::int32_t>& labels, std::int32_t pad = -1) {
  std::vector<float> weights(labels.size(), 1.0f);
  goldfish.mask(labels, pad, weights);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] == 0) out.push_back(static_cast<std::int64_t>(i));
  }
  return out;
}

std::vector<std::int32_t> congruential(std::int64_t count) {
  std::vector<std::int32_t> labels;
  for (std::int64_t i = 0; i < count; ++i) labels.push_back(static_cast<std::int32_t>((7919 * i + 13) % 131072));
  return labels;
}

}  // namespace

TEST_CASE("goldfish: the table is torch's") {
  const Goldfish goldfish({50, 50});
  const auto& table = goldfish.table();
  REQUIRE(table.size() == 1'000'003);
  const std::vector<std::uint32_t> first{3920565, 7403182, 12434395, 15255051, 11934008,
                                         18878,   3643388, 640936,   1155243,  16172632};
  for (std::size_t i = 0; i < first.size(); ++i) CHECK(table[i] == first[i]);
  CHECK(table[1000000] == 10222467);
  CHECK(table[1000002] == 14025866);
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(table.data()), static_cast<uInt>(table.size() * 4));
  CHECK(crc == 0xe22634dc);
  std::int64_t below = 0;
  for (const std::uint32_t entry : table) below += entry <= 335544;
  CHECK(below == 19901);
}

TEST_CASE("goldfish: windows and drop lists printed in the spec") {
  CHECK(dropped(Goldfish({4, 3}), {1, 5, 6, 2, 1, 7, 2, 1, 8, 9, 11, 13}) == std::vector<std::int64_t>{3, 8});
  CHECK(dropped(Goldfish({3, 4}), congruential(64)) ==
        std::vector<std::int64_t>{4, 6, 8, 10, 21, 24, 28, 31, 32, 34, 36, 38, 42, 43, 45, 48, 51, 52, 62, 63});
  const auto long_list = dropped(Goldfish({50, 50}), congruential(4096));
  CHECK(long_list.size() == 81);
  const std::vector<std::int64_t> first{227, 235, 287, 347, 351, 432, 484, 503, 533, 551, 603, 678, 685, 686, 705, 756};
  REQUIRE(long_list.size() > first.size());
  CHECK(std::equal(first.begin(), first.end(), long_list.begin()));
  // 131071^50 wraps to a negative key; value 0.4056 is kept for k = 2 and 50.
  CHECK_FALSE(Goldfish({3, 50}).drops(std::vector<std::int32_t>(50, 131071)));
  CHECK(Goldfish({2, 50}).drops(std::vector<std::int32_t>(50, 131071)));
}

TEST_CASE("goldfish: a key of zero is kept for k >= 5 and dropped for k <= 4") {
  const std::vector<std::int32_t> zeros(3, 0);
  CHECK_FALSE(Goldfish({5, 3}).drops(zeros));
  CHECK(Goldfish({4, 3}).drops(zeros));
}

TEST_CASE("goldfish: drop lists of golden/goldfish.json") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/goldfish.json");
  for (const Json& item : golden.at("cases")) {
    const std::string name = item.at("sequence");
    const auto labels =
        name == "lcg_4096" ? congruential(4096) : golden.at("sequences").at(name).get<std::vector<std::int32_t>>();
    const std::int32_t pad = item.at("pad").is_null() ? -1 : item.at("pad").get<std::int32_t>();
    const Goldfish goldfish({item.at("k"), item.at("h")});
    CHECK_MESSAGE(dropped(goldfish, labels, pad) == item.at("dropped").get<std::vector<std::int64_t>>(), name);
  }
}

TEST_CASE("goldfish: short samples and bad parameters") {
  CHECK(dropped(Goldfish({3, 4}), {1, 2, 3}).empty());
  CHECK(test::error_of([] { Goldfish({0, 4}); }).find("k=0") != std::string::npos);
  CHECK_FALSE(test::error_of([] { Goldfish({3, 0}); }).empty());
  CHECK_FALSE(test::error_of([] { Goldfish({3, 4}).drops(std::vector<std::int32_t>{1, 2}); }).empty());
}
