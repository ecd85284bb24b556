// The processes that a launcher has started for one command, and how they go through a pipeline together.
//
// The first rank has the ledger. It tells the others about each step by a file in WORKSPACE/ranks/JOB/, and they run those steps
// that ranks share (StepSpec.shared) beside it, on its scratch folder; of all other steps they await the end. Nothing but a
// folder that all of them see is needed: neither MPI nor a server (docs/scale.md).
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/hash.h"
#include "base/json_fwd.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/thread_pool.h"
#include "engine/steps/heartbeat.h"
#include "engine/steps/pipeline.h"
#include "engine/steps/ranks.h"
#include "engine/steps/step_context.h"

namespace cairn::steps {

struct Team {
  int rank = 0, size = 1;
  std::string job{};             // the same for all ranks of one start, and for no other
  double timeout_seconds = 600;  // without a sign of life

  bool is_alone() const { return size == 1; }
};

// What the environment says, in this order: CAIRN_RANK, CAIRN_RANKS and CAIRN_JOB; Slurm's step (srun: SLURM_PROCID,
// SLURM_STEP_NUM_TASKS); Open MPI (OMPI_COMM_WORLD_RANK and _SIZE); PMI (PMI_RANK, PMI_SIZE). Of a launcher that does not name
// its jobs, CAIRN_JOB does. CAIRN_RANK_TIMEOUT in seconds. Error (usage) when it says half of it, or nonsense.
Team team_of_environment(const std::function<const char*(const char*)>& variable);

// The first rank's side. All of it is nothing for a team of one.
class TeamLeader {
 public:
  // `folder`: of the workspace. `code`: of the program.
  TeamLeader(Team team, const std::filesystem::path& folder, const Digest& code, Disk& disk, const StopToken& stop);
  // The others run the step with this setup, of which they take inputs, folders, seed and time. The ranks to give to its context.
  std::unique_ptr<Ranks> share(std::size_t number, const PipelineStep& step, const StepSetup& setup);
  void pass(std::size_t number);                      // over a step that they do not share, or that all have left
  void sealed(const std::filesystem::path& scratch);  // a shared one: what its ranks told each other is not needed any more
  void end(const std::string& error) noexcept;        // of the command; empty: all went well

 private:
  void tell(std::size_t number, const Json& what);
  std::filesystem::path meeting_of(const std::filesystem::path& scratch) const;
  Team team_;
  std::filesystem::path ranks_, folder_;  // of all starts, of this one
  Digest code_;
  Disk* disk_;
  const StopToken* stop_;
  std::optional<Heartbeat> heartbeat_{};  // while the others wait
};

struct Follower {
  Team team;
  std::filesystem::path folder;  // of the workspace
  Digest code;
  Disk* disk = nullptr;
  ThreadPool* threads = nullptr;
  StopToken* stop = nullptr;
  Progress::Style progress_style = Progress::Style::automatic;
};
// The side of all other ranks: runs the steps that are shared until the first rank ends. Error when this rank was given another
// pipeline or is another build of the program, which the others are told; and with the first rank's words when that fails.
void follow(const Follower& follower, const Pipeline& pipeline);

}  // namespace cairn::steps
