#include <cmath>

#include "engine/model/hf_folder.h"
#include "engine/text/bpe_trainer.h"
#include "engine/text/chat.h"
#include "engine/train/checkpoint.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::train;
using test::StepRun;

namespace {

const char* kConfig = R"({"sequence_length": 192, "batch": 4, "micro_batch": 3, "epochs": 24, "checkpoint_every": 5,
  "schedule": {"lr": 0.02}, "runtime": {"peak_gflops": 100}})";

// A tokenizer, a base model with random weights that fits it, and conversations with one answer each.
struct Sft {
  test::TemporaryFolder folder;
  StepRun run;

  explicit Sft(const Json& changes = Json::object(), std::int64_t vocab = 0) : run(kSft, config_with(changes)) {
    text::BpeTrainerOptions options;
    options.special_tokens = text::apertus_special_tokens();
    options.vocab_size = static_cast<std::int64_t>(options.special_tokens.size()) + 256;
    text::TrainedBpe bpe = text::BpeTrainer(options).train();
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
    Json config = parse_json(kConfig, "config");
    config.merge_patch(changes);
    return config;
  }
};

}  // namespace

TEST_CASE("sft: learns the answers and only the answers, and ends turns") {
  Sft sft;
  sft.run.run();
  CHECK(checkpoint_damage(sft.run.output("checkpoint")) == "");
  const auto metrics = sft.run.metrics();
  REQUIRE(metrics.size() > 20);
  CHECK(metrics.front().at("loss").get<double>() > 4);
  CHECK(metrics.back().at("loss").get<double>() < 0.3);
  // The rate warms up and ends near zero.
  CHECK(metrics.back().at("lr").get<double>() < 0.004);

  const text::Tokenizer tokenizer = text::Tokenizer::load(sft.folder.path() / "tokenizer.json");
  const model::ModelConfig shape = model::read_hf_config(sft.run.output("checkpoint") / "config.json");
  CHECK(shape.eos == std::vector<std::int32_t>{text::end_of_turn(tokenizer), 2});
  CHECK(sft.run.facts("checkpoint").at("conversations") == 24);
  CHECK(sft.run.facts("checkpoint").at("conversations_dropped") == 0);
}

TEST_CASE("sft: packing or not, every conversation is read in every epoch") {
  Sft packed(Json{{"epochs", 1}}), apart(Json{{"epochs", 1}, {"pack", false}});
  packed.run.run();
  apart.run.run();
  CHECK(apart.run.metrics().size() == 6);  // 24 rows, 4 in a step
  CHECK(packed.run.metrics().size() < 6);
  CHECK(packed.run.summary().find("24 conversations in ") == 0);
}

TEST_CASE("sft: stopped after every single step, it ends in the same bytes") {
  const Json short_run = Json{{"epochs", 2}};
  Sft whole(short_run), stopped(short_run);
  whole.run.threads(3).run();
  StopToken stop;
  stop.request_stop();
  stopped.run.stop_token(stop);
  for (int attempts = 1;; ++attempts) {
    REQUIRE(attempts < 20);
    try {
      stopped.run.run();
      break;
    } catch (const Error& error) {
      REQUIRE(error.code() == ExitCode::try_again);
    }
  }
  CHECK(stopped.run.digest("checkpoint") == whole.run.digest("checkpoint"));
}

TEST_CASE("sft: what does not fit together is refused") {
  Sft small(Json::object(), 50);
  CHECK(test::error_of([&] {
          small.run.run();
        }).find("tokens, the model 50; use the tokenizer that the model was trained with") != std::string::npos);
  Sft too_long(Json{{"sequence_length", 300}});
  CHECK(test::error_of([&] { too_long.run.run(); }).find("300 tokens, but the model has 256 positions") != std::string::npos);
  Sft too_short(Json{{"sequence_length", 4}});
  CHECK(test::error_of([&] { too_short.run.run(); }).find("no conversation has an assistant's token within 4") !=
        std::string::npos);
  Sft wrong_role;
  const fs::path bad = wrong_role.folder.path() / "bad.jsonl";
  write_file_atomically(bad, R"({"messages": [{"role": "robot", "content": "x"}]})");
  wrong_role.run.input("conversations", bad);
  CHECK(test::error_of([&] { wrong_role.run.run(); }).find("robot") != std::string::npos);
}
