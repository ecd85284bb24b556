// A small fine-tuning, ready to run: a tokenizer, a base model with random weights that fits it, and conversations with one
// answer each.
#pragma once

#include <string>

#include "base/thread_pool.h"
#include "engine/model/hf_folder.h"
#include "engine/text/bpe_trainer.h"
#include "engine/text/chat.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"

namespace cairn::train {

inline constexpr const char* kSftConfig =
    R"({"sequence_length": 192, "batch": 4, "micro_batch": 3, "epochs": 24, "checkpoint_every": 5,
  "schedule": {"lr": 0.02}, "runtime": {"peak_gflops": 100}})";

struct Sft {
  test::TemporaryFolder folder;
  test::StepRun run;

  explicit Sft(const Json& changes = Json::object(), std::int64_t vocab = 0) : run(kSft, config_with(changes)) {
    text::BpeTrainerOptions options;
    options.special_tokens = text::apertus_special_tokens();
    options.vocab_size = static_cast<std::int64_t>(options.special_tokens.size()) + 256;
    ThreadPool pool(1);
    text::TrainedBpe bpe = text::BpeTrainer(options).train(pool);
    write_file_atomically(folder.path() / "tokenizer.json", text::tokenizer_json(bpe, options));
    model::Parameters base(tiny_shape(vocab > 0 ? vocab : options.vocab_size), Dtype::f32);
    model::initialise(base, 1);
    model::write_hf_folder(real_disk(), folder.path() / "base", base);
    std::string lines;
    for (int i = 0; i < 24; ++i) {
      const Json line = {{"messages",
                          {{{"role", "system"}, {"content", "S"}},
                           {{"role", "user"}, {"content", "Question " + std::to_string(i) + "?"}},
                           {{"role", "assistant"}, {"content", "Yes."}}}}};
      lines += line.dump() + "\n";
    }
    write_file_atomically(folder.path() / "conversations.jsonl", lines);
    run.input("checkpoint", folder.path() / "base").input("tokenizer", folder.path() / "tokenizer.json");
    run.input("conversations", folder.path() / "conversations.jsonl").seed(3);
  }
  static model::ModelConfig tiny_shape(std::int64_t vocab) {
    model::ModelConfig shape = tiny_model(vocab);
    shape.max_positions = 256;
    return shape;
  }
  static Json config_with(const Json& changes) {
    Json config = parse_json(kSftConfig, "config");
    config.merge_patch(changes);
    return config;
  }
};

}  // namespace cairn::train
