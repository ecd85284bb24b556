#include "base/background_queue.h"

#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

namespace cairn {

struct BackgroundQueue::State {
  mutable std::mutex mutex;
  std::condition_variable submitted, finished;
  std::deque<std::function<void()>> jobs;  // the front one may be running
  std::exception_ptr failure;
  bool ending = false;
  std::thread thread;  // last: starts when all else is there

  void run() {
    std::unique_lock lock(mutex);
    for (;;) {
      submitted.wait(lock, [this] { return !jobs.empty() || ending; });
      if (jobs.empty()) return;
      const std::function<void()> job = failure ? nullptr : std::move(jobs.front());
      if (job) {
        lock.unlock();
        std::exception_ptr thrown;
        try {
          job();
        } catch (...) {
          thrown = std::current_exception();
        }
        lock.lock();
        if (thrown) failure = thrown;
      }
      jobs.pop_front();
      finished.notify_all();
    }
  }
};

BackgroundQueue::BackgroundQueue() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

BackgroundQueue::~BackgroundQueue() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->ending = true;
  }
  state_->submitted.notify_one();
  state_->thread.join();
}

void BackgroundQueue::submit(std::function<void()> job) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->jobs.push_back(std::move(job));
  }
  state_->submitted.notify_one();
}

void BackgroundQueue::wait() {
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [this] { return state_->jobs.empty(); });
  if (state_->failure) std::rethrow_exception(std::exchange(state_->failure, nullptr));
}

void BackgroundQueue::wait_until_at_most(std::size_t jobs) {
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [&] { return state_->jobs.size() <= jobs; });
}

bool BackgroundQueue::idle() const {
  const std::lock_guard lock(state_->mutex);
  return state_->jobs.empty();
}

}  // namespace cairn
