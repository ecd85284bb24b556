#include "base/stop.h"

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {
// Runs fn in a child process; its exit status, or 128 + signal.
template <typename Fn>
int status_of_child(Fn&& fn) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(fn());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
}  // namespace

TEST_CASE("stop: a token throws 'try again' once asked") {
  StopToken token;
  token.throw_if_requested();
  token.request_stop();
  CHECK(token.stop_requested());
  try {
    token.throw_if_requested();
    FAIL("did not throw");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::try_again);
    CHECK(std::string(error.what()) == "interrupted; run again to go on");
  }
}

TEST_CASE("stop: SIGTERM and SIGINT ask, a second SIGINT kills") {
  CHECK(status_of_child([] {
          StopToken& token = stop_on_signals();
          if (token.stop_requested()) return 1;
          ::raise(SIGTERM);
          ::raise(SIGTERM);
          return token.stop_requested() ? 0 : 2;
        }) == 0);
  CHECK(status_of_child([] {
          const StopToken& token = stop_on_signals();
          ::raise(SIGINT);
          return token.stop_requested() ? 0 : 2;
        }) == 0);
  CHECK(status_of_child([] {
          stop_on_signals();
          ::raise(SIGINT);
          ::raise(SIGINT);
          return 0;
        }) == 128 + SIGINT);
}

TEST_CASE("stop: SIGUSR2 asks for a checkpoint, once, and stops nothing") {
  CHECK(status_of_child([] {
          StopToken& token = stop_on_signals();
          if (token.take_save_request()) return 1;
          ::raise(SIGUSR2);
          if (!token.take_save_request()) return 2;
          return token.take_save_request() || token.stop_requested() ? 3 : 0;
        }) == 0);
}
