#include "engine/train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "base/json.h"
#include "base/random.h"
#include "engine/train/schedule.h"
#include "kernels/ops.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;
using Method = OptimizerConfig::Method;

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

// A tiny model under gradients that are a function of the step.
struct Steps {
  ThreadPool pool{1};
  Context context{ref_backend(), pool};
  model::Parameters p;
  Optimizer optimizer;

  Steps(const OptimizerConfig& config, Dtype dtype) : p(start(dtype)), optimizer(config, p) {}

  static model::Parameters start(Dtype dtype) {
    model::Parameters p(tiny_model(), dtype);
    model::initialise(p, 3);
    return p;
  }
  model::Parameters gradients(std::int64_t t) const {
    model::Parameters g(tiny_model(), p.dtype());
    const Random constant(1, "constant part"), noise(static_cast<std::uint64_t>(t), "part of this step");
    for (const model::NamedTensor& named : g.all()) {
      const auto at = static_cast<std::uint64_t>(named.tensor.as<char>() - g.flat().as<char>());
      for (std::int64_t i = 0; i < named.tensor.size(); ++i) {
        const std::uint64_t index = at / static_cast<std::uint64_t>(dtype_bytes(g.dtype())) + static_cast<std::uint64_t>(i);
        const double value = constant.normal(index) + 0.5 * noise.normal(index);
        if (g.dtype() == Dtype::f64) {
          named.tensor.as<double>()[i] = value;
        } else {
          named.tensor.as<float>()[i] = static_cast<float>(value);
        }
      }
    }
    return g;
  }
  void run(int count) {
    for (int i = 0; i < count; ++i) optimizer.update(context, p, gradients(optimizer.steps() + 1), 0.01);
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

TEST_CASE("optimizer: which weights decay, by rule") {
  const model::ModelConfig config = tiny_model();
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  using Decay = OptimizerConfig::Decay;
  for (const auto method : {Method::adamw, Method::ademamix, Method::muon}) {
    for (const Decay rule : {Decay::matrices, Decay::blocks, Decay::all}) {
      OptimizerConfig options;
      options.method = method;
      options.weight_decay = 0.5;
      options.decay = rule;
      model::Parameters p(config, Dtype::f64), before(config, Dtype::f64), g(config, Dtype::f64);
      model::initialise(p, 3);
      before.copy_from(p);
      Optimizer optimizer(options, p);
      optimizer.update(context, p, g, 0.1);  // gradients are zero: only decay moves anything
      CHECK(optimizer.steps() == 1);
      for (std::size_t i = 0; i < p.all().size(); ++i) {
        const std::string& name = p.all()[i].name;
        const bool matrix = name.find("norm") == std::string::npos && name.find("alpha_") == std::string::npos;
        const bool embedding = name.find("embed_tokens") != std::string::npos;
        const bool decays = rule == Decay::all || (matrix && !(rule == Decay::blocks && embedding));
        const double was = before.all()[i].tensor.as<double>()[0], is = p.all()[i].tensor.as<double>()[0];
        CHECK_MESSAGE(is == doctest::Approx(decays ? was * 0.95 : was).epsilon(1e-14), name);
      }
    }
  }
}

TEST_CASE("optimizer: which moments there are, named as the weights") {
  const model::Parameters like(tiny_model(), Dtype::f32);
  const auto names = [&](const OptimizerConfig& config) {
    const Optimizer optimizer(config, like);
    std::map<std::string, std::size_t> counts;
    for (const Moment& moment : optimizer.moments()) {
      counts[moment.name] = moment.tensors.size();
      for (const model::NamedTensor& tensor : moment.tensors) {
        const auto weight =
            std::find_if(like.all().begin(), like.all().end(), [&](const auto& w) { return w.name == tensor.name; });
        REQUIRE(weight != like.all().end());
        CHECK(tensor.tensor.shape == weight->tensor.shape);
        CHECK(tensor.tensor.dtype == (config.bf16_moments ? Dtype::bf16 : Dtype::f32));
      }
    }
    return counts;
  };
  using Counts = std::map<std::string, std::size_t>;
  const std::size_t all = like.all().size(), in_blocks = 2 * 6;
  OptimizerConfig config;
  CHECK(names(config) == Counts{{"m1", all}, {"v", all}});
  config.bf16_moments = true;
  CHECK(names(config) == Counts{{"m1", all}, {"v", all}});
  config.method = Method::ademamix;
  CHECK(names(config) == Counts{{"m1", all}, {"m2", all}, {"v", all}});
  config.beta1 = 0;
  CHECK(names(config) == Counts{{"m2", all}, {"v", all}});
  config.method = Method::muon;
  config.beta1 = 0.9;
  CHECK(names(config) == Counts{{"m1", all - in_blocks}, {"momentum", in_blocks}, {"v", all - in_blocks}});
}

TEST_CASE("optimizer: without a fast moment, AdEMAMix is that of a decay of zero") {
  OptimizerConfig config;
  config.method = Method::ademamix;
  config.beta1 = 0;
  Steps unkept(config, Dtype::f64);
  unkept.run(4);
  // The same through the operation, with a moment of its own.
  const Steps start(config, Dtype::f64);
  const std::size_t n = static_cast<std::size_t>(start.p.head().size());
  Numbers kept({start.p.head().as<double>(), start.p.head().as<double>() + n});
  for (std::int64_t t = 1; t <= 4; ++t) {
    const model::Parameters g = start.gradients(t);
    kept.step(config, t, 0.01, {g.head().as<double>(), g.head().as<double>() + n});
  }
  for (std::size_t i = 0; i < n; ++i) CHECK(unkept.p.head().as<double>()[i] == doctest::Approx(kept.p[i]).epsilon(1e-13));
}

TEST_CASE("optimizer: shards update what the whole updates, bit by bit") {
  for (const auto method : {Method::adamw, Method::ademamix, Method::muon}) {
    for (const bool bf16 : {false, true}) {
      OptimizerConfig config;
      config.method = method;
      config.bf16_moments = bf16;
      config.rounding_seed = 7;
      Steps whole(config, Dtype::f32), cut(config, Dtype::f32);
      // Cuts inside the embedding, and before the last norm, where Muon allows it.
      const std::int64_t last = cut.p.final_norm().as<float>() - cut.p.flat().as<float>();
      std::vector<Optimizer> shards;
      shards.emplace_back(config, cut.p, Shard{0, 104});
      shards.emplace_back(config, cut.p, Shard{104, last});
      shards.emplace_back(config, cut.p, Shard{last, cut.p.flat().size()});
      for (std::int64_t t = 1; t <= 3; ++t) {
        whole.run(1);
        const model::Parameters g = cut.gradients(t);
        for (Optimizer& shard : shards) shard.update(cut.context, cut.p, g, 0.01);
      }
      CHECK(std::memcmp(whole.p.flat().data, cut.p.flat().data, static_cast<std::size_t>(cut.p.flat().bytes())) == 0);
    }
  }
  OptimizerConfig muon;
  muon.method = Method::muon;
  const model::Parameters like(tiny_model(), Dtype::f32);
  const std::int64_t inside = like.layer(1).w_up.as<float>() - like.flat().as<float>() + 8;
  CHECK(test::error_of([&] {
          Optimizer(muon, like, Shard{0, inside});
        }).find("cuts model.layers.1.mlp.up_proj.weight") != std::string::npos);
  CHECK(test::error_of([&] { Optimizer({}, like, Shard{4, 16}); }).find("a multiple of 8") != std::string::npos);
}

TEST_CASE("optimizer: moments in bfloat16 take the same way as in float32") {
  for (const auto method : {Method::adamw, Method::ademamix, Method::muon}) {
    OptimizerConfig config;
    config.method = method;
    config.weight_decay = 0;
    Steps wide(config, Dtype::f32);
    config.bf16_moments = true;
    Steps narrow(config, Dtype::f32);
    CHECK(narrow.optimizer.bytes() != wide.optimizer.bytes());
    const Steps start(config, Dtype::f32);
    wide.run(60);
    narrow.run(60);
    double moved = 0, apart = 0;
    for (std::int64_t i = 0; i < start.p.flat().size(); ++i) {
      const double a = wide.p.flat().as<float>()[i], b = narrow.p.flat().as<float>()[i], from = start.p.flat().as<float>()[i];
      moved += (a - from) * (a - from);
      apart += (a - b) * (a - b);
    }
    CHECK(std::sqrt(apart / moved) < 0.05);
    CHECK(apart > 0);
  }
}

TEST_CASE("optimizer: the global norm, and a scale of the gradients that is the same as scaled gradients") {
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  model::Parameters g(tiny_model(), Dtype::f64);
  g.embedding().as<double>()[0] = 3;
  g.head().as<double>()[1] = -4;
  CHECK(gradient_norm(context, g) == doctest::Approx(5));
  CHECK(clip_scale(5, 0) == 1);
  CHECK(clip_scale(5, 10) == 1);
  CHECK(clip_scale(5, 1) == doctest::Approx(0.2));
  g.head().as<double>()[1] = std::nan("");
  CHECK(std::isnan(gradient_norm(context, g)));

  for (const auto method : {Method::adamw, Method::ademamix, Method::muon}) {
    OptimizerConfig config;
    config.method = method;
    config.eps = 0.1;  // else Adam would not mind the scale
    Steps scaled(config, Dtype::f64), by_hand(config, Dtype::f64);
    for (int t = 1; t <= 3; ++t) {
      model::Parameters gradients = scaled.gradients(t);
      scaled.optimizer.update(scaled.context, scaled.p, gradients, 0.01, 0.25);
      ops::scale(by_hand.context, gradients.flat(), gradients.flat(), 0.25);
      by_hand.optimizer.update(by_hand.context, by_hand.p, gradients, 0.01);
    }
    for (std::int64_t i = 0; i < by_hand.p.flat().size(); ++i) {
      CHECK(scaled.p.flat().as<double>()[i] == doctest::Approx(by_hand.p.flat().as<double>()[i]).epsilon(1e-12));
    }
  }
}

TEST_CASE("optimizer: the copy is the new weights") {
  for (const auto method : {Method::adamw, Method::ademamix, Method::muon}) {
    OptimizerConfig config;
    config.method = method;
    Steps steps(config, Dtype::f32);
    model::Parameters copy(tiny_model(), Dtype::f32);
    steps.optimizer.update(steps.context, steps.p, steps.gradients(1), 0.01, 1, &copy);
    CHECK(std::memcmp(copy.flat().data, steps.p.flat().data, static_cast<std::size_t>(copy.flat().bytes())) == 0);
  }
}

TEST_CASE("optimizer: unknown names are refused with the known ones") {
  CHECK(optimizer_method("ademamix") == OptimizerConfig::Method::ademamix);
  CHECK(test::error_of([] { optimizer_method("adam"); }) == "unknown optimizer 'adam'; known: adamw, ademamix, muon");
  CHECK(test::error_of([] { decay_rule("matrix"); }).find("known: matrices, blocks, all") != std::string::npos);
  CHECK(test::error_of([] { muon_scale("jordan"); }).find("known: rms, original") != std::string::npos);
}
