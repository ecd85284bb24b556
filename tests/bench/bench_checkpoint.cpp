// What a checkpoint costs: its rate beside that of a plain write of the same bytes, how long training stands still for it, and
// how much slower it is while one is written.
//   bench_checkpoint FOLDER [PRESET] [THREADS] [ROUNDS]
// Writes into FOLDER, which is removed at the end. One JSON object on standard output.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/model/config.h"
#include "engine/train/checkpoint_folder.h"
#include "engine/train/trainer.h"

using namespace cairn;

namespace {

constexpr std::int64_t kBatch = 4, kLength = 512;

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

train::TokenBatch random_batch(const model::ModelConfig& shape) {
  const Random random(1, "bench tokens");
  train::TokenBatch batch(kBatch, kLength);
  train::RowBuilder rows(train::MaskOptions{});
  std::vector<std::int32_t> window(kLength + 1);
  for (std::int64_t row = 0; row < kBatch; ++row) {
    for (std::size_t t = 0; t < window.size(); ++t) {
      window[t] = 4 + static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(row) * window.size() + t,
                                                             static_cast<std::uint64_t>(shape.vocab - 4)));
    }
    rows.fill(batch, row, window);
  }
  return batch;
}

// What the disk does with the same bytes: one file after another, 16 MiB a call, synced.
double seconds_of_plain_write(const fs::path& folder, const train::CheckpointFiles& files) {
  fs::create_directories(folder);
  const double begin = seconds_now();
  for (const train::TensorFile& file : files.tensors) {
    const auto out = real_disk().create(folder / file.name);
    for (const train::TensorBytes& tensor : file.tensors) {
      const std::string_view bytes(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
      for (std::size_t at = 0; at < bytes.size(); at += 16 << 20) out->write(bytes.substr(at, 16 << 20));
    }
    out->sync();
    out->close();
  }
  const double seconds = seconds_now() - begin;
  fs::remove_all(folder);
  return seconds;
}

double seconds_of_hashing(const train::CheckpointFiles& files) {
  const double begin = seconds_now();
  for (const train::TensorFile& file : files.tensors) {
    for (const train::TensorBytes& tensor : file.tensors) sha256(tensor.bytes);
  }
  return seconds_now() - begin;
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, const char* otherwise) { return std::string(argc > i ? argv[i] : otherwise); };
  const fs::path folder = argument(1, "checkpoint-bench");
  const model::ModelConfig shape = model::preset(argument(2, "small-60m"));
  ThreadPool pool(std::stoi(argument(3, "2")));
  const int rounds = std::stoi(argument(4, "4"));
  Context context{cpu_backend(), pool};

  train::TrainerConfig config;
  config.optimizer.method = train::OptimizerConfig::Method::ademamix;
  config.schedule = {train::LearningRateSchedule::Shape::constant, 0, 1e-4, 0, 0, 0, 0};
  model::Parameters parameters(shape, Dtype::f32);
  model::initialise(parameters, 28);
  train::Trainer trainer(context, config, std::move(parameters), train::Curriculum::plain(kLength, kBatch, 1000),
                         [&](const train::StepPlan&) { return random_batch(shape); });
  trainer.step();

  const train::StateFields state = trainer.state_fields();
  const Json facts = Json::object();
  const train::CheckpointFiles files = train::checkpoint_files(shape, state, facts);
  Json result = {{"bytes", files.tensor_bytes()}, {"threads", pool.threads()}};
  for (const char* list : {"plain_s", "checkpoint_s", "stall_s", "verify_s", "step_s", "step_while_writing_s"})
    result[list] = Json::array();
  result["hash_s"] = seconds_of_hashing(files);

  const auto time_plain = [&] { result["plain_s"].push_back(seconds_of_plain_write(folder / "plain", files)); };
  const auto time_checkpoint = [&] {
    train::CheckpointFolder checkpoints(real_disk(), folder / "kept", pool, {.keep = 1});
    checkpoints.save(shape, state, facts);  // the first one finds memory for the copy
    checkpoints.wait();
    fs::remove_all(checkpoints.path_of(trainer.state().step));
    checkpoints.take_report();
    result["stall_s"].push_back(checkpoints.save(shape, state, facts));
    checkpoints.wait();
    result["checkpoint_s"].push_back(checkpoints.take_report().value().write_s);
    const double begin = seconds_now();
    train::CheckpointReader(checkpoints.path_of(trainer.state().step)).verify(&pool);
    result["verify_s"].push_back(seconds_now() - begin);
    fs::remove_all(folder / "kept");
  };
  seconds_of_plain_write(folder / "plain", files);  // whatever the disk's first write has to find is found
  for (int round = 0; round < rounds; ++round) {    // whoever comes second finds pages that the first has left
    round % 2 == 0 ? time_plain() : time_checkpoint();
    round % 2 == 0 ? time_checkpoint() : time_plain();
  }
  train::CheckpointFolder checkpoints(real_disk(), folder / "kept", pool, {.keep = 1});
  for (int round = 0; round < rounds; ++round) {
    result["step_s"].push_back(trainer.step().seconds.whole);
    checkpoints.save(shape, state, facts);
    result["step_while_writing_s"].push_back(trainer.step().seconds.whole);
    checkpoints.wait();
  }
  std::cout << result.dump() << "\n";
  fs::remove_all(folder);
  return 0;
}
