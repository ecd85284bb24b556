#include "engine/train/curriculum.h"

#include <vector>

#include "base/json.h"
#include "base/random.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

Curriculum from_config(const char* text, const std::vector<std::string>& inputs = {"web", "code"}) {
  const Schema schema = object(curriculum_fields());
  return read_curriculum(Config(schema.complete(parse_json(text, "config"), "config")), inputs);
}

std::string error_for(const char* text) {
  return test::error_of([&] { from_config(text); });
}

// 1 to 4 stages of 1 to 3 batch sizes.
Curriculum random_curriculum(std::uint64_t n) {
  const Random random(n, "curricula of a test");
  std::uint64_t draw = 0;
  const auto between = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.below(draw++, high - low + 1));
  };
  std::vector<Stage> stages(static_cast<std::size_t>(between(1, 4)));
  for (Stage& stage : stages) {
    stage.sequence_length = between(1, 40);
    stage.micro_batch = between(0, 5);
    if (between(0, 2) == 0) stage.rope_theta = static_cast<double>(between(1, 1000));
    stage.batches.resize(static_cast<std::size_t>(between(1, 3)));
    for (BatchPiece& piece : stage.batches) piece = {between(1, 9), between(1, 12)};
  }
  return Curriculum(std::move(stages));
}

}  // namespace

TEST_CASE("curriculum: step after step, every sample of every stage is read once and in order") {
  for (std::uint64_t n = 0; n < 200; ++n) {
    const Curriculum curriculum = random_curriculum(n);
    std::vector<std::int64_t> read(curriculum.stages().size(), 0);
    std::int64_t samples = 0, tokens = 0, stage = 0;
    std::optional<double> theta;
    for (std::int64_t step = 0; step < curriculum.steps(); ++step) {
      const StepPlan plan = curriculum.at(step);
      const auto s = static_cast<std::size_t>(plan.stage);
      REQUIRE(plan.step == step);
      REQUIRE(plan.stage >= stage);
      REQUIRE(plan.position == read[s]);  // neither a repeated nor a skipped sample, wherever a restart asks again
      REQUIRE(plan.samples == samples);
      REQUIRE(plan.tokens == tokens);
      REQUIRE(plan.sequence_length == curriculum.stages()[s].sequence_length);
      REQUIRE(plan.micro_batch >= 1);
      REQUIRE(plan.micro_batch <= plan.batch);
      REQUIRE(plan.micro_batch * plan.sequence_length <= curriculum.largest_micro_batch_tokens());
      for (std::int64_t row = 0; row < plan.batch; ++row) REQUIRE(curriculum.step_of(plan.stage, plan.position + row) == step);
      if (curriculum.stages()[s].rope_theta) theta = curriculum.stages()[s].rope_theta;
      REQUIRE(plan.rope_theta == theta);
      stage = plan.stage;
      read[s] += plan.batch;
      samples += plan.batch;
      tokens += plan.batch * plan.sequence_length;
    }
    for (std::size_t s = 0; s < read.size(); ++s) CHECK(read[s] == curriculum.stages()[s].samples());
    CHECK(samples == curriculum.samples());
    CHECK(tokens == curriculum.tokens());
    CHECK(test::error_of([&] { curriculum.at(curriculum.steps()); }).find("this training has the steps 0 to") !=
          std::string::npos);
    CHECK_FALSE(test::error_of([&] { curriculum.at(-1); }).empty());
    CHECK_FALSE(test::error_of([&] { curriculum.step_of(0, curriculum.stages()[0].samples()); }).empty());
    const Curriculum back = Curriculum::from_json(curriculum.to_json(), "curriculum");
    CHECK(back.to_json() == curriculum.to_json());
    CHECK(back.at(curriculum.steps() / 2).tokens == curriculum.at(curriculum.steps() / 2).tokens);
  }
}

TEST_CASE("curriculum: a config without stages is one stage") {
  const Curriculum curriculum = from_config(R"({"steps": 9, "batch": 4, "sequence_length": 12, "micro_batch": 3})");
  REQUIRE(curriculum.stages().size() == 1);
  CHECK(curriculum.to_json() == Curriculum::plain(12, 4, 9, 3).to_json());
  const StepPlan plan = curriculum.at(7);
  CHECK(plan.position == 28);
  CHECK(plan.tokens == 28 * 12);
  CHECK_FALSE(plan.rope_theta.has_value());
  CHECK(from_config(R"({"tokens": 97, "batch": 4, "sequence_length": 12})").steps() == 3);  // 96 would be two
  CHECK(from_config(R"({"tokens": 96, "batch": 4, "sequence_length": 12})").steps() == 2);
}

TEST_CASE("curriculum: the 8B run of Apertus, stage by stage, has the published iterations") {
  // spec/apertus.md §3.3, §3.6: 2,627,139 iterations; the batch doubles after 1,718,272,000 samples.
  const Curriculum curriculum = from_config(R"({"sequence_length": 4096, "batch": 2048, "micro_batch": 4, "stages": [
    {"name": "1", "batch": 1024, "tokens": 7038042112000},
    {"name": "3", "steps": 591525}, {"name": "4", "steps": 160395}, {"name": "5", "steps": 197219}]})");
  CHECK(curriculum.steps() == 2627139);
  CHECK(curriculum.at(1678000).stage == 1);
  CHECK(curriculum.at(1677999).stage == 0);
  CHECK(curriculum.at(1678000).samples == 1718272000);
  CHECK(curriculum.at(2429920).stage == 3);
  CHECK(curriculum.at(2269525).tokens / 1000000000 == 12000);
  CHECK(curriculum.largest_micro_batch_tokens() == 4 * 4096);
}

TEST_CASE("curriculum: ramps of batch sizes, given by list or evenly") {
  const Curriculum list = from_config(R"({"sequence_length": 10, "batch": 8, "steps": 20,
    "ramp": [{"batch": 2, "until_tokens": 60}, {"batch": 4, "until_tokens": 150}]})");
  CHECK(canonical_json(list.to_json()[0].at("batches")) ==
        R"([{"batch":2,"steps":3},{"batch":4,"steps":3},{"batch":8,"steps":14}])");
  const Curriculum even = from_config(R"({"sequence_length": 10, "batch": 8, "tokens": 1000,
    "linear_ramp": {"start": 2, "increment": 2, "tokens": 300}})");
  CHECK(canonical_json(even.to_json()[0].at("batches")) ==
        R"([{"batch":2,"steps":5},{"batch":4,"steps":3},{"batch":6,"steps":2},{"batch":8,"steps":9}])");
  CHECK(even.tokens() >= 1000);
  // A stage that ends inside its ramp.
  CHECK(from_config(R"({"sequence_length": 10, "batch": 8, "steps": 2, "ramp": [{"batch": 2, "until_tokens": 60}]})").samples() ==
        4);
  CHECK(
      from_config(R"({"sequence_length": 10, "batch": 8, "tokens": 30, "ramp": [{"batch": 2, "until_tokens": 60}]})").samples() ==
      4);
}

TEST_CASE("curriculum: stages take what they leave out from the config, weights by the names of inputs") {
  const Curriculum curriculum = from_config(R"({"sequence_length": 16, "batch": 8, "stages": [
    {"steps": 3, "mix": {"web": 0.7, "code": 0.3}},
    {"steps": 2, "sequence_length": 32, "batch": 4, "rope_theta": 1e6, "mix": {"code": 1}}]})");
  CHECK(curriculum.stages()[0].weights == std::vector<double>{0.7, 0.3});
  CHECK(curriculum.stages()[1].weights == std::vector<double>{0, 1});
  CHECK(curriculum.at(3).rope_theta == 1e6);
  CHECK(curriculum.at(3).batch == 4);
  CHECK(curriculum.longest_sequence() == 32);
}

TEST_CASE("curriculum: bad configs are refused with their place") {
  CHECK(error_for(R"({"batch": 4})") == "config: expected either 'steps' or 'tokens', found neither");
  CHECK(error_for(R"({"steps": 4, "tokens": 9})") == "config: expected either 'steps' or 'tokens', found both");
  CHECK(error_for(R"({"steps": 4, "stages": [{"steps": 2}]})") == "config.steps: each of the stages says this for itself");
  CHECK(error_for(R"({"stages": [{"steps": 2}, {"steps": 2, "mix": {"wep": 1}}]})") ==
        "config.stages[1].mix: there is no data input 'wep'. Did you mean 'web'?");
  CHECK(error_for(R"({"stages": [{"steps": 2, "mix": {"web": 0}}]})") == "stages[0]: all weights are 0");
  CHECK(error_for(R"({"steps": 2, "ramp": [{"batch": 1, "until_tokens": 9}, {"batch": 2, "until_tokens": 9}]})") ==
        "config.ramp: until_tokens must grow, found 9 after 9");
  CHECK(error_for(R"({"steps": 2, "linear_ramp": {"start": 3, "increment": 2, "tokens": 9}})") ==
        "config.linear_ramp: from 3 by 2 does not reach the batch of 8");
  CHECK(error_for(R"({"steps": 4000000000000000000})").find("more than 2^62 tokens") != std::string::npos);
  CHECK(error_for(R"({"stages": []})").find("config.stages") != std::string::npos);
  CHECK_FALSE(test::error_of([] { Curriculum({}); }).empty());
  CHECK_FALSE(test::error_of([] { Curriculum::plain(0, 1, 1); }).empty());
  CHECK_FALSE(test::error_of([] { Curriculum::plain(1, 1, 0); }).empty());
}
