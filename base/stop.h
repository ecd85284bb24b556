// Asking work to stop at its next safe point.
//
// SIGINT and SIGTERM ask (a second SIGINT kills at once, the default action). Steps call ctx.stop_if_asked() where everything
// done so far is kept; that throws Error(ExitCode::try_again). SIGUSR2 asks for a checkpoint now, from work that keeps some; the
// work goes on.
#pragma once

#include <atomic>

namespace cairn {

class StopToken {
 public:
  bool stop_requested() const { return requested_.load(std::memory_order_relaxed); }
  void request_stop() { requested_.store(true, std::memory_order_relaxed); }
  void request_save() { save_.store(true, std::memory_order_relaxed); }
  // Whether a checkpoint was asked for since the last call.
  bool take_save_request() { return save_.exchange(false, std::memory_order_relaxed); }
  // Throws Error("interrupted; run again to go on", ExitCode::try_again) once a stop is requested.
  void throw_if_requested() const;

 private:
  std::atomic<bool> requested_{false}, save_{false};
};

// Installs handlers for SIGINT and SIGTERM that request a stop, and for SIGUSR2, on the returned process-wide token.
StopToken& stop_on_signals();

}  // namespace cairn
