// What deduplicators stand on: sorting beyond memory, addresses in normal form, the report of clusters.
#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/clusters.h"
#include "engine/data/external_sort.h"
#include "engine/data/filters/exact_dedup.h"
#include "engine/data/url_key.h"
#include "tests/engine/data/deduplicate.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::Deduplicated;
using cairn::test::source_folder;
using cairn::test::TemporaryFolder;
using cairn::test::text_document;

TEST_CASE("external sort: the same order in memory, in one file and in hundreds that are merged in turns") {
  TemporaryFolder folder;
  ThreadPool threads(3);
  std::vector<std::uint64_t> numbers(20'000);
  for (std::uint64_t i = 0; i < numbers.size(); ++i) numbers[i] = (i * 0x9E3779B97F4A7C15u) >> 44;  // some come twice
  std::vector<std::uint64_t> expected = numbers;
  std::sort(expected.begin(), expected.end());
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{100'000}, std::uint64_t{5000}, std::uint64_t{0}}) {
    ExternalSorter<std::uint64_t> sorter(real_disk(), folder.path() / "sort", memory, threads);
    for (const std::uint64_t number : numbers) sorter.add(number);
    CHECK(sorter.has_spilled() == (memory <= 100'000));
    std::vector<std::uint64_t> sorted;
    sorter.for_each_sorted([&](std::uint64_t number) { sorted.push_back(number); });
    CHECK(sorted == expected);
  }
  CHECK_FALSE(fs::exists(folder.path() / "sort"));
  ExternalSorter<std::uint64_t> none(real_disk(), folder.path() / "sort", 0, threads);
  none.for_each_sorted([](std::uint64_t) { FAIL("nothing was added"); });
}

TEST_CASE("external sort: what a killed attempt left does not count; a file that is cut short is an error") {
  TemporaryFolder folder;
  ThreadPool threads(1);
  fs::create_directories(folder.path() / "sort");
  write_file_atomically(folder.path() / "sort/run-000000", "12345678");
  ExternalSorter<std::uint64_t> sorter(real_disk(), folder.path() / "sort", 0, threads);
  for (std::uint64_t i = 0; i < 100'000; ++i) sorter.add(i);
  fs::path last;
  for (const auto& entry : fs::directory_iterator(folder.path() / "sort")) last = std::max(last, entry.path());
  fs::resize_file(last, 0);
  CHECK(cairn::test::error_of([&] { sorter.for_each_sorted([](std::uint64_t) {}); }).find("run-") != std::string::npos);
}

TEST_CASE("addresses in normal form") {
  CHECK(normal_url("HTTP://User@EXAMPLE.org:80/a/./b/../c?Q=%7e%2f#frag") == "http://User@example.org/a/c?Q=~%2F");
  CHECK(normal_url("https://example.org") == "https://example.org/");
  CHECK(normal_url("https://example.org:443?x") == "https://example.org/?x");
  CHECK(normal_url("https://example.org:80/") == "https://example.org:80/");
  CHECK(normal_url("http://example.org/a//b/") == "http://example.org/a//b/");
  CHECK(normal_url("http://example.org/a/b/..") == "http://example.org/a/");
  CHECK(normal_url("http://example.org/../..") == "http://example.org/");
  CHECK(normal_url("http://example.org/%zz%4") == "http://example.org/%zz%4");
  CHECK(normal_url("http://[2001:DB8::1]:80/") == "http://[2001:db8::1]/");
  CHECK(normal_url("de/Page.html#x") == "de/Page.html#x");
  CHECK(normal_url("://x") == "://x");
  CHECK(normal_url("") == "");
  for (const char* url : {"http://a.b/%2E%2E/x", "http:///", "http://%41.b/%25%34%31", "http://a/%%34%31", "http://a:80::/",
                          "http://[a:80:80/"})  // a second time changes nothing
    CHECK(normal_url(normal_url(url)) == normal_url(url));
}

TEST_CASE("clusters: the example of docs/format/clusters.md is what is written; sizes add up") {
  std::vector<Document> documents = {text_document("same", "a"), text_document("same", "b"), text_document("other", "c")};
  const ExactDedup exact(false, KeepRule::first);
  const Deduplicated found(exact, documents);
  TemporaryFolder folder;
  write_clusters(found.rows, {&exact}, real_disk(), folder.path() / "clusters");
  const std::string page = read_file(source_folder() / "docs/format/clusters.md");
  const std::size_t begin = page.find("```json\n") + 8;
  CHECK(read_file(folder.path() / "clusters") == page.substr(begin, page.find("```", begin) - begin));

  // Clusters of 2, 3, ... 12 and one of 1500.
  documents.clear();
  std::size_t all = 0;
  for (int size = 2; size <= 13; ++size) {
    const int copies = size == 13 ? 1500 : size;
    for (int i = 0; i < copies; ++i) documents.push_back(text_document(fmt::format("{}", size), fmt::format("{}-{}", size, i)));
    all += static_cast<std::size_t>(copies);
  }
  const Deduplicated many(exact, documents);
  const std::vector<ClusterTally> tallies = write_clusters(many.rows, {&exact}, real_disk(), folder.path() / "many");
  REQUIRE(tallies.size() == 1);
  CHECK(tallies[0].clusters == 12);
  CHECK(tallies[0].documents == all);
  CHECK(tallies[0].by_size == std::vector<std::uint64_t>{1, 1, 1, 5, 3, 0, 1});
  REQUIRE(tallies[0].largest.size() == 10);
  CHECK(tallies[0].largest[0].url == "13-0");
  CHECK(tallies[0].largest[0].documents == 1500);
  CHECK(tallies[0].largest[9].documents == 4);
  const std::string lines = read_file(folder.path() / "many");
  CHECK(static_cast<std::size_t>(std::count(lines.begin(), lines.end(), '\n')) == all);
  CHECK(cluster_size_name(3) == "5-9");
  CHECK(cluster_size_name(6) == "1000 and more");
}
