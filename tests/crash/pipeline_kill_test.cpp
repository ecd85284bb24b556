// `cairn run` killed at random points, again and again, ends where an uninterrupted run ends.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <thread>

#include "base/format.h"
#include "base/random.h"
#include "lineage/audit.h"
#include "lineage/workspace.h"
#include "tests/support/test.h"

using namespace cairn;

namespace {

constexpr int kKills = 20;
constexpr const char* kPipeline = R"({"pipeline": "kill", "seed": 5, "steps": {
  "corpus": {"step": "ingest", "config": {"sources": [{"name": "made-up", "path": "documents.jsonl", "kind": "jsonl", "licence": "MIT", "language": "en",
                                                       "retrieved": "2026-01-01T00:00:00Z"}]}},
  "clean": {"step": "curate", "inputs": {"documents": "corpus.documents"}, "config": {"shard_bytes": 300000,
            "filters": [{"filter": "exact_dedup"}, {"filter": "minhash"}]}, "runtime": {"piece_bytes": 20000}},
  "count": {"step": "exec", "inputs": {"documents": "clean.documents"},
            "config": {"argv": ["sh", "-c", "ls $CAIRN_INPUT_DOCUMENTS > names; sleep 0.05; cp names list.txt"], "outputs": {"list": {"path": "list.txt"}}}},
  "sorted": {"step": "exec", "inputs": {"list": "count.list"},
             "config": {"argv": ["sort", "-r", "-o", "out.txt", "{input:list}"], "outputs": {"text": {"path": "out.txt", "kind": "report"}}}}}})";

// Documents of words drawn by index: the same bytes every time.
void write_documents(const fs::path& file) {
  const Random random(1, "crash test documents");
  std::ofstream out(file);
  for (std::uint64_t d = 0, at = 0; d < 1500; ++d) {
    out << R"({"text": ")";
    for (int w = 0; w < 200; ++w) out << "word" << random.below(at++, 900) << (w % 17 == 16 ? ". " : " ");
    out << R"(", "id": ")" << d << R"("})" << '\n';
  }
}

pid_t start(const char* program, const fs::path& folder, const fs::path& workspace) {
  const std::string ws = workspace.string(), pipeline = (folder / "kill.json").string();
  const pid_t child = fork();
  if (child != 0) return child;
  const int null = open("/dev/null", O_WRONLY);
  dup2(null, STDOUT_FILENO);
  dup2(null, STDERR_FILENO);
  execl(program, program, "-C", ws.c_str(), "-q", "run", pipeline.c_str(), nullptr);
  _exit(127);
}

int wait_for(pid_t child) {
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

std::map<std::string, Digest> results(lineage::Workspace& workspace) {
  std::map<std::string, Digest> digests;
  for (const lineage::Ref& ref : workspace.ledger().refs()) digests[ref.name] = workspace.ledger().artifact(ref.artifact).digest;
  return digests;
}

}  // namespace

TEST_CASE("a pipeline killed at random points and run again ends in the same digests, and its ledger holds") {
  const char* program = std::getenv("CAIRN_BIN");
  REQUIRE_MESSAGE(program != nullptr, "CAIRN_BIN names the program under test");
  test::TemporaryFolder folder;
  write_documents(folder.path() / "documents.jsonl");
  std::ofstream(folder.path() / "kill.json") << kPipeline;

  // The shortest of three: other work on the machine must not make kills come after the end.
  const std::int64_t begun = now_microseconds();
  std::uint64_t whole_time = UINT64_MAX;
  for (const char* name : {"first", "second", "whole"}) {
    lineage::Workspace::create(real_disk(), folder.path() / name, name);
    const std::int64_t before = now_microseconds();
    REQUIRE(wait_for(start(program, folder.path(), folder.path() / name)) == 0);
    whole_time = std::min(whole_time, static_cast<std::uint64_t>(now_microseconds() - before));
  }
  lineage::Workspace whole = lineage::Workspace::open_read_only(real_disk(), folder.path() / "whole");
  const std::map<std::string, Digest> expected = results(whole);
  CHECK(expected.size() >= 5);

  const Random random(static_cast<std::uint64_t>(begun), "kill");
  int killed_at_work = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    const fs::path path = folder.path() / ("ws" + std::to_string(kill_number));
    lineage::Workspace::create(real_disk(), path, "killed");
    // Two kills, then to the end.
    for (std::uint64_t round = 0; round < 2; ++round) {
      const pid_t child = start(program, folder.path(), path);
      const std::uint64_t wait = random.below(static_cast<std::uint64_t>(kill_number) * 2 + round, whole_time);
      std::this_thread::sleep_for(std::chrono::microseconds(wait));
      kill(child, SIGKILL);
      if (WIFSIGNALED(wait_for(child))) ++killed_at_work;
    }
    INFO("kill " << kill_number << " of seed " << begun);
    REQUIRE(wait_for(start(program, folder.path(), path)) == 0);
    lineage::Workspace workspace = lineage::Workspace::open(real_disk(), path);
    CHECK(results(workspace) == expected);
    CHECK(workspace.ledger().verify_journal().empty());
    CHECK(workspace.ledger().open_runs().empty());
    const lineage::AuditReport audit = lineage::audit_workspace(workspace);
    CHECK_MESSAGE(audit.holds(), audit.to_text());
    for (const char* emptied : {"staging", "scratch"}) {
      if (!fs::exists(path / emptied)) continue;
      for (const fs::directory_entry& left : fs::recursive_directory_iterator(path / emptied)) {
        // A record that was being sealed is given a moment: another process might be at it.
        if (left.path().extension() != ".record") FAIL_CHECK("left behind: " << left.path().string());
      }
    }
  }
  CHECK(killed_at_work > kKills / 2);
  std::cout << "killed at work: " << killed_at_work << " of " << 2 * kKills << ", a whole run takes " << whole_time / 1000
            << " ms" << std::endl;
}
