// Work that goes on behind the caller's back: one thread that runs jobs one after another, in the order they were given.
//
//   BackgroundQueue queue;
//   queue.submit([&] { write(snapshot); });
//   ...                                     // the caller goes on
//   queue.wait();                           // all jobs are done; what the first failed one threw is thrown here
//
// What a job refers to must outlive it. Work that can be cut into pieces belongs to ThreadPool instead.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace cairn {

class BackgroundQueue {
 public:
  BackgroundQueue();
  ~BackgroundQueue();  // runs what was submitted to its end; what those jobs throw is lost
  BackgroundQueue(const BackgroundQueue&) = delete;
  BackgroundQueue& operator=(const BackgroundQueue&) = delete;

  // Returns at once. After a job has thrown, those behind it are dropped until wait() has told of it. Not to be called from a
  // job.
  void submit(std::function<void()> job);
  // Returns when no job is left. Rethrows what the first failed job threw, once; the queue can be used again.
  void wait();
  // Waits until at most `jobs` are left, running one included: bounds what a fast caller piles up. Throws nothing of theirs.
  void wait_until_at_most(std::size_t jobs);
  bool idle() const;  // no job is left

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn
