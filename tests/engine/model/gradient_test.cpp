#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/model/forward.h"
#include "kernels/backend.h"
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
  for (const test::Variant& variant : test::variants()) {
    CAPTURE(variant.name);
    const ModelConfig& config = variant.config;
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
}

TEST_CASE("model: what the backward computes again has the same bits, and the plan shrinks") {
  ThreadPool pool(2);
  Context ctx{cpu_backend(), pool};
  for (const test::Variant& variant : test::variants()) {
    CAPTURE(variant.name);
    const ModelConfig& config = variant.config;
    Parameters parameters(config, Dtype::f32), kept(config, Dtype::f32);
    test::randomise(parameters, 11);
    OwnedBatch owned = packed_batch(config);
    Activations act(config, Dtype::f32, 18, Purpose::training, 32);
    const double loss = train_forward_backward(ctx, parameters, kept, act, owned.batch());
    ModelConfig deep = config;
    deep.layers = 12;
    std::int64_t last = plan_activations(deep, Dtype::f32, 4096, Purpose::training).bytes();
    const bool on_input = config.architecture.norm == NormPlacement::input;
    for (const char* text : {"activation", "activation+norms", "mlp", "mlp+norms", "mlp+attention", "block"}) {
      CAPTURE(text);
      const Recompute recompute = parse_recompute(text);
      CHECK(recompute_text(recompute) == (std::string(text) == "activation+norms" ? "norms+activation"
                                          : std::string(text) == "mlp+norms"      ? "norms+mlp"
                                                                                  : text));
      Activations less(config, Dtype::f32, 18, Purpose::training, 32, recompute);
      Parameters again(config, Dtype::f32);
      CHECK(train_forward_backward(ctx, parameters, again, less, owned.batch()) == loss);
      CHECK(std::memcmp(kept.flat().data, again.flat().data, std::size_t(kept.flat().bytes())) == 0);
      const std::int64_t bytes = plan_activations(deep, Dtype::f32, 4096, Purpose::training, 0, recompute).bytes();
      const bool same = !on_input && std::string(text).find("norms") != std::string::npos;  // there are none to give up
      CHECK((same ? bytes <= last : bytes < last));
      last = bytes;
    }
  }
  CHECK(test::error_of([] { parse_recompute("mlp+magic"); }) ==
        "recompute: expected none, or norms, activation, mlp, attention, block joined by '+'; found 'mlp+magic'");
  CHECK(parse_recompute("none") == Recompute{});
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

namespace {

// Loss and gradients of one batch.
struct Outcome {
  double loss;
  Parameters gradients;
};

// With weights that are exact in bfloat16, so that only the arithmetic differs between types.
Outcome outcome_of(const Backend& backend, const ModelConfig& config, Dtype dtype) {
  ThreadPool pool(2);
  Context ctx{backend, pool}, exact{ref_backend(), pool};
  Parameters drawn(config, Dtype::f32), rounded(config, Dtype::bf16), parameters(config, dtype);
  test::randomise(drawn, 11);
  rounded.convert_from(exact, drawn);
  parameters.convert_from(exact, rounded);
  Activations act(config, dtype, 18, Purpose::training, 32);
  OwnedBatch owned = packed_batch(config);
  Parameters gradients(config, statistics_type(dtype));
  const double loss = train_forward_backward(ctx, parameters, gradients, act, owned.batch());
  return {loss, std::move(gradients)};
}

double number(Tensor tensor, std::int64_t i) {
  return tensor.dtype == Dtype::f64 ? tensor.as<double>()[i] : double(tensor.as<float>()[i]);
}

// The largest distance between two gradients, as a share of the tensor's norm and of its largest entry.
struct Distance {
  double of_norm = 0, of_largest = 0;
};
Distance distance(Tensor a, Tensor b) {
  double difference = 0, norm = 0, largest = 0, worst = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(number(a, i) - number(b, i));
    difference += d * d;
    norm += number(a, i) * number(a, i);
    largest = std::max(largest, std::abs(number(a, i)));
    worst = std::max(worst, d);
  }
  return {std::sqrt(difference / norm), worst / largest};
}

}  // namespace

TEST_CASE("model: float32 agrees with float64 on ref, in each family") {
  for (const test::Variant& variant : test::variants()) {
    CAPTURE(variant.name);
    const Outcome exact = outcome_of(ref_backend(), variant.config, Dtype::f64);
    for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
      const Outcome fast = outcome_of(*backend, variant.config, Dtype::f32);
      CHECK(fast.loss == doctest::Approx(exact.loss).epsilon(1e-5));
      for (std::size_t p = 0; p < exact.gradients.all().size(); ++p) {
        const Distance d = distance(exact.gradients.all()[p].tensor, fast.gradients.all()[p].tensor);
        CHECK_MESSAGE(d.of_largest < 2e-5, backend->name, " ", exact.gradients.all()[p].name, ": off by ", d.of_largest);
      }
    }
  }
}

// A bfloat16 number is within 2^-9 of the exact one. Through two narrow blocks and back that grows to some percent of a
// gradient's norm; to 15% at most where the processor multiplies pairs of bfloat16, as the weights of attention and their
// gradients are rounded too. A key's bias acts through the rotation alone (the softmax does not see what it adds to all scores of
// a query): its gradient is a small difference of large numbers.
TEST_CASE("model: bfloat16 activations stay near float64: the loss within 1%, each gradient within 18% of its norm") {
  for (const test::Variant& variant : test::variants()) {
    CAPTURE(variant.name);
    const Outcome exact = outcome_of(ref_backend(), variant.config, Dtype::f64);
    for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
      const Outcome rounded = outcome_of(*backend, variant.config, Dtype::bf16);
      CHECK(rounded.loss == doctest::Approx(exact.loss).epsilon(0.01));
      CHECK(rounded.loss != exact.loss);
      for (std::size_t p = 0; p < exact.gradients.all().size(); ++p) {
        const Distance d = distance(exact.gradients.all()[p].tensor, rounded.gradients.all()[p].tensor);
        const double bound = exact.gradients.all()[p].name.ends_with("k_proj.bias") ? 0.5 : 0.18;
        CHECK_MESSAGE(d.of_norm < bound, backend->name, " ", exact.gradients.all()[p].name, ": off by ", d.of_norm);
      }
    }
  }
}

TEST_CASE("model: gradients and activations of a type that does not belong to the parameters are refused") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(1);
  Context ctx{ref_backend(), pool};
  Parameters parameters(config, Dtype::bf16), gradients(config, Dtype::bf16);
  Activations act(config, Dtype::bf16, 18, Purpose::training, 32), wide(config, Dtype::f32, 18, Purpose::training, 32);
  OwnedBatch owned = packed_batch(config);
  CHECK(test::error_of([&] { train_forward_backward(ctx, parameters, gradients, act, owned.batch()); }) ==
        "gradients of bfloat16 parameters are float32, not bfloat16");
  Parameters right(config, Dtype::f32);
  CHECK(test::error_of([&] { train_forward_backward(ctx, parameters, right, wide, owned.batch()); }) ==
        "activations are float32, parameters bfloat16");
  CHECK(test::error_of([&] { parameters.flat(); }) == "parameters of bfloat16 are of two types: there is no flat view");
}

TEST_CASE("model: another rotary base can be set between batches, and set back") {
  const ModelConfig config = test::small_config();
  ThreadPool pool(1);
  Context ctx{cpu_backend(), pool};
  ModelConfig stretched = config;
  stretched.rope_theta = 4000;
  stretched.rope_scaling.factor = 2;
  Parameters parameters(config, Dtype::f32);
  test::randomise(parameters, 11);
  OwnedBatch owned = packed_batch(config);
  Activations act(config, Dtype::f32, 18, Purpose::forward_only, 32), other(stretched, Dtype::f32, 18, Purpose::forward_only, 32);
  const double before = forward_loss(ctx, parameters, act, owned.batch());
  act.set_rope(stretched.rope_theta, stretched.rope_scaling);
  const double after = forward_loss(ctx, parameters, act, owned.batch());
  CHECK(after != before);
  CHECK(after == forward_loss(ctx, parameters, other, owned.batch()));
  act.set_rope(config.rope_theta, config.rope_scaling);
  CHECK(forward_loss(ctx, parameters, act, owned.batch()) == before);
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
  CHECK(plan.bytes() > 39'000'000'000);
  CHECK(plan.bytes() < 40'000'000'000);
  CHECK(plan.table().find("block.31.u") != std::string::npos);
  CHECK(plan_activations(preset("apertus-8b"), Dtype::f32, 4096, Purpose::forward_only).bytes() < plan.bytes() / 10);
}
