#include "engine/steps/heartbeat.h"

#include <chrono>
#include <exception>
#include <utility>

namespace cairn::steps {

Heartbeat::Heartbeat(std::function<void()> beat) : beat_(std::move(beat)) {
  queue_.submit([this] {
    for (std::unique_lock lock(mutex_); !ending_.wait_for(lock, std::chrono::seconds(1), [this] { return ended_; });) {
      lock.unlock();
      try {
        beat_();
      } catch (const std::exception&) {  // a full disk, say: the next one may go
      }
      lock.lock();
    }
  });
}

Heartbeat::~Heartbeat() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  ending_.notify_one();
}

}  // namespace cairn::steps
