#include "tests/support/crash_disk.h"

#include <map>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {

// Every file under the folder with its bytes; folders end in '/'.
std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().lexically_relative(folder).string();
    if (entry.is_directory()) {
      found[name + "/"] = "";
    } else {
      found[name] = read_file(entry.path());
    }
  }
  return found;
}
using Contents = std::map<std::string, std::string>;

void write(Disk& disk, const fs::path& path, std::string_view bytes, bool sync) {
  const auto file = disk.create(path);
  file->write(bytes);
  if (sync) file->sync();
  file->close();
}

// Runs to the end, then loses what was not synced.
Contents after_power_failure(const std::function<void(Disk&, const fs::path&)>& run,
                             const std::function<void(const fs::path&)>& prepare = {}) {
  const TemporaryFolder folder;
  if (prepare) prepare(folder.path());
  CrashDisk counting(folder.path());
  run(counting, folder.path());
  const int operations = static_cast<int>(counting.operations().size());
  const TemporaryFolder again;
  if (prepare) prepare(again.path());
  CrashDisk disk(again.path());
  disk.crash_after(operations, CrashLoss::unsynced);
  run(disk, again.path());
  CHECK_THROWS_AS(disk.create(again.path() / "one-too-many"), SimulatedCrash);
  return contents(again.path());
}

}  // namespace

TEST_CASE("crash disk: counts what changes something and cuts after n of it") {
  const TemporaryFolder folder;
  CrashDisk disk(folder.path());
  disk.crash_after(3);
  const fs::path a = folder.path() / "a";
  auto file = disk.create(a);
  file->write("one");
  CHECK(disk.exists(a));
  file->write("two");
  CHECK_FALSE(disk.crashed());
  CHECK_THROWS_AS(file->write("three"), SimulatedCrash);
  CHECK(disk.crashed());
  CHECK_THROWS_AS(disk.remove(a), SimulatedCrash);
  CHECK(read_file(a) == "onetwo");
  CHECK(disk.operations() == std::vector<std::string>{"create a", "write a 3", "write a 3"});
}

TEST_CASE("crash disk: names the operation that did not happen, and errors stay errors") {
  const TemporaryFolder folder;
  CrashDisk disk(folder.path());
  disk.crash_after(1);
  write(real_disk(), folder.path() / "a", "x", true);
  CHECK(error_of([&] { disk.create(folder.path() / "a"); }).find("File exists") != std::string::npos);
  try {
    disk.rename(folder.path() / "a", folder.path() / "b");
    FAIL("no crash");
  } catch (const SimulatedCrash& crash) {
    CHECK(crash.operation == "rename a -> b");
  }
  CHECK(error_of([&] { CrashDisk(folder.path()).remove("/elsewhere/x"); }).find("was asked to change it") != std::string::npos);
}

TEST_CASE("crash disk: destructors of a dying process change nothing") {
  const TemporaryFolder folder;
  CrashDisk disk(folder.path());
  struct CleansUp {
    Disk& disk;
    fs::path path;
    ~CleansUp() { disk.remove(path); }
  };
  disk.crash_after(2);
  try {
    const CleansUp guard{disk, folder.path() / "a"};
    write(disk, folder.path() / "a", "x", true);
  } catch (const SimulatedCrash&) {
  }
  CHECK(contents(folder.path()) == Contents{{"a", "x"}});
}

TEST_CASE("crash disk: a torn write leaves half of its bytes") {
  const TemporaryFolder folder;
  CrashDisk disk(folder.path());
  disk.crash_after(1, CrashLoss::torn);
  CHECK_THROWS_AS(write(disk, folder.path() / "a", "12345678", true), SimulatedCrash);
  CHECK(contents(folder.path()) == Contents{{"a", "1234"}});
}

TEST_CASE("crash disk: a power failure takes bytes and names that were not synced") {
  CHECK(after_power_failure([](Disk& disk, const fs::path& folder) { write(disk, folder / "a", "x", true); }) == Contents{});
  CHECK(after_power_failure([](Disk& disk, const fs::path& folder) {
          write(disk, folder / "a", "x", false);
          disk.sync_directory(folder);
        }) == Contents{{"a", ""}});
  CHECK(after_power_failure([](Disk& disk, const fs::path& folder) {
          write(disk, folder / "a", "x", true);
          disk.sync_directory(folder);
        }) == Contents{{"a", "x"}});
  CHECK(after_power_failure(
            [](Disk& disk, const fs::path& folder) {
              const auto file = disk.append(folder / "log");
              file->write("kept");
              file->sync();
              file->write("lost");
              file->close();
            },
            [](const fs::path& folder) { write_file_atomically(folder / "log", "old "); }) == Contents{{"log", "old kept"}});
}

TEST_CASE("crash disk: a power failure undoes renames, replacements and removals in folders that were not synced") {
  const auto two_files = [](const fs::path& folder) {
    write_file_atomically(folder / "a", "A");
    write_file_atomically(folder / "b", "B");
  };
  CHECK(after_power_failure([](Disk& disk, const fs::path& folder) { disk.rename(folder / "a", folder / "b"); }, two_files) ==
        Contents{{"a", "A"}, {"b", "B"}});
  CHECK(after_power_failure(
            [](Disk& disk, const fs::path& folder) {
              disk.rename(folder / "a", folder / "b");
              disk.sync_directory(folder);
            },
            two_files) == Contents{{"b", "A"}});
  CHECK(after_power_failure([](Disk& disk, const fs::path& folder) { disk.remove(folder / "a"); }, two_files) ==
        Contents{{"a", "A"}, {"b", "B"}});
  CHECK(after_power_failure(
            [](Disk& disk, const fs::path& folder) {
              disk.remove(folder / "a");
              disk.sync_directory(folder);
            },
            two_files) == Contents{{"b", "B"}});
}

TEST_CASE("crash disk: a tree renamed into a synced folder keeps only what was synced inside it") {
  const auto stage = [](bool sync_files, bool sync_inside) {
    return [=](Disk& disk, const fs::path& folder) {
      disk.make_directories(folder / "staging/1");
      disk.make_directories(folder / "objects");
      disk.sync_directory(folder);
      disk.sync_directory(folder / "staging");
      write(disk, folder / "staging/1/weights", "www", sync_files);
      if (sync_inside) disk.sync_directory(folder / "staging/1");
      CHECK(disk.rename_new(folder / "staging/1", folder / "objects/ab"));
      disk.sync_directory(folder / "objects");
    };
  };
  CHECK(after_power_failure(stage(true, true)) ==
        Contents{{"objects/", ""}, {"objects/ab/", ""}, {"objects/ab/weights", "www"}, {"staging/", ""}});
  CHECK(after_power_failure(stage(false, true)) ==
        Contents{{"objects/", ""}, {"objects/ab/", ""}, {"objects/ab/weights", ""}, {"staging/", ""}});
  CHECK(after_power_failure(stage(true, false)) == Contents{{"objects/", ""}, {"objects/ab/", ""}, {"staging/", ""}});
}

TEST_CASE("crash disk: a tree is removed entry by entry") {
  const auto fill = [](const fs::path& folder) {
    real_disk().make_directories(folder / "t/u");
    write_file_atomically(folder / "t/a", "A");
    write_file_atomically(folder / "t/u/b", "B");
  };
  int partial = 0;
  const int operations = replay_every_crash(
      CrashLoss::nothing, [](Disk& disk, const fs::path& folder) { disk.remove_tree(folder / "t"); },
      [&](const fs::path& folder, const CrashReport& crash) {
        const std::size_t left = contents(folder).size();
        CHECK(left == 4 - static_cast<std::size_t>(crash.after));
        partial += left > 0 && left < 4;
      },
      fill);
  CHECK(operations == 4);
  CHECK(partial == 3);
}

TEST_CASE("crash disk: what other code writes in the folder is left alone") {
  const TemporaryFolder folder;
  CrashDisk disk(folder.path());
  write(disk, folder.path() / "ours", "x", false);
  write_file_atomically(folder.path() / "ledger.db", "theirs");
  disk.crash_after(0, CrashLoss::unsynced);
  CHECK_THROWS_AS(disk.remove(folder.path() / "ours"), SimulatedCrash);
  CHECK(contents(folder.path()) == Contents{{"ledger.db", "theirs"}});
}

TEST_CASE("write_file_atomically: after a crash at any point there are the old bytes or all of the new ones") {
  for (const CrashLoss loss : {CrashLoss::nothing, CrashLoss::torn, CrashLoss::unsynced}) {
    bool saw_old = false;
    bool saw_new = false;
    const int operations = replay_every_crash(
        loss, [](Disk& disk, const fs::path& folder) { write_file_atomically(disk, folder / "f", "new bytes"); },
        [&](const fs::path& folder, const CrashReport& crash) {
          const std::string now = read_file(folder / "f");
          CHECK((now == "old" || now == "new bytes"));
          if (crash.cut.empty()) CHECK(now == "new bytes");
          saw_old = saw_old || now == "old";
          saw_new = saw_new || now == "new bytes";
        },
        [](const fs::path& folder) { write_file_atomically(folder / "f", "old"); });
    CHECK(operations == 5);
    CHECK(saw_old);
    CHECK(saw_new);
  }
}

TEST_CASE("crash disk: with a folder that is gone for good goes what was pending inside it") {
  const test::TemporaryFolder folder;
  fs::create_directories(folder.path() / "old");
  write_file_atomically(folder.path() / "old/a", "a");
  test::CrashDisk disk(folder.path());
  disk.remove_tree(folder.path() / "old");
  disk.sync_directory(folder.path());
  disk.crash_after(0, test::CrashLoss::unsynced);
  CHECK_THROWS_AS(disk.create(folder.path() / "b"), test::SimulatedCrash);
  CHECK_FALSE(fs::exists(folder.path() / "old"));
}
