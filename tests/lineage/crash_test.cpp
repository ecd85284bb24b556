// Kills and power failures between any two operations of store and ledger: after recovery everything holds (spec/lineage.md
// §2.5).
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "lineage/audit.h"
#include "tests/lineage/lineage_support.h"
#include "tests/support/crash_disk.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;
using cairn::test::CrashLoss;

namespace {

constexpr std::int64_t kLater = 1'000'000'000'000;

// The simulated process is this one, which lives: its leases are made those of a boot before.
void kill_leases(const fs::path& w) {
  if (!fs::exists(w / "runs")) return;
  for (const auto& run : fs::directory_iterator(w / "runs")) {
    if (fs::exists(run.path() / "lease")) write_text(run.path() / "lease", R"({"boot":"before","pid":1,"started":"1"})");
  }
}

void check_whole(const fs::path& w, const std::string& what) {
  Workspace workspace = Workspace::open(real_disk(), w);
  CHECK_MESSAGE(workspace.ledger().open_runs().empty(), what);
  for (const auto& staged : fs::directory_iterator(w / "staging")) {
    // A record that was being sealed carries no lease; it stays for an hour, in case its process lives.
    CHECK_MESSAGE(staged.path().extension() == ".record", what, ": ", staged.path().string());
  }
  const AuditReport report = audit_workspace(workspace);
  CHECK_MESSAGE(report.holds(), what, "\n", report.to_text());
}

void work(Workspace& workspace, std::int64_t clock) {
  Ledger& ledger = workspace.ledger();
  Maker maker{workspace, clock};
  const ArtifactId raw =
      ledger.adopt(hash_content(workspace.folder().parent_path() / "docs"), "raw", "../docs", Trust::unknown, "", maker.clock);
  const auto made = maker.make(
      "ingest", {{"sources", 0, raw}},
      {{"documents", "documents", {{"0", "text"}, {"sub/1", "more"}}}, {"report", "report", {{"", fmt::format("{}", clock)}}}},
      {{"corpus", "documents"}}, "{}", {{"a.org", sha256("text"), 0, 3, 40}});
  const RunId failed = ledger.start_run(maker.new_run("pretrain", {{"data", 0, made[0]}}));
  ledger.end_run(failed, RunState::failed, "no", maker.clock);
  ledger.move_ref("corpus", made[1], maker.clock);
}

int replay(CrashLoss loss) {
  return cairn::test::replay_every_crash(
      loss,
      [](Disk& disk, const fs::path& folder) {
        Workspace workspace = Workspace::open(disk, folder / "w");
        work(workspace, kStart);
      },
      [](const fs::path& folder, const cairn::test::CrashReport& crash) {
        const std::string what = fmt::format("cut after {} operations, before: {}", crash.after, crash.cut);
        kill_leases(folder / "w");
        check_whole(folder / "w", what);
        {
          // What was committed stays, and work goes on from it.
          Workspace workspace = Workspace::open(real_disk(), folder / "w");
          if (crash.cut.empty()) CHECK(workspace.ledger().ref("corpus")->generation == 2);
          work(workspace, kStart + kLater);
        }
        check_whole(folder / "w", what + ", and worked on");
      },
      [](const fs::path& folder) {
        write_text(folder / "docs" / "a.html", "<p>a</p>");
        make_workspace(folder / "w");
      });
}

}  // namespace

TEST_CASE("killed before any operation of store and ledger, a workspace recovers and everything holds") {
  CHECK(replay(CrashLoss::nothing) > 40);
}

TEST_CASE("killed in the middle of a write, a workspace recovers and everything holds") {
  CHECK(replay(CrashLoss::torn) > 40);
}

TEST_CASE("after a power failure before any operation, nothing that was recorded is without its bytes") {
  CHECK(replay(CrashLoss::unsynced) > 40);
}

TEST_CASE("a workspace that was being made when the power failed can be made again") {
  cairn::test::replay_every_crash(
      CrashLoss::unsynced, [](Disk& disk, const fs::path& folder) { Workspace::create(disk, folder / "w", "test"); },
      [](const fs::path& folder, const cairn::test::CrashReport& crash) {
        if (!fs::exists(folder / "w" / "cairn.json")) Workspace::create(real_disk(), folder / "w", "test");
        check_whole(folder / "w", crash.cut);
      });
}

TEST_CASE("killed by SIGKILL at 20 random moments of ledger commits, nothing that was recorded is lost") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  write_text(folder.path() / "docs" / "a.html", "<p>a</p>");
  { make_workspace(w); }
  const Random random(3, "kills");
  std::size_t done_before = 0;
  std::int64_t entries_before = 0;
  for (std::uint64_t kill = 0; kill < 20; ++kill) {
    int pipe_ends[2];
    REQUIRE(::pipe(pipe_ends) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        Workspace workspace = Workspace::open(real_disk(), w);
        if (::write(pipe_ends[1], "x", 1) != 1) ::_exit(4);
        for (std::int64_t i = 0;; ++i) work(workspace, kStart + static_cast<std::int64_t>(kill) * kLater + i * 10'000'000);
      } catch (...) {
        ::_exit(3);
      }
    }
    REQUIRE(child > 0);
    char started = 0;
    ::close(pipe_ends[1]);
    REQUIRE(::read(pipe_ends[0], &started, 1) == 1);
    ::close(pipe_ends[0]);
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random.below(kill, 150'000)));
    REQUIRE(::kill(child, SIGKILL) == 0);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));

    check_whole(w, fmt::format("kill {}", kill));
    Workspace workspace = Workspace::open_read_only(real_disk(), w);
    std::size_t done = 0;
    for (const Run& run : workspace.ledger().runs()) done += run.state == RunState::done;
    const auto entries = static_cast<std::int64_t>(workspace.ledger().journal().size());
    CHECK(done >= done_before);
    CHECK(entries >= entries_before);
    done_before = done;
    entries_before = entries;
  }
  CHECK(done_before > 0);
}
