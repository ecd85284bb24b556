#include "engine/model/megatron.h"

#include <cstring>

#include <fmt/ranges.h>

#include "base/json.h"
#include "engine/model/export.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::model;

namespace {

ModelConfig small_config() {
  ModelConfig config;
  config.layers = 2;
  config.width = 16;
  config.heads = 8;
  config.kv_heads = 4;
  config.head_width = 2;
  config.mlp_width = 24;
  config.vocab = 300;
  config.max_positions = 64;
  return config;
}

Parameters random_parameters(const ModelConfig& config) {
  Parameters parameters(config, Dtype::f32);
  initialise(parameters, 7);
  // Norms and alphas are constants at first; each gets values of its own.
  for (const NamedTensor& named : parameters.all()) {
    if (named.tensor.dims == 2) continue;
    for (std::int64_t i = 0; i < named.tensor.size(); ++i) {
      named.tensor.as<float>()[i] += 0.01f * float(i) + 0.001f * float(named.name.size());
    }
  }
  return parameters;
}

// Biases on query, key and value, a gate, and a head that is the embedding.
Json qwen_config() {
  return {{"model_type", "qwen2"},
          {"architectures", {"Qwen2ForCausalLM"}},
          {"hidden_size", 16},
          {"num_hidden_layers", 1},
          {"num_attention_heads", 8},
          {"num_key_value_heads", 4},
          {"intermediate_size", 24},
          {"vocab_size", 300},
          {"max_position_embeddings", 64},
          {"hidden_act", "silu"},
          {"tie_word_embeddings", true}};
}

bool same(const Parameters& a, const Parameters& b) {
  return a.flat().bytes() == b.flat().bytes() && std::memcmp(a.flat().data, b.flat().data, std::size_t(a.flat().bytes())) == 0;
}

std::vector<float> read(const fs::path& file, const std::string& name) {
  const SafetensorsFile tensors(file);
  const StoredTensor& stored = tensors.require(name);
  std::vector<float> values(std::size_t(stored.elements()));
  std::memcpy(values.data(), tensors.bytes(stored).data(), values.size() * sizeof(float));
  return values;
}

Tensor weight(const Parameters& parameters, const std::string& name) {
  for (const NamedTensor& named : parameters.all()) {
    if (named.name == name) return named.tensor;
  }
  FAIL("no such weight");
  return {};
}

void overwrite(const fs::path& folder, std::int64_t rank, const Parameters& parameters, std::int64_t ranks) {
  const test::TemporaryFolder other;
  write_megatron_folder(real_disk(), other.path() / "m", parameters, {.tensor_parallel = ranks});
  const std::string file = fmt::format("mp_rank_{:02}/model.safetensors", rank);
  fs::copy_file(other.path() / "m" / file, folder / file, fs::copy_options::overwrite_existing);
}

std::string error_of_reading(const fs::path& folder) {
  return test::error_of([&] { read_megatron_folder(folder, Dtype::f32); });
}

}  // namespace

TEST_CASE("megatron: query, key and value are fused by key-value head, as spec/apertus.md §1.6 splits them") {
  const test::TemporaryFolder folder;
  const ModelConfig c = small_config();
  const Parameters parameters = random_parameters(c);
  write_megatron_folder(real_disk(), folder.path() / "m", parameters, {});
  const std::vector<float> fused =
      read(folder.path() / "m/mp_rank_00/model.safetensors", "decoder.layers.1.self_attention.linear_qkv.weight");
  const std::int64_t head = c.head_width * c.width, queries = c.heads / c.kv_heads;
  REQUIRE(fused.size() == std::size_t((c.heads + 2 * c.kv_heads) * head));
  const auto check = [&](std::int64_t fused_head, const char* projection, std::int64_t own_head) {
    const Tensor own = weight(parameters, fmt::format("model.layers.1.self_attn.{}.weight", projection));
    CHECK(std::memcmp(fused.data() + fused_head * head, own.as<float>() + own_head * head, std::size_t(head) * 4) == 0);
  };
  for (std::int64_t g = 0; g < c.kv_heads; ++g) {
    const std::int64_t begin = g * (queries + 2);
    for (std::int64_t q = 0; q < queries; ++q) check(begin + q, "q_proj", g * queries + q);
    check(begin + queries, "k_proj", g);
    check(begin + queries + 1, "v_proj", g);
  }
}

TEST_CASE("megatron: names and shapes of every tensor, whole and cut for two ranks") {
  const Parameters parameters = random_parameters(small_config());
  const auto table = [&](const MegatronOptions& options, std::int64_t rank) {
    std::string text;
    for (const MegatronTensor& t : megatron_rank(parameters, rank, options)) {
      if (t.name.find(".layers.1.") != std::string::npos) continue;
      text += fmt::format("{} [{}]\n", t.name, fmt::join(t.shape, ", "));
    }
    return text;
  };
  CHECK(table({}, 0) ==
        "embedding.word_embeddings.weight [384, 16]\n"
        "decoder.layers.0.input_layernorm.weight [16]\n"
        "decoder.layers.0.self_attention.linear_qkv.weight [32, 16]\n"
        "decoder.layers.0.self_attention.q_layernorm.weight [2]\n"
        "decoder.layers.0.self_attention.k_layernorm.weight [2]\n"
        "decoder.layers.0.self_attention.linear_proj.weight [16, 16]\n"
        "decoder.layers.0.pre_mlp_layernorm.weight [16]\n"
        "decoder.layers.0.mlp.linear_fc1.weight [24, 16]\n"
        "decoder.layers.0.mlp.activation_func.alpha_p [1]\n"
        "decoder.layers.0.mlp.activation_func.alpha_n [1]\n"
        "decoder.layers.0.mlp.linear_fc2.weight [16, 24]\n"
        "decoder.final_layernorm.weight [16]\n"
        "output_layer.weight [384, 16]\n");
  CHECK(table({.tensor_parallel = 2, .fused_norms = true}, 1) ==
        "embedding.word_embeddings.weight [256, 16]\n"
        "decoder.layers.0.self_attention.linear_qkv.layer_norm_weight [16]\n"
        "decoder.layers.0.self_attention.linear_qkv.weight [16, 16]\n"
        "decoder.layers.0.self_attention.q_layernorm.weight [2]\n"
        "decoder.layers.0.self_attention.k_layernorm.weight [2]\n"
        "decoder.layers.0.self_attention.linear_proj.weight [16, 8]\n"
        "decoder.layers.0.mlp.linear_fc1.layer_norm_weight [16]\n"
        "decoder.layers.0.mlp.linear_fc1.weight [12, 16]\n"
        "decoder.layers.0.mlp.activation_func.alpha_p [1]\n"
        "decoder.layers.0.mlp.activation_func.alpha_n [1]\n"
        "decoder.layers.0.mlp.linear_fc2.weight [16, 12]\n"
        "decoder.final_layernorm.weight [16]\n"
        "output_layer.weight [256, 16]\n");
}

TEST_CASE(
    "megatron: column-parallel matrices are cut by rows, row-parallel ones by columns, the vocabulary is padded with zeros") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(small_config());
  write_megatron_folder(real_disk(), folder.path() / "m", parameters, {.tensor_parallel = 2});
  const fs::path second = folder.path() / "m/mp_rank_01/model.safetensors";
  const std::vector<float> proj = read(second, "decoder.layers.0.self_attention.linear_proj.weight");
  const std::vector<float> fc1 = read(second, "decoder.layers.0.mlp.linear_fc1.weight");
  const std::vector<float> head = read(second, "output_layer.weight");
  const float* o = weight(parameters, "model.layers.0.self_attn.o_proj.weight").as<float>();
  const float* up = weight(parameters, "model.layers.0.mlp.up_proj.weight").as<float>();
  const float* lm_head = weight(parameters, "lm_head.weight").as<float>();
  for (std::size_t r = 0; r < 16; ++r) {
    for (std::size_t c = 0; c < 8; ++c) CHECK(proj[r * 8 + c] == o[r * 16 + 8 + c]);
  }
  for (std::size_t i = 0; i < fc1.size(); ++i) CHECK(fc1[i] == up[12 * 16 + i]);
  for (std::size_t i = 0; i < head.size(); ++i) CHECK(head[i] == (i < 44 * 16 ? lm_head[256 * 16 + i] : 0.0f));
}

TEST_CASE("megatron: written for any number of ranks, with norms named either way, it comes back with the same bits") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(small_config());
  for (const std::int64_t ranks : {1, 2, 4}) {
    for (const bool fused : {false, true}) {
      const fs::path path = folder.path() / fmt::format("{}-{}", ranks, fused);
      write_megatron_folder(real_disk(), path, parameters, {.tensor_parallel = ranks, .fused_norms = fused});
      const LoadedModel loaded = read_megatron_folder(path, Dtype::f32);
      CHECK(same(loaded.parameters, parameters));
      CHECK(loaded.config.vocab == 300);
    }
  }
}

TEST_CASE(
    "megatron: biases are fused like their matrices, gate and up projection are cut each by itself, a tied head is no tensor") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(parse_hf_config(qwen_config(), "qwen"));
  write_megatron_folder(real_disk(), folder.path() / "m", parameters, {.tensor_parallel = 2});
  CHECK(same(read_megatron_folder(folder.path() / "m", Dtype::f32).parameters, parameters));
  const fs::path second = folder.path() / "m/mp_rank_01/model.safetensors";
  CHECK(SafetensorsFile(second).find("output_layer.weight") == nullptr);
  const std::vector<float> fc1 = read(second, "decoder.layers.0.mlp.linear_fc1.weight");
  const float* gate = weight(parameters, "model.layers.0.mlp.gate_proj.weight").as<float>();
  const float* up = weight(parameters, "model.layers.0.mlp.up_proj.weight").as<float>();
  REQUIRE(fc1.size() == 24 * 16);
  for (std::size_t i = 0; i < 12 * 16; ++i) {
    CHECK(fc1[i] == gate[12 * 16 + i]);
    CHECK(fc1[12 * 16 + i] == up[12 * 16 + i]);
  }
  const std::vector<float> bias = read(second, "decoder.layers.0.self_attention.linear_qkv.bias");
  const float* q = weight(parameters, "model.layers.0.self_attn.q_proj.bias").as<float>();
  const float* k = weight(parameters, "model.layers.0.self_attn.k_proj.bias").as<float>();
  const float* v = weight(parameters, "model.layers.0.self_attn.v_proj.bias").as<float>();
  CHECK(bias == std::vector<float>{q[8], q[9], q[10], q[11], k[4], k[5], v[4], v[5],  //
                                   q[12], q[13], q[14], q[15], k[6], k[7], v[6], v[7]});
}

TEST_CASE("megatron: a family whose norms stand elsewhere is refused") {
  Json olmo = qwen_config();
  olmo["model_type"] = "olmo2";
  olmo["architectures"] = {"Olmo2ForCausalLM"};
  olmo["tie_word_embeddings"] = false;
  const Parameters parameters = random_parameters(parse_hf_config(olmo, "olmo"));
  CHECK(test::error_of([&] { megatron_rank(parameters, 0, {}); }).find("has no place in a Megatron checkpoint") !=
        std::string::npos);
}

TEST_CASE("megatron: what does not fit is refused by name") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(small_config());
  const auto error_of_writing = [&](std::int64_t ranks) {
    return test::error_of([&] { megatron_rank(parameters, 0, {.tensor_parallel = ranks}); });
  };
  CHECK(error_of_writing(3) == "tensor_parallel: 4 key-value heads cannot be shared by 3 ranks");
  CHECK(error_of_writing(8) == "tensor_parallel: 4 key-value heads cannot be shared by 8 ranks");
  CHECK(error_of_writing(0).find("cannot be shared by 0 ranks") != std::string::npos);

  const fs::path path = folder.path() / "m";
  write_megatron_folder(real_disk(), path, parameters, {.tensor_parallel = 2});
  Parameters other = random_parameters(small_config());
  weight(other, "model.norm.weight").as<float>()[3] = 9;
  overwrite(path, 1, other, 2);
  CHECK(error_of_reading(path).find(
            "mp_rank_01/model.safetensors: tensor 'decoder.final_layernorm.weight' differs from rank 0's") != std::string::npos);
  overwrite(path, 1, parameters, 4);
  CHECK(error_of_reading(path).find("'embedding.word_embeddings.weight' is F32 [128, 16], expected the shape [256, 16]") !=
        std::string::npos);
  fs::remove_all(path / "mp_rank_01");
  CHECK(error_of_reading(path).find("expected the shape") != std::string::npos);  // one rank of two is not all of it
  fs::remove_all(path / "mp_rank_00");
  CHECK(error_of_reading(path).find("expected mp_rank_00/model.safetensors") != std::string::npos);
}

TEST_CASE("megatron: tensors that are missing or unknown are named, extra state of Transformer Engine is passed over") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(small_config());
  const fs::path path = folder.path() / "m", file = path / "mp_rank_00/model.safetensors";
  write_megatron_folder(real_disk(), path, parameters, {});
  const auto rewrite = [&](const std::string& without, const std::string& with) {
    std::vector<std::vector<float>> memory;
    std::vector<TensorToStore> tensors;
    for (const MegatronTensor& t : megatron_rank(parameters, 0, {})) {
      if (t.name == without) continue;
      std::int64_t size = 1;
      for (const std::int64_t n : t.shape) size *= n;
      memory.emplace_back(std::size_t(size));
      float* data = memory.back().data();
      tensors.push_back(
          {t.name, StoredType::f32,
           t.shape.size() == 1 ? Tensor(data, Dtype::f32, {t.shape[0]}) : Tensor(data, Dtype::f32, {t.shape[0], t.shape[1]})});
    }
    static float one = 1;
    if (!with.empty()) tensors.push_back({with, StoredType::f32, Tensor(&one, Dtype::f32, {1})});
    fs::remove(file);
    write_safetensors(real_disk(), file, tensors);
  };
  rewrite("", "decoder.layers.0.mlp.linear_fc1._extra_state");
  CHECK(error_of_reading(path) == "");
  rewrite("", "decoder.layers.0.mlp.linear_fc1.bias");
  CHECK(error_of_reading(path).find("tensor 'decoder.layers.0.mlp.linear_fc1.bias' is not part of this model") !=
        std::string::npos);
  rewrite("decoder.layers.1.mlp.activation_func.alpha_n", "");
  CHECK(error_of_reading(path).find("has no tensor 'decoder.layers.1.mlp.activation_func.alpha_n'") != std::string::npos);
}

TEST_CASE("export-megatron and import-megatron: a model folder goes there and back, in either type") {
  const test::TemporaryFolder folder;
  const Parameters parameters = random_parameters(small_config());
  write_hf_folder(real_disk(), folder.path() / "model", parameters);
  test::StepRun there(kExportMegatron, R"({"tensor_parallel": 2})");
  there.input("checkpoint", folder.path() / "model").run();
  CHECK(fs::exists(there.output("megatron") / "mp_rank_01/model.safetensors"));
  CHECK(there.summary() == "12.8k parameters for 2 tensor-parallel ranks");
  test::StepRun back(kImportMegatron);
  back.input("megatron", there.output("megatron")).run();
  CHECK(same(load_hf_folder(back.output("model"), Dtype::f32).parameters, parameters));

  test::StepRun small(kExportMegatron, R"({"dtype": "bfloat16", "fused_norms": true})");
  small.input("checkpoint", folder.path() / "model").run();
  const SafetensorsFile file(small.output("megatron") / "mp_rank_00/model.safetensors");
  CHECK(file.require("output_layer.weight").type == StoredType::bf16);
  test::StepRun again(kImportMegatron, R"({"dtype": "bfloat16"})");
  again.input("megatron", small.output("megatron")).run();
  test::StepRun direct(kExportMegatron, R"({"dtype": "bfloat16", "fused_norms": true})");
  direct.input("checkpoint", again.output("model")).run();
  CHECK(direct.digest("megatron") == small.digest("megatron"));
}
