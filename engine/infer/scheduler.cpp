#include "engine/infer/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/log.h"

namespace cairn::infer {
namespace {

bool is_cancelled(const GenerationJob& job) {
  return job.cancelled && job.cancelled();
}

// The first thing that `work` throws is kept in `failure`.
template <typename Work>
void attempt(std::exception_ptr& failure, Work&& work) {
  try {
    work();
  } catch (...) {
    if (!failure) failure = std::current_exception();
  }
}

// The last call of a job.
void report(const GenerationJob& job, std::exception_ptr failure, Generation&& result) {
  attempt(failure, [&] {
    if (!failure && job.on_done) job.on_done(std::move(result));
  });
  if (!failure || !job.on_failed) return;
  try {
    job.on_failed(failure);
  } catch (const std::exception& error) {
    log_warning(fmt::format("an answer that failed could not say so: {}", error.what()));
  } catch (...) {
    log_warning("an answer that failed could not say so");
  }
}

// Whether a token follows from the logits by the rules that a device knows.
bool plain_rule(const GenerationParams& params) {
  const SamplingParams& p = params.sampling;
  return p.presence_penalty == 0 && p.frequency_penalty == 0 && p.repetition_penalty == 1 && p.logit_bias.empty() &&
         params.top_logprobs < 0;
}

}  // namespace

struct Scheduler::Running {
  GenerationJob job;
  int sequence;
  Writing writing;
  Sampler sampler;
  bool drawn_on_device;
  std::int64_t read = 0;  // tokens of the prompt
  bool ended = false;
  std::exception_ptr failure{};

  // Work for this answer alone.
  template <typename Work>
  void attempt(Work&& work) {
    infer::attempt(failure, std::forward<Work>(work));
    ended = ended || failure;
  }
  bool prompt_read() const { return read == static_cast<std::int64_t>(job.prompt->size()); }
};

Scheduler::Scheduler(SequenceBatch& batch, const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens)
    : batch_(batch), tokenizer_(tokenizer), end_tokens_(end_tokens) {}

Scheduler::~Scheduler() {
  for (const Running& answer : running_) batch_.close(answer.sequence);
}

void Scheduler::check(std::span<const std::int32_t> prompt, const GenerationParams& params) const {
  if (prompt.empty()) fail_usage("an empty prompt: nothing to go on from");
  const std::int64_t most = batch_.limits().max_length, V = batch_.vocab();
  if (static_cast<std::int64_t>(prompt.size()) > most) {
    fail_usage("the prompt has {} tokens, the model reads at most {}", prompt.size(), most);
  }
  for (const std::int32_t token : prompt) {
    if (token < 0 || token >= V) fail_usage("prompt: token {} is outside the vocabulary of {}", token, V);
  }
  check_sampling(params.sampling);
  for (const auto& [token, bias] : params.sampling.logit_bias) {
    if (token < 0 || token >= V) fail_usage("logit_bias: token {} is outside the vocabulary of {}", token, V);
  }
}

void Scheduler::add(GenerationJob job) {
  check(*job.prompt, *job.params);
  waiting_.push_back(std::move(job));
}

bool Scheduler::work() {
  end_cancelled();
  begin_waiting();
  read_a_piece();
  write_a_token();
  end_ended();
  return !running_.empty() || !waiting_.empty();
}

void Scheduler::end_cancelled() {
  for (Running& answer : running_) {
    answer.attempt([&] {
      if (answer.ended || !is_cancelled(answer.job)) return;
      answer.writing.end(FinishReason::cancelled);
      answer.ended = true;
    });
  }
  end_ended();
  for (auto job = waiting_.begin(); job != waiting_.end();) {
    std::exception_ptr failure;
    bool cancelled = false;
    attempt(failure, [&] { cancelled = is_cancelled(*job); });
    if (!cancelled && !failure) {
      ++job;
      continue;
    }
    Generation nothing;
    nothing.finish = FinishReason::cancelled;
    report(*job, failure, std::move(nothing));
    job = waiting_.erase(job);
  }
}

// In the order in which they came: a long one is not passed by short ones for ever.
void Scheduler::begin_waiting() {
  while (!waiting_.empty()) {
    GenerationJob& job = waiting_.front();
    const auto prompt = static_cast<std::int64_t>(job.prompt->size());
    // The last token of an answer is never read.
    const std::int64_t read_of_answer = std::clamp<std::int64_t>(job.params->max_tokens - 1, 0, std::int64_t{1} << 40);
    const std::int64_t room = std::min(batch_.limits().max_length, prompt + read_of_answer);
    std::exception_ptr failure;
    int sequence = -1;  // none
    attempt(failure, [&] { sequence = batch_.open(room).value_or(-1); });
    if (!failure && sequence < 0) return;
    attempt(failure, [&] {
      if (sequence >= 0) begin(job, sequence);
    });
    if (failure) {
      if (sequence >= 0) batch_.close(sequence);
      report(job, failure, {});
    }
    waiting_.pop_front();
  }
}

// From here on the sequence is the running answer's, unless something is thrown: then nothing has changed.
void Scheduler::begin(GenerationJob& job, int sequence) {
  Writing writing(tokenizer_, end_tokens_, job.params);
  SamplingParams sampling = job.params->sampling;
  sampling.seed += job.seed;
  Sampler sampler(std::move(sampling), *job.prompt, batch_.vocab());
  const bool on_device = batch_.draws_on_device() && plain_rule(*job.params);
  std::list<Running> begun;
  begun.push_back({{}, sequence, std::move(writing), std::move(sampler), on_device});
  begun.back().job = std::move(job);
  running_.splice(running_.end(), begun);
  Running& answer = running_.back();
  answer.attempt([&] {
    if (answer.job.on_start) answer.job.on_start();
    answer.ended = !answer.writing.wants_more() && !answer.job.on_prompt;
  });
}

void Scheduler::read_a_piece() {
  const auto answer =
      std::find_if(running_.begin(), running_.end(), [](const Running& r) { return !r.prompt_read() && !r.ended; });
  if (answer == running_.end()) return;
  const auto size = static_cast<std::int64_t>(answer->job.prompt->size()),
             count = std::min(SequenceBatch::kPiece, size - answer->read);
  const std::span<const std::int32_t> piece(answer->job.prompt->data() + answer->read, static_cast<std::size_t>(count));
  const std::int64_t before = answer->read;
  answer->read += count;
  const std::int64_t first_wanted = answer->job.on_prompt ? 0 : answer->prompt_read() ? count - 1 : count;
  answer->attempt([&] {
    batch_.read(answer->sequence, piece, first_wanted, [&](std::size_t index, std::span<const float> logits) {
      index += static_cast<std::size_t>(before);
      if (answer->job.on_prompt) answer->job.on_prompt(index, logits);
      if (index + 1 < answer->job.prompt->size()) return;
      answer->ended = !answer->writing.wants_more();
      if (!answer->ended) draw(*answer, logits);
    });
  });
}

void Scheduler::write_a_token() {
  std::vector<SequenceBatch::Row> rows;
  std::vector<Running*> answers;
  for (Running& answer : running_) {
    const Generation& result = answer.writing.result();
    if (answer.ended || result.tokens.empty()) continue;
    rows.push_back({answer.sequence, result.tokens.back().token, true,
                    answer.drawn_on_device ? &answer.sampler.params() : nullptr, result.tokens.size()});
    answers.push_back(&answer);
  }
  if (rows.empty()) return;
  std::exception_ptr failure;
  attempt(failure, [&] {
    batch_.step(
        rows,
        [&](std::size_t row, std::span<const float> logits) {
          Running& answer = *answers[row];
          answer.attempt([&] { draw(answer, logits); });
        },
        [&](std::size_t row, TokenScore chosen) {
          Running& answer = *answers[row];
          answer.attempt([&] { take(answer, {chosen.token, chosen.logprob, {}}); });
        });
  });
  if (!failure) return;
  for (Running* answer : answers) answer->attempt([&] { std::rethrow_exception(failure); });
}

void Scheduler::draw(Running& answer, std::span<const float> logits) {
  const TokenScore chosen = answer.sampler.next(logits);
  GeneratedToken token{chosen.token, chosen.logprob, {}};
  if (answer.writing.params().top_logprobs >= 0) token.top = top_logprobs(logits, answer.writing.params().top_logprobs);
  take(answer, std::move(token));
}

void Scheduler::take(Running& answer, GeneratedToken token) {
  const bool more = answer.writing.take(token);
  if (answer.writing.shown() && answer.job.on_token) answer.job.on_token(token, *answer.writing.shown());
  answer.ended = !more || batch_.room(answer.sequence) == 0;
  if (more && is_cancelled(answer.job)) {
    answer.writing.end(FinishReason::cancelled);
    answer.ended = true;
  }
}

void Scheduler::end_ended() {
  for (auto answer = running_.begin(); answer != running_.end();) {
    if (!answer->ended) {
      ++answer;
      continue;
    }
    batch_.close(answer->sequence);
    std::exception_ptr failure = answer->failure;
    Generation result;
    attempt(failure, [&] {
      if (!failure) result = answer->writing.finished();
    });
    const GenerationJob job = std::move(answer->job);
    answer = running_.erase(answer);
    report(job, failure, std::move(result));
  }
}

}  // namespace cairn::infer
