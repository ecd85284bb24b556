#include "engine/text/word_counter.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

using Counts = std::map<std::string, std::int64_t>;

Counts counts_of(const WordTable& table) {
  Counts counts;
  table.each([&](std::string_view word, std::int64_t count) { CHECK(counts.emplace(word, count).second); });
  return counts;
}

// 3000 words of which few are frequent and many are rare, in 40 texts.
std::vector<std::vector<std::string>> texts() {
  const Random random(3, "words");
  std::vector<std::vector<std::string>> made(40);
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const std::uint64_t rank = random.below(2 * i, 1 + random.below(2 * i + 1, 900));
    made[i % made.size()].push_back("w" + std::to_string(rank) + std::string(rank % 7 == 0 ? 3000 : 1, 'x'));
  }
  return made;
}

Counts expected() {
  Counts counts;
  for (const auto& text : texts()) {
    for (const std::string& word : text) ++counts[word];
  }
  return counts;
}

Counts counted(int threads, const std::filesystem::path& scratch, std::uint64_t memory, std::size_t most,
               std::int64_t* distinct = nullptr) {
  const auto all = texts();
  ThreadPool pool(threads);
  WordCounter counter(scratch, memory);
  for (std::size_t first = 0; first < all.size(); first += 5) {
    counter.add(
        5,
        [&](std::size_t i, WordTable& table) {
          for (const std::string& word : all[first + i]) table.add(word, 1);
        },
        pool);
  }
  const Counts counts = counts_of(counter.finish(most));
  if (distinct) *distinct = counter.distinct();
  return counts;
}

}  // namespace

TEST_CASE("word counter: exact counts, in memory and by way of the disk, for any number of threads") {
  const test::TemporaryFolder folder;
  CHECK(counted(1, {}, 0, 0) == expected());
  CHECK(counted(3, {}, 1, 0) == expected());  // without a scratch folder nothing is set aside
  CHECK(counted(1, folder.path(), 1, 0) == expected());
  CHECK(counted(3, folder.path(), 100'000, 0) == expected());
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("word counter: of many words the most frequent are kept, equals in the order of their bytes") {
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [word, count] : expected()) order.emplace_back(-count, word);
  std::sort(order.begin(), order.end());
  const test::TemporaryFolder folder;
  for (const std::size_t most : {1, 7, 100}) {
    Counts best;
    for (std::size_t i = 0; i < most; ++i) best.emplace(order[i].second, -order[i].first);
    std::int64_t distinct = 0;
    CHECK(counted(2, {}, 0, most, &distinct) == best);
    CHECK(counted(2, folder.path(), 1, most) == best);
    CHECK(distinct == static_cast<std::int64_t>(order.size()));
  }
}

TEST_CASE("word counter: words that cannot be set aside are an error") {
  const test::TemporaryFolder folder;
  const std::string error = test::error_of([&] { counted(1, folder.path() / "absent", 1, 0); });
  CHECK(error.find("cannot be written") != std::string::npos);
}

}  // namespace cairn::text
