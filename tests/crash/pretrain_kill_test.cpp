// SIGKILL at random points of a pre-training, again and again: what is resumed must end in the bytes of the run that nobody
// disturbed.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <thread>

#include "engine/data/token_shards.h"
#include "engine/train/checkpoint.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"

using namespace cairn;

namespace {

constexpr int kKills = 20;
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

// Whatever a kill leaves under a checkpoint's own name is whole.
void check_checkpoints(const fs::path& folder) {
  if (!fs::exists(folder)) return;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (name.find('.') == std::string::npos) CHECK_MESSAGE(train::checkpoint_damage(entry.path()) == "", name);
  }
}

}  // namespace

TEST_CASE("a pretrain that is killed twenty times resumes to the same bits") {
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "shards");
  const auto fresh = [&] {
    auto run = std::make_unique<test::StepRun>(train::kPretrain, parse_json(kConfig, "config"));
    run->input("data", folder.path() / "shards").seed(3);
    return run;
  };
  const auto begin = std::chrono::steady_clock::now();
  const auto undisturbed = fresh();
  undisturbed->run();
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begin).count();

  std::mt19937_64 random(20261124);
  int kills = 0, finished = 0;
  while (kills < kKills) {
    const auto run = fresh();
    bool killed = true;
    // Attempts of an eighth of the whole on average: each run is killed several times before it gets to its end.
    while (killed && kills < kKills) {
      killed = attempt_killed_after(*run, std::chrono::microseconds(random() % static_cast<std::uint64_t>(whole / 4)));
      kills += killed;
      check_checkpoints(run->scratch() / "checkpoints");
    }
    fs::remove_all(run->folder() / "staging-1");
    run->run();
    CHECK(run->digest("checkpoint") == undisturbed->digest("checkpoint"));
    ++finished;
  }
  MESSAGE("killed ", kills, " times in ", finished, " runs of ", whole / 1000, " ms");
}
