// SIGKILL at random points of a pre-training or fine-tuning, again and again, also while a checkpoint is being written: what is
// resumed must end in the bytes of the run that nobody disturbed.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>

#include "engine/data/token_shards.h"
#include "engine/train/checkpoint.h"
#include "tests/engine/train/sft_fixture.h"
#include "tests/support/run_step.h"

using namespace cairn;

namespace {

constexpr int kKills = 12;
constexpr std::string_view kConfig = R"({
  "model": {"layers": 2, "width": 16, "heads": 4, "kv_heads": 2, "mlp_width": 24, "vocab": 40},
  "sequence_length": 24, "batch": 8, "steps": 150, "checkpoint_every": 3, "schedule": {"lr": 0.02},
  "runtime": {"peak_gflops": 100}})";

void write_shard(const fs::path& folder) {
  fs::create_directories(folder);
  data::TokenShardWriter writer(real_disk(), folder / "shard-00000", data::TokenType::u16);
  writer.append(train::tiny_tokens(6000));
  writer.finish();
}

// One attempt in a process of its own. Returns whether it was killed before its end.
bool attempt_killed_after(test::StepRun& run, std::chrono::microseconds delay) {
  fs::remove_all(run.folder() / "staging-1");  // as the executor does before each attempt
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      run.run();
      _exit(0);
    } catch (...) {
      _exit(1);
    }
  }
  std::this_thread::sleep_for(delay);
  kill(child, SIGKILL);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFEXITED(status)) REQUIRE(WEXITSTATUS(status) == 0);
  return WIFSIGNALED(status);
}

// Whatever a kill leaves under a checkpoint's own name is whole. Returns whether it came while one was being written.
bool check_checkpoints(const fs::path& folder) {
  bool partial = false;
  if (!fs::exists(folder)) return false;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    partial |= name.ends_with(".partial");
    if (name.find('.') == std::string::npos) CHECK_MESSAGE(train::checkpoint_damage(entry.path()) == "", name);
  }
  return partial;
}

// Kills runs that `fresh` makes until kKills kills have hit; returns how many of them hit while a checkpoint was written.
int kill_again_and_again(const std::function<std::shared_ptr<test::StepRun>()>& fresh) {
  const auto begin = std::chrono::steady_clock::now();
  const auto undisturbed = fresh();
  undisturbed->run();
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();

  std::mt19937_64 random(20261124);
  int kills = 0, during_save = 0, finished = 0;
  while (kills < kKills) {
    const auto run = fresh();
    bool killed = true;
    // Attempts of an eighth of the whole on average: each run is killed several times before it gets to its end.
    while (killed && kills < kKills) {
      killed = attempt_killed_after(*run, std::chrono::microseconds(random() % static_cast<std::uint64_t>(whole / 4)));
      kills += killed;
      during_save += check_checkpoints(run->scratch() / "checkpoints");
    }
    fs::remove_all(run->folder() / "staging-1");
    run->run();
    CHECK(run->digest("checkpoint") == undisturbed->digest("checkpoint"));
    ++finished;
  }
  MESSAGE("killed ", kills, " times in ", finished, " runs of ", whole / 1000, " ms, ", during_save, " times during a save");
  return during_save;
}

int kill_pretrain(const Json& changes) {
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "shards");
  return kill_again_and_again([&] {
    Json config = parse_json(kConfig, "config");
    config.merge_patch(changes);
    auto run = std::make_shared<test::StepRun>(train::kPretrain, config);
    run->input("data", folder.path() / "shards").seed(3);
    return run;
  });
}

}  // namespace

TEST_CASE("a pretrain that is killed again and again resumes to the same bits") {
  kill_pretrain(Json::object());
}

TEST_CASE("a pretrain that is killed while it writes a checkpoint of every step resumes to the same bits") {
  CHECK(kill_pretrain(Json{{"checkpoint_every", 1}, {"steps", 60}}) > 0);
}

TEST_CASE("a pretrain with moments in bfloat16 whose copies do not fit into memory, killed, resumes to the same bits") {
  kill_pretrain({{"checkpoint_every", 2},
                 {"steps", 60},
                 {"optimizer", {{"name", "ademamix"}, {"moments", "bf16"}}},
                 {"runtime", {{"staging_mb", 0}, {"peak_gflops", 100}}}});
}

TEST_CASE("a pretrain that computes in bfloat16 and keeps an average of its weights, killed, resumes to the same bits") {
  kill_pretrain({{"checkpoint_every", 2},
                 {"steps", 60},
                 {"precision", "bf16"},
                 {"ema", {{"decay", 0.9}}},
                 {"optimizer", {{"name", "muon"}}}});
}

TEST_CASE("a fine-tuning that is killed again and again resumes to the same bits") {
  kill_again_and_again([] {
    const auto sft = std::make_shared<train::Sft>(Json{{"checkpoint_every", 2}});
    return std::shared_ptr<test::StepRun>(sft, &sft->run);
  });
}
