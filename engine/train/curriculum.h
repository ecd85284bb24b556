// What each step of a training reads, as a pure function of the step's number: stages (data mixture, sequence length, rotary
// base) and within each a ramp of batch sizes (spec/apertus.md §3.3, §3.6, §3.7).
//
// Nothing about position is state: a restart asks again with its step number, so a change of stage or of batch size, or a kill,
// never repeats or skips a sample. The samples of a stage are numbered 0, 1, 2, ...; a step of batch B reads the next B.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "base/schema.h"

namespace cairn::train {

// `steps` steps of `batch` samples.
struct BatchPiece {
  std::int64_t batch = 1;
  std::int64_t steps = 0;
};

struct Stage {
  std::string name;
  std::int64_t sequence_length = 1;  // tokens in a sample
  std::vector<BatchPiece> batches;   // in order, at least one
  std::int64_t micro_batch = 0;      // samples in one forward and backward, at most; 0 = the whole batch
  std::optional<double> rope_theta;  // from this stage on; none = as before
  std::vector<double> weights;       // of the data inputs, by tokens; none = as they are, one after another

  std::int64_t steps() const;
  std::int64_t samples() const;
  std::int64_t tokens() const { return samples() * sequence_length; }
  std::int64_t largest_micro_batch() const;  // rows in one forward and backward, at most
};

// One step.
struct StepPlan {
  std::int64_t step = 0;             // from 0, of the whole training
  std::int64_t stage = 0;            // from 0
  std::int64_t position = 0;         // of its first sample, in the stage
  std::int64_t batch = 0;            // B samples: positions [position, position + B)
  std::int64_t sequence_length = 0;  // T tokens each
  std::int64_t micro_batch = 0;      // 1 .. B
  std::int64_t samples = 0;          // consumed before this step, since the training began
  std::int64_t tokens = 0;           // likewise: the clock of the learning rate
  std::optional<double> rope_theta;  // none: the model's own
};

class Curriculum {
 public:
  // Error (usage) naming the stage on anything empty, below 1, or too large to count (2^31 rows or tokens of one, 2^62 tokens in
  // all).
  explicit Curriculum(std::vector<Stage> stages);
  // One stage of one batch size.
  static Curriculum plain(std::int64_t sequence_length, std::int64_t batch, std::int64_t steps, std::int64_t micro_batch = 0);

  std::int64_t steps() const { return starts_.back().step; }
  std::int64_t samples() const { return starts_.back().samples; }
  std::int64_t tokens() const { return starts_.back().tokens; }
  const std::vector<Stage>& stages() const { return stages_; }
  std::int64_t longest_sequence() const;
  std::int64_t largest_micro_batch_tokens() const;  // what memory is planned for
  std::int64_t largest_batch_tokens() const;

  // The step with this number, 0 <= step < steps(); Error otherwise. Costs the number of stages and ramp pieces.
  StepPlan at(std::int64_t step) const;
  // The step that reads the sample at `position` of `stage`; Error when the stage has no such sample.
  std::int64_t step_of(std::int64_t stage, std::int64_t position) const;

  Json to_json() const;
  static Curriculum from_json(const Json& json, std::string_view path);

 private:
  struct Start {  // what lies before a stage
    std::int64_t step = 0, samples = 0, tokens = 0;
    std::optional<double> rope_theta;  // in the stage
  };
  std::vector<Stage> stages_;
  std::vector<Start> starts_;  // one more than stages
};

// Config fields "sequence_length", "batch", "micro_batch", "steps" and "stages", and the curriculum that they say. `inputs`
// names the data inputs, in order; weights may be given to these alone. A config without stages is one stage.
std::vector<Field> curriculum_fields();
Curriculum read_curriculum(const Config& config, const std::vector<std::string>& inputs);

}  // namespace cairn::train
