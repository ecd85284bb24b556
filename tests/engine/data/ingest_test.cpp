// What an ingestion keeps between attempts, and what it takes of memory.
#include "engine/data/ingest.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "base/forwarding_disk.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/memory_use.h"
#include "base/random.h"
#include "engine/data/compressed.h"
#include "engine/data/ingest_group.h"
#include "tests/support/run_step.h"

using namespace cairn;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

// Lines with and without text and address, one of them damaged: what a place inside a file has to count.
void write_lines(const fs::path& file, int lines, int words, std::uint64_t key = 1) {
  const Random random(key, "ingest test");
  std::ofstream out(file);
  std::uint64_t at = 0;
  for (int line = 0; line < lines; ++line) {
    if (line == 3) out << "{\"text\": 3}\n";
    out << "{\"text\": \"";
    for (int w = line % 50 == 7 ? words : 0; w < words; ++w) out << "word" << random.below(at++, 5000) << " ";
    out << "\", \"source\": \"s" << line % 3 << "\"";
    if (line % 2 == 1) out << ", \"url\": \"https://x/" << line << "\"";
    out << "}\n";
  }
}

Json config_of(const fs::path& path, std::uint64_t shard_bytes) {
  return {{"sources", {{{"name", "rows"}, {"path", path.string()}, {"retrieved", "2026-01-01T00:00:00Z"}}}},
          {"shard_bytes", shard_bytes}};
}

std::string all_digests(const StepRun& run) {
  return run.digest("documents") + run.digest("report");
}

// Calls `hook` with the name of each file before it is created.
class WatchedDisk : public ForwardingDisk {
 public:
  explicit WatchedDisk(std::function<void(const std::string&)> hook) : hook_(std::move(hook)) {}
  std::unique_ptr<DiskFile> create(const fs::path& path) override {
    hook_(path.filename().string());
    return ForwardingDisk::create(path);
  }

 private:
  std::function<void(const std::string&)> hook_;
};

}  // namespace

TEST_CASE("ingest: interrupted inside a file, it goes on behind the last whole shard and ends in the same bits") {
  TemporaryFolder folder;
  write_lines(folder.path() / "rows.jsonl", 2000, 40);
  const Json config = config_of(folder.path() / "rows.jsonl", 40'000);
  StepRun whole(data::kIngest, config);
  whole.run();
  CHECK(whole.facts("documents")["documents"] == 1960);
  CHECK(read_json(whole.output("report"))["records"]["damaged"]["line"] == 1);

  StopToken stop;
  WatchedDisk stopping([&stop](const std::string& name) {
    if (name == "documents-00005.jsonl.zst") stop.request_stop();
  });
  StepRun run(data::kIngest, config);
  CHECK(error_of([&] { run.stop_token(stop).disk(stopping).run(); }) != "");
  std::vector<std::string> again;
  WatchedDisk watching([&again](const std::string& name) {
    if (name.starts_with("documents-")) again.push_back(name);
  });
  StopToken none;
  run.stop_token(none).disk(watching).run();
  CHECK(all_digests(run) == all_digests(whole));
  REQUIRE(!again.empty());
  CHECK(again.front() >= "documents-00004");
  CHECK(run.postings().size() == whole.postings().size());
}

TEST_CASE("ingest: a shard that is no longer what was written, or one too many, is made again") {
  TemporaryFolder folder;
  write_lines(folder.path() / "rows.jsonl", 2000, 40);
  const Json config = config_of(folder.path() / "rows.jsonl", 40'000);
  StepRun whole(data::kIngest, config);
  whole.run();
  const auto shard_of = [](const StepRun& run, const std::string& name) {
    for (const auto& entry : fs::recursive_directory_iterator(run.scratch())) {
      if (entry.path().filename() == name) return entry.path();
    }
    return fs::path();
  };
  const std::function<void(const StepRun&)> changes[] = {
      [&](const StepRun& run) { fs::resize_file(shard_of(run, "documents-00002.jsonl.zst"), 1000); },
      [&](const StepRun& run) { std::ofstream(shard_of(run, "documents-00002.jsonl.zst"), std::ios::app) << "more"; },
      [&](const StepRun& run) { fs::remove(shard_of(run, "documents-00001.jsonl.zst")); },
      // Of a start that went on while this one was begun: behind a gap, where the writer would come to it.
      [&](const StepRun& run) {
        fs::copy_file(shard_of(run, "documents-00001.jsonl.zst"),
                      shard_of(run, "documents-00001.jsonl.zst").parent_path() / "documents-00007.jsonl.zst");
      },
      [&](const StepRun& run) { std::ofstream(shard_of(run, "state.json"), std::ios::trunc) << "{\"place\": [0"; },
  };
  for (std::size_t change = 0; change < std::size(changes); ++change) {
    CAPTURE(change);
    StopToken stop, none;
    WatchedDisk stopping([&stop](const std::string& name) {
      if (name == "documents-00005.jsonl.zst") stop.request_stop();
    });
    StepRun run(data::kIngest, config);
    REQUIRE(error_of([&] { run.stop_token(stop).disk(stopping).run(); }) != "");
    REQUIRE(fs::exists(shard_of(run, "documents-00003.jsonl.zst")));
    changes[change](run);
    CHECK(all_digests(run.stop_token(none).disk(real_disk()).run()) == all_digests(whole));
  }
}

TEST_CASE("ingest: a disk that is full is the step's error, not damage of the file that is being read") {
  TemporaryFolder folder;
  write_lines(folder.path() / "rows.jsonl", 2000, 40);
  WatchedDisk full([](const std::string& name) {
    if (name == "documents-00003.jsonl.zst") fail("{}: cannot write: No space left on device", name);
  });
  StepRun run(data::kIngest, config_of(folder.path() / "rows.jsonl", 40'000));
  CHECK(error_of([&] { run.disk(full).run(); }) == "documents-00003.jsonl.zst: cannot write: No space left on device");
  StepRun whole(data::kIngest, config_of(folder.path() / "rows.jsonl", 40'000));
  CHECK(all_digests(run.disk(real_disk()).run()) == all_digests(whole.run()));
}

TEST_CASE("ingest: groups of files give the same shards for any number of threads") {
  TemporaryFolder folder;
  for (int file = 0; file < 5; ++file)
    write_lines(folder.path() / fmt::format("rows-{}.jsonl", file), 6000, 200, static_cast<std::uint64_t>(file));
  StepRun one(data::kIngest, config_of(folder.path(), 8'000'000)), four(data::kIngest, config_of(folder.path(), 8'000'000));
  one.threads(1).run();
  CHECK(all_digests(four.threads(4).run()) == all_digests(one));
  std::int64_t documents = 0;
  for (const steps::SourcePosting& posting : one.postings()) documents += posting.documents;
  CHECK(documents == one.facts("documents")["documents"]);
}

TEST_CASE("ingest: postings say of each source where its first document of each shard stands, and how many there are") {
  TemporaryFolder folder;
  write_lines(folder.path() / "rows.jsonl", 500, 40);
  StepRun run(data::kIngest, config_of(folder.path() / "rows.jsonl", 40'000));
  run.run();
  std::map<std::pair<std::string, std::string>, std::pair<std::int64_t, std::int64_t>> expected, posted;
  data::DocumentReader reader(run.output("documents"));
  for (data::Document document; reader.next(document);) {
    const auto at = expected.try_emplace({reader.shard_name(reader.shard()), document.source}, reader.ordinal(), 0).first;
    ++at->second.second;
  }
  for (const steps::SourcePosting& posting : run.postings())
    posted[{posting.file, posting.source}] = {posting.first, posting.documents};
  REQUIRE(reader.shard_count() > 2);
  CHECK(posted.size() == 3 * reader.shard_count());
  CHECK(posted == expected);
}

TEST_CASE("ingest: a file of which nothing can be read gives one empty shard") {
  TemporaryFolder folder;
  std::ofstream(folder.path() / "blank.jsonl") << "\n\n";
  StepRun none(data::kIngest, config_of(folder.path(), 1000));
  CHECK(none.run().facts("documents")["documents"] == 0);
  CHECK(fs::exists(none.output("documents") / "documents-00000.jsonl.zst"));
}

TEST_CASE("ingest: killed at random points, also inside a file, it goes on and ends in the same bits") {
  TemporaryFolder folder;
  write_lines(folder.path() / "a.jsonl", 4000, 60, 1);
  write_lines(folder.path() / "b.jsonl", 4000, 60, 2);
  const Json config = config_of(folder.path(), 50'000);
  StepRun whole(data::kIngest, config);
  const auto start = std::chrono::steady_clock::now();
  whole.run();
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
  int killed = 0;
  for (int round = 0; round < 10; ++round) {
    StepRun run(data::kIngest, config);
    for (int attempt = 1; attempt <= 3; ++attempt) {
      const pid_t child = fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        run.run();
        _exit(0);
      }
      std::this_thread::sleep_for(std::chrono::microseconds(time * (3 * round + attempt) / 40));
      kill(child, SIGKILL);
      int status = 0;
      waitpid(child, &status, 0);
      killed += WIFSIGNALED(status);
      fs::remove_all(run.folder() / "staging-1");  // as the executor does
    }
    CHECK(all_digests(run.run()) == all_digests(whole));
  }
  CHECK(killed >= 10);
}

TEST_CASE("ingest: memory does not grow with the file") {
#ifdef __SANITIZE_ADDRESS__
  SKIP_TEST("a sanitizer keeps what was freed");
#endif
  TemporaryFolder folder;
  const auto peak_of = [&](int lines) {
    const fs::path file = folder.path() / fmt::format("{}.jsonl", lines);
    write_lines(file, lines, 300);
    const pid_t child = fork();
    if (child == 0) {
      const std::uint64_t before = peak_resident_bytes();
      StepRun(data::kIngest, config_of(file, 4'000'000)).threads(1).run();
      // Of a forked process, the peak begins with what the test had.
      _exit(static_cast<int>(std::min<std::uint64_t>(255, (peak_resident_bytes() - before) >> 20)));
    }
    int status = 0;
    waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    MESSAGE((fs::file_size(file) >> 20), " MB of lines: ", WEXITSTATUS(status), " MB");
    return WEXITSTATUS(status);
  };
  CHECK(peak_of(60'000) < 60);  // 140 MB
}
