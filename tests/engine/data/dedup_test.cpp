// What deduplicators stand on: sorting beyond memory, addresses in normal form, the report of clusters.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/clusters.h"
#include "engine/data/components.h"
#include "engine/data/external_sort.h"
#include "engine/data/filters/exact_dedup.h"
#include "engine/data/sort_key.h"
#include "engine/data/url_key.h"
#include "tests/engine/data/deduplicate.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::Deduplicated;
using cairn::test::source_folder;
using cairn::test::TemporaryFolder;
using cairn::test::text_document;

namespace {

std::vector<ClusterTally> clusters_of(const Deduplicated& found, const fs::path& file) {
  std::vector<std::string> records;
  const auto known = [&found](DocumentNumber i) {
    const CuratedRow& row = *found.rows[i].row;
    return KnownDocument{std::string(row.id), std::string(row.source), std::string(row.url)};
  };
  for (const DedupRow& row : found.rows) {
    if (!row.removal) continue;
    const KnownDocument own = known(row.number), kept = known(row.removal.kept);
    records.push_back(pack_member(
        {1, row.removal.kept, row.number, own.id, own.source, own.url, row.removal.by->reason(row.removal, kept.url), kept}));
  }
  std::sort(records.begin(), records.end());
  const auto for_each = [&records](const MemberFn& fn) {
    for (const std::string& record : records) fn(unpack_member(record));
  };
  return write_clusters(for_each, {{1, "exact_dedup"}}, real_disk(), file, file.string() + ".sizes");
}

// Strings with every kind of byte.
std::string odd_string(std::uint64_t number) {
  std::string text;
  for (std::uint64_t at = number % 5; at > 0; --at) text += "\0\xff\1a"[(number * 7 + at) % 4];
  return text;
}

}  // namespace

TEST_CASE("sort keys: bytes in the order of their fields, and back") {
  std::vector<std::pair<std::string, std::uint64_t>> fields;
  for (std::uint64_t i = 0; i < 300; ++i) fields.push_back({odd_string(i * i), i * 0x9E3779B97F4A7C15u});
  std::vector<std::string> keys;
  for (const auto& [text, number] : fields) {
    std::string& key = keys.emplace_back();
    append_key(key, text);
    append_key(key, number);
  }
  std::sort(fields.begin(), fields.end());
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    std::string_view bytes = keys[i];
    CHECK(take_string_key(bytes) == fields[i].first);
    CHECK(take_number_key(bytes) == fields[i].second);
    CHECK(bytes.empty());
  }
}

TEST_CASE("external sort: strings of any size, in memory and in files, as often as one likes") {
  TemporaryFolder folder;
  ThreadPool threads(2);
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i < 5000; ++i) expected.push_back(odd_string(i) + std::string(i * i % 700, 'x') + odd_string(i / 3));
  expected.push_back(std::string(3'000'000, 'y'));
  for (const std::uint64_t memory : {std::uint64_t{1} << 30, std::uint64_t{100'000}, std::uint64_t{0}}) {
    ExternalSorter<std::string> sorter(real_disk(), folder.path() / "sort", memory, threads);
    for (const std::string& text : expected) sorter.add(text);
    CHECK(sorter.has_spilled() == (memory <= 100'000));
    std::vector<std::string> sorted = expected;
    std::sort(sorted.begin(), sorted.end());
    for (int again = 0; again < 2; ++again) {
      std::size_t at = 0;
      bool same = true;
      sorter.for_each_sorted([&](const std::string& text) { same &= text == sorted[at++]; });
      CHECK(same);
      CHECK(at == sorted.size());
    }
  }
}

TEST_CASE("components: chains, stars and cycles end in the least node, in memory and on files") {
  for (const std::uint64_t memory : {std::uint64_t{1} << 20, std::uint64_t{0}}) {
    TemporaryFolder folder;
    ThreadPool threads(2);
    StopToken stop;
    steps::Ranks alone;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> edges;
    for (std::uint64_t i = 1; i < 1000; ++i) edges.push_back({i * 7919 % 1000, (i - 1) * 7919 % 1000});  // one long chain
    for (std::uint64_t i = 2001; i < 2300; ++i) edges.push_back({i, 2300});                              // a star
    for (std::uint64_t i = 0; i < 50; ++i) edges.push_back({3000 + i, 3000 + (i + 1) % 50});             // a ring
    edges.push_back({4000, 4000});
    edges.push_back({5000, 5001});
    edges.push_back({5000, 5001});
    std::map<std::uint64_t, std::uint64_t> least;
    const Workbench bench{alone, real_disk(), folder.path(), folder.path(), memory, threads, stop};
    find_components(
        bench,
        [&](const EdgeFn& edge) {
          for (const auto& [x, y] : edges) edge({0, x}, {0, y});
        },
        [&](const Node& node, const Node& first) { CHECK(least.emplace(node.document, first.document).second); });
    CHECK(least.size() == 999 + 299 + 49 + 1);
    for (const auto& [node, first] : least) CHECK(first == (node < 1000 ? 0 : node < 3000 ? 2001 : node < 4000 ? 3000 : 5000));
  }
}

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

TEST_CASE("external sort: what was damaged in a file is never taken for a record") {
  TemporaryFolder folder;
  ThreadPool threads(1);
  const auto text_of = [](std::uint64_t i) { return std::string(i % 37, 'x') + std::to_string(i * 7919 % 3000); };
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i < 3000; ++i) expected.push_back(text_of(i));
  std::sort(expected.begin(), expected.end());
  ExternalSorter<std::string> sorter(real_disk(), folder.path() / "sort", 30'000, threads);
  for (std::uint64_t i = 0; i < 3000; ++i) sorter.add(text_of(i));
  REQUIRE(sorter.has_spilled());
  const fs::path run = folder.path() / "sort/run-000000";
  const std::string good = read_file(run);
  const auto told = [&](const std::string& bytes) {
    std::ofstream(run, std::ios::binary) << bytes;
    std::size_t at = 0;
    return cairn::test::error_of([&] {
      sorter.for_each_sorted([&](const std::string& text) {
        REQUIRE(text == expected.at(at));
        ++at;
      });
    });
  };
  CHECK(told(good).empty());
  for (std::size_t at = 0; at < good.size(); at += at < 64 ? 1 : 61) {
    std::string bad = good;
    bad[at] ^= static_cast<char>(1 << at % 8);
    const std::string error = told(bad);
    CHECK_MESSAGE((error == run.string() + ": damaged" || error == run.string() + ": cut short"), at, ": ", error);
    CHECK(told(good.substr(0, at)) == run.string() + ": cut short");
  }
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
  clusters_of(found, folder.path() / "clusters");
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
  const std::vector<ClusterTally> tallies = clusters_of(many, folder.path() / "many");
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
