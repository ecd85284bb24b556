// curate on files and as several ranks: the same bits for any of it, and what it says of files that are not what was written.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "base/json.h"
#include "base/random.h"
#include "engine/data/curate.h"
#include "engine/data/document.h"
#include "engine/data/exchange.h"
#include "engine/data/piece_file.h"
#include "tests/support/crash_disk.h"
#include "tests/support/made_words.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::made_word;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

// All that compares documents, in stages of one and of several, with whatever they keep, cut and measure.
constexpr const char* kChain = R"({"filters": [{"filter": "exact_dedup", "by": "url", "keep": "newest"}, {"filter": "pii"},
    {"filter": "exact_dedup", "keep": "longest"}, {"filter": "minhash", "bands": 20, "rows_per_band": 4, "keep": "oldest"},
    {"filter": "percentile", "score": "quality", "share": 0.1}, {"filter": "paragraph_dedup", "of": "lines", "min_bytes": 20},
    {"filter": "gopher_quality", "min_words": 20, "min_stop_words": 0},
    {"filter": "percentile", "score": "quality", "of": "all", "drop": "lowest", "share": 0.05},
    {"filter": "substring_dedup", "min_bytes": 60}],
    "held_out": {"fraction": 0.1}, "shard_bytes": 50000, "runtime": {"piece_bytes": 1}})";

// In shards of a few documents each: words drawn by index, copies, near copies, lines in common, addresses in common.
void write_documents(const fs::path& folder, int count) {
  DocumentWriter writer(real_disk(), folder, 30'000);
  const Random random(1, "curate ranks test");
  std::uint64_t at = 0;
  std::vector<std::string> texts;
  for (int d = 0; d < count; ++d) {
    std::string text;
    if (d % 9 == 8) text = texts[random.below(at++, texts.size())];
    const int words = text.empty() ? 120 : d % 2 * 3;
    for (int w = 0; w < words; ++w) text += made_word(random.below(at++, 900)) + (w % 17 == 16 ? " and the end.\n" : " ");
    texts.push_back(text);
    if (d % 7 == 0) text += "\nA line that stands in many of the documents of this test, again and again.\n";
    if (d % 11 == 0)
      text += "\n" + made_word(at + 1000) + " stands before a passage that many documents have inside of a line of their own.\n";
    Document document;
    document.id = document_id(text);
    document.text = std::move(text);
    document.url = fmt::format("https://{}.org/{}", d % 5, d % 31 == 0 ? d / 62 : d);
    document.source = fmt::format("site-{}", d % 5);
    document.language = d % 3 ? "en" : "de";
    document.licence = "MIT";
    document.retrieved = fmt::format("2026-01-{:02d}T00:00:00Z", d % 28 + 1);
    document.scores = {{"quality", static_cast<double>(d % 97) / 97}};
    writer.append(document);
  }
  writer.finish();
}

std::string all_digests(const StepRun& run) {
  return run.digest("documents") + run.digest("held_out") + run.digest("decisions") + run.digest("report");
}

// As so many processes, of which this one is the first.
std::string digests_by_ranks(StepRun& run, int size) {
  std::vector<pid_t> children;
  for (int rank = 1; rank < size; ++rank) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        run.ranks(rank, size).run();
        _exit(0);
      } catch (const std::exception& error) {
        MESSAGE(error.what());
        _exit(1);
      }
    }
    children.push_back(child);
  }
  run.ranks(0, size).run();
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(status == 0);
  }
  return all_digests(run);
}

void overwrite(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void damage(const fs::path& path, bool cut) {
  std::string bytes = read_file(path);
  if (cut)
    bytes.resize(bytes.size() / 2);
  else
    bytes[bytes.size() / 2] ^= 1;
  overwrite(path, bytes);
}

}  // namespace

TEST_CASE("curate: the same bits for any number of ranks and any memory, and each stage has something to do") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", 600);
  Json config = parse_json(kChain, "config");
  StepRun alone(kCurate, config);
  const std::string expected = all_digests(alone.input("documents", folder.path() / "in").run());
  const Json report = parse_json(read_file(alone.output("report") / "report.json"), "report");
  for (const Json& filter : report.at("filters")) {
    if (filter.at("filter") == "pii" || filter.at("filter") == "gopher_quality") continue;  // they only part the stages
    CHECK_MESSAGE(filter.at("dropped").get<int>() + filter.at("edited").get<int>() > 0, filter.dump());
  }
  for (const int memory : {0, 100'000}) {
    config["runtime"]["memory"] = memory;
    StepRun run(kCurate, config);
    CHECK(all_digests(run.input("documents", folder.path() / "in").run()) == expected);
    for (const int size : {2, 5}) {
      StepRun ranks(kCurate, config);
      CHECK(digests_by_ranks(ranks.input("documents", folder.path() / "in"), size) == expected);
    }
  }
}

TEST_CASE("curate: scratch files of several ranks that are damaged or cut short are made again") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", 300);
  StepRun run(kCurate, kChain);
  const std::string expected = digests_by_ranks(run.input("documents", folder.path() / "in"), 3);
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run.scratch())) {
    if (entry.is_regular_file() && entry.file_size() > 0) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  REQUIRE(files.size() > 100);
  CHECK(std::none_of(files.begin(), files.end(),
                     [](const fs::path& path) { return path.string().find("/own/") != std::string::npos; }));
  for (std::size_t round = 0; round < 4; ++round) {  // every third one cut short, or with a bit turned
    for (std::size_t i = round % 3; i < files.size(); i += 3) damage(files[i], round % 2);
    CHECK(digests_by_ranks(run, 3) == expected);
  }
  const Random random(1, "damage");
  for (std::size_t round = 0; round < 4; ++round) {
    damage(files[random.below(round, files.size())], round % 2);
    CHECK(digests_by_ranks(run, 3) == expected);
  }
  // Some are gone: as behind a kill.
  for (std::size_t i = 0; i < files.size(); i += 2) fs::remove(files[i]);
  CHECK(digests_by_ranks(run, 3) == expected);
}

TEST_CASE(
    "curate: a rank that is started again behind its last barrier, and killed again, leaves the shards whole that it had "
    "written") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", 300);
  Json config = parse_json(kChain, "config");
  config["shard_bytes"] = 15'000;
  StepRun run(kCurate, config);
  digests_by_ranks(run.input("documents", folder.path() / "in"), 3);
  // The first rank gives these to the step, and may do so at any time.
  const auto shards = [&run] {
    std::map<std::string, std::string> bytes;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run.scratch() / "shards")) {
      if (entry.is_regular_file()) bytes[entry.path().lexically_relative(run.scratch()).string()] = read_file(entry.path());
    }
    return bytes;
  };
  const std::map<std::string, std::string> expected = shards();
  REQUIRE(expected.size() > 10);
  const auto written_again = [&](int operations) {
    test::CrashDisk disk(run.folder());
    disk.crash_after(operations, test::CrashLoss::torn);
    try {
      run.again().ranks(1, 3).threads(1).disk(disk).run();
    } catch (const test::SimulatedCrash&) {
    }
    return disk.operations();
  };
  const std::vector<std::string> all = written_again(1'000'000);
  const auto puts_in_place = [](const std::string& operation) {
    return operation.starts_with("rename ") && operation.find("/shards/documents/") != std::string::npos;
  };
  CHECK(std::count_if(all.begin(), all.end(), puts_in_place) > 2);
  for (int operations = 0; operations < static_cast<int>(all.size()); ++operations) {
    written_again(operations);
    CHECK_MESSAGE(shards() == expected, "killed at " << all[static_cast<std::size_t>(operations)]);
  }
}

TEST_CASE("exchange: each rank gets what it owns, in order; what was damaged since is an error that names the file") {
  for (const std::uint64_t memory : {std::uint64_t{0}, std::uint64_t{1} << 20}) {
    TemporaryFolder folder;
    ThreadPool threads(1);
    StopToken stop;
    constexpr int kRanks = 3;
    constexpr std::uint64_t kRecords = 5000;
    steps::Ranks ranks[kRanks] = {{0, kRanks, real_disk(), folder.path() / "meeting", folder.path() / "owner", "x", stop, 60},
                                  {1, kRanks, real_disk(), folder.path() / "meeting", folder.path() / "owner", "x", stop, 60},
                                  {2, kRanks, real_disk(), folder.path() / "meeting", folder.path() / "owner", "x", stop, 60}};
    const auto exchange_of = [&](int rank) {
      const fs::path own = folder.path() / ranks[rank].attempt();
      fs::create_directories(own);
      return Exchange<std::uint64_t>({ranks[rank], real_disk(), folder.path(), own, memory, threads, stop}, "numbers",
                                     [](std::uint64_t number) { return static_cast<int>(number * kRanks / kRecords); });
    };
    std::vector<std::uint64_t> got[kRanks];
    std::vector<std::thread> processes;
    for (int rank = 0; rank < kRanks; ++rank) {
      processes.emplace_back([&, rank] {
        auto exchange = exchange_of(rank);
        for (std::uint64_t i = static_cast<std::uint64_t>(rank); i < kRecords; i += kRanks) exchange.add(i * 7919 % kRecords);
        exchange.send();
        exchange.for_each([&](std::uint64_t number) { got[rank].push_back(number); });
      });
    }
    for (std::thread& process : processes) process.join();
    std::uint64_t next = 0;
    for (const std::vector<std::uint64_t>& part : got) {
      for (const std::uint64_t number : part) CHECK(number == next++);
    }
    CHECK(next == kRecords);
    CHECK(exchange_of(1).is_sent());

    // Of the last rank's file the first one reads the first part alone: it does not see what is damaged behind it.
    const fs::path run = folder.path() / "numbers.run-2", ends = folder.path() / "numbers.ends-2";
    const std::string bytes = read_file(run), end_bytes = read_file(ends);
    const auto told = [&](int rank) { return error_of([&] { exchange_of(rank).for_each([](std::uint64_t) {}); }); };
    // Ranks that have sent: what they read is what is tested.
    for (std::size_t at = 0; at < bytes.size(); at += 997) {
      std::string bad = bytes;
      bad[at] ^= 4;
      overwrite(run, bad);
      const int reader = static_cast<int>(at * kRanks / bytes.size());
      CHECK(told(reader) == run.string() + ": damaged");
      CHECK_FALSE(exchange_of(2).is_sent());
    }
    overwrite(run, bytes.substr(0, bytes.size() - 5));
    CHECK(told(0).empty());
    CHECK(told(1).empty());
    CHECK(error_of([&] {
            auto third = exchange_of(2);
            CHECK_FALSE(third.is_sent());
          }).empty());
    overwrite(run, bytes);
    for (const std::string& bad : {end_bytes.substr(1), std::string(), end_bytes + "x", end_bytes.substr(0, 8)}) {
      overwrite(ends, bad);
      CHECK(told(0) == ends.string() + ": damaged");
      CHECK_FALSE(exchange_of(2).is_sent());
    }
    std::string turned = end_bytes;
    turned[3] ^= 1;
    overwrite(ends, turned);
    CHECK(told(1) == ends.string() + ": damaged");
  }
}

TEST_CASE("piece files: records by piece; every bit that is turned, and every byte that is missing, is noticed") {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "records", index = folder.path() / "records.index";
  std::map<PieceNumber, std::vector<std::string>> all;
  for (std::uint64_t i = 0; i < 40; ++i) all[i / 7 * 3].push_back(std::string(i, 'a') + std::to_string(i));
  fs::create_directories(folder.path() / "own");
  const auto write = [&] {
    PieceFileWriter<std::string> writer(real_disk(), path, folder.path() / "own");
    for (const auto& [piece, records] : all) {
      for (const std::string& record : records) writer.add(piece, record);
    }
    writer.finish();
  };
  write();
  REQUIRE(PieceFile<std::string>::is_whole(real_disk(), path));
  const PieceFile<std::string> file(real_disk(), path);
  for (PieceNumber piece = 0; piece < 20; ++piece)
    CHECK(file.of(piece) == (all.contains(piece) ? all[piece] : std::vector<std::string>{}));
  for (const fs::path& one : {path, index}) {
    const std::string bytes = read_file(one);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      std::string bad = bytes;
      bad[at] ^= static_cast<char>(1 << at % 8);
      overwrite(one, bad);
      CHECK_FALSE(PieceFile<std::string>::is_whole(real_disk(), path));
      overwrite(one, bytes.substr(0, at));
      CHECK_FALSE(PieceFile<std::string>::is_whole(real_disk(), path));
      // Who reads it all the same is told.
      const std::string told = error_of([&] {
        const PieceFile<std::string> broken(real_disk(), path);
        for (PieceNumber piece = 0; piece < 20; ++piece) broken.of(piece);
      });
      CHECK(told.starts_with(one.string()));
    }
    overwrite(one, bytes);
  }
  CHECK(PieceFile<std::string>::is_whole(real_disk(), path));
}
