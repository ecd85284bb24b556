#include "engine/train/nan_trace.h"

#include <cmath>
#include <limits>
#include <set>
#include <vector>

#include "engine/model/forward.h"
#include "kernels/observed_backend.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// Writes a NaN into element `element` of the output of call `at` of an operation.
class Break : public OperationObserver {
 public:
  std::string operation;
  int at = 1;
  std::int64_t element = 0;
  int calls = 0;
  std::set<std::string> seen;

  void end(const OperationCall& call) override {
    seen.insert(call.name);
    if (call.name == operation && ++calls == at) call.tensors[0].as<double>()[element] = kNan;
  }
};

// Two rows of T tokens through the tiny model, with an operation that breaks.
struct Pass {
  std::int64_t T;
  model::ModelConfig config;
  Break fault;
  ThreadPool pool{1};
  ObservedBackend backend = observe(ref_backend(), fault);
  Context context{backend, pool};
  model::Parameters parameters{config, Dtype::f64}, gradients{config, Dtype::f64};
  model::Activations activations{config, Dtype::f64, 2 * T, model::Purpose::training, T};
  std::vector<std::int32_t> tokens = tiny_tokens(2 * T), positions, first_key;
  std::vector<float> weights = std::vector<float>(std::size_t(2 * T), 1.0f / float(2 * T));

  explicit Pass(std::int64_t length = 8, std::int64_t vocab = 40) : T(length), config(tiny_model(vocab)) {
    model::initialise(parameters, 1);
    for (std::int64_t i = 0; i < 2 * T; ++i) positions.push_back(std::int32_t(i % T));
    first_key.resize(std::size_t(2 * T));
  }
  std::string trace() {
    return first_non_finite(context, parameters, gradients, activations, [&](Context& watched) {
      const auto i32 = [&](std::vector<std::int32_t>& values) { return Tensor(values.data(), Dtype::i32, {2, T}); };
      gradients.zero();
      model::train_forward_backward(
          watched, parameters, gradients, activations,
          {i32(tokens), i32(positions), i32(first_key), i32(tokens), Tensor(weights.data(), Dtype::f32, {2, T})});
    });
  }
  std::string trace_with(const std::string& operation, int at, std::int64_t element) {
    fault.operation = operation;
    fault.at = at;
    fault.element = element;
    return trace();
  }
};

}  // namespace

TEST_CASE("nan trace: the layer, the part, the tensor and the token, forward and backward") {
  CHECK(Pass().trace() == "");
  const std::string bad = " has 1 value that is not finite";
  CHECK(Pass().trace_with("embedding_forward", 1, 16 * 3) == "x" + bad + ", first at token 3 (embedding_forward)");
  CHECK(Pass().trace_with("xielu_forward", 2, 24 * 11 + 5) == "block 1 mlp: g" + bad + ", first at token 11 (xielu_forward)");
  CHECK(Pass().trace_with("attention_forward", 2, 16 * 9) ==
        "block 1 attention: o" + bad + ", first at token 9 (attention_forward)");
  CHECK(Pass().trace_with("cross_entropy", 1, 7) == "losses" + bad + ", first at token 7 (cross_entropy)");
  // The loss of 320 tokens is taken in chunks of 256: the fourth of the second chunk.
  CHECK(Pass(160, 20'000).trace_with("cross_entropy", 2, 3) == "losses" + bad + ", first at token 259 (cross_entropy)");
  // Backward begins with the last block.
  CHECK(Pass().trace_with("xielu_backward", 1, 24 * 2) == "block 1 mlp: du" + bad + ", first at token 2 (xielu_backward)");
  CHECK(Pass().trace_with("attention_backward", 2, 0) ==
        "block 0 attention: dq" + bad + ", first at token 0 (attention_backward)");
  CHECK(Pass().trace_with("embedding_backward", 1, 0) ==
        "the gradient of model.embed_tokens.weight" + bad + " (embedding_backward)");
}

TEST_CASE("nan trace: a weight that is not finite is named before anything runs") {
  Pass pass;
  pass.parameters.layer(1).w_up.as<double>()[40] = std::numeric_limits<double>::infinity();
  pass.parameters.layer(1).w_up.as<double>()[50] = kNan;
  CHECK(pass.trace() == "the weight model.layers.1.mlp.up_proj.weight has 2 values that are not finite, first at element 40");
  CHECK(pass.fault.seen.empty());
}

TEST_CASE("nan trace: counts in every float type, also where rows lie apart") {
  std::vector<float> values(12, 1.0f);
  Tensor view(values.data(), Dtype::f32, {3, 2});
  view.strides[0] = 4;
  values[2] = std::nanf("");  // between the rows
  CHECK(count_non_finite(view).count == 0);
  values[9] = -std::numeric_limits<float>::infinity();
  CHECK(count_non_finite(view).count == 1);
  CHECK(count_non_finite(view).first == 5);
  std::vector<std::uint16_t> bf16{0x3f80, 0x7f80, 0xff81, 0x7f7f};
  const NonFinite bad = count_non_finite(Tensor(bf16.data(), Dtype::bf16, {4}));
  CHECK(bad.count == 2);
  CHECK(bad.first == 1);
  std::vector<std::int32_t> integers{0x7f800000};
  CHECK(count_non_finite(Tensor(integers.data(), Dtype::i32, {1})).count == 0);
}

TEST_CASE("observed backend: a whole pass goes through, every operation of it seen") {
  Pass pass;
  CHECK(pass.trace() == "");
  for (const char* operation : {"embedding_forward", "matmul", "attention_backward", "cross_entropy", "embedding_backward"}) {
    CHECK_MESSAGE(pass.fault.seen.count(operation) == 1, operation);
  }
}
