// config.json and whole model folders, good and bad.
#include <functional>

#include "base/json.h"
#include "engine/model/compare.h"
#include "engine/model/config.h"
#include "engine/model/hf_folder.h"
#include "tests/engine/model/fixture.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;
namespace fs = std::filesystem;

namespace {

void write_file(const fs::path& path, const std::string& bytes) {
  fs::remove(path);
  const auto file = real_disk().create(path);
  file->write(bytes);
  file->close();
}

std::vector<TensorToStore> stored(const Parameters& parameters) {
  std::vector<TensorToStore> tensors;
  for (const NamedTensor& named : parameters.all()) tensors.push_back({named.name, StoredType::f32, named.tensor});
  return tensors;
}

// The error of loading a folder whose weights `change` spoilt.
std::string spoilt(const std::function<void(std::vector<TensorToStore>&)>& change) {
  const test::TemporaryFolder temporary;
  Parameters parameters(test::small_config(), Dtype::f32);
  write_file(temporary.path() / "config.json", to_hf_config(test::small_config()).dump());
  std::vector<TensorToStore> tensors = stored(parameters);
  change(tensors);
  write_safetensors(real_disk(), temporary.path() / "model.safetensors", tensors);
  std::string error = test::error_of([&] { load_hf_folder(temporary.path(), Dtype::f32); });
  const std::size_t at = error.find(temporary.path().string());
  return at == std::string::npos ? error : error.substr(temporary.path().string().size() + at);
}

}  // namespace

TEST_CASE("config: what is written reads back, and bad values are named") {
  const Json good = to_hf_config(test::small_config());
  CHECK(to_hf_config(parse_hf_config(good, "c")) == good);
  struct Bad {
    const char* key;
    Json value;
    const char* error;
  };
  const std::vector<Bad> all = {
      {"model_type", "llama", "c: model_type: only \"apertus\" is supported, found \"llama\""},
      {"model_type", nullptr, "c: model_type is missing"},
      {"hidden_act", "silu", "c: hidden_act: only \"xielu\""},
      {"attention_bias", true, "c: attention_bias: only false"},
      {"tie_word_embeddings", true, "c: tie_word_embeddings: only false"},
      {"post_norm", true, "c: post_norm: only false"},
      {"qk_norm", false, "c: qk_norm: only true"},
      {"hidden_size", "12", "c: hidden_size: expected an integer in 1.."},
      {"hidden_size", -12, "c: hidden_size: expected an integer in 1.."},
      {"hidden_size", 12.5, "c: hidden_size: expected an integer in 1.."},
      {"hidden_size", nullptr, "c: hidden_size is missing"},
      {"hidden_size", 13, "c: hidden_size: expected a multiple of num_attention_heads (3), found 13"},
      {"num_hidden_layers", 0, "c: num_hidden_layers: expected an integer in 1..4096, found 0"},
      {"num_hidden_layers", 18446744073709551615ull, "c: num_hidden_layers: expected"},
      {"num_key_value_heads", 2, "c: num_key_value_heads: expected a divisor"},
      {"num_key_value_heads", 6, "c: num_key_value_heads: expected an integer in 1..3"},
      {"head_dim", 5, "c: head_dim: expected an even number"},
      {"vocab_size", 1 << 30, "c: vocab_size: expected an integer in 1.."},
      {"rms_norm_eps", "small", "c: rms_norm_eps: expected a number"},
      {"eos_token_id", Json::array({2, "x"}), "c: eos_token_id: expected an integer"},
      {"rope_parameters", 3, "c: rope_parameters: expected an object"},
      {"rope_parameters", {{"rope_type", "yarn"}}, "c: rope_parameters: rope_type: expected"},
      {"rope_parameters", {{"rope_type", "llama3"}, {"factor", 0}}, "c: rope_parameters: factor: expected"},
      {"rope_parameters",
       {{"rope_type", "llama3"}, {"high_freq_factor", 1}},
       "c: rope_parameters: high_freq_factor: expected more"},
  };
  for (const Bad& bad : all) {
    Json json = good;
    json[bad.key] = bad.value;
    const std::string error = test::error_of([&] { parse_hf_config(json, "c"); });
    CHECK_MESSAGE(error.find(bad.error) == 0, bad.key, ": ", error);
  }
  CHECK(test::error_of([] { parse_hf_config(Json::array(), "c"); }).find("c: expected an object") == 0);
  CHECK(test::error_of([] { preset("tiny-10n"); }).find("Did you mean 'tiny-10m'?") != std::string::npos);
}

TEST_CASE("config: both of transformers' styles say the same") {
  REQUIRE_SHARED(shared);
  const fs::path folder = shared / "data/golden/apertus_tiny";
  const ModelConfig newer = read_hf_config(folder / "config.json"),
                    released = read_hf_config(folder / "config_released_style.json");
  CHECK(to_hf_config(newer) == to_hf_config(released));
  CHECK(released.rope_theta == 12e6);
  CHECK(released.rope_scaling.factor == 8);
  CHECK(released.head_width == 16);
}

TEST_CASE("folder: written and read again, the same bits and the same bytes") {
  const test::TemporaryFolder temporary;
  Parameters parameters(test::small_config(), Dtype::f32);
  test::randomise(parameters, 4);
  write_hf_folder(real_disk(), temporary.path() / "a", parameters);
  const LoadedModel back = load_hf_folder(temporary.path() / "a", Dtype::f32);
  const float* x = parameters.flat().as<float>();
  CHECK(std::equal(x, x + parameters.flat().size(), back.parameters.flat().as<float>()));
  write_hf_folder(real_disk(), temporary.path() / "b", back.parameters);
  for (const char* name : {"config.json", "generation_config.json", "model.safetensors"})
    CHECK(real_disk().read(temporary.path() / "a" / name) == real_disk().read(temporary.path() / "b" / name));
  CHECK(!test::error_of([&] { write_hf_folder(real_disk(), temporary.path() / "a", parameters); }).empty());

  // bfloat16 loses bits once, not twice.
  write_hf_folder(real_disk(), temporary.path() / "c", parameters, StoredType::bf16);
  write_hf_folder(real_disk(), temporary.path() / "d", load_hf_folder(temporary.path() / "c", Dtype::f64).parameters,
                  StoredType::bf16);
  CHECK(first_difference(temporary.path() / "c/model.safetensors", temporary.path() / "d/model.safetensors") == "");
}

TEST_CASE("folder: weights that do not belong to config.json are refused by name") {
  CHECK(spoilt([](auto&) {}) == "");
  CHECK(spoilt([](auto& tensors) { tensors.erase(tensors.begin() + 3); }).find("has no tensor 'model.layers.0.") !=
        std::string::npos);
  CHECK(spoilt([](auto& tensors) { tensors[0].tensor = tensors[0].tensor.rows(0, 22); }) ==
        "/model.safetensors: tensor 'model.embed_tokens.weight' is F32 [22, 12], expected the shape [23, 12]");
  CHECK(spoilt([](auto& tensors) {
          tensors.push_back({"model.norm.wheight", StoredType::f32, tensors[0].tensor});
        }) == "/model.safetensors: tensor 'model.norm.wheight' is not part of this model. Is 'model.norm.weight' meant?");
  double beta = 0.7;
  CHECK(spoilt([&](auto& tensors) {
          tensors.push_back({"model.layers.0.mlp.act_fn.beta", StoredType::f32, Tensor(&beta, Dtype::f64, {})});
        }) == "/model.safetensors: tensor 'model.layers.0.mlp.act_fn.beta' is 0.699999988079071; only 0.5 is supported");
  const test::TemporaryFolder empty;
  write_file(empty.path() / "config.json", to_hf_config(test::small_config()).dump());
  CHECK(test::error_of([&] { load_hf_folder(empty.path(), Dtype::f32); }) ==
        empty.path().string() + ": holds neither model.safetensors nor model.safetensors.index.json");
}

TEST_CASE("folder: weights in several files under an index") {
  const test::TemporaryFolder temporary;
  const fs::path& folder = temporary.path();
  Parameters parameters(test::small_config(), Dtype::f32);
  test::randomise(parameters, 6);
  write_file(folder / "config.json", to_hf_config(test::small_config()).dump());
  const std::vector<TensorToStore> tensors = stored(parameters);
  const auto middle = tensors.begin() + 9;
  write_safetensors(real_disk(), folder / "model-00001-of-00002.safetensors", {tensors.begin(), middle});
  write_safetensors(real_disk(), folder / "model-00002-of-00002.safetensors", {middle, tensors.end()});
  Json map = Json::object();
  for (std::size_t i = 0; i < tensors.size(); ++i)
    map[tensors[i].name] = i < 9 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  const auto load = [&](const Json& weight_map) {
    write_file(folder / "model.safetensors.index.json",
               Json{{"metadata", {{"total_size", 1}}}, {"weight_map", weight_map}}.dump());
    return load_hf_folder(folder, Dtype::f32);
  };
  const LoadedModel back = load(map);
  const float* x = parameters.flat().as<float>();
  CHECK(std::equal(x, x + parameters.flat().size(), back.parameters.flat().as<float>()));

  const std::string first = tensors[0].name;
  const auto error_with = [&](const Json& value) {
    Json changed = map;
    changed[first] = value;
    return test::error_of([&] { load(changed); });
  };
  for (const Json& value : {Json("../x.safetensors"), Json("/etc/passwd"), Json(""), Json(".."), Json(3)})
    CHECK(error_with(value).find("weight_map: '" + first + "': expected the name of a file in the same folder") !=
          std::string::npos);
  CHECK(error_with("model-00002-of-00002.safetensors").find("weight_map puts tensor '" + first + "' into model-00002") !=
        std::string::npos);
  CHECK(error_with("absent.safetensors").find("absent.safetensors") != std::string::npos);
  Json less = map;
  less.erase(first);
  CHECK(test::error_of([&] { load(less); }).find("weight_map lacks tensor '" + first + "'") != std::string::npos);
  CHECK(test::error_of([&] { load(Json::array()); }).find("expected an object with an object \"weight_map\"") !=
        std::string::npos);
}
