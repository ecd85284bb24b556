// `cairn run` as several processes that share a folder: the same bits for any number of them, also when one is killed and started
// again; and what they say when one is missing, or was given something else.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include <fmt/format.h>

#include "base/format.h"
#include "base/random.h"
#include "lineage/audit.h"
#include "lineage/workspace.h"
#include "tests/support/made_words.h"
#include "tests/support/test.h"

using namespace cairn;

namespace {

constexpr const char* kPipeline = R"({"pipeline": "ranks", "seed": 5, "steps": {
  "corpus": {"step": "ingest", "config": {"shard_bytes": 60000, "sources": [{"name": "made-up", "path": "in", "kind": "jsonl", "licence": "MIT", "language": "en",
                                                       "retrieved": "2026-01-01T00:00:00Z"}]}},
  "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"}, "config": {"shard_bytes": 300000, "held_out": {"fraction": 0.05},
            "filters": [{"filter": "exact_dedup", "keep": "newest"}, {"filter": "minhash", "keep": "longest"}, {"filter": "gopher_quality"},
                        {"filter": "paragraph_dedup", "of": "lines"}, {"filter": "percentile", "score": "quality", "share": 0.1},
                        {"filter": "substring_dedup", "min_bytes": 60}]},
            "runtime": {"piece_bytes": 20000}}}})";

// Documents of words drawn by index, with copies, near copies and lines in common, in files of which each is a group.
void write_documents(const fs::path& folder) {
  fs::create_directories(folder);
  const Random random(1, "ranks test documents");
  std::uint64_t at = 0;
  std::vector<std::string> texts;
  for (int f = 0; f < 4; ++f) {
    std::ofstream out(folder / fmt::format("{}.jsonl", f));
    for (int d = 0; d < 400; ++d) {
      std::string text;
      if (d % 9 == 8 && !texts.empty()) text = texts[random.below(at++, texts.size())];
      const int words = text.empty() ? 150 : d % 2 * 3;
      for (int w = 0; w < words; ++w) text += test::made_word(random.below(at++, 900)) + (w % 17 == 16 ? " and the end. " : " ");
      texts.push_back(text);
      if (d % 7 == 0) text += "\\nA line that stands in many of the documents of this test, again and again.\\n";
      out << fmt::format(R"({{"text": "{}", "url": "https://{}.org/{}", "quality_score": {}, "retrieved": "2026-01-{:02d}"}})",
                         text, d % 5, f * 1000 + d, d % 31 / 31.0, d % 28 + 1)
          << '\n';
    }
    // Of no document, but of such a size that the next file is of another group.
    for (int line = 0; line < 17'000; ++line) out << std::string(1000, ' ') << '\n';
  }
}

struct Launch {
  const char* program;
  fs::path folder, workspace;
  int size = 1;
  std::string job = "1", timeout = "60";
};

pid_t start(const Launch& launch, int rank, const std::vector<std::string>& more = {}) {
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("CAIRN_RANK", std::to_string(rank).c_str(), 1);
  setenv("CAIRN_RANKS", std::to_string(launch.size).c_str(), 1);
  setenv("CAIRN_JOB", launch.job.c_str(), 1);
  setenv("CAIRN_RANK_TIMEOUT", launch.timeout.c_str(), 1);
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  const int log = open((launch.folder / fmt::format("stderr-{}", rank)).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  dup2(log, STDERR_FILENO);
  std::vector<std::string> words = {
      launch.program, "-C", launch.workspace.string(), "-q", "--threads", "1", "run", (launch.folder / "ranks.json").string()};
  words.insert(words.end(), more.begin(), more.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(launch.program, argv.data());
  _exit(127);
}

int code_of(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::string said_by(const Launch& launch, int rank) {
  return read_file(launch.folder / fmt::format("stderr-{}", rank));
}

std::map<std::string, Digest> results(const fs::path& path) {
  lineage::Workspace workspace = lineage::Workspace::open_read_only(real_disk(), path);
  std::map<std::string, Digest> digests;
  for (const lineage::Ref& ref : workspace.ledger().refs()) digests[ref.name] = workspace.ledger().artifact(ref.artifact).digest;
  return digests;
}

struct Scene {
  Scene() {
    launch.program = std::getenv("CAIRN_BIN");
    REQUIRE_MESSAGE(launch.program != nullptr, "CAIRN_BIN names the program under test");
    launch.folder = folder.path();
    write_documents(folder.path() / "in");
    std::ofstream(folder.path() / "ranks.json") << kPipeline;
  }
  const Launch& fresh(int size) {
    launch.size = size;
    launch.workspace = folder.path() / fmt::format("ws-{}", ++workspaces);
    launch.job = std::to_string(workspaces);
    lineage::Workspace::create(real_disk(), launch.workspace, "ranks");
    return launch;
  }
  test::TemporaryFolder folder;
  Launch launch;
  int workspaces = 0;
};

}  // namespace

TEST_CASE("ranks: one, two, three and five processes give the same bits, and the ledger is one process's") {
  Scene scene;
  std::map<std::string, Digest> expected;
  for (const int size : {1, 2, 3, 5}) {
    const Launch& launch = scene.fresh(size);
    const std::int64_t begun = now_microseconds();
    std::vector<pid_t> children;
    for (int rank = 0; rank < size; ++rank) children.push_back(start(launch, rank));
    for (int rank = 0; rank < size; ++rank)
      CHECK_MESSAGE(code_of(children[static_cast<std::size_t>(rank)]) == 0, said_by(launch, rank));
    MESSAGE(size, " ranks: ", (now_microseconds() - begun) / 1000, " ms");
    const std::map<std::string, Digest> found = results(launch.workspace);
    if (size == 1) expected = found;
    CHECK(found.size() >= 6);
    CHECK(found == expected);
    lineage::Workspace workspace = lineage::Workspace::open(real_disk(), launch.workspace);
    CHECK(workspace.ledger().open_runs().empty());
    const lineage::AuditReport audit = lineage::audit_workspace(workspace);
    CHECK_MESSAGE(audit.holds(), audit.to_text());
  }
}

// Waits until rank 0 has told the others of the step, and then for `moment`.
void await_step(const Launch& launch, std::size_t number, std::chrono::microseconds moment) {
  const fs::path told = launch.workspace / "ranks" / launch.job / fmt::format("step-{:04d}.json", number);
  while (!fs::exists(told)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(moment);
}

// Whether ranks share the step at this moment; {} is written over what was told when all have left it.
bool is_shared_now(const Launch& launch, std::size_t number) {
  const fs::path told = launch.workspace / "ranks" / launch.job / fmt::format("step-{:04d}.json", number);
  return fs::exists(told) && fs::file_size(told) > 10;
}

// Whether a rank has left a step that is shared.
bool has_left(const Launch& launch, int rank) {
  for (const fs::directory_entry& meeting : fs::directory_iterator(launch.workspace / "ranks" / launch.job)) {
    if (fs::exists(meeting.path() / fmt::format("left.{}", rank))) return true;
  }
  return false;
}

// Steps that are shared, and how long three ranks share each.
constexpr std::size_t kShared = 2;
std::vector<std::uint64_t> time_shared(const Launch& launch, const std::map<std::string, Digest>& expected) {
  std::vector<pid_t> children;
  for (int rank = 0; rank < launch.size; ++rank) children.push_back(start(launch, rank));
  std::vector<std::uint64_t> microseconds;
  for (std::size_t step = 0; step < kShared; ++step) {
    await_step(launch, step, {});
    const std::int64_t begun = now_microseconds();
    while (is_shared_now(launch, step)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    microseconds.push_back(static_cast<std::uint64_t>(now_microseconds() - begun));
  }
  for (const pid_t child : children) REQUIRE(code_of(child) == 0);
  REQUIRE(results(launch.workspace) == expected);
  return microseconds;
}

TEST_CASE("ranks: one that is killed and started again finds what it had done, and the bits are the same") {
  Scene scene;
  const Launch& alone = scene.fresh(1);
  REQUIRE(code_of(start(alone, 0)) == 0);
  const std::map<std::string, Digest> expected = results(alone.workspace);
  const std::vector<std::uint64_t> shared_time = time_shared(scene.fresh(3), expected);

  const std::int64_t seed = now_microseconds();
  const Random random(static_cast<std::uint64_t>(seed), "kill");
  std::uint64_t drawn = 0;
  for (std::size_t step = 0; step < kShared; ++step) {
    int killed_inside = 0;
    for (std::size_t round = 0; round < 9; ++round) {
      const Launch& launch = scene.fresh(3);
      pid_t children[3];
      for (int rank = 0; rank < 3; ++rank) children[rank] = start(launch, rank);
      const std::size_t victim = round % 3;
      await_step(launch, step, std::chrono::microseconds(random.below(drawn++, shared_time[step])));
      kill(children[victim], SIGKILL);
      killed_inside += code_of(children[victim]) == -1 && is_shared_now(launch, step);
      INFO("step " << step << ", round " << round << " of seed " << seed << ", rank " << victim);
      children[victim] = start(launch, static_cast<int>(victim));
      for (int rank = 0; rank < 3; ++rank) CHECK_MESSAGE(code_of(children[rank]) == 0, said_by(launch, rank));
      CHECK(results(launch.workspace) == expected);
    }
    CHECK(killed_inside >= 4);
  }
}

TEST_CASE(
    "ranks: one is killed at the very end, when it or all others are done with a step, or all are killed and start as a new "
    "job") {
  Scene scene;
  const Launch& alone = scene.fresh(1);
  REQUIRE(code_of(start(alone, 0)) == 0);
  const std::map<std::string, Digest> expected = results(alone.workspace);
  for (std::size_t step = 0; step < kShared; ++step) {
    for (const int victim : {0, 1}) {
      const Launch& launch = scene.fresh(3);
      pid_t children[3];
      for (int rank = 0; rank < 3; ++rank) children[rank] = start(launch, rank);
      await_step(launch, step, {});
      while (is_shared_now(launch, step) && !has_left(launch, 1)) std::this_thread::sleep_for(std::chrono::microseconds(100));
      kill(children[victim], SIGKILL);
      CHECK(code_of(children[victim]) == -1);
      INFO("step " << step << ", rank " << victim);
      children[victim] = start(launch, victim);
      for (int rank = 0; rank < 3; ++rank) CHECK_MESSAGE(code_of(children[rank]) == 0, said_by(launch, rank));
      CHECK(results(launch.workspace) == expected);
    }
  }
  const std::vector<std::uint64_t> shared_time = time_shared(scene.fresh(3), expected);
  int all_killed = 0;
  for (std::uint64_t part = 1; part < 6; ++part) {
    Launch launch = scene.fresh(3);
    pid_t children[3];
    for (int rank = 0; rank < 3; ++rank) children[rank] = start(launch, rank);
    await_step(launch, 1, std::chrono::microseconds(shared_time[1] * part / 6));
    for (const pid_t child : children) kill(child, SIGKILL);
    for (const pid_t child : children) all_killed += code_of(child) == -1;
    launch.job += "-again";
    for (int rank = 0; rank < 3; ++rank) children[rank] = start(launch, rank);
    for (int rank = 0; rank < 3; ++rank) CHECK_MESSAGE(code_of(children[rank]) == 0, said_by(launch, rank));
    INFO("killed after " << part << " sixths");
    CHECK(results(launch.workspace) == expected);
  }
  CHECK(all_killed >= 6);
}

TEST_CASE(
    "ranks: all are started anew, as another job, while those of the first job still work: these end, and the bits are the "
    "same") {
  Scene scene;
  const Launch& alone = scene.fresh(1);
  REQUIRE(code_of(start(alone, 0)) == 0);
  const std::map<std::string, Digest> expected = results(alone.workspace);
  int met = 0;
  const std::vector<std::string> little_memory = {"--set", "clean.runtime.memory=20000"};  // so that there are files to fight for
  for (std::uint64_t round = 0; round < 6; ++round) {
    Launch old = scene.fresh(3);
    old.timeout = "5";
    std::vector<pid_t> former, now;
    for (int rank = 0; rank < 3; ++rank) former.push_back(start(old, rank, little_memory));
    await_step(old, round / 3, std::chrono::milliseconds((round < 3 ? 5 : 150) * (round % 3)));
    kill(former[0], SIGKILL);
    CHECK(code_of(former[0]) == -1);
    Launch anew = old;
    anew.job += "-again";
    anew.folder = scene.folder.path() / "again";  // of what they say
    fs::create_directories(anew.folder);
    fs::copy_file(old.folder / "ranks.json", anew.folder / "ranks.json", fs::copy_options::overwrite_existing);
    fs::remove(anew.folder / "in");
    fs::create_directory_symlink(old.folder / "in", anew.folder / "in");
    for (int rank = 0; rank < 3; ++rank) now.push_back(start(anew, rank, little_memory));
    for (int rank = 0; rank < 3; ++rank) CHECK_MESSAGE(code_of(now[static_cast<std::size_t>(rank)]) == 0, said_by(anew, rank));
    for (int rank = 1; rank < 3; ++rank) {
      CHECK(code_of(former[static_cast<std::size_t>(rank)]) == 1);
      const std::string said = said_by(old, rank);
      const bool met_another = said.find("another start works on this step now") != std::string::npos;
      CHECK_MESSAGE((met_another || said.find("rank 0 of 3 has shown no sign of life for 5") != std::string::npos), said);
      met += met_another;
    }
    CHECK(results(anew.workspace) == expected);
  }
  CHECK(met >= 4);
}

TEST_CASE("ranks: a missing rank, other settings and nonsense are told") {
  Scene scene;
  Launch missing = scene.fresh(3);
  missing.timeout = "5";  // a busy machine may keep the two others waiting, too
  const pid_t zero = start(missing, 0), one = start(missing, 1);
  CHECK(code_of(zero) == 1);
  CHECK_MESSAGE(said_by(missing, 0).find("rank 2 of 3 has not been seen for 5") != std::string::npos, said_by(missing, 0));
  CHECK(code_of(one) == 1);
  CHECK_MESSAGE(said_by(missing, 1).find("rank 0 of 3 gave up: ") != std::string::npos, said_by(missing, 1));

  Launch headless = scene.fresh(2);
  headless.timeout = "1";
  CHECK(code_of(start(headless, 1)) == 1);
  CHECK_MESSAGE(said_by(headless, 1).find("rank 0 of 2 has not been seen for 1") != std::string::npos, said_by(headless, 1));

  const Launch& other = scene.fresh(2);
  const pid_t first = start(other, 0), second = start(other, 1, {"--set", "corpus.config.shard_bytes=70000"});
  CHECK(code_of(second) == 2);
  CHECK(said_by(other, 1).find("rank 1 was given another config.shard_bytes of corpus than rank 0: 70000 instead of 60000") !=
        std::string::npos);
  CHECK(code_of(first) == 1);
  CHECK(said_by(other, 0).find("rank 1 of 2 gave up: rank 1 was given another config.shard_bytes") != std::string::npos);

  // The same program but for one byte behind its end: what counts is the digest of its file.
  const Launch& build = scene.fresh(2);
  Launch another = build;
  const std::string copy = (scene.folder.path() / "cairn").string();
  fs::copy_file(build.program, copy);
  std::ofstream(copy, std::ios::app) << '\n';
  another.program = copy.c_str();
  const pid_t leader = start(build, 0);
  CHECK(code_of(start(another, 1)) == 2);
  CHECK(said_by(build, 1).find("rank 1 is another build of the program than rank 0") != std::string::npos);
  CHECK(code_of(leader) == 1);

  // Its job had come to an end before it came: told, not waited for.
  const Launch& ended = scene.fresh(2);
  const pid_t one_of_two = start(ended, 1);
  CHECK(code_of(start(ended, 0)) == 0);
  CHECK(code_of(one_of_two) == 0);
  CHECK(code_of(start(ended, 1)) == 0);
  CHECK_MESSAGE(said_by(ended, 1).find("had ended when this rank came") != std::string::npos, said_by(ended, 1));

  const Launch& wrong = scene.fresh(2);
  CHECK(code_of(start(wrong, 2)) == 2);
  CHECK(said_by(wrong, 2).find("CAIRN_RANK=2, but CAIRN_RANKS=2") != std::string::npos);
}
