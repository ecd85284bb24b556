// The numbered checkpoints of one run, in one folder: step-00000100, step-00000200, ... written behind the training's back.
//
// Each is written under another name, synced, then renamed: a folder named step-N is whole, or damaged by something other than a
// kill. Once a new one is whole, old ones go: the newest `keep` stay, and every major one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <future>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/background_queue.h"
#include "base/thread_pool.h"
#include "engine/train/checkpoint.h"

namespace cairn::train {

struct CheckpointOptions {
  int keep = 2;                                                             // newest ones, at least 1
  std::int64_t major_every = 0;                                             // of steps that are kept for good; 0 = none
  std::uint64_t staging_bytes = std::numeric_limits<std::uint64_t>::max();  // memory for the copy that is written
  double retry_after_s = 60;                                                // after a save that failed
  CheckpointCut cut{};
};

// What became of a save.
struct SaveReport {
  std::int64_t step = 0;
  std::uint64_t bytes = 0;  // of tensors
  double write_s = 0;       // from the call of save to its end
  std::string error{};      // empty: it is whole and durable
};

// For one thread.
class CheckpointFolder {
 public:
  // The folder is created; what a kill left half-written is removed. `disk` and `threads` must outlive it.
  CheckpointFolder(Disk& disk, fs::path folder, ThreadPool& threads, CheckpointOptions options = {});
  ~CheckpointFolder();  // waits for the save that is going on
  CheckpointFolder(const CheckpointFolder&) = delete;
  CheckpointFolder& operator=(const CheckpointFolder&) = delete;

  // Waits for the last save, copies the state, and returns the seconds that took: the training stood still for them. The copy is
  // written in the background. Of a state larger than staging_bytes the part that does not fit is written before it returns. A
  // state that lies on a device is copied in the background too: nothing of it may change before release_state() has returned.
  // What goes wrong with the disk is in the report, with a warning in the log; the checkpoints before it stay, and the training
  // can go on.
  double save(const model::ModelConfig& config, const StateFields& state, const Json& facts);
  double release_state();  // waits until the state may change; returns the seconds that took
  void wait();             // until the last save is done
  // Of a save that ended since the last call.
  std::optional<SaveReport> take_report();
  // The last save failed, and retry_after_s have passed since.
  bool retry_is_due() const;

  // Fills `state` from the newest checkpoint that is whole and fits, warning of each newer one that it passes over and why. False
  // when there is no checkpoint, or only damaged ones (with a warning). When the whole ones are all of another training, Error:
  // nothing that could still be wanted is written over.
  bool resume(const StateFields& state, const Json& facts);

  std::vector<std::int64_t> steps() const;  // ascending
  fs::path path_of(std::int64_t step) const;
  bool is_major(std::int64_t step) const { return options_.major_every > 0 && step % options_.major_every == 0; }

 private:
  struct Staging;

  void write(std::int64_t step, const CheckpointFiles& files, std::size_t lent, const std::function<void()>& returned);
  void remove_old() const;

  Disk& disk_;
  fs::path folder_;
  ThreadPool& threads_;
  CheckpointOptions options_;
  std::unique_ptr<Staging> staging_;
  std::optional<SaveReport> current_;  // from save() until its end is known
  std::vector<SaveReport> ended_;
  std::optional<double> failed_at_;
  std::future<void> released_;       // of the last save: its state may change
  BackgroundQueue hasher_, writer_;  // last: their jobs use what is above
};

}  // namespace cairn::train
