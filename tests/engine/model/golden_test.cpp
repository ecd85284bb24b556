// The reference implementation's numbers for a model with random parameters (../shared/data/golden/apertus_tiny, made by
// make_apertus.py).
#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/json.h"
#include "engine/model/decode.h"
#include "engine/model/forward.h"
#include "engine/model/hf_folder.h"
#include "kernels/backend.h"
#include "kernels/ops.h"
#include "tests/engine/model/fixture.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;
using cairn::test::OwnedBatch;

namespace {

struct Values {
  std::vector<float> numbers;
  Tensor tensor;
  Values(std::initializer_list<std::int64_t> sizes) {
    Tensor shape(nullptr, Dtype::f32, sizes);
    numbers.resize(std::size_t(shape.size()));
    tensor = Tensor(numbers.data(), Dtype::f32, sizes);
  }
};

OwnedBatch golden_batch(const SafetensorsFile& golden, const char* positions) {
  OwnedBatch owned(2, 17, std::vector<std::int32_t>(34));
  golden.read(golden.require("input_ids"), Tensor(owned.tokens.data(), Dtype::i32, {2, 17}));
  owned = OwnedBatch(2, 17, owned.tokens);
  if (positions) golden.read(golden.require(positions), Tensor(owned.positions.data(), Dtype::i32, {2, 17}));
  return owned;
}

double logits_error(const Backend& backend, const char* wanted, const char* positions, bool documents) {
  const std::filesystem::path folder = test::shared_folder() / "data/golden/apertus_tiny";
  const LoadedModel model = load_hf_folder(folder, Dtype::f32);
  const SafetensorsFile golden(folder / "golden_logits.safetensors");
  OwnedBatch owned = golden_batch(golden, positions);
  if (documents) owned.split_documents_at_zero_positions();
  ThreadPool pool(2);
  Context ctx{backend, pool};
  Activations act(model.config, Dtype::f32, 34, Purpose::forward_only, 8192);
  Values logits{34, 300}, expected{2, 17, 300};
  forward_logits(ctx, model.parameters, act, owned.batch(), logits.tensor);
  golden.read(golden.require(wanted), expected.tensor);
  double worst = 0;
  for (std::size_t i = 0; i < logits.numbers.size(); ++i)
    worst = std::max(worst, double(std::abs(logits.numbers[i] - expected.numbers[i])));
  return worst;
}

}  // namespace

TEST_CASE("golden: logits equal those of transformers") {
  REQUIRE_SHARED(shared);
  for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
    CHECK(logits_error(*backend, "logits", nullptr, false) < 1e-5);
    CHECK(logits_error(*backend, "logits_spread", "position_ids_spread", false) < 1e-4);
    CHECK(logits_error(*backend, "logits_packed", "position_ids_packed", true) < 1e-5);
    CHECK(logits_error(*backend, "logits_packed", "position_ids_packed", false) > 0.01);  // documents matter
    CHECK(logits_error(*backend, "logits_bf16", nullptr, false) < 0.1);
  }
}

TEST_CASE("golden: loss and the gradient of every parameter equal those of torch") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path folder = shared / "data/golden/apertus_tiny";
  const Json facts = read_json(folder / "golden.json");
  const LoadedModel model = load_hf_folder(folder, Dtype::f32);
  CHECK(model.config.parameters() == facts["parameters"].get<std::int64_t>());
  const SafetensorsFile logits_file(folder / "golden_logits.safetensors"), golden(folder / "golden_grads.safetensors");
  OwnedBatch owned = golden_batch(logits_file, nullptr);
  for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
    ThreadPool pool(2);
    Context ctx{*backend, pool};
    Activations act(model.config, Dtype::f32, 34, Purpose::training);
    Parameters gradients(model.config, Dtype::f32);
    const double loss = train_forward_backward(ctx, model.parameters, gradients, act, owned.batch());
    CHECK(loss == doctest::Approx(facts["loss_float64"].get<double>()).epsilon(1e-6));
    CHECK(std::sqrt(ops::sum_of_squares(ctx, gradients.flat())) ==
          doctest::Approx(facts["grad_norm"].get<double>()).epsilon(1e-5));
    for (const NamedTensor& named : gradients.all()) {
      Parameters expected(model.config, Dtype::f32);
      const Tensor wanted = expected.all()[std::size_t(&named - gradients.all().data())].tensor;
      golden.read(golden.require(named.name), wanted);
      double largest = 0, worst = 0;
      for (std::int64_t i = 0; i < wanted.size(); ++i) {
        largest = std::max(largest, double(std::abs(wanted.as<float>()[i])));
        worst = std::max(worst, double(std::abs(wanted.as<float>()[i] - named.tensor.as<float>()[i])));
      }
      CHECK_MESSAGE(worst <= 1e-5 * largest, backend->name, " ", named.name, ": off by ", worst, " of ", largest);
    }
  }
}

TEST_CASE("golden: decoding with a cache, in pieces and token by token, equals the forward pass over the whole") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path folder = shared / "data/golden/apertus_tiny";
  const LoadedModel model = load_hf_folder(folder, Dtype::f32);
  const SafetensorsFile golden(folder / "golden_logits.safetensors");
  OwnedBatch owned = golden_batch(golden, nullptr);
  Values expected{2, 17, 300};
  golden.read(golden.require("logits"), expected.tensor);
  ThreadPool pool(2);
  Context ctx{cpu_backend(), pool};
  Activations act(model.config, Dtype::f32, 8, Purpose::forward_only, 32);
  for (const std::int64_t row : {0, 1}) {
    KvView kv;
    std::vector<Values> memory;
    for (std::int64_t i = 0; i < 2 * model.config.layers; ++i)
      memory.emplace_back(Values{1, 17, model.config.kv_heads, model.config.head_width});
    for (std::int64_t i = 0; i < model.config.layers; ++i) {
      kv.k.push_back(memory[std::size_t(2 * i)].tensor);
      kv.v.push_back(memory[std::size_t(2 * i + 1)].tensor);
    }
    Values logits{17, 300};
    std::int64_t begin = 0;
    for (const std::int64_t count : {8, 5, 1, 1, 2}) {
      const Tensor tokens = owned.batch().tokens.rows(row, row + 1).reshape({17}).rows(begin, begin + count);
      const Tensor positions = owned.batch().positions.rows(row, row + 1).reshape({17}).rows(begin, begin + count);
      const Tensor hidden = decode_forward(ctx, model.parameters, act, kv, tokens, positions);
      head_logits(ctx, model.parameters, hidden, logits.tensor.rows(begin, begin + count));
      begin += count;
    }
    CHECK(kv.length == 17);
    double worst = 0;
    for (std::size_t i = 0; i < logits.numbers.size(); ++i) {
      worst = std::max(worst, double(std::abs(logits.numbers[i] - expected.numbers[std::size_t(row) * 17 * 300 + i])));
    }
    CHECK(worst < 1e-5);
    const Tensor one = owned.batch().tokens.reshape({34}).rows(0, 1);
    CHECK(test::error_of([&] { decode_forward(ctx, model.parameters, act, kv, one, one); }) ==
          "1 tokens do not fit a cache that holds 17 of 17");
  }
}
