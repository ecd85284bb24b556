// Continuous batching: answers are begun, written together and ended one by one, without waiting for each other. In turn, as they
// came: an answer begins when a place and the pages for its longest course are free, so that none that has begun ever waits.
//
// Each answer's tokens are those that it gets alone (sequence_batch.h). For one thread.
#pragma once

#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/infer/generate.h"
#include "engine/infer/sampling.h"
#include "engine/infer/sequence_batch.h"
#include "engine/text/tokenizer.h"

namespace cairn::infer {

// One answer that is asked for. All functions but on_done and on_failed may be empty; one of those two is called once, last, from
// Scheduler::work(). What one of the functions throws ends this answer alone, by on_failed, also when it was on_done; what
// on_failed throws is a warning.
struct GenerationJob {
  std::shared_ptr<const std::vector<std::int32_t>> prompt;  // jobs may have it in common, and
  std::shared_ptr<const GenerationParams> params;           // these
  std::uint64_t seed = 0;                                   // added to that of params: by it answers of one request differ
  std::function<void()> on_start{};                         // its prompt is read next
  std::function<void(std::size_t index, std::span<const float> logits)> on_prompt{};  // what follows each token of the prompt
  std::function<void(const GeneratedToken&, const std::string& shown)> on_token{};    // as generate() has it
  std::function<bool()> cancelled{};                                                  // asked in every round, also while it waits
  std::function<void(Generation)> on_done{};
  std::function<void(const std::exception_ptr&)> on_failed{};
};

class Scheduler {
 public:
  // All must outlive it. `batch` is this one's alone while answers are written.
  Scheduler(SequenceBatch& batch, const text::Tokenizer& tokenizer, std::span<const std::int32_t> end_tokens);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Error (usage): an empty prompt, one that is too long or has tokens of no vocabulary, or parameters out of range. Any thread.
  void check(std::span<const std::int32_t> prompt, const GenerationParams& params) const;
  void add(GenerationJob job);  // checks as well
  // One round: begins what can begin, reads a piece of one prompt, and a token more of every answer. False when nothing is left
  // to do. Throws nothing: what fails, fails by on_failed. A pass that fails is that of all answers which it wrote for.
  bool work();

  std::int64_t waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  std::int64_t running() const { return static_cast<std::int64_t>(running_.size()); }

 private:
  struct Running;
  void begin_waiting();
  void begin(GenerationJob& job, int sequence);
  void end_cancelled();
  void read_a_piece();
  void write_a_token();
  void draw(Running& answer, std::span<const float> logits);
  void take(Running& answer, GeneratedToken token);
  void end_ended();

  SequenceBatch& batch_;
  const text::Tokenizer& tokenizer_;
  std::span<const std::int32_t> end_tokens_;
  std::deque<GenerationJob> waiting_;
  std::list<Running> running_;
};

}  // namespace cairn::infer
