#include "engine/steps/team.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::steps {

namespace {

constexpr const char *kEnd = "end.json", *kAlive = "alive";

struct Launcher {
  const char *rank, *size;
  std::vector<const char*> job;
};
const std::vector<Launcher>& launchers() {
  static const std::vector<Launcher> all = {
      {"CAIRN_RANK", "CAIRN_RANKS", {"CAIRN_JOB"}},
      // SLURM_NTASKS is also set in a batch script, where one process runs; the step's number only where srun started this one.
      {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", {"SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT"}},
      {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"}},
      {"PMI_RANK", "PMI_SIZE", {"PMI_JOBID", "HYDRA_JOBID"}},
  };
  return all;
}

int number_of(const char* name, const char* text) {
  int value = 0;
  const char* const end = text + std::string_view(text).size();
  const auto [stopped, error] = std::from_chars(text, end, value);
  if (error != std::errc() || stopped != end || value < 0) fail_usage("{}={}: expected a whole number", name, text);
  return value;
}

constexpr auto kFirstWait = std::chrono::milliseconds(2), kLongestWait = std::chrono::milliseconds(500);

std::filesystem::path plan_path(const std::filesystem::path& folder, std::size_t number) {
  return folder / fmt::format("step-{:04d}.json", number);
}

std::filesystem::path folder_of(const std::filesystem::path& workspace, const Team& team) {
  return workspace / "ranks" / team.job;
}

Json inputs_json(const std::map<std::string, std::vector<StepInput>>& inputs) {
  Json all = Json::object();
  for (const auto& [role, list] : inputs) {
    all[role] = Json::array();
    for (const StepInput& input : list)
      all[role].push_back({{"path", std::filesystem::absolute(input.path).string()},
                           {"digest", input.digest.hex()},
                           {"kind", input.kind},
                           {"label", input.label},
                           {"files", input.files}});
  }
  return all;
}

// A step told by the first rank, as this rank runs it. `passed`: whether the first rank is done with it.
void run_shared(const Follower& follower, const Pipeline& pipeline, const Json& plan, const std::function<bool()>& passed) {
  const Team& team = follower.team;
  const std::string name = plan.at("name");
  const auto step = std::find_if(pipeline.steps.begin(), pipeline.steps.end(),
                                 [&name](const PipelineStep& other) { return other.name == name; });
  Ranks ranks(team.rank, team.size, *follower.disk, plan.at("meeting").get<std::string>(), plan.at("owner").get<std::string>(),
              team.job, *follower.stop, team.timeout_seconds);
  // Killed behind its last barrier and started again, this rank has nothing left to do, and the scratch folder may be going.
  if (ranks.has_left() || passed()) return;
  try {
    if (plan.at("size") != team.size)
      fail_usage("rank {} is one of {} ranks, rank 0 one of {}", team.rank, team.size, plan.at("size").get<int>());
    if (plan.at("code") != follower.code.hex()) fail_usage("rank {} is another build of the program than rank 0", team.rank);
    if (step == pipeline.steps.end()) fail_usage("rank {} was given a pipeline without the step '{}'", team.rank, name);
    const std::pair<const char*, const Json*> settings[] = {{"config", &step->config}, {"runtime", &step->runtime}};
    for (const auto& [what, own] : settings) {
      if (*own == plan.at(what)) continue;
      for (const auto& [key, value] : plan.at(what).items()) {
        if (!own->contains(key) || own->at(key) != value)
          fail_usage("rank {} was given another {}.{} of {} than rank 0: {} instead of {}", team.rank, what, key, name,
                     own->contains(key) ? own->at(key).dump() : "none", value.dump());
      }
      fail_usage("rank {} was given another {} of {} than rank 0", team.rank, what, name);
    }
    if (plan.at("seed") != step->seed) fail_usage("rank {} was given another seed of {} than rank 0", team.rank, name);

    StepSetup setup;
    setup.config = Config(step->config, name + ": config");
    setup.runtime = Config(step->runtime, name + ": runtime");
    for (const auto& [role, list] : plan.at("inputs").items()) {
      for (const Json& input : list)
        setup.inputs[role].push_back({input.at("path").get<std::string>(),
                                      Digest::from_hex(input.at("digest").get<std::string>()), input.at("kind"),
                                      input.at("label"), input.at("files")});
    }
    setup.staging = plan.at("staging").get<std::string>();
    setup.scratch = plan.at("scratch").get<std::string>();
    setup.seed = step->seed;
    setup.started = plan.at("started");
    setup.threads = follower.threads;
    setup.stop = follower.stop;
    setup.disk = follower.disk;
    setup.progress_style = Progress::Style::quiet;  // the first rank shows what there is
    setup.ranks = &ranks;
    StepContext context(setup);
    step->spec->run(context);
    ranks.leave();
  } catch (const std::exception& error) {
    ranks.give_up(error.what());
    ranks.check();  // why it had to fail, where another has taken its place
    throw;
  }
}

}  // namespace

Team team_of_environment(const std::function<const char*(const char*)>& variable) {
  Team team;
  if (const char* timeout = variable("CAIRN_RANK_TIMEOUT")) team.timeout_seconds = number_of("CAIRN_RANK_TIMEOUT", timeout);
  for (const Launcher& launcher : launchers()) {
    const char *rank = variable(launcher.rank), *size = variable(launcher.size);
    if (size == nullptr || (rank == nullptr && launcher.rank != launchers().front().rank)) continue;
    if (rank == nullptr) fail_usage("{} is set, {} is not", launcher.size, launcher.rank);
    team.rank = number_of(launcher.rank, rank);
    team.size = number_of(launcher.size, size);
    if (team.rank >= team.size) fail_usage("{}={}, but {}={}", launcher.rank, rank, launcher.size, size);
    for (const char* name : launcher.job) {
      const char* part = variable(name);
      if (part != nullptr) team.job += fmt::format("{}{}", team.job.empty() ? "" : "-", part);
    }
    if (const char* job = variable("CAIRN_JOB"); team.job.empty() && job != nullptr) team.job = job;
    std::replace(team.job.begin(), team.job.end(), '/', '_');
    if (team.size > 1 && team.job.empty())
      fail_usage("{}={}: CAIRN_JOB must name this start, the same for all ranks", launcher.size, size);
    if (team.job == "." || team.job == "..") fail_usage("CAIRN_JOB={}: names no folder of its own", team.job);
    break;
  }
  return team;
}

TeamLeader::TeamLeader(Team team, const std::filesystem::path& folder, const Digest& code, Disk& disk, const StopToken& stop)
    : team_(std::move(team)),
      ranks_(folder / "ranks"),
      folder_(folder_of(folder, team_)),
      code_(code),
      disk_(&disk),
      stop_(&stop) {
  if (team_.is_alone()) return;
  // An earlier start of this name that ended has left nothing that is needed; one whose first rank was killed goes on.
  if (disk.exists(folder_ / kEnd)) disk.remove_tree(folder_);
  disk.make_directories(folder_);
  const auto live = [this] { write_file_atomically(*disk_, folder_ / kAlive, fmt::format("{}", now_microseconds())); };
  live();
  heartbeat_.emplace(live);
}

void TeamLeader::tell(std::size_t number, const Json& what) {
  if (!team_.is_alone()) write_file_atomically(*disk_, plan_path(folder_, number), what.dump());
}

// Beside the scratch folder, which the first rank removes when another may just have been started again.
std::filesystem::path TeamLeader::meeting_of(const std::filesystem::path& scratch) const {
  return std::filesystem::absolute(folder_) / fmt::format("{}-{}", scratch.filename().string(), team_.size);
}

std::unique_ptr<Ranks> TeamLeader::share(std::size_t number, const PipelineStep& step, const StepSetup& setup) {
  // Ranks that an earlier start has left behind read whose the scratch folder is, and end.
  const std::filesystem::path owner = std::filesystem::absolute(ranks_) / (setup.scratch.filename().string() + ".owner");
  if (!team_.is_alone() || disk_->exists(ranks_)) write_file_atomically(*disk_, owner, team_.job);
  if (team_.is_alone()) return nullptr;
  const std::filesystem::path meeting = meeting_of(setup.scratch);
  auto ranks = std::make_unique<Ranks>(0, team_.size, *disk_, meeting, owner, team_.job, *stop_, team_.timeout_seconds);
  tell(number, {{"name", step.name},
                {"size", team_.size},
                {"code", code_.hex()},
                {"config", step.config},
                {"runtime", step.runtime},
                {"seed", step.seed},
                {"started", setup.started},
                {"inputs", inputs_json(setup.inputs)},
                {"staging", std::filesystem::absolute(setup.staging).string()},
                {"scratch", std::filesystem::absolute(setup.scratch).string()},
                {"meeting", meeting.string()},
                {"owner", owner.string()}});
  return ranks;
}

void TeamLeader::pass(std::size_t number) {
  tell(number, Json::object());
}

void TeamLeader::sealed(const std::filesystem::path& scratch) {
  if (!team_.is_alone()) disk_->remove_tree(meeting_of(scratch));
}

void TeamLeader::end(const std::string& error) noexcept {
  if (team_.is_alone()) return;
  try {
    write_file_atomically(*disk_, folder_ / kEnd, Json{{"error", error}}.dump());
  } catch (const std::exception&) {  // the launcher ends the others
  }
}

void follow(const Follower& follower, const Pipeline& pipeline) {
  const Team& team = follower.team;
  const std::filesystem::path folder = folder_of(follower.folder, team);
  const auto read = [&follower](const std::filesystem::path& path) {
    return parse_json(follower.disk->read(path), path.string());
  };
  bool came_to_an_end = follower.disk->exists(folder / kEnd);
  for (std::size_t number = 0;; ++number) {
    const std::filesystem::path path = plan_path(folder, number);
    std::string last;
    std::int64_t seen = now_microseconds();
    for (auto wait = kFirstWait; !follower.disk->exists(path); wait = std::min(2 * wait, kLongestWait)) {
      if (follower.disk->exists(folder / kEnd)) {
        const std::string error = read(folder / kEnd).at("error");
        if (!error.empty()) fail("rank 0 of {} gave up: {}", team.size, error);
        if (came_to_an_end)
          log_warning(fmt::format("rank {}: '{}' had ended when this rank came; a new start needs a name of its own", team.rank,
                                  team.job));
        return;
      }
      came_to_an_end = false;
      follower.stop->throw_if_requested();
      const std::string beat = follower.disk->exists(folder / kAlive) ? follower.disk->read(folder / kAlive) : std::string();
      if (beat != last) {
        last = beat;
        seen = now_microseconds();
      } else if (static_cast<double>(now_microseconds() - seen) * 1e-6 > team.timeout_seconds) {
        fail("rank 0 of {} {} for {}. Start it again, or all of them: what is done is kept", team.size,
             beat.empty() ? "has not been seen" : "has shown no sign of life", format_duration(team.timeout_seconds));
      }
      std::this_thread::sleep_for(wait);
    }
    const Json plan = read(path);
    if (plan.contains("name")) run_shared(follower, pipeline, plan, [&] { return !read(path).contains("name"); });
  }
}

}  // namespace cairn::steps
