#include "base/disk.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("disk: create is exclusive, append goes on, and read returns all bytes") {
  const TemporaryFolder folder;
  Disk& disk = real_disk();
  const fs::path path = folder.path() / "a";
  {
    const auto file = disk.create(path);
    file->write(std::string_view("one\0two", 7));
    file->sync();
    file->close();
    file->close();  // once more is fine
    CHECK(error_of([&] { file->write("late"); }) == path.string() + ": the file is closed");
  }
  CHECK(disk.read(path) == std::string("one\0two", 7));
  CHECK(error_of([&] { disk.create(path); }) == path.string() + ": cannot create: File exists");
  disk.append(path)->write("+");
  CHECK(disk.size(path) == 8);
  disk.append(folder.path() / "new")->write("n");
  CHECK(disk.read(folder.path() / "new") == "n");
  const std::string big(3'000'001, 'b');
  disk.create(folder.path() / "big")->write(big);
  CHECK(disk.read(folder.path() / "big") == big);
}

TEST_CASE("disk: errors name the path and the reason") {
  const TemporaryFolder folder;
  Disk& disk = real_disk();
  const fs::path missing = folder.path() / "no" / "file";
  const std::string name = missing.string();
  CHECK(error_of([&] { disk.read(missing); }) == name + ": cannot open: No such file or directory");
  CHECK(error_of([&] { disk.create(missing); }) == name + ": cannot create: No such file or directory");
  CHECK(error_of([&] { disk.size(missing); }) == name + ": cannot look: No such file or directory");
  CHECK(error_of([&] { disk.list(missing); }) == name + ": cannot list: No such file or directory");
  CHECK(error_of([&] { disk.rename(missing, folder.path() / "b"); }) ==
        name + ": cannot rename to " + (folder.path() / "b").string() + ": No such file or directory");
  CHECK(error_of([&] { disk.sync_directory(missing); }) == name + ": cannot open the folder: No such file or directory");
  CHECK(error_of([&] { disk.make_read_only(missing); }) == name + ": cannot look: No such file or directory");
  CHECK(error_of([&] { disk.read(folder.path()); }) == folder.path().string() + ": cannot read: Is a directory");
  CHECK(error_of([&] { disk.size(folder.path()); }) == folder.path().string() + ": expected a file");
  CHECK(error_of([&] { disk.remove(folder.path()); }).find(": cannot remove: ") != std::string::npos);
  write_file_atomically(folder.path() / "f", "x");
  CHECK(error_of([&] { disk.make_directories(folder.path() / "f/g"); }).find("cannot make the folder: Not a directory") !=
        std::string::npos);
  CHECK_FALSE(disk.exists(missing));
  CHECK_FALSE(disk.exists(folder.path() / "f/below-a-file"));
}

TEST_CASE("disk: a listing is sorted by bytes and tells files, folders and links apart") {
  const TemporaryFolder folder;
  Disk& disk = real_disk();
  for (const char* name : {"b", "a", "Z", "é", "a.b", "10", "9"}) disk.create(folder.path() / name)->write("xyz");
  disk.make_directories(folder.path() / "dir/inner");
  fs::create_symlink("nowhere", folder.path() / "link");
  std::string names;
  for (const DiskEntry& entry : disk.list(folder.path())) {
    names += entry.name + " ";
    CHECK(entry.is_directory == (entry.name == "dir"));
    CHECK(entry.is_file == (entry.name != "dir" && entry.name != "link"));
    if (entry.is_file) CHECK(entry.bytes == 3);
  }
  CHECK(names == "10 9 Z a a.b b dir link é ");
  CHECK(disk.exists(folder.path() / "link"));
}

TEST_CASE("disk: rename_new never replaces, with the kernel's help and without") {
  const auto check = [](auto&& rename_new) {
    const TemporaryFolder folder;
    Disk& disk = real_disk();
    const fs::path a = folder.path() / "a", b = folder.path() / "b", c = folder.path() / "c";
    disk.create(a)->write("A");
    disk.create(b)->write("B");
    CHECK_FALSE(rename_new(a, b));
    CHECK(disk.read(a) == "A");
    CHECK(disk.read(b) == "B");
    CHECK(rename_new(a, c));
    CHECK_FALSE(disk.exists(a));
    CHECK(disk.read(c) == "A");
    disk.make_directories(folder.path() / "d1/x");
    disk.make_directories(folder.path() / "d2");
    CHECK_FALSE(rename_new(folder.path() / "d1", folder.path() / "d2"));  // not even an empty folder
    CHECK_FALSE(rename_new(folder.path() / "d1", b));
    CHECK_FALSE(rename_new(b, folder.path() / "d2"));
    CHECK(rename_new(folder.path() / "d1", folder.path() / "d3"));
    CHECK(disk.exists(folder.path() / "d3/x"));
    CHECK(error_of([&] { rename_new(a, folder.path() / "e"); }).find(a.string() + ": cannot rename") == 0);
  };
  check([](const fs::path& from, const fs::path& to) { return real_disk().rename_new(from, to); });
  check(rename_new_in_two_steps);
}

TEST_CASE("disk: rename replaces files") {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "a", "A");
  write_file_atomically(folder.path() / "b", "B");
  real_disk().rename(folder.path() / "a", folder.path() / "b");
  CHECK(read_file(folder.path() / "b") == "A");
  CHECK_FALSE(real_disk().exists(folder.path() / "a"));
}

TEST_CASE("disk: read-only trees can be removed, missing ones are fine, links are not followed") {
  const TemporaryFolder folder;
  Disk& disk = real_disk();
  disk.make_directories(folder.path() / "tree/deep");
  disk.make_directories(folder.path() / "outside");
  disk.create(folder.path() / "outside/keep")->write("k");
  disk.create(folder.path() / "tree/deep/f")->write("f");
  fs::create_directory_symlink(folder.path() / "outside", folder.path() / "tree/link");
  disk.make_read_only(folder.path() / "tree/deep/f");
  disk.make_read_only(folder.path() / "tree/deep");
  disk.make_read_only(folder.path() / "tree");
  struct stat status {};
  REQUIRE(::stat((folder.path() / "tree/deep/f").c_str(), &status) == 0);
  CHECK((status.st_mode & 0222) == 0);
  disk.remove_tree(folder.path() / "tree");
  CHECK_FALSE(disk.exists(folder.path() / "tree"));
  CHECK(disk.read(folder.path() / "outside/keep") == "k");
  disk.remove_tree(folder.path() / "tree");
  disk.remove(folder.path() / "tree");
}

TEST_CASE("write_file_atomically: replaces, leaves no temporary file, and steps around one that a crash left") {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "f";
  write_file_atomically(path, "one");
  write_file_atomically(path, "two");
  CHECK(read_file(path) == "two");
  CHECK(real_disk().list(folder.path()).size() == 1);
  real_disk().create(folder.path() / ".f.0.tmp")->write("left by a crash");
  write_file_atomically(path, "three");
  CHECK(read_file(path) == "three");
  CHECK(read_file(folder.path() / ".f.0.tmp") == "left by a crash");
  // A target that cannot be replaced: the error is about the rename and the temporary file is gone.
  real_disk().make_directories(folder.path() / "dir/inner");
  CHECK(error_of([&] { write_file_atomically(folder.path() / "dir", "x"); }).find("cannot rename to") != std::string::npos);
  CHECK_FALSE(real_disk().exists(folder.path() / ".dir.0.tmp"));
}

TEST_CASE("disk: a full device is an error of the write") {
  if (::access("/dev/full", W_OK) != 0) SKIP_TEST("needs /dev/full");
  const auto file = real_disk().append("/dev/full");
  CHECK(error_of([&] { file->write("x"); }) == "/dev/full: cannot write: No space left on device");
}
