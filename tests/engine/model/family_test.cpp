// What transformers computes for a tiny random model of each family (tests/golden/model, made by make_families.py), and its
// folders read and written.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/model/decode.h"
#include "engine/model/family.h"
#include "engine/model/forward.h"
#include "engine/model/hf_folder.h"
#include "kernels/arena.h"
#include "kernels/backend.h"
#include "tests/engine/model/fixture.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;

namespace {

constexpr std::int64_t kB = 2, kT = 11, kN = kB * kT, kVocab = 40;
const char* const kCases[] = {"llama", "llama_tied", "mistral", "qwen2", "qwen3", "olmo2", "apertus_relu2"};

std::filesystem::path golden_folder(const std::string& name) {
  return test::source_folder() / "tests/golden/model" / name;
}

struct Golden {
  explicit Golden(const std::string& name)
      : file(golden_folder(name) / "golden.safetensors"), batch(kB, kT, std::vector<std::int32_t>(kN)) {
    std::vector<std::int32_t> ids(kN);
    file.read(file.require("input_ids"), Tensor(ids.data(), Dtype::i32, {kB, kT}));
    batch = test::OwnedBatch(kB, kT, std::move(ids));
    file.read(file.require("positions"), Tensor(batch.positions.data(), Dtype::i32, {kB, kT}));
    logits.resize(kN * kVocab);
    file.read(file.require("logits"), Tensor(logits.data(), Dtype::f32, {kB, kT, kVocab}));
    file.read(file.require("loss"), Tensor(&loss, Dtype::f64, {1}));
  }
  SafetensorsFile file;
  test::OwnedBatch batch;
  std::vector<float> logits;
  double loss = 0;
};

double worst_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, double(std::abs(a[i] - b[i])));
  return worst;
}

bool same_bits(const Parameters& a, const Parameters& b) {
  return a.bytes() == b.bytes() && std::memcmp(a.embedding().data, b.embedding().data, std::size_t(a.bytes())) == 0;
}

}  // namespace

TEST_CASE("families: logits, loss and the gradient of every parameter equal those of transformers") {
  for (const char* name : kCases) {
    CAPTURE(name);
    Golden golden(name);
    const LoadedModel model = load_hf_folder(golden_folder(name), Dtype::f32);
    for (const Backend* backend : {&ref_backend(), &cpu_backend()}) {
      CAPTURE(backend->name);
      ThreadPool pool(2);
      Context ctx{*backend, pool};
      Activations act(model.config, Dtype::f32, kN, Purpose::training, 256);
      std::vector<float> logits(kN * kVocab);
      forward_logits(ctx, model.parameters, act, golden.batch.batch(), Tensor(logits.data(), Dtype::f32, {kN, kVocab}));
      CHECK(worst_difference(logits, golden.logits) < 2e-5);

      Parameters gradients(model.config, Dtype::f32), expected(model.config, Dtype::f32);
      const double loss = train_forward_backward(ctx, model.parameters, gradients, act, golden.batch.batch());
      CHECK(loss == doctest::Approx(golden.loss).epsilon(1e-6));
      for (std::size_t p = 0; p < gradients.all().size(); ++p) {
        const Tensor ours = gradients.all()[p].tensor, theirs = expected.all()[p].tensor;
        golden.file.read(golden.file.require("grad." + gradients.all()[p].name), theirs);
        double largest = 0, worst = 0;
        for (std::int64_t i = 0; i < ours.size(); ++i) {
          largest = std::max(largest, double(std::abs(theirs.as<float>()[i])));
          worst = std::max(worst, double(std::abs(theirs.as<float>()[i] - ours.as<float>()[i])));
        }
        CHECK_MESSAGE(worst <= 1e-5 * largest, gradients.all()[p].name, ": off by ", worst, " of ", largest);
      }
    }
  }
}

TEST_CASE("families: weights of bfloat16 loaded as they are give the logits of transformers within 3%, also with a cache") {
  for (const char* name : kCases) {
    CAPTURE(name);
    Golden golden(name);
    const LoadedModel model = load_hf_folder(golden_folder(name), Dtype::bf16);
    CHECK(model.parameters.bytes() < 0.55 * double(parameter_bytes(model.config, Dtype::f32)) + 64 * 100);
    ThreadPool pool(2);
    Context ctx{cpu_backend(), pool};
    Activations act(model.config, Dtype::bf16, kT, Purpose::forward_only, 256);
    ArenaPlan plan;
    for (std::int64_t i = 0; i < 2 * model.config.layers; ++i) {
      plan.add("kv", Dtype::bf16, {1, kT, model.config.kv_heads, model.config.head_width});
    }
    const Arena memory(plan);
    KvView kv;
    for (std::int64_t i = 0; i < 2 * model.config.layers; ++i) (i % 2 == 0 ? kv.k : kv.v).push_back(memory.tensor({i}));
    std::vector<float> logits(kT * kVocab);
    for (std::int64_t begin = 0; begin < kT; begin += 4) {
      const std::int64_t end = std::min(kT, begin + 4);
      const Batch batch = golden.batch.batch();
      const Tensor hidden = decode_forward(ctx, model.parameters, act, kv, batch.tokens.reshape({kN}).rows(begin, end),
                                           batch.positions.reshape({kN}).rows(begin, end));
      head_logits(ctx, model.parameters, hidden, Tensor(logits.data(), Dtype::f32, {kT, kVocab}).rows(begin, end));
    }
    double difference = 0, norm = 0;
    for (std::size_t i = 0; i < logits.size(); ++i) {
      difference += std::pow(logits[i] - golden.logits[i], 2);
      norm += std::pow(golden.logits[i], 2);
    }
    CHECK(std::sqrt(difference / norm) < 0.03);
    CHECK(difference > 0);
  }
}

TEST_CASE("families: config.json is written as transformers writes it") {
  for (const char* name : kCases) {
    CAPTURE(name);
    Json theirs = read_json(golden_folder(name) / "config.json");
    for (const char* key : {"transformers_version", "layer_types", "max_window_layers", "use_sliding_window", "pretraining_tp"}) {
      theirs.erase(key);
    }
    const ModelConfig config = parse_hf_config(theirs, "config.json");
    if (config.architecture.family != Family::mistral) theirs.erase("sliding_window");
    CHECK(to_hf_config(config, theirs["dtype"].get<std::string>()) == theirs);
    const Parameters parameters(config, Dtype::f32);
    std::int64_t count = 0;
    for (const NamedTensor& named : parameters.all()) count += named.tensor.size();
    CHECK(config.parameters() == count);
  }
}

TEST_CASE("families: a folder is written with the tensors of transformers, whole and in files of a given size, in each type") {
  const std::pair<const char*, StoredType> types[] = {
      {"float32", StoredType::f32}, {"float16", StoredType::f16}, {"bfloat16", StoredType::bf16}};
  for (const char* name : kCases) {
    CAPTURE(name);
    const test::TemporaryFolder folder;
    const LoadedModel model = load_hf_folder(golden_folder(name), Dtype::f32);
    const std::string dtype = read_json(golden_folder(name) / "config.json")["dtype"];
    const StoredType stored = std::find_if(std::begin(types), std::end(types), [&](auto& t) { return t.first == dtype; })->second;
    write_hf_folder(real_disk(), folder.path() / "whole", model.parameters, stored);
    write_hf_folder(real_disk(), folder.path() / "parts", model.parameters, stored, 3000);
    CHECK(read_json(folder.path() / "whole/config.json")["dtype"] == dtype);
    for (const char* form : {"whole", "parts"}) {
      const LoadedModel again = load_hf_folder(folder.path() / form, Dtype::f32);
      CHECK(same_bits(again.parameters, model.parameters));
      CHECK(to_hf_config(again.config) == to_hf_config(model.config));
    }
    // Bit by bit what transformers stored, tensor by tensor.
    const SafetensorsFile ours(folder.path() / "whole/model.safetensors");
    std::size_t found = 0;
    for (const auto& entry : std::filesystem::directory_iterator(golden_folder(name))) {
      if (entry.path().extension() != ".safetensors" || entry.path().filename() == "golden.safetensors") continue;
      const SafetensorsFile theirs(entry.path());
      for (const StoredTensor& tensor : theirs.tensors()) {
        const StoredTensor& other = ours.require(tensor.name);
        CHECK(other.describe() == tensor.describe());
        CHECK(std::memcmp(theirs.bytes(tensor).data(), ours.bytes(other).data(), theirs.bytes(tensor).size()) == 0);
        ++found;
      }
    }
    CHECK(found == ours.tensors().size());
    // The parts keep to their size, but for a tensor that is larger alone.
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "parts")) {
      if (entry.path().extension() != ".safetensors") continue;
      ++files;
      const SafetensorsFile part(entry.path());
      CHECK((part.tensors().size() == 1 || part.tensors().back().end <= 3000));
    }
    CHECK(files > 2);
    const Json index = read_json(folder.path() / "parts/model.safetensors.index.json");
    CHECK(index["metadata"]["total_size"] == model.config.parameters() * stored_type_bytes(stored));
  }
}

TEST_CASE("families: transformers loads the folders and computes what it computed before") {
  const char* python = std::getenv("CAIRN_PYTHON");
  if (!python) SKIP_TEST("needs CAIRN_PYTHON with transformers");
  const test::TemporaryFolder folder;
  for (const char* name : kCases) {
    const LoadedModel model = load_hf_folder(golden_folder(name), Dtype::f32);
    write_hf_folder(real_disk(), folder.path() / name / "whole", model.parameters);
    write_hf_folder(real_disk(), folder.path() / name / "parts", model.parameters, StoredType::f32, 4000);
  }
  const std::string command =
      fmt::format("'{}' '{}' '{}'", python, (golden_folder("check_folders.py")).string(), folder.path().string());
  CHECK(std::system(command.c_str()) == 0);
}

TEST_CASE("families: what is silent in config.json has transformers' value, what would be another model is refused") {
  const auto parse = [](Json json) {
    json.update({{"hidden_size", 64},
                 {"num_hidden_layers", 2},
                 {"num_attention_heads", 32},
                 {"intermediate_size", 64},
                 {"vocab_size", 99}});
    return parse_hf_config(json, "config.json");
  };
  const auto error = [&](const Json& json) { return test::error_of([&] { parse(json); }); };
  CHECK(parse({{"model_type", "llama"}}).norm_eps == 1e-6);
  CHECK(parse({{"model_type", "llama"}}).rope_theta == 1e4);
  CHECK(parse({{"model_type", "llama"}}).kv_heads == 32);
  CHECK(parse({{"model_type", "llama"}}).pad == -1);
  CHECK(parse({{"model_type", "llama"}}).eos.empty());
  CHECK(parse({{"model_type", "mistral"}, {"sliding_window", nullptr}}).kv_heads == 8);
  CHECK(parse({{"model_type", "qwen3"}}).head_width == 128);
  CHECK(parse({{"model_type", "qwen2"}}).architecture.qkv_bias);
  CHECK(!parse({{"model_type", "qwen2"}}).architecture.output_bias);
  CHECK(parse({{"model_type", "llama"}, {"attention_bias", true}}).architecture.output_bias);
  CHECK(parse({{"model_type", "apertus"}, {"hidden_act", "relu2"}}).architecture.activation == Activation::relu2);
  const ModelConfig yarn = parse({{"model_type", "qwen2"}, {"rope_scaling", {{"type", "yarn"}, {"factor", 4}}}});
  CHECK(yarn.rope_scaling.original_positions == 32768);
  CHECK(yarn.rope_scaling.magnitude == doctest::Approx(1.138629436));

  CHECK(
      error({{"model_type", "gpt2"}}) ==
      "config.json: model_type: expected \"apertus\", \"llama\", \"mistral\", \"qwen2\", \"qwen3\" or \"olmo2\", found \"gpt2\"");
  CHECK(error({{"model_type", "llama"}, {"hidden_act", "gelu"}}) ==
        "config.json: hidden_act: only \"silu\" is supported, found \"gelu\"");
  CHECK(error({{"model_type", "mistral"}}) ==
        "config.json: sliding_window: attention over the last 4096 of 131072 positions is not supported; expected null");
  CHECK(error({{"model_type", "mistral"}, {"sliding_window", 4096}, {"max_position_embeddings", 4096}}) == "");
  CHECK(error({{"model_type", "qwen3"}, {"sliding_window", 4096}}) == "");
  CHECK(error({{"model_type", "qwen3"}, {"sliding_window", 4096}, {"use_sliding_window", true}, {"max_window_layers", 1}})
            .find("config.json: sliding_window: attention over the last 4096") == 0);
  CHECK(error({{"model_type", "qwen2"}, {"attention_bias", true}}) ==
        "config.json: attention_bias: only false is supported, found true");
  CHECK(error({{"model_type", "olmo2"}, {"mlp_bias", true}}) == "config.json: mlp_bias: only false is supported, found true");
  CHECK(error({{"model_type", "llama"}, {"tie_word_embeddings", "yes"}}) ==
        "config.json: tie_word_embeddings: expected true or false, found \"yes\"");
  CHECK(error({{"model_type", "llama"}, {"num_key_value_heads", 5}}) ==
        "config.json: num_key_value_heads: expected a divisor of num_attention_heads (32), found 5");
  CHECK(error({{"model_type", "llama"}, {"rope_scaling", {{"rope_type", "longrope"}}}}) ==
        "config.json: rope_scaling: rope_type: expected \"default\", \"linear\", \"llama3\" or \"yarn\", found \"longrope\"");
  CHECK(error({{"model_type", "llama"}, {"rope_scaling", {{"rope_type", "yarn"}, {"beta_fast", 1}}}}) ==
        "config.json: rope_scaling: beta_fast: expected more than beta_slow (1), found 1");
  CHECK(error({{"model_type", "llama"}, {"partial_rotary_factor", 0.5}}) ==
        "config.json: partial_rotary_factor: only 1.0 is supported, found 0.5");
}

TEST_CASE("families: a tied head that is stored must be the embedding; rotary frequencies of older folders are passed over") {
  const test::TemporaryFolder folder;
  const LoadedModel model = load_hf_folder(golden_folder("llama_tied"), Dtype::f32);
  std::vector<float> head(std::size_t(model.parameters.embedding().size()));
  std::copy_n(model.parameters.embedding().as<float>(), head.size(), head.data());
  float frequencies[4] = {1, 0.1f, 0.01f, 0.001f};
  const auto write = [&](const char* name) {
    std::vector<TensorToStore> tensors;
    for (const NamedTensor& named : model.parameters.all()) tensors.push_back({named.name, StoredType::f32, named.tensor});
    tensors.push_back({"lm_head.weight", StoredType::f32, Tensor(head.data(), Dtype::f32, {kVocab, model.config.width})});
    tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", StoredType::f32, Tensor(frequencies, Dtype::f32, {4})});
    std::filesystem::create_directories(folder.path() / name);
    write_safetensors(real_disk(), folder.path() / name / "model.safetensors", tensors);
    write_file_atomically(folder.path() / name / "config.json", to_hf_config(model.config).dump());
    return test::error_of([&] { load_hf_folder(folder.path() / name, Dtype::f32); });
  };
  CHECK(write("same") == "");
  head[3] += 1;
  CHECK(write("other").find("tensor 'lm_head.weight' differs from 'model.embed_tokens.weight' although config.json says") !=
        std::string::npos);
}
