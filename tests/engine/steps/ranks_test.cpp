// Ranks that meet at barriers, and those that must not: of an earlier start, or a second process of one rank.
#include "engine/steps/ranks.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "base/disk.h"
#include "base/error.h"
#include "base/stop.h"
#include "engine/steps/heartbeat.h"
#include "tests/support/test.h"

using namespace cairn;
using steps::Ranks;
using test::error_of;

namespace {

struct Meeting {
  Ranks rank(int number, const std::string& job, double timeout_seconds = 20) const {
    return Ranks(number, 2, real_disk(), folder.path() / "meeting", folder.path() / "owner", job, stop, timeout_seconds);
  }
  bool failed(int number, const std::string& job) const {
    return std::filesystem::exists(folder.path() / "meeting" / ("failed-" + job + "-" + std::to_string(number)));
  }
  test::TemporaryFolder folder;
  StopToken stop;
};

}  // namespace

TEST_CASE("ranks: a barrier is passed when all have come, and what failed is told in its words") {
  const Meeting meeting;
  std::string others_error;
  std::thread other([&] {
    others_error = error_of([&] {
      Ranks one = meeting.rank(1, "a");
      one.barrier("read");
      one.barrier("sorted");
    });
  });
  Ranks zero = meeting.rank(0, "a");
  zero.barrier("read");
  zero.give_up("the disk is full");
  other.join();
  CHECK(others_error == "rank 0 of 2 gave up: the disk is full");
}

TEST_CASE("ranks: one that is busy for longer than the others wait for a sign of life is not taken for dead") {
  const Meeting meeting;
  std::thread other([&] {
    Ranks one = meeting.rank(1, "a", 1.7);
    std::this_thread::sleep_for(std::chrono::milliseconds(3500));
    one.barrier("read");
  });
  Ranks zero = meeting.rank(0, "a", 1.7);
  CHECK(error_of([&] { zero.barrier("read"); }).empty());
  other.join();
}

TEST_CASE("ranks: what one fails of when another process has taken its place does not end the start") {
  const Meeting meeting;
  Ranks former = meeting.rank(1, "a");
  const Ranks again = meeting.rank(1, "a");
  former.give_up("a file is gone");
  CHECK(!meeting.failed(1, "a"));
}

TEST_CASE("ranks: of two that write over one another's signs of life the newer one goes on") {
  const Meeting meeting;
  Ranks former = meeting.rank(1, "a");
  const std::filesystem::path sign = meeting.folder.path() / "meeting" / "alive-a-1";
  const std::string formers = read_file(sign);
  std::this_thread::sleep_for(std::chrono::milliseconds(400));  // so that their beats are apart
  Ranks again = meeting.rank(1, "a");
  write_file_atomically(real_disk(), sign, formers);  // as when both wrote at the same time
  again.give_up("the disk is full");
  CHECK(meeting.failed(1, "a"));
  for (int tries = 0; tries < 200 && error_of([&] { former.check(); }).empty(); ++tries)  // two beats, unless the machine is busy
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  CHECK(error_of([&] { former.check(); }) == "another process is rank 1 of 2 of this start now; this one ends");
  CHECK(error_of([&] { again.check(); }).empty());
}

TEST_CASE("ranks: nothing is written to their folder any more by one that has left") {
  const Meeting meeting;
  Ranks zero = meeting.rank(0, "a"), one = meeting.rank(1, "a");
  one.leave();
  zero.leave();
  std::filesystem::remove_all(meeting.folder.path() / "meeting");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  CHECK(!std::filesystem::exists(meeting.folder.path() / "meeting"));
}

TEST_CASE("heartbeat: goes on after a beat that failed, and ends with its owner") {
  std::atomic<int> beats{0};
  {
    const steps::Heartbeat heartbeat([&] {
      if (++beats == 1) fail("the disk is full");
    });
    for (int tries = 0; tries < 200 && beats < 2; ++tries) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const int ended = beats;
  CHECK(ended >= 2);
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  CHECK(beats == ended);
}

TEST_CASE("ranks: of a start whose scratch folder is another's now, none goes on") {
  const Meeting meeting;
  Ranks old = meeting.rank(1, "a");
  write_file_atomically(real_disk(), meeting.folder.path() / "owner", "a");
  old.check();
  write_file_atomically(real_disk(), meeting.folder.path() / "owner", "b");
  // At a barrier at once; during work with the next sign of life.
  CHECK(error_of([&] { old.barrier("read"); }) == "another start works on this step now; rank 1 of 2 of this one ends");
  CHECK(!std::filesystem::exists(meeting.folder.path() / "meeting" / "read.1"));
  CHECK(error_of([&] { old.check(); }) == "another start works on this step now; rank 1 of 2 of this one ends");
}

TEST_CASE("ranks: of two processes that are the same rank the former ends, and does not end the start") {
  const Meeting meeting;
  Ranks former = meeting.rank(1, "a");
  Ranks again = meeting.rank(1, "a");
  CHECK(former.attempt() != again.attempt());
  const std::string error = error_of([&] { former.barrier("read"); });
  CHECK(error == "another process is rank 1 of 2 of this start now; this one ends");
  former.give_up(error);
  CHECK(!meeting.failed(1, "a"));
  again.give_up("something else");
  CHECK(meeting.failed(1, "a"));
}
