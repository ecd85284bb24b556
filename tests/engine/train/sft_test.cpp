#include <cmath>

#include "engine/train/checkpoint.h"
#include "tests/engine/train/sft_fixture.h"

using namespace cairn;
using namespace cairn::train;

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
