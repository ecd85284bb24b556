// A training small enough for tests of checkpoints, and ways to damage what it has written.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/disk.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/train/checkpoint.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/tiny.h"

namespace cairn::train {

inline const Json kFacts = {{"seed", "5"}, {"batch", 3}};

struct Training {
  ThreadPool pool{1};
  Context context{ref_backend(), pool};
  MemoryTokens stream{tiny_tokens(400)};
  Loader loader{{&stream}, ReadSet::plain(5, stream.size(), 8, 3, 20), {}};
  Trainer trainer;

  explicit Training(bool bf16_moments = false)
      : trainer(context, config(bf16_moments), start(), Curriculum::plain(8, 3, 20),
                [this](const StepPlan& plan) { return loader.batch(plan); }) {}

  static TrainerConfig config(bool bf16_moments) {
    TrainerConfig config;
    config.optimizer.bf16_moments = bf16_moments;
    config.optimizer.method = OptimizerConfig::Method::ademamix;
    config.optimizer.alpha_warmup = config.optimizer.beta3_warmup = 6;
    config.schedule = {LearningRateSchedule::Shape::wsd, 0, 0.02, 0.002, 6, 9, 30};
    return config;
  }
  static model::Parameters start() {
    model::Parameters parameters(tiny_model(), Dtype::f32);
    model::initialise(parameters, 1);
    return parameters;
  }
  void run_until(std::int64_t step) {
    while (trainer.state().step < step) trainer.step();
  }
  void write(const fs::path& folder) { write_checkpoint(real_disk(), folder, tiny_model(), trainer.state_fields(), kFacts); }
  void read(const fs::path& folder) { read_checkpoint(CheckpointReader(folder), trainer.state_fields(), kFacts); }
};

inline std::map<std::string, std::string> bytes_of(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) files[entry.path().filename()] = read_file(entry.path());
  return files;
}

inline void overwrite(const fs::path& path, const std::string& text) {
  fs::remove(path);
  write_file_atomically(path, text);
}

inline void flip_byte(const fs::path& path, std::size_t at) {
  std::string text = read_file(path);
  text.at(at) = static_cast<char>(text[at] ^ 1);
  overwrite(path, text);
}

// Rewrites manifest.json so that its root is true of what it then says.
inline void rewrite_manifest(const fs::path& folder, Json manifest) {
  manifest.erase("root");
  manifest["root"] = sha256(canonical_json(manifest)).hex();
  overwrite(folder / kManifest, pretty_json(manifest));
}

// Changes a text and what the manifest says of it.
inline void overwrite_listed(const fs::path& folder, const std::string& name, const std::string& text) {
  overwrite(folder / name, text);
  Json manifest = read_json(folder / kManifest);
  manifest["files"][name] = {{"bytes", text.size()}, {"sha256", sha256(text).hex()}};
  rewrite_manifest(folder, manifest);
}

}  // namespace cairn::train
