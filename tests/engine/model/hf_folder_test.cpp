// config.json, presets, initial values and whole model folders, good and bad.
#include "engine/model/hf_folder.h"

#include <cmath>
#include <cstring>
#include <functional>

#include "base/disk.h"
#include "base/json.h"
#include "engine/model/compare.h"
#include "tests/engine/model/fixture.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;

namespace {

Json small_json() {
  return to_hf_config(test::small_config());
}

bool same_bits(const Parameters& a, const Parameters& b) {
  return a.flat().bytes() == b.flat().bytes() && std::memcmp(a.flat().data, b.flat().data, std::size_t(a.flat().bytes())) == 0;
}

// A folder with the small model, its weights cut into two files under an index.
void write_sharded(const fs::path& folder, const Parameters& parameters, const Json& changes = Json::object()) {
  std::vector<TensorToStore> parts[2];
  Json map = Json::object();
  for (std::size_t i = 0; i < parameters.all().size(); ++i) {
    const std::size_t part = i % 2;
    parts[part].push_back({parameters.all()[i].name, StoredType::f32, parameters.all()[i].tensor});
    map[parameters.all()[i].name] = part == 0 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  }
  map.update(changes);
  for (auto it = map.begin(); it != map.end();) it = it->is_null() ? map.erase(it) : std::next(it);
  write_safetensors(real_disk(), folder / "model-00001-of-00002.safetensors", parts[0]);
  write_safetensors(real_disk(), folder / "model-00002-of-00002.safetensors", parts[1]);
  write_file_atomically(folder / "model.safetensors.index.json",
                        Json({{"metadata", {{"total_size", 1}}}, {"weight_map", map}}).dump());
  write_file_atomically(folder / "config.json", to_hf_config(parameters.config()).dump());
}

std::string sharded_error(const Json& changes) {
  test::TemporaryFolder folder;
  Parameters parameters(test::small_config(), Dtype::f32);
  write_sharded(folder.path(), parameters, changes);
  return test::error_of([&] { load_hf_folder(folder.path(), Dtype::f32); });
}

}  // namespace

TEST_CASE("config: both of transformers' styles give the same model, and writing gives what was read") {
  const ModelConfig config = test::small_config();
  Json newer = to_hf_config(config);
  Json older = newer;
  Json scaling = older["rope_parameters"];
  older.erase("rope_parameters");
  older["rope_theta"] = scaling["rope_theta"];
  scaling.erase("rope_theta");
  scaling["type"] = "llama3";
  older["rope_scaling"] = scaling;
  older["torch_dtype"] = "bfloat16";
  older.update({{"qk_norm", true}, {"post_norm", false}, {"mlp_bias", false}, {"hidden_dropout", 0.0}});
  CHECK(to_hf_config(parse_hf_config(newer, "config.json")) == newer);
  CHECK(to_hf_config(parse_hf_config(older, "config.json")) == newer);

  Json many = newer;
  many["eos_token_id"] = {2, 68};
  CHECK(parse_hf_config(many, "config.json").eos == std::vector<std::int32_t>{2, 68});
  CHECK(to_hf_config(parse_hf_config(many, "config.json")) == many);

  Json plain = newer;
  plain["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 10000.0}};
  CHECK(parse_hf_config(plain, "config.json").rope_scaling == RopeScaling{});
  CHECK(to_hf_config(parse_hf_config(plain, "config.json")) == plain);

  Json silent = newer;  // what transformers assumes
  silent.erase("rope_parameters");
  silent.erase("num_key_value_heads");
  CHECK(parse_hf_config(silent, "config.json").rope_theta == 12e6);
  CHECK(parse_hf_config(silent, "config.json").rope_scaling.factor == 8);
  CHECK(parse_hf_config(silent, "config.json").kv_heads == config.heads);

  Json wide = newer;  // heads wider than width / heads
  wide["head_dim"] = 6;
  CHECK(parse_hf_config(wide, "config.json").head_width == 6);
  CHECK(to_hf_config(parse_hf_config(wide, "config.json")) == wide);
}

TEST_CASE("config: what is wrong or would be another model is refused by name") {
  struct Bad {
    const char* key;
    Json value;
    const char* error;
  };
  const std::vector<Bad> all = {
      {"model_type", "gpt2", "model_type: expected \"apertus\", \"llama\", "},
      {"model_type", nullptr, "model_type is missing"},
      {"hidden_act", "silu", "hidden_act: expected \"xielu\" or \"relu2\", found \"silu\""},
      {"attention_bias", "no", "attention_bias: expected true or false, found \"no\""},
      {"mlp_bias", true, "mlp_bias: only false is supported, found true"},
      {"tie_word_embeddings", 1, "tie_word_embeddings: expected true or false, found 1"},
      {"post_norm", true, "post_norm: only false"},
      {"qk_norm", false, "qk_norm: only true"},
      {"hidden_size", "big", "hidden_size: expected an integer in 1..262144, found \"big\""},
      {"hidden_size", "12", "hidden_size: expected an integer in 1.."},
      {"hidden_size", -12, "hidden_size: expected an integer in 1.."},
      {"hidden_size", 12.5, "hidden_size: expected an integer in 1.."},
      {"hidden_size", nullptr, "hidden_size is missing; expected an integer"},
      {"hidden_size", 13, "hidden_size: expected a multiple of num_attention_heads (3), found 13"},
      {"num_hidden_layers", 0, "num_hidden_layers: expected an integer in 1..4096, found 0"},
      {"num_hidden_layers", 18446744073709551615ull, "num_hidden_layers: expected"},
      {"num_key_value_heads", 2, "num_key_value_heads: expected a divisor of num_attention_heads (3), found 2"},
      {"num_key_value_heads", 6, "num_key_value_heads: expected an integer in 1..3"},
      {"head_dim", 5, "head_dim: expected an even number (rotary pairs), found 5"},
      {"vocab_size", std::uint64_t(1) << 63, "vocab_size: expected an integer in 1..16777216, found 9223372036854775808"},
      {"vocab_size", 1 << 30, "vocab_size: expected an integer in 1.."},
      {"rms_norm_eps", -1, "rms_norm_eps: "},
      {"rms_norm_eps", "small", "rms_norm_eps: expected a number"},
      {"eos_token_id", {2, "x"}, "eos_token_id: expected an integer in 0..2147483647, found \"x\""},
      {"rope_parameters", 3, "rope_parameters: expected an object"},
      {"rope_parameters",
       {{"rope_type", "dynamic"}},
       "rope_parameters: rope_type: expected \"default\", \"linear\", \"llama3\" or \"yarn\", found \"dynamic\""},
      {"rope_parameters", {{"rope_type", "llama3"}, {"factor", 0}}, "rope_parameters: factor: expected"},
      {"rope_parameters", {{"rope_type", "llama3"}, {"high_freq_factor", 1}}, "rope_parameters: high_freq_factor: expected more"},
      {"rope_parameters",
       {{"rope_type", "llama3"}, {"low_freq_factor", 4.0}},
       "rope_parameters: high_freq_factor: expected more than low_freq_factor (4), found 4"},
  };
  for (const Bad& bad : all) {
    Json json = small_json();
    json[bad.key] = bad.value;
    const std::string error = test::error_of([&] { parse_hf_config(json, "config.json"); });
    CHECK_MESSAGE(error.find("config.json: " + std::string(bad.error)) == 0, bad.key, ": ", error);
  }
  CHECK(test::error_of([] { parse_hf_config(Json::array(), "config.json"); }) == "config.json: expected an object, found []");
}

TEST_CASE("presets: the published sizes of Apertus, and the training sizes of the benchmarks") {
  CHECK(preset("apertus-8b").parameters() == 8'053'338'176);
  CHECK(preset("apertus-70b").parameters() == 70'599'864'480);
  CHECK(preset("apertus-70b").matmul_parameters() == 69'524'783'104);
  CHECK(preset("apertus-8b").matmul_parameters() == 7'516'192'768);
  CHECK(preset("tiny-10m").matmul_parameters() == 9'175'040);
  CHECK(preset("tiny-10m").train_flops_per_token(512) == 6.0 * 9'175'040 + 6.0 * 8 * 256 * 512);
  CHECK(preset("demo-2m").parameters() == 1'967'622);
  CHECK(preset("tiny-10m").parameters() == 11'277'072);
  CHECK(preset("small-60m").parameters() == 76'036'120);
  CHECK(preset("apertus-1b").parameters() == 1'510'021'152);
  CHECK(test::error_of([] { preset("tiny-10"); }).find("unknown model preset 'tiny-10'. Did you mean 'tiny-10m'?") == 0);
  for (const std::string& name : preset_names()) CHECK(preset(name).layers > 0);
}

TEST_CASE("parameters: initial values are a function of seed, name and index, with the published deviations") {
  ModelConfig config = test::small_config();
  config.width = 120;
  config.head_width = 40;
  config.vocab = 300;
  Parameters a(config, Dtype::f32), b(config, Dtype::f32), c(config, Dtype::f32);
  initialise(a, 28);
  initialise(b, 28);
  initialise(c, 29);
  CHECK(same_bits(a, b));
  CHECK(!same_bits(a, c));
  const auto deviation = [](Tensor t) {
    double sum = 0;
    for (std::int64_t i = 0; i < t.size(); ++i) sum += double(t.as<float>()[i]) * t.as<float>()[i];
    return std::sqrt(sum / double(t.size()));
  };
  CHECK(deviation(a.embedding()) == doctest::Approx(0.008944).epsilon(0.02));
  CHECK(deviation(a.layer(1).w_up) == doctest::Approx(0.008944).epsilon(0.04));
  CHECK(deviation(a.layer(0).wo) == doctest::Approx(0.008944 / 2).epsilon(0.02));  // sqrt(2 * 2 layers)
  CHECK(deviation(a.layer(1).w_down) == doctest::Approx(0.008944 / 2).epsilon(0.04));
  CHECK(a.layer(0).q_norm.as<float>()[3] == 1.0f);
  CHECK(std::log1p(std::exp(a.layer(0).alpha_p.as<float>()[0])) == doctest::Approx(0.8));
  CHECK(0.5 + std::log1p(std::exp(a.layer(0).alpha_n.as<float>()[0])) == doctest::Approx(0.8));
  std::int64_t count = 0;
  for (const NamedTensor& named : a.all()) {
    count += named.tensor.size();
    CHECK(reinterpret_cast<std::uintptr_t>(named.tensor.data) % 64 == 0);
    CHECK(named.decays == (named.tensor.dims == 2));
  }
  CHECK(count == config.parameters());
}

TEST_CASE("model folder: a round trip keeps the bits, and the same model gives the same bytes") {
  test::TemporaryFolder folder;
  Parameters parameters(test::small_config(), Dtype::f32);
  test::randomise(parameters, 4);
  write_hf_folder(real_disk(), folder.path() / "a", parameters);
  const LoadedModel loaded = load_hf_folder(folder.path() / "a", Dtype::f32);
  CHECK(same_bits(loaded.parameters, parameters));
  write_hf_folder(real_disk(), folder.path() / "b", loaded.parameters);
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors"}) {
    CHECK(read_file(folder.path() / "a" / name) == read_file(folder.path() / "b" / name));
  }
  write_hf_folder(real_disk(), folder.path() / "c", parameters, StoredType::bf16);
  const LoadedModel rounded = load_hf_folder(folder.path() / "c", Dtype::f32);
  write_hf_folder(real_disk(), folder.path() / "d", rounded.parameters, StoredType::bf16);
  CHECK(read_file(folder.path() / "c/model.safetensors") == read_file(folder.path() / "d/model.safetensors"));
  CHECK(read_json(folder.path() / "c/config.json")["dtype"] == "bfloat16");
  write_hf_folder(real_disk(), folder.path() / "e", load_hf_folder(folder.path() / "c", Dtype::f64).parameters, StoredType::bf16);
  CHECK(first_difference(folder.path() / "c/model.safetensors", folder.path() / "e/model.safetensors") == "");
  CHECK(!test::error_of([&] { write_hf_folder(real_disk(), folder.path() / "a", parameters); }).empty());
  for (std::int64_t i = 0; i < parameters.flat().size(); ++i) {
    const float exact = parameters.flat().as<float>()[i], near = rounded.parameters.flat().as<float>()[i];
    CHECK(std::abs(near - exact) <= std::abs(exact) / 256);
  }
}

TEST_CASE("model folder: the folder of transformers, its config in both styles, round trips to the same bits") {
  REQUIRE_SHARED(shared);
  const fs::path golden = shared / "data/golden/apertus_tiny";
  const ModelConfig config = read_hf_config(golden / "config.json");
  const ModelConfig released = read_hf_config(golden / "config_released_style.json");
  CHECK(to_hf_config(config) == to_hf_config(released));
  CHECK(released.rope_theta == 12e6);
  CHECK(released.rope_scaling.factor == 8);
  CHECK(released.head_width == 16);
  Json theirs = read_json(golden / "config.json");
  theirs.erase("transformers_version");
  CHECK(to_hf_config(config) == theirs);

  test::TemporaryFolder folder;
  const LoadedModel loaded = load_hf_folder(golden, Dtype::f32);
  write_hf_folder(real_disk(), folder.path() / "ours", loaded.parameters);
  const SafetensorsFile a(golden / "model.safetensors"), b(folder.path() / "ours/model.safetensors");
  REQUIRE(a.tensors().size() == b.tensors().size());
  for (const StoredTensor& tensor : a.tensors()) {
    const StoredTensor& other = b.require(tensor.name);
    CHECK(other.describe() == tensor.describe());
    CHECK(std::memcmp(a.bytes(tensor).data(), b.bytes(other).data(), a.bytes(tensor).size()) == 0);
  }
}

TEST_CASE("model folder: weights cut into several files under an index") {
  test::TemporaryFolder folder;
  Parameters parameters(test::small_config(), Dtype::f32);
  test::randomise(parameters, 4);
  write_sharded(folder.path(), parameters);
  CHECK(same_bits(load_hf_folder(folder.path(), Dtype::f32).parameters, parameters));

  const std::string norm = "model.norm.weight", embedding = "model.embed_tokens.weight";
  CHECK(sharded_error({{norm, nullptr}}).find("weight_map lacks tensor '" + norm + "'") != std::string::npos);
  for (const Json& value : {Json("../x.safetensors"), Json("/etc/passwd"), Json(""), Json(".."), Json(3)})
    CHECK(sharded_error({{norm, value}}).find("weight_map: '" + norm + "': expected the name of a file in the same folder") !=
          std::string::npos);
  CHECK(sharded_error({{"extra", "model-00001-of-00002.safetensors"}}).find("which does not hold it") != std::string::npos);
  CHECK(sharded_error({{embedding, "model-00002-of-00002.safetensors"}})
            .find("weight_map puts tensor '" + embedding + "' into model-00002") != std::string::npos);
  CHECK(sharded_error({{norm, "model-00003-of-00002.safetensors"}})
            .find("weight_map puts tensor '" + norm + "' into model-00003-of-00002.safetensors, which is not in the folder") !=
        std::string::npos);
  write_file_atomically(folder.path() / "model.safetensors.index.json", R"({"weight_map": []})");
  CHECK(test::error_of([&] {
          load_hf_folder(folder.path(), Dtype::f32);
        }).find("expected an object with an object \"weight_map\"") != std::string::npos);
}

TEST_CASE("model folder: missing, unknown and misshapen tensors are refused by name") {
  const auto error_with = [](const std::function<void(std::vector<TensorToStore>&)>& change) {
    test::TemporaryFolder folder;
    Parameters parameters(test::small_config(), Dtype::f32);
    std::vector<TensorToStore> tensors;
    for (const NamedTensor& named : parameters.all()) tensors.push_back({named.name, StoredType::f32, named.tensor});
    change(tensors);
    write_safetensors(real_disk(), folder.path() / "model.safetensors", tensors);
    write_file_atomically(folder.path() / "config.json", small_json().dump());
    const std::string error = test::error_of([&] { load_hf_folder(folder.path(), Dtype::f32); });
    const std::string file = (folder.path() / "model.safetensors").string() + ": ";
    return error.starts_with(file) ? error.substr(file.size()) : error;
  };
  float numbers[12] = {0.7f};
  double beta = 0.7;
  CHECK(error_with([](auto&) {}) == "");
  CHECK(error_with([](auto& t) { t.pop_back(); }).find("has no tensor 'lm_head.weight', which config.json asks for") !=
        std::string::npos);
  CHECK(error_with([](auto& t) { t.erase(t.begin() + 3); }).find("has no tensor 'model.layers.0.") != std::string::npos);
  CHECK(error_with([&](auto& t) {
          t.push_back({"model.norm.bias", StoredType::f32, Tensor(numbers, Dtype::f32, {12})});
        }).find("tensor 'model.norm.bias' is not part of this model") == 0);
  CHECK(error_with([](auto& t) {
          t.push_back({"model.norm.wheight", StoredType::f32, t[0].tensor});
        }) == "tensor 'model.norm.wheight' is not part of this model. Is 'model.norm.weight' meant?");
  CHECK(error_with([](auto& t) { t[0].tensor = t[0].tensor.rows(0, 22); }) ==
        "tensor 'model.embed_tokens.weight' is F32 [22, 12], expected the shape [23, 12]");
  CHECK(error_with([&](auto& t) { t[1].tensor = Tensor(numbers, Dtype::f32, {11}); }) ==
        "tensor 'model.layers.0.attention_layernorm.weight' is F32 [11], expected the shape [12]");
  CHECK(error_with([&](auto& t) {
          t.push_back({"model.layers.0.mlp.act_fn.beta", StoredType::f32, Tensor(&beta, Dtype::f64, {})});
        }) == "tensor 'model.layers.0.mlp.act_fn.beta' is 0.699999988079071; only 0.5 is supported");
  test::TemporaryFolder empty;
  write_file_atomically(empty.path() / "config.json", small_json().dump());
  CHECK(test::error_of([&] { load_hf_folder(empty.path(), Dtype::f32); }) ==
        empty.path().string() + ": holds neither model.safetensors nor model.safetensors.index.json");
}
