// The checkpoints of a run: written behind the training's back, kept or dropped, and found again after damage.
#include "engine/train/checkpoint_folder.h"

#include <limits>

#include "tests/engine/train/fake_disk.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/support/captured_stderr.h"
#include "tests/support/crash_disk.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

void save(Training& training, CheckpointFolder& folder) {
  folder.save(tiny_model(), training.trainer.state_fields(), kFacts);
}

std::int64_t resumed_step(CheckpointFolder& folder, const Json& facts = kFacts) {
  Training training;
  return folder.resume(training.trainer.state_fields(), facts) ? training.trainer.state().step : -1;
}

// Checkpoints of steps 2, 4 and 6.
struct Three {
  test::TemporaryFolder temporary;
  ThreadPool threads{2};
  CheckpointFolder folder{real_disk(), temporary.path() / "checkpoints", threads, CheckpointOptions{.keep = 3}};
  Training training;

  Three() {
    for (const std::int64_t step : {2, 4, 6}) {
      training.run_until(step);
      save(training, folder);
    }
    folder.wait();
  }
  fs::path newest() const { return folder.path_of(6); }
  // Which step is resumed from, and the warning.
  std::pair<std::int64_t, std::string> resume(const Json& facts = kFacts) {
    test::CapturedStderr captured;
    const std::int64_t step = resumed_step(folder, facts);
    return {step, captured.text()};
  }
};

}  // namespace

TEST_CASE("checkpoint folder: the training goes on while its copy is written, and the next save waits for the last") {
  const test::TemporaryFolder folder;
  FakeDisk disk;
  ThreadPool threads(2);
  CheckpointFolder kept(disk, folder.path() / "checkpoints", threads);
  Training training;
  training.run_until(2);
  training.write(folder.path() / "of-step-2");
  disk.open = false;
  save(training, kept);
  training.run_until(5);  // while nothing can be written
  CHECK(kept.steps().empty());
  CHECK_FALSE(kept.take_report().has_value());
  disk.release();
  save(training, kept);
  CHECK(kept.steps() == std::vector<std::int64_t>{2});
  CHECK(bytes_of(kept.path_of(2)) == bytes_of(folder.path() / "of-step-2"));  // as it was then, not as it is now
  kept.wait();
  CHECK(kept.steps() == std::vector<std::int64_t>{2, 5});
  const auto first = kept.take_report(), second = kept.take_report();
  REQUIRE(first.has_value());
  REQUIRE(second.has_value());
  CHECK(first->step == 2);
  CHECK(second->step == 5);
  CHECK(first->error == "");
  CHECK(first->bytes > 4 * 4 * 4000);
  CHECK(first->write_s > 0);
  CHECK_FALSE(kept.take_report().has_value());
}

TEST_CASE("checkpoint folder: of a state larger than the memory for its copy, the rest is written first") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  training.write(folder.path() / "of-step-2");
  const std::uint64_t all = checkpoint_files(tiny_model(), training.trainer.state_fields(), kFacts).tensor_bytes();
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{3000}, all / 2, all - 1, all}) {
    FakeDisk disk;
    ThreadPool threads(2);
    CheckpointFolder kept(disk, folder.path() / std::to_string(bytes), threads, CheckpointOptions{.staging_bytes = bytes});
    Training other;
    other.read(folder.path() / "of-step-2");
    save(other, kept);
    other.run_until(4);
    kept.wait();
    CHECK_MESSAGE(bytes_of(kept.path_of(2)) == bytes_of(folder.path() / "of-step-2"), bytes);
    CHECK(kept.take_report()->error == "");
  }
}

TEST_CASE("checkpoint folder: a full disk is told, the checkpoints before it stay, and a later save succeeds") {
  const test::TemporaryFolder folder;
  FakeDisk disk;
  ThreadPool threads(2);
  // With room for the whole copy, and with none, when the training waits for its memory.
  for (const std::uint64_t staging : {std::numeric_limits<std::uint64_t>::max(), std::uint64_t{0}}) {
    CheckpointOptions options{.keep = 2, .staging_bytes = staging, .retry_after_s = 0};
    CheckpointFolder kept(disk, folder.path() / std::to_string(staging), threads, options);
    Training training;
    training.run_until(2);
    save(training, kept);
    kept.wait();
    CHECK(kept.take_report()->error == "");
    CHECK_FALSE(kept.retry_is_due());
    for (const std::int64_t free : {0, 700, 9000, 90000}) {  // the header, the weights, the moments, ...
      disk.free = free;
      training.trainer.step();
      test::CapturedStderr captured;
      save(training, kept);
      kept.wait();
      const auto report = kept.take_report();
      REQUIRE(report.has_value());
      CHECK(report->error.find("No space left on device") != std::string::npos);
      CHECK(captured.text().find(fmt::format("checkpoint step-{} was not written: cannot write: No space left on device; the "
                                             "training goes on and tries again",
                                             training.trainer.state().step)) != std::string::npos);
      CHECK(kept.retry_is_due());
      CHECK(kept.steps() == std::vector<std::int64_t>{2});
      CHECK_FALSE(fs::exists(kept.path_of(training.trainer.state().step).string() + ".partial"));
      CHECK(resumed_step(kept) == 2);
    }
    disk.free = std::numeric_limits<std::int64_t>::max();
    save(training, kept);
    kept.wait();
    CHECK(kept.take_report()->error == "");
    CHECK_FALSE(kept.retry_is_due());
    CHECK(resumed_step(kept) == 6);
  }
}

TEST_CASE("checkpoint folder: after a failure the next try waits its time") {
  const test::TemporaryFolder folder;
  FakeDisk disk;
  ThreadPool threads(1);
  CheckpointFolder kept(disk, folder.path() / "c", threads, CheckpointOptions{.retry_after_s = 3600});
  Training training;
  disk.free = 0;
  test::CapturedStderr captured;
  save(training, kept);
  kept.wait();
  CHECK_FALSE(kept.take_report()->error.empty());
  CHECK_FALSE(kept.retry_is_due());
}

TEST_CASE("checkpoint folder: the newest stay, and the major ones for good") {
  const test::TemporaryFolder folder;
  ThreadPool threads(1);
  CheckpointFolder kept(real_disk(), folder.path() / "c", threads, CheckpointOptions{.keep = 2, .major_every = 4});
  Training training;
  for (std::int64_t step = 1; step <= 11; ++step) {
    training.run_until(step);
    save(training, kept);
  }
  kept.wait();
  CHECK(kept.steps() == std::vector<std::int64_t>{4, 8, 10, 11});
  CHECK(resumed_step(kept) == 11);
  // Majors are rungs of the ladder too.
  test::CapturedStderr warnings;
  flip_byte(kept.path_of(11) / "state.json", 9);
  flip_byte(kept.path_of(10) / "state.json", 9);
  CHECK(resumed_step(kept) == 8);
  flip_byte(kept.path_of(8) / "state.json", 9);
  CHECK(resumed_step(kept) == 4);
}

TEST_CASE("checkpoint folder: each kind of damage falls back to the checkpoint before, saying which and why") {
  const auto falls_back = [](const std::function<void(Three&)>& damage, const std::string& why) {
    Three three;
    REQUIRE(three.resume() == std::pair<std::int64_t, std::string>(6, ""));
    damage(three);
    const auto [step, warned] = three.resume();
    const std::string& warning = warned;  // which a message can refer to
    CHECK_MESSAGE(step == 4, why);
    CHECK_MESSAGE(warning.find("checkpoint step-6 is damaged (" + why) != std::string::npos, warning);
    CHECK(warning.find("); resuming from step-4") != std::string::npos);
  };
  falls_back([](Three& t) { flip_byte(t.newest() / "optimizer.safetensors", 17000); }, "optimizer.safetensors: tensor 'm1.");
  falls_back([](Three& t) { flip_byte(t.newest() / "optimizer.safetensors", 70); },
             "optimizer.safetensors: header: SHA-256 differs");
  falls_back(
      [](Three& t) {
        const fs::path path = t.newest() / "model.safetensors";
        overwrite(path, read_file(path).substr(0, 5000));
      },
      "model.safetensors: 5000 bytes, expected ");
  falls_back([](Three& t) { overwrite(t.newest() / "trace.jsonl", ""); }, "trace.jsonl: 0 bytes, expected ");
  falls_back([](Three& t) { fs::remove(t.newest() / "config.json"); }, "config.json: missing");
  falls_back([](Three& t) { fs::remove(t.newest() / kManifest); }, "manifest.json: missing");
  falls_back([](Three& t) { overwrite(t.newest() / kManifest, "{}"); }, "manifest.json.");
  falls_back(
      [](Three& t) {
        Json manifest = read_json(t.newest() / kManifest);
        manifest["files"]["model.safetensors"]["tensors"]["lm_head.weight"]["pieces"][0] = sha256("lie").hex();
        rewrite_manifest(t.newest(), manifest);
      },
      "model.safetensors: tensor 'lm_head.weight', bytes 0..2560: SHA-256 differs");
}

TEST_CASE("checkpoint folder: what another training wrote is passed over where an own one is left") {
  const auto passes_over = [](const std::function<void(Three&)>& change, const std::string& why) {
    Three three;
    change(three);
    REQUIRE(checkpoint_damage(three.newest()) == "");
    const auto [step, warned] = three.resume();
    const std::string& warning = warned;  // which a message can refer to
    CHECK(step == 4);
    CHECK_MESSAGE(warning.find("checkpoint step-6 does not fit (") != std::string::npos, warning);
    CHECK_MESSAGE(warning.find(why) != std::string::npos, warning);
  };
  const auto write_another = [](Three& t, const StateFields& state, const Json& facts) {
    fs::remove_all(t.newest());
    write_checkpoint(real_disk(), t.newest(), tiny_model(), state, facts);
  };
  passes_over(
      [&](Three& t) {
        write_another(t, t.training.trainer.state_fields(), {{"seed", "6"}, {"batch", 3}});
      },
      "written by another training: 'seed' is \"6\", expected \"5\"");
  passes_over([&](Three& t) { write_another(t, without_moments(t.training.trainer.state_fields()), kFacts); },
              "holds no 'm1', which this training carries on");
  passes_over(
      [&](Three& t) {
        model::Parameters larger(tiny_model(50), Dtype::f32);
        StateFields state = t.training.trainer.state_fields();
        for (StateField& field : state) {
          if (field.name == kWeights) field.value = larger.all();
        }
        write_another(t, state, kFacts);
      },
      "state.weights: tensor 'model.embed_tokens.weight' is F32 [50, 16], expected float32 [40, 16]");
}

TEST_CASE("checkpoint folder: with nothing that fits, another training's checkpoints are refused, damaged ones started over") {
  Three three;
  CHECK(test::error_of([&] {
          three.resume({{"seed", "9"}, {"batch", 3}});
        }).find("'seed' is \"5\", expected \"9\"") != std::string::npos);
  for (const std::int64_t step : {2, 4, 6}) fs::remove(three.folder.path_of(step) / "state.json");
  const auto [step, warning] = three.resume();
  CHECK(step == -1);
  CHECK(warning.find("checkpoint step-6 is damaged (state.json: missing); checkpoint step-4 is damaged (state.json: missing); "
                     "checkpoint step-2 is damaged (state.json: missing); starting over") != std::string::npos);
}

TEST_CASE("checkpoint folder: going on from an older one writes the damaged one anew") {
  Three three;
  flip_byte(three.newest() / "optimizer.safetensors", 7000);
  Training second;
  {
    test::CapturedStderr captured;
    REQUIRE(three.folder.resume(second.trainer.state_fields(), kFacts));
  }
  second.run_until(6);
  save(second, three.folder);
  three.folder.wait();
  CHECK(checkpoint_damage(three.newest()) == "");
  CHECK(three.resume() == std::pair<std::int64_t, std::string>(6, ""));
}

TEST_CASE("checkpoint folder: what a kill left half-written is removed") {
  const test::TemporaryFolder folder;
  ThreadPool threads(1);
  fs::create_directories(folder.path() / "step-00000004.partial");
  fs::create_directories(folder.path() / "step-00000002.removed");
  fs::create_directories(folder.path() / "notes");
  const CheckpointFolder kept(real_disk(), folder.path(), threads);
  CHECK_FALSE(fs::exists(folder.path() / "step-00000004.partial"));
  CHECK_FALSE(fs::exists(folder.path() / "step-00000002.removed"));
  CHECK(fs::exists(folder.path() / "notes"));
  CHECK(kept.steps().empty());
}

TEST_CASE(
    "checkpoint folder: cut off at any operation, what stands under a step's name is whole and the newest before it is found") {
  for (const test::CrashLoss loss : {test::CrashLoss::nothing, test::CrashLoss::unsynced}) {
    const int operations = test::replay_every_crash(
        loss,
        [](Disk& disk, const fs::path& folder) {
          ThreadPool threads(1);
          CheckpointFolder kept(disk, folder / "c", threads, CheckpointOptions{.keep = 1});
          Training training;
          for (const std::int64_t step : {1, 2, 3}) {
            training.run_until(step);
            save(training, kept);
            kept.wait();
          }
        },
        [](const fs::path& folder, const test::CrashReport& crash) {
          if (!fs::exists(folder / "c")) return;
          ThreadPool threads(1);
          CheckpointFolder kept(real_disk(), folder / "c", threads);
          for (const std::int64_t step : kept.steps()) CHECK_MESSAGE(checkpoint_damage(kept.path_of(step)) == "", crash.cut);
          // Once a checkpoint was whole, there is always one.
          if (crash.after >= 60) CHECK_MESSAGE(!kept.steps().empty(), crash.cut);
        });
    CHECK(operations > 60);
  }
}
