// Something done once a second in the background, whatever the caller is busy with: signs of life, for others to see.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>

#include "base/background_queue.h"

namespace cairn::steps {

class Heartbeat {
 public:
  // `beat` is called each second from the next one on, until this is destroyed; what it throws is lost, and it is called again.
  explicit Heartbeat(std::function<void()> beat);
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

 private:
  std::function<void()> beat_;
  std::mutex mutex_;
  std::condition_variable ending_;
  bool ended_ = false;
  BackgroundQueue queue_;  // last: its thread ends before all else does
};

}  // namespace cairn::steps
