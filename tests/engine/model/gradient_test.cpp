#include <algorithm>
#include <cmath>

#include "engine/model/forward.h"
#include "kernels/ops.h"
#include "tests/engine/model/fixture.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;
using cairn::test::OwnedBatch;

namespace {

// Two rows of packed documents, some tokens without loss, weights that differ.
OwnedBatch packed_batch(const ModelConfig& config) {
  OwnedBatch owned(2, 9, test::random_ids(18, config.vocab, 5));
  owned.positions = {0, 1, 2, 3, 0, 1, 2, 0, 1, 7, 8, 9, 10, 11, 12, 13, 0, 1};
  owned.split_documents_at_zero_positions();
  for (std::size_t i = 0; i < owned.weights.size(); ++i) owned.weights[i] = i % 5 == 3 ? 0.0f : 0.03125f * float(1 + i % 3);
  owned.targets[3] = -100;  // never looked at: its weight is 0
  return owned;
}

double& element(Tensor tensor, std::int64_t i) {
  return tensor.as<double>()[i];
}

}  // namespace

TEST_CASE("model: float64 gradients of every parameter equal central differences, with documents, weights and chunks of logits") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(2);
  Context ctx{ref_backend(), pool};
  Parameters parameters(config, Dtype::f64), gradients(config, Dtype::f64);
  test::randomise(parameters, 11);
  Activations act(config, Dtype::f64, 18, Purpose::training, 32);
  act.logits_chunk = act.logits_chunk.rows(0, 5);  // 18 rows in chunks of 5: the last is shorter
  OwnedBatch owned = packed_batch(config);
  const double loss = train_forward_backward(ctx, parameters, gradients, act, owned.batch());
  CHECK(loss == forward_loss(ctx, parameters, act, owned.batch()));

  constexpr double kStep = 1e-5;
  for (const NamedTensor& named : parameters.all()) {
    const auto index = std::size_t(&named - parameters.all().data());
    const Tensor gradient = gradients.all()[index].tensor;
    double largest = 0, worst = 0;
    for (std::int64_t i = 0; i < gradient.size(); ++i) largest = std::max(largest, std::abs(element(gradient, i)));
    CHECK_MESSAGE(largest > 1e-6, named.name, ": the gradient is zero");
    const std::int64_t stride = std::max<std::int64_t>(1, named.tensor.size() / 40);
    for (std::int64_t i = 0; i < named.tensor.size(); i += stride) {
      double& value = element(named.tensor, i);
      const double kept = value;
      value = kept + kStep;
      const double above = forward_loss(ctx, parameters, act, owned.batch());
      value = kept - kStep;
      const double below = forward_loss(ctx, parameters, act, owned.batch());
      value = kept;
      worst = std::max(worst, std::abs((above - below) / (2 * kStep) - element(gradient, i)));
    }
    CHECK_MESSAGE(worst < 2e-6 * std::max(largest, 0.01), named.name, ": off by ", worst, ", largest gradient ", largest);
  }
}

TEST_CASE("model: gradients accumulate, so a batch in two pieces is the batch") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(1);
  Context ctx{ref_backend(), pool};
  Parameters parameters(config, Dtype::f64), whole(config, Dtype::f64), pieces(config, Dtype::f64);
  test::randomise(parameters, 3);
  Activations act(config, Dtype::f64, 18, Purpose::training, 32);
  OwnedBatch owned = packed_batch(config);
  const double loss = train_forward_backward(ctx, parameters, whole, act, owned.batch());
  double sum = 0;
  for (std::int64_t row = 0; row < 2; ++row) {
    Batch batch = owned.batch();
    for (Tensor* tensor : {&batch.tokens, &batch.positions, &batch.first_key, &batch.targets, &batch.weights})
      *tensor = tensor->rows(row, row + 1);
    sum += train_forward_backward(ctx, parameters, pieces, act, batch);
  }
  CHECK(sum == doctest::Approx(loss).epsilon(1e-13));
  double worst = 0;
  for (std::int64_t i = 0; i < whole.flat().size(); ++i)
    worst = std::max(worst, std::abs(element(whole.flat(), i) - element(pieces.flat(), i)));
  CHECK(worst < 1e-13);
}

TEST_CASE("model: float32 on the cpu backend agrees with float64 on ref") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(2);
  Context exact{ref_backend(), pool}, fast{cpu_backend(), pool};
  Parameters parameters(config, Dtype::f64), gradients(config, Dtype::f64), parameters32(config, Dtype::f32),
      gradients32(config, Dtype::f32);
  test::randomise(parameters32, 11);
  for (std::size_t p = 0; p < parameters.all().size(); ++p) {
    const Tensor from = parameters32.all()[p].tensor, to = parameters.all()[p].tensor;
    for (std::int64_t i = 0; i < to.size(); ++i) element(to, i) = from.as<float>()[i];
  }
  Activations act(config, Dtype::f64, 18, Purpose::training, 32), act32(config, Dtype::f32, 18, Purpose::training, 32);
  OwnedBatch owned = packed_batch(config);
  const double loss = train_forward_backward(exact, parameters, gradients, act, owned.batch());
  const double loss32 = train_forward_backward(fast, parameters32, gradients32, act32, owned.batch());
  CHECK(loss32 == doctest::Approx(loss).epsilon(1e-5));
  for (std::size_t p = 0; p < gradients.all().size(); ++p) {
    const Tensor g = gradients.all()[p].tensor, g32 = gradients32.all()[p].tensor;
    double largest = 0, worst = 0;
    for (std::int64_t i = 0; i < g.size(); ++i) {
      largest = std::max(largest, std::abs(element(g, i)));
      worst = std::max(worst, std::abs(element(g, i) - double(g32.as<float>()[i])));
    }
    CHECK_MESSAGE(worst < 2e-5 * largest, gradients.all()[p].name, ": off by ", worst, ", largest ", largest);
  }
}

TEST_CASE("model: the same bits for any number of threads, and from activations used before") {
  const ModelConfig config = test::small_config();
  Parameters parameters(config, Dtype::f32), first(config, Dtype::f32), second(config, Dtype::f32);
  test::randomise(parameters, 1);
  OwnedBatch owned = packed_batch(config);
  ThreadPool one(1), three(3);
  Context serial{cpu_backend(), one}, parallel{cpu_backend(), three};
  Activations act(config, Dtype::f32, 18, Purpose::training, 32), larger(config, Dtype::f32, 40, Purpose::training, 32);
  OwnedBatch other(2, 20, test::random_ids(40, config.vocab, 9));
  Parameters unused(config, Dtype::f32);
  train_forward_backward(parallel, parameters, unused, larger, other.batch());
  const double a = train_forward_backward(serial, parameters, first, act, owned.batch());
  const double b = train_forward_backward(parallel, parameters, second, larger, owned.batch());
  CHECK(a == b);
  const float* x = first.flat().as<float>();
  const float* y = second.flat().as<float>();
  CHECK(std::equal(x, x + first.flat().size(), y));
}

TEST_CASE("model: batches that do not fit say so") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(1);
  Context ctx{ref_backend(), pool};
  Parameters parameters(config, Dtype::f32), gradients(config, Dtype::f32);
  Activations act(config, Dtype::f32, 8, Purpose::forward_only);
  OwnedBatch owned(1, 9, test::random_ids(9, config.vocab, 2));
  CHECK(test::error_of([&] { forward_loss(ctx, parameters, act, owned.batch()); }) ==
        "a batch of 1 x 9 tokens; room was planned for 1..8");
  CHECK(test::error_of([&] { train_forward_backward(ctx, parameters, gradients, act, owned.batch()); }) ==
        "gradients need activations planned for training");
  OwnedBatch wrong(1, 4, {1, 2, 23, 4});
  CHECK(test::error_of([&] { forward_loss(ctx, parameters, act, wrong.batch()); }).find("token 23 at position 2") !=
        std::string::npos);
}

TEST_CASE("model: the plan says what activations need without allocating them") {
  const ArenaPlan plan = plan_activations(preset("apertus-8b"), Dtype::f32, 4096, Purpose::training);
  CHECK(plan.bytes() > 40'000'000'000);
  CHECK(plan.bytes() < 42'000'000'000);
  CHECK(plan.table().find("block.31.u") != std::string::npos);
  CHECK(plan_activations(preset("apertus-8b"), Dtype::f32, 4096, Purpose::forward_only).bytes() < plan.bytes() / 10);
}
