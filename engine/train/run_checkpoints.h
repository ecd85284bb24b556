// When a training keeps checkpoints: every so many steps, when somebody asks for one, before it stops, and again after a failure.
#pragma once

#include <cstdint>

#include "base/json.h"
#include "base/schema.h"
#include "engine/steps/step.h"
#include "engine/steps/step_context.h"
#include "engine/train/checkpoint_folder.h"
#include "engine/train/trainer.h"
#include "kernels/compute_device.h"

namespace cairn::train {

// Config fields "checkpoint_every", "keep_checkpoints", "major_every", "optimizer_state".
std::vector<Field> checkpoint_fields();
// Runtime field "staging_mb".
Field checkpoint_runtime();
// The output "majors", where the config asks for major checkpoints: a folder of step-N folders.
std::vector<steps::OutputSpec> checkpoint_outputs(const Config& config);

// The checkpoints of one run, in its scratch folder. Asked for at once by SIGUSR2 or by a file `save` there, which goes when it
// is seen; SIGTERM, SIGINT or a file `stop` also end the run.
class RunCheckpoints {
 public:
  // `facts` is what a resuming attempt must agree with. The algorithms that `device` chose are kept along, and taken again when a
  // run resumes. Context, trainer and device must outlive this.
  RunCheckpoints(steps::StepContext& context, Trainer& trainer, Json facts, ComputeDevice& device);
  ~RunCheckpoints();
  RunCheckpoints(const RunCheckpoints&) = delete;
  RunCheckpoints& operator=(const RunCheckpoints&) = delete;

  // Fills the trainer's state from the newest checkpoint that is whole (CheckpointFolder::resume).
  bool resume();
  // After each step but the last: saves in the background when it is time to. When a stop is asked for, saves, waits for it, and
  // throws Error(ExitCode::try_again).
  void after_step();
  // Adds to a metrics line: checkpoint_s, for which the training stood still since the last call; of a save that ended since
  // then, checkpoint_step, checkpoint_write_s (from its begin to its end, behind the training), checkpoint_bytes, or
  // checkpoint_error.
  void add_news(Json& line);
  // Writes the outputs "checkpoint" and, where asked for, "majors". Error when a major checkpoint is missing or damaged.
  void write_outputs();

 private:
  StateFields state();
  void save();
  bool take_file(const char* name);
  void copy_major(std::int64_t step);

  steps::StepContext& context_;
  Trainer& trainer_;
  ComputeDevice& device_;
  std::string algorithms_;  // of the device, as of the last call of state()
  Json facts_;
  std::int64_t every_;
  double stood_still_s_ = 0;
  CheckpointFolder folder_;
};

}  // namespace cairn::train
