// The bounded queue in front of the one worker that owns the model, and that worker: it writes the answers of several requests at
// once (engine/infer/scheduler.h). Requests take turns: one that asks for many texts lets others begin between them. What fails
// while a request is answered is that request's answer; the rest go on.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "app/serve/answering.h"
#include "app/serve/metrics.h"
#include "app/serve/served_model.h"
#include "engine/infer/scheduler.h"

namespace boost::asio {
class thread_pool;
}

namespace cairn::app {

// One request, which is answered by one text or several. Touched by the worker only, once it is in the queue.
struct Asked {
  explicit Asked(Answering answering) : to(std::move(answering)) {}
  Answering to;
  std::function<void()> finish;            // when all are done, unless one failed or the client has gone
  bool events = false;                     // of a stream have begun: begin_events()
  std::size_t left = 0;                    // texts that are not done, of which
  std::deque<infer::GenerationJob> later;  // these come when those before them have begun
  bool started = false, failed = false;

  void begin_events();  // once
};

class AnswerQueue {
 public:
  // `model` and `metrics` must outlive it. `most` requests may wait.
  AnswerQueue(ServedModel& model, ServerMetrics& metrics, int most);
  ~AnswerQueue();  // ends the worker: what waits is not answered any more

  // Has the worker write the texts of `jobs` and then call finish(). Throws ApiError (429, 503) or Error (usage) when the request
  // is not taken. The jobs' functions are called by the worker while `asked` lives. Any thread.
  void add(const std::shared_ptr<Asked>& asked, std::vector<infer::GenerationJob> jobs);
  void drain() { draining_ = true; }  // from now on 503
  bool draining() const { return draining_; }

 private:
  void round();
  void next_text(const std::shared_ptr<Asked>& asked);
  infer::GenerationJob of_request(const std::shared_ptr<Asked>& asked, infer::GenerationJob job);
  template <typename Work>
  void attempt(Asked& asked, Work&& work);
  void leave_queue(Asked& asked);
  void one_done(Asked& asked);
  void leave(Asked& asked);
  void count_pages();

  ServedModel& model_;
  ServerMetrics& metrics_;
  const int most_;
  std::atomic<bool> draining_{false};
  std::atomic<int> waiting_{0};  // requests that no answer has been begun for
  infer::Scheduler scheduler_;   // of the worker, as all of the model's work is
  bool working_ = false;
  std::vector<std::weak_ptr<Asked>> open_;            // of the worker
  std::unique_ptr<boost::asio::thread_pool> worker_;  // last: it is joined before what its jobs use goes
};

}  // namespace cairn::app
