#include "lineage/workspace.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "lineage/database.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

TEST_CASE("a workspace is made once, found from below, and can be moved") {
  cairn::test::TemporaryFolder folder;
  const fs::path first = folder.path() / "first", second = folder.path() / "second";
  ArtifactId id = 0;
  {
    Workspace workspace = make_workspace(first);
    Maker maker{workspace};
    id = maker.make("exec", {}, {{"out", "file", {{"", "bytes"}}}}, {{"thing", "out"}})[0];
  }
  CHECK(cairn::test::error_of([&] { Workspace::create(real_disk(), first, "x"); }) == first.string() + ": a workspace already");
  CHECK(Workspace::find(first / "objects") == first);
  CHECK(cairn::test::error_of([&] { Workspace::find(folder.path()); }).find("cairn init") != std::string::npos);
  fs::rename(first, second);
  Workspace workspace = Workspace::open(real_disk(), second);
  CHECK(workspace.recovery().actions.empty());
  CHECK(read_text(workspace.path_of(id)) == "bytes");
  CHECK(workspace.ledger().resolve("thing").id == id);
}

TEST_CASE("reading only: sees what is there, writes nothing") {
  cairn::test::TemporaryFolder folder;
  {
    Workspace workspace = make_workspace(folder.path());
    Maker maker{workspace};
    maker.make("exec", {}, {{"out", "file", {{"", "bytes"}}}}, {{"thing", "out"}});
  }
  Workspace reader = Workspace::open_read_only(real_disk(), folder.path());
  CHECK(reader.ledger().resolve("thing").bytes == 5);
  CHECK(cairn::test::error_of([&] { reader.ledger().move_ref("x", 1, 1); }).find("reading only") != std::string::npos);
  // A writer comes and goes beside it.
  {
    Workspace writer = Workspace::open(real_disk(), folder.path());
    writer.ledger().move_ref("second", writer.ledger().resolve("thing").id, 1);
  }
  CHECK(reader.ledger().resolve("second").bytes == 5);
}

TEST_CASE("an open run is lost when its process let it go, and alive while it holds it") {
  cairn::test::TemporaryFolder folder;
  RunUuid uuid;
  {
    Workspace workspace = make_workspace(folder.path());
    Maker maker{workspace};
    const NewRun run = maker.new_run("curate", {});
    uuid = run.uuid;
    workspace.ledger().start_run(run);
    write_text(workspace.staging_folder(uuid) / "out", "half");
    Workspace beside = Workspace::open(real_disk(), folder.path());
    CHECK(beside.ledger().run_by_uuid(uuid)->state == RunState::running);
    CHECK(fs::exists(workspace.staging_folder(uuid)));
  }
  Workspace workspace = Workspace::open(real_disk(), folder.path());
  CHECK(workspace.ledger().run_by_uuid(uuid)->state == RunState::lost);
  CHECK_FALSE(fs::exists(workspace.staging_folder(uuid)));
  REQUIRE(workspace.recovery().actions.size() == 1);
  CHECK(workspace.recovery().actions[0].find("run 1 (curate) was killed: lost") == 0);
  CHECK(Workspace::open(real_disk(), folder.path()).recovery().actions.empty());
}

TEST_CASE("leases of another boot, a reused process id, or torn ones are dead") {
  for (const char* lease :
       {R"({"boot":"another boot","pid":1,"started":"1"})", R"({"boot":"", "pid":99999999,"started":""})", "{\"pid\":1", ""}) {
    cairn::test::TemporaryFolder folder;
    RunUuid uuid;
    {
      Workspace workspace = make_workspace(folder.path());
      Maker maker{workspace};
      const NewRun run = maker.new_run("curate", {});
      uuid = run.uuid;
      workspace.ledger().start_run(run);
    }
    write_text(folder.path() / "runs" / uuid.text() / "lease", lease);
    CHECK(Workspace::open(real_disk(), folder.path()).ledger().run_by_uuid(uuid)->state == RunState::lost);
  }
}

TEST_CASE("a run whose process was killed is lost at once, also while nobody asks how that process ended") {
  cairn::test::TemporaryFolder folder;
  { make_workspace(folder.path()); }
  int pipe_ends[2];
  REQUIRE(::pipe(pipe_ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    try {
      Workspace workspace = Workspace::open(real_disk(), folder.path());
      Maker maker{workspace};
      workspace.ledger().start_run(maker.new_run("curate", {}));
      if (::write(pipe_ends[1], "x", 1) != 1) ::_exit(1);
      for (;;) ::pause();
    } catch (...) {
      ::_exit(1);
    }
  }
  REQUIRE(child > 0);
  char started = 0;
  ::close(pipe_ends[1]);
  REQUIRE(::read(pipe_ends[0], &started, 1) == 1);
  ::close(pipe_ends[0]);
  const auto state = [&] { return Workspace::open(real_disk(), folder.path()).ledger().runs().at(0).state; };
  CHECK(state() == RunState::running);
  REQUIRE(::kill(child, SIGKILL) == 0);
  siginfo_t ended{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) == 0);  // dead, and left a zombie
  CHECK(state() == RunState::lost);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
}

TEST_CASE("what is not a workspace, or is from the future, is said so") {
  cairn::test::TemporaryFolder folder;
  const fs::path w = folder.path() / "w";
  const auto message = [&] { return cairn::test::error_of([&] { Workspace::open(real_disk(), w); }); };
  CHECK(message().find("not a workspace") != std::string::npos);
  { make_workspace(w); }
  const std::string marker = read_text(w / "cairn.json");

  write_text(w / "cairn.json", R"({"format":"cairn-workspace","version":2})");
  CHECK(message().find("made by a newer cairn (workspace version 2") != std::string::npos);
  write_text(w / "cairn.json", "{}");
  CHECK(message().find("not the marker of a workspace") != std::string::npos);
  write_text(w / "cairn.json", marker);

  const auto alter = [&](const char* sql) { Database(w / "ledger.db", Database::Mode::write, 1280198478, 99).script(sql); };
  alter("PRAGMA user_version = 2");
  CHECK(message().find("made by a newer cairn (schema version 2, this one knows 1)") != std::string::npos);
  alter("PRAGMA user_version = 1; PRAGMA application_id = 5");
  CHECK(message() == (w / "ledger.db").string() + ": a database, but not a ledger of cairn");

  fs::remove(w / "ledger.db");
  write_text(
      w / "ledger.db",
      "this is no database, however long it goes on for: it needs a hundred bytes to be looked at as one, and more than that.");
  CHECK(message() == (w / "ledger.db").string() + ": not a database");
}

TEST_CASE("store: the same bytes are one object, sealed objects are read-only, a damaged one is replaced") {
  cairn::test::TemporaryFolder folder;
  Workspace workspace = make_workspace(folder.path() / "w");
  Store& store = workspace.store();
  const fs::path staged = folder.path() / "w" / "staging" / "s";
  write_text(staged / "a", "one");
  write_text(staged / "b/c", "two");
  fs::permissions(staged / "a", fs::perms::owner_read);
  const Content content = store.seal(staged);
  CHECK_FALSE(fs::exists(staged));
  CHECK(store.contains(content.digest));
  CHECK(store.list() == std::vector<Digest>{content.digest});
  CHECK((fs::status(store.path_of(content.digest) / "b/c").permissions() & fs::perms::owner_write) == fs::perms::none);

  write_text(staged / "a", "one");
  write_text(staged / "b/c", "two");
  CHECK(store.seal(staged).digest == content.digest);
  CHECK_FALSE(fs::exists(staged));

  fs::remove(store.path_of(content.digest) / "b/c");
  write_text(staged / "a", "one");
  write_text(staged / "b/c", "two");
  store.seal(staged);
  CHECK(hash_content(store.path_of(content.digest)).digest == content.digest);
}
