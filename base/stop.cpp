#include "base/stop.h"

#include <csignal>

#include "base/error.h"

namespace cairn {
namespace {

// A signal handler can reach nothing but a global.
StopToken g_signal_token;
static_assert(std::atomic<bool>::is_always_lock_free, "the handler may only touch lock-free atomics");

void ask_to_stop(int) {
  g_signal_token.request_stop();
}

void ask_to_save(int) {
  g_signal_token.request_save();
}

void install(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  sigemptyset(&action.sa_mask);
  action.sa_flags = flags;
  sigaction(signal, &action, nullptr);
}

}  // namespace

void StopToken::throw_if_requested() const {
  if (stop_requested()) throw Error("interrupted; run again to go on", ExitCode::try_again);
}

StopToken& stop_on_signals() {
  install(SIGINT, ask_to_stop, SA_RESTART | SA_RESETHAND);  // the second one finds the default action
  install(SIGTERM, ask_to_stop, SA_RESTART);
  install(SIGUSR2, ask_to_save, SA_RESTART);
  return g_signal_token;
}

}  // namespace cairn
