#include "base/log.h"

#include "base/console.h"
#include "base/thread_pool.h"
#include "tests/support/captured_stderr.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {
std::string logged_at(LogLevel level) {
  CapturedStderr capture;
  set_log_level(level);
  log_note("a");
  log_warning("b");
  log_detail("c");
  set_log_level(LogLevel::normal);
  return capture.text();
}
}  // namespace

TEST_CASE("log: levels") {
  CHECK(logged_at(LogLevel::quiet) == "warning: b\n");
  CHECK(logged_at(LogLevel::normal) == "note: a\nwarning: b\n");
  CHECK(logged_at(LogLevel::verbose) == "note: a\nwarning: b\nc\n");
}

TEST_CASE("log: lines move above the status line") {
  CapturedStderr capture;
  console_status("bar 1");
  log_note("hello");
  console_status("");
  log_note("bye");
  CHECK(capture.text() == "\r\x1b[Kbar 1\r\x1b[Knote: hello\nbar 1\r\x1b[Knote: bye\n");
}

TEST_CASE("log: lines of many threads do not mix") {
  CapturedStderr capture;
  ThreadPool pool(4);
  const std::string line(100, 'x');
  pool.parallel_for(400, [&](std::int64_t) { log_note(line); });
  const std::string text = capture.text();
  CHECK(text.size() == 400 * (line.size() + 7));
  std::string expected;
  for (int i = 0; i < 400; ++i) expected += "note: " + line + "\n";
  CHECK(text == expected);
}
