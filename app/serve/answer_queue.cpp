#include "app/serve/answer_queue.h"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <exception>
#include <utility>

#include "app/serve/openai.h"

namespace cairn::app {

void Asked::begin_events() {
  if (!std::exchange(events, true)) to.begin_events();
}

AnswerQueue::AnswerQueue(ServedModel& model, ServerMetrics& metrics, int most)
    : model_(model),
      metrics_(metrics),
      most_(most),
      scheduler_(model.batch(), model.tokenizer(), model.end_tokens()),
      worker_(std::make_unique<boost::asio::thread_pool>(1)) {}

AnswerQueue::~AnswerQueue() {
  worker_->stop();
  worker_->join();
  for (const std::weak_ptr<Asked>& open : open_) {  // texts that have not begun hold what holds them
    if (const std::shared_ptr<Asked> asked = open.lock()) asked->later.clear();
  }
}

void AnswerQueue::add(const std::shared_ptr<Asked>& asked, std::vector<infer::GenerationJob> jobs) {
  if (draining_) throw ApiError(503, "the server is shutting down", "", "503");
  for (const infer::GenerationJob& job : jobs) scheduler_.check(*job.prompt, *job.params);
  if (waiting_.fetch_add(1) >= most_) {
    waiting_.fetch_sub(1);
    metrics_.rejected("queue_full");
    throw ApiError(429, "too many requests are waiting; try again in a second", "", "queue_full");
  }
  metrics_.waiting(1);
  boost::asio::post(*worker_, [this, asked, jobs = std::move(jobs)]() mutable {
    std::erase_if(open_, [](const std::weak_ptr<Asked>& open) { return open.expired(); });
    open_.push_back(asked);
    attempt(*asked, [&] {
      for (infer::GenerationJob& job : jobs) asked->later.push_back(of_request(asked, std::move(job)));
      asked->left = asked->later.size();
      next_text(asked);
    });
    if (asked->failed) {  // none of it can be begun
      asked->later.clear();
      leave(*asked);
    }
    if (!std::exchange(working_, true)) round();
  });
}

// Requests that come in between two rounds take part in the next.
void AnswerQueue::round() {
  working_ = scheduler_.work();
  count_pages();
  if (working_) boost::asio::post(*worker_, [this] { round(); });
}

// Behind what other requests have in the scheduler by now. A request has one text waiting there at a time.
void AnswerQueue::next_text(const std::shared_ptr<Asked>& asked) {
  if (asked->later.empty()) return;
  scheduler_.add(std::move(asked->later.front()));
  asked->later.pop_front();
}

void AnswerQueue::count_pages() {
  metrics_.cache(model_.batch().pages() - model_.batch().free_pages(), model_.batch().pages());
}

// The job with what all jobs of a request do beside their own.
infer::GenerationJob AnswerQueue::of_request(const std::shared_ptr<Asked>& asked, infer::GenerationJob job) {
  struct Times {
    double queued = 0, first = 0;
  };
  const auto times = std::make_shared<Times>();
  const auto prompt_tokens = static_cast<std::int64_t>(job.prompt->size());
  job.cancelled = [asked] { return asked->failed || asked->to.client_gone(); };
  job.on_start = [this, asked, times] {
    times->queued = asked->to.seconds();
    leave_queue(*asked);
    next_text(asked);
  };
  job.on_token = [asked, times, own = std::move(job.on_token)](const infer::GeneratedToken& token, const std::string& shown) {
    if (times->first == 0) times->first = asked->to.seconds();
    if (own) own(token, shown);
  };
  job.on_done = [this, asked, times, prompt_tokens, own = std::move(job.on_done)](infer::Generation result) {
    count_pages();  // before anyone hears of it
    attempt(*asked, [&] {
      metrics_.generation(prompt_tokens, static_cast<std::int64_t>(result.tokens.size()),
                          infer::finish_reason_name(result.finish), times->queued, times->first, asked->to.seconds());
      if (!asked->failed) own(std::move(result));  // it has been told of the failure
    });
    one_done(*asked);
  };
  job.on_failed = [this, asked](const std::exception_ptr& error) {
    count_pages();
    attempt(*asked, [&] { std::rethrow_exception(error); });
    one_done(*asked);
  };
  return job;
}

// Work for one request: what it throws is that request's answer, and what is left of the request is given up.
template <typename Work>
void AnswerQueue::attempt(Asked& asked, Work&& work) {
  try {
    work();
  } catch (...) {
    if (!std::exchange(asked.failed, true)) asked.to.failed(std::current_exception(), asked.events);
  }
}

void AnswerQueue::leave_queue(Asked& asked) {
  if (std::exchange(asked.started, true)) return;
  waiting_.fetch_sub(1);
  metrics_.waiting(-1);
  metrics_.running(1);
}

void AnswerQueue::one_done(Asked& asked) {
  --asked.left;
  if (asked.failed || asked.to.client_gone()) {  // nobody waits for the rest
    asked.left -= asked.later.size();
    asked.later.clear();
  }
  if (asked.left > 0) return;
  leave(asked);
  if (!asked.failed && !asked.to.client_gone()) attempt(asked, [&] { asked.finish(); });
}

void AnswerQueue::leave(Asked& asked) {
  leave_queue(asked);  // one that was given up before it began
  metrics_.running(-1);
}

}  // namespace cairn::app
