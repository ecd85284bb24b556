#include "engine/train/optimizer.h"

#include <cmath>

#include "base/json.h"
#include "engine/train/schedule.h"
#include "kernels/ops.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

// One AdEMAMix step of numbers in double, through the optimizer's own schedules and operation.
struct Numbers {
  std::vector<double> p, m1, m2, v;

  explicit Numbers(std::vector<double> start) : p(std::move(start)), m1(p.size()), m2(p.size()), v(p.size()) {}

  void step(const OptimizerConfig& c, std::int64_t t, double lr, std::vector<double> g) {
    ThreadPool pool(1);
    Context context{ref_backend(), pool};
    const auto view = [](std::vector<double>& values) {
      return Tensor(values.data(), Dtype::f64, {static_cast<std::int64_t>(values.size())});
    };
    ops::ademamix(context, view(p), view(m1), view(m2), view(v), view(g),
                  {lr, c.beta1, c.beta2, ademamix_beta3(t, c.beta1, c.beta3, c.beta3_warmup),
                   ademamix_alpha(t, c.alpha, c.alpha_warmup), c.eps, c.weight_decay, t});
  }
};

}  // namespace

TEST_CASE("optimizer: AdEMAMix goldens A and B of the spec") {
  OptimizerConfig config;
  config.alpha_warmup = config.beta3_warmup = 10;
  const std::vector<double> gradients{0.5, -0.25, 1.0};
  Numbers a({1.0});
  const std::vector<double> expected_a{0.988992072282, 0.985324700396, 0.977732753224};
  for (std::int64_t t = 1; t <= 3; ++t) {
    a.step(config, t, 0.01, {gradients[static_cast<std::size_t>(t - 1)]});
    CHECK(a.p[0] == doctest::Approx(expected_a[static_cast<std::size_t>(t - 1)]).epsilon(1e-12));
  }
  CHECK(a.m2[0] == doctest::Approx(7.03159682683e-4).epsilon(1e-11));

  config.alpha_warmup = config.beta3_warmup = 0;
  Numbers b({1.0});
  const std::vector<double> expected_b{0.9889920002, 0.985334578479, 0.977753014647};
  for (std::int64_t t = 1; t <= 3; ++t) {
    b.step(config, t, 0.01, {gradients[static_cast<std::size_t>(t - 1)]});
    CHECK(b.p[0] == doctest::Approx(expected_b[static_cast<std::size_t>(t - 1)]).epsilon(1e-11));
  }
}

TEST_CASE("optimizer: AdEMAMix traces of golden/ademamix.json") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/ademamix.json");
  for (const Json& item : golden.at("cases")) {
    const Json& s = item.at("settings");
    OptimizerConfig config;
    config.beta1 = s.at("betas")[0];
    config.beta2 = s.at("betas")[1];
    config.beta3 = s.at("betas")[2];
    config.alpha = s.at("alpha");
    config.eps = s.at("eps");
    config.weight_decay = s.at("wd");
    config.alpha_warmup = s.at("t_alpha");
    config.beta3_warmup = s.at("t_beta3");
    Numbers numbers(golden.at("p0").get<std::vector<double>>());
    for (const Json& step : item.at("steps")) {
      const std::int64_t t = step.at("t");
      numbers.step(config, t, s.at("lr"), golden.at("grads")[static_cast<std::size_t>(t - 1)].get<std::vector<double>>());
      const auto expected = step.at("p").get<std::vector<double>>();
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(numbers.p[i] == doctest::Approx(expected[i]).epsilon(1e-13));
    }
  }
}

TEST_CASE("optimizer: matrices decay, norms and xIELU scalars do not") {
  const model::ModelConfig config = tiny_model();
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  for (const auto method : {OptimizerConfig::Method::adamw, OptimizerConfig::Method::ademamix}) {
    OptimizerConfig options;
    options.method = method;
    options.weight_decay = 0.5;
    model::Parameters p(config, Dtype::f64), before(config, Dtype::f64), g(config, Dtype::f64);
    model::initialise(p, 3);
    before.copy_from(p);
    Optimizer optimizer(options, config, Dtype::f64);
    optimizer.update(context, p, g, 0.1);  // gradients are zero: only decay moves anything
    CHECK(optimizer.steps() == 1);
    for (std::size_t i = 0; i < p.all().size(); ++i) {
      const std::string& name = p.all()[i].name;
      const bool decays = name.find("norm") == std::string::npos && name.find("alpha_") == std::string::npos;
      const double was = before.all()[i].tensor.as<double>()[0], is = p.all()[i].tensor.as<double>()[0];
      CHECK_MESSAGE(is == doctest::Approx(decays ? was * 0.95 : was).epsilon(1e-14), name);
    }
  }
}

TEST_CASE("optimizer: clipping by the global norm") {
  const model::ModelConfig config = tiny_model();
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  model::Parameters g(config, Dtype::f64);
  g.embedding().as<double>()[0] = 3;
  g.head().as<double>()[1] = -4;
  CHECK(clip_gradients(context, g, 0) == doctest::Approx(5));
  CHECK(clip_gradients(context, g, 10) == doctest::Approx(5));
  CHECK(g.head().as<double>()[1] == -4);
  CHECK(clip_gradients(context, g, 1) == doctest::Approx(5));
  CHECK(g.embedding().as<double>()[0] == doctest::Approx(0.6));
  CHECK(g.head().as<double>()[1] == doctest::Approx(-0.8));
  g.head().as<double>()[1] = std::nan("");
  CHECK(std::isnan(clip_gradients(context, g, 1)));
  CHECK(g.embedding().as<double>()[0] == doctest::Approx(0.6));
}

TEST_CASE("optimizer: unknown names are refused with the known ones") {
  CHECK(optimizer_method("ademamix") == OptimizerConfig::Method::ademamix);
  CHECK(test::error_of([] { optimizer_method("adam"); }) == "unknown optimizer 'adam'; known: adamw, ademamix");
}
