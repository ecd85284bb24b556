#include "base/mapped_file.h"

#include "base/disk.h"
#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

TEST_CASE("mapped file: its bytes, and nothing for an empty file") {
  const TemporaryFolder folder;
  write_file_atomically(folder.path() / "f", "hello");
  write_file_atomically(folder.path() / "empty", "");
  MappedFile file(folder.path() / "f");
  CHECK(file.text() == "hello");
  const MappedFile empty(folder.path() / "empty");
  CHECK(empty.size() == 0);
  CHECK(empty.text() == "");
  MappedFile moved = std::move(file);
  CHECK(moved.text() == "hello");
  CHECK(file.size() == 0);
  moved = MappedFile(folder.path() / "empty");
  CHECK(moved.size() == 0);
  CHECK(MappedFile().text() == "");
}

TEST_CASE("mapped file: errors name the path") {
  const TemporaryFolder folder;
  CHECK(error_of([&] { MappedFile(folder.path() / "no"); }) ==
        (folder.path() / "no").string() + ": cannot open: No such file or directory");
  CHECK(error_of([&] { MappedFile{folder.path()}; }) == folder.path().string() + ": expected a file");
}
