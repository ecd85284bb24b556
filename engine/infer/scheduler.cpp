#include "engine/infer/scheduler.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace cairn::infer {
namespace {

bool is_cancelled(const GenerationJob& job) {
  return job.cancelled && job.cancelled();
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
  std::int64_t room;  // tokens of the sequence
  Writing writing;
  Sampler sampler;
  bool drawn_on_device;
  std::int64_t read = 0;  // tokens of the prompt
  bool ended = false;

  bool prompt_read() const { return read == static_cast<std::int64_t>(job.prompt.size()); }
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
  check(job.prompt, job.params);
  waiting_.push_back(std::move(job));
}

bool Scheduler::work() {
  end_cancelled();
  begin_waiting();
  try {
    read_a_piece();
    write_a_token();
  } catch (...) {
    // A pass is of all: which of them it failed for cannot be told.
    const std::exception_ptr error = std::current_exception();
    for (Running& answer : running_) {
      batch_.close(answer.sequence);
      if (answer.job.on_failed) answer.job.on_failed(error);
    }
    running_.clear();
  }
  for (auto answer = running_.begin(); answer != running_.end();) {
    const auto next = std::next(answer);
    if (answer->ended) end(answer);
    answer = next;
  }
  return !running_.empty() || !waiting_.empty();
}

void Scheduler::end_cancelled() {
  for (Running& answer : running_) {
    if (answer.ended || !is_cancelled(answer.job)) continue;
    answer.writing.end(FinishReason::cancelled);
    answer.ended = true;
  }
  for (auto answer = running_.begin(); answer != running_.end();) {
    const auto next = std::next(answer);
    if (answer->ended) end(answer);
    answer = next;
  }
  for (auto job = waiting_.begin(); job != waiting_.end();) {
    if (!is_cancelled(*job)) {
      ++job;
      continue;
    }
    Generation nothing;
    nothing.finish = FinishReason::cancelled;
    if (job->on_done) job->on_done(std::move(nothing));
    job = waiting_.erase(job);
  }
}

// In the order in which they came: a long one is not passed by short ones for ever.
void Scheduler::begin_waiting() {
  while (!waiting_.empty()) {
    GenerationJob& job = waiting_.front();
    const auto prompt = static_cast<std::int64_t>(job.prompt.size());
    const std::int64_t room =
        std::min(batch_.limits().max_length, prompt + std::min(job.params.max_tokens, std::int64_t{1} << 40));
    const std::optional<int> sequence = batch_.open(room);
    if (!sequence) return;
    Writing writing(tokenizer_, end_tokens_, job.params);
    Sampler sampler(job.params.sampling, job.prompt, batch_.vocab());
    const bool on_device = batch_.draws_on_device() && plain_rule(job.params);
    running_.push_back({std::move(job), *sequence, room, std::move(writing), std::move(sampler), on_device});
    waiting_.pop_front();
    Running& answer = running_.back();
    if (answer.job.on_start) answer.job.on_start();
    answer.ended = !answer.writing.wants_more() && !answer.job.on_prompt;
  }
}

void Scheduler::read_a_piece() {
  const auto answer =
      std::find_if(running_.begin(), running_.end(), [](const Running& r) { return !r.prompt_read() && !r.ended; });
  if (answer == running_.end()) return;
  const auto size = static_cast<std::int64_t>(answer->job.prompt.size()),
             count = std::min(SequenceBatch::kPiece, size - answer->read);
  const std::span<const std::int32_t> piece(answer->job.prompt.data() + answer->read, static_cast<std::size_t>(count));
  const std::int64_t before = answer->read;
  answer->read += count;
  const std::int64_t first_wanted = answer->job.on_prompt ? 0 : answer->prompt_read() ? count - 1 : count;
  batch_.read(answer->sequence, piece, first_wanted, [&](std::size_t index, std::span<const float> logits) {
    index += static_cast<std::size_t>(before);
    if (answer->job.on_prompt) answer->job.on_prompt(index, logits);
    if (index + 1 < answer->job.prompt.size()) return;
    answer->ended = !answer->writing.wants_more();
    if (answer->ended) return;
    const TokenScore chosen = answer->sampler.next(logits);
    GeneratedToken token{chosen.token, chosen.logprob, {}};
    if (answer->writing.params().top_logprobs >= 0) token.top = top_logprobs(logits, answer->writing.params().top_logprobs);
    take(*answer, std::move(token));
  });
}

void Scheduler::write_a_token() {
  std::vector<SequenceBatch::Row> rows;
  std::vector<Running*> answers;
  for (Running& answer : running_) {
    const Generation& result = answer.writing.result();
    if (answer.ended || result.tokens.empty()) continue;
    rows.push_back({answer.sequence, result.tokens.back().token, true,
                    answer.drawn_on_device ? &answer.writing.params().sampling : nullptr, result.tokens.size()});
    answers.push_back(&answer);
  }
  if (rows.empty()) return;
  batch_.step(
      rows,
      [&](std::size_t row, std::span<const float> logits) {
        Running& answer = *answers[row];
        const TokenScore chosen = answer.sampler.next(logits);
        GeneratedToken token{chosen.token, chosen.logprob, {}};
        if (answer.writing.params().top_logprobs >= 0) token.top = top_logprobs(logits, answer.writing.params().top_logprobs);
        take(answer, std::move(token));
      },
      [&](std::size_t row, TokenScore chosen) {
        take(*answers[row], {chosen.token, chosen.logprob, {}});
      });
}

void Scheduler::take(Running& answer, GeneratedToken token) {
  const bool more = answer.writing.take(token);
  if (answer.writing.shown() && answer.job.on_token) answer.job.on_token(token, *answer.writing.shown());
  answer.ended = !more || batch_.length(answer.sequence) == answer.room;
  if (more && is_cancelled(answer.job)) {
    answer.writing.end(FinishReason::cancelled);
    answer.ended = true;
  }
}

void Scheduler::end(std::list<Running>::iterator answer) {
  batch_.close(answer->sequence);
  GenerationJob job = std::move(answer->job);
  Generation result = answer->writing.finished();
  running_.erase(answer);
  if (job.on_done) job.on_done(std::move(result));
}

}  // namespace cairn::infer
