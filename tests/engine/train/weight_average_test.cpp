#include "engine/train/weight_average.h"

#include <cstring>

#include "engine/model/hf_folder.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::train;

namespace {

model::Parameters weights(std::uint64_t seed, Dtype dtype = Dtype::f32, const model::ModelConfig& config = tiny_model()) {
  model::Parameters parameters(config, dtype);
  model::initialise(parameters, seed);
  return parameters;
}

// Model folders with the weights of seeds 1, 2, 3.
struct Checkpoints {
  test::TemporaryFolder folder;
  Checkpoints() {
    for (const std::uint64_t seed : {1, 2, 3}) model::write_hf_folder(real_disk(), path(seed), weights(seed));
  }
  fs::path path(std::uint64_t seed) const { return folder.path() / std::to_string(seed); }
};

struct Average {
  test::StepRun run;
  Average(const Checkpoints& checkpoints, Json config) : run(kAverage, std::move(config)) {
    for (const std::uint64_t seed : {1, 2, 3}) run.input("checkpoints", checkpoints.path(seed));
  }
};

}  // namespace

TEST_CASE("weight average: the recurrence by hand, on every second step") {
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  const model::Parameters start = weights(1, Dtype::f64);
  WeightAverage average({0.75, 2}, start);
  Staging staging;
  double expected = start.head().as<double>()[5];
  CHECK(average.values().head().as<double>()[5] == expected);
  for (std::int64_t step = 1; step <= 4; ++step) {
    const model::Parameters now = weights(static_cast<std::uint64_t>(step) + 10, Dtype::f64);
    average.after_step(context, staging, step, now);
    if (step % 2 == 0) expected = 0.75 * expected + 0.25 * now.head().as<double>()[5];
    CHECK(average.values().head().as<double>()[5] == doctest::Approx(expected).epsilon(1e-15));
  }
}

TEST_CASE("average: the mean of checkpoints, plain and weighted, weight by weight") {
  const Checkpoints checkpoints;
  const model::Parameters a = weights(1), b = weights(2), c = weights(3);
  const auto check = [&](const fs::path& folder, double x, double y, double z) {
    const model::LoadedModel mean = model::load_hf_folder(folder, Dtype::f32);
    for (std::int64_t i = 0; i < a.flat().size(); ++i) {
      const double expected = x * a.flat().as<float>()[i] + y * b.flat().as<float>()[i] + z * c.flat().as<float>()[i];
      REQUIRE(std::abs(mean.parameters.flat().as<float>()[i] - expected) < 3e-7 * std::max(1.0, std::abs(expected)));
    }
  };
  Average plain(checkpoints, Json::object()), weighted(checkpoints, {{"weights", {1, 0, 3}}});
  plain.run.run();
  weighted.run.run();
  check(plain.run.output("model"), 1.0 / 3, 1.0 / 3, 1.0 / 3);
  check(weighted.run.output("model"), 0.25, 0, 0.75);
  CHECK(plain.run.summary().find("3 checkpoints") != std::string::npos);

  test::StepRun one(kAverage);
  one.input("checkpoints", checkpoints.path(2)).run();
  CHECK(read_file(one.output("model") / "model.safetensors") == read_file(checkpoints.path(2) / "model.safetensors"));
}

TEST_CASE("average: the same bytes for any number of threads") {
  const Checkpoints checkpoints;
  Average one(checkpoints, Json::object()), three(checkpoints, Json::object());
  CHECK(one.run.threads(1).run().digest("model") == three.run.threads(3).run().digest("model"));
}

TEST_CASE("average: what cannot be averaged is refused with its reason") {
  const Checkpoints checkpoints;
  const auto error = [&](const Json& config) { return test::error_of([&] { Average(checkpoints, config).run.run(); }); };
  CHECK(error({{"weights", {1, 2}}}) == "config.weights: 2 numbers for 3 checkpoints");
  CHECK(error({{"weights", {0, 0, 0}}}) == "config.weights: their sum is 0, expected more than 0");
  CHECK(error({{"weights", {1, -1, 3}}}).find("weights") != std::string::npos);
  Average four(checkpoints, Json::object());
  model::write_hf_folder(real_disk(), checkpoints.folder.path() / "wide", weights(1, Dtype::f32, tiny_model(50)));
  four.run.input("checkpoints", checkpoints.folder.path() / "wide");
  CHECK(test::error_of([&] { four.run.run(); }) == "wide: vocab_size is 50, that of the first checkpoint is 40");
}
