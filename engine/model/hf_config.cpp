// config.json of the families that engine/model knows, in and out.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/model/config.h"
#include "engine/model/family.h"

namespace cairn::model {
namespace {

constexpr std::int64_t kMaxId = std::numeric_limits<std::int32_t>::max();

// Reads one JSON object; every complaint names the origin and the key.
class KeyReader {
 public:
  KeyReader(const Json& json, std::string origin) : json_(json), origin_(std::move(origin)) {
    if (!json_.is_object()) cairn::fail("{}: expected an object, found {}", origin_, found(json_));
  }

  const std::string& origin() const { return origin_; }
  bool has(const char* key) const { return json_.contains(key); }

  // The value of `key`, or null when it is absent or null.
  const Json* find(const char* key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }

  std::int64_t integer(const char* key, std::int64_t low, std::int64_t high, std::optional<std::int64_t> missing = {}) const {
    const Json* value = find(key);
    if (!value) {
      if (missing) return *missing;
      cairn::fail("{}: {} is missing; expected an integer", origin_, key);
    }
    return integer_of(*value, key, low, high);
  }

  std::int64_t integer_of(const Json& value, const char* key, std::int64_t low, std::int64_t high) const {
    const bool fits =
        value.is_number_integer() &&
        (!value.is_number_unsigned() || value.get<std::uint64_t>() <= std::uint64_t(std::numeric_limits<std::int64_t>::max()));
    if (fits) {
      const auto number = value.get<std::int64_t>();
      if (number >= low && number <= high) return number;
    }
    cairn::fail("{}: {}: expected an integer in {}..{}, found {}", origin_, key, low, high, found(value));
  }

  double number(const char* key, double low, double high, double missing) const {
    const Json* value = find(key);
    if (!value) return missing;
    if (value->is_number()) {
      const double number = value->get<double>();
      if (number >= low && number <= high) return number;
    }
    cairn::fail("{}: {}: expected a number in {}..{}, found {}", origin_, key, low, high, found(*value));
  }

  bool boolean(const char* key, bool missing) const {
    const Json* value = find(key);
    if (!value) return missing;
    if (!value->is_boolean()) cairn::fail("{}: {}: expected true or false, found {}", origin_, key, found(*value));
    return value->get<bool>();
  }

  // One of `names`; "" when absent.
  std::string name(const char* key, const std::vector<std::string>& names) const {
    const Json* value = find(key);
    if (!value) return "";
    if (value->is_string()) {
      const std::string text = value->get<std::string>();
      if (std::find(names.begin(), names.end(), text) != names.end()) return text;
    }
    cairn::fail("{}: {}: expected {}, found {}", origin_, key, quoted(names), found(*value));
  }

  // `key`, where present, must be `wanted`: another value would change the computation.
  void only(const char* key, const Json& wanted) const {
    const Json* value = find(key);
    if (value && *value != wanted)
      cairn::fail("{}: {}: only {} is supported, found {}", origin_, key, wanted.dump(), found(*value));
  }

  static std::string quoted(const std::vector<std::string>& names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
      text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + fmt::format("\"{}\"", names[i]);
    }
    return text;
  }
  static std::string found(const Json& value) {
    const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
    return text.size() <= 60 ? text : std::string("a ") + value.type_name();
  }

 private:
  const Json& json_;
  std::string origin_;
};

const FamilyFacts& read_family(const KeyReader& keys) {
  if (!keys.find("model_type")) {
    cairn::fail("{}: model_type is missing; expected {}", keys.origin(), KeyReader::quoted(family_names()));
  }
  return *find_family(keys.name("model_type", family_names()));
}

Architecture read_architecture(const KeyReader& keys, const FamilyFacts& family) {
  Architecture architecture = family.architecture;
  if (architecture.family == Family::apertus) {
    if (keys.name("hidden_act", {"xielu", "relu2"}) == "relu2") architecture.activation = Activation::relu2;
    keys.only("post_norm", false);
    keys.only("qk_norm", true);
  } else {
    keys.only("hidden_act", "silu");
  }
  if (family.attention_bias_key) {
    architecture.qkv_bias = architecture.output_bias = keys.boolean("attention_bias", false);
  } else {
    keys.only("attention_bias", false);
  }
  if (family.mlp_bias_key) {
    architecture.mlp_bias = keys.boolean("mlp_bias", false);
  } else {
    keys.only("mlp_bias", false);
  }
  architecture.tied_embeddings = keys.boolean("tie_word_embeddings", false);
  return architecture;
}

void read_sizes(const KeyReader& keys, const FamilyFacts& family, ModelConfig& config) {
  config.layers = keys.integer("num_hidden_layers", 1, 4096);
  config.width = keys.integer("hidden_size", 1, 1 << 18);
  config.heads = keys.integer("num_attention_heads", 1, 1 << 12);
  config.kv_heads = keys.integer("num_key_value_heads", 1, config.heads,
                                 keys.has("num_key_value_heads") || family.kv_heads == 0 ? config.heads : family.kv_heads);
  config.mlp_width = keys.integer("intermediate_size", 1, 1 << 20);
  config.vocab = keys.integer("vocab_size", 1, 1 << 24);
  config.max_positions = keys.integer("max_position_embeddings", 1, std::int64_t(1) << 30, family.max_positions);
  config.norm_eps = keys.number("rms_norm_eps", 1e-30, 1, family.norm_eps);
  if (config.heads % config.kv_heads != 0) {
    cairn::fail("{}: num_key_value_heads: expected a divisor of num_attention_heads ({}), found {}", keys.origin(), config.heads,
                config.kv_heads);
  }
  const bool from_width = !keys.find("head_dim") && family.head_dim == 0;
  if (from_width && config.width % config.heads != 0) {
    cairn::fail("{}: hidden_size: expected a multiple of num_attention_heads ({}), found {}", keys.origin(), config.heads,
                config.width);
  }
  config.head_width = keys.integer("head_dim", 2, 1 << 12, from_width ? config.width / config.heads : family.head_dim);
  if (config.head_width < 2 || config.head_width % 2 != 0) {
    cairn::fail("{}: head_dim: expected an even number (rotary pairs), found {}", keys.origin(), config.head_width);
  }
}

// Attention here sees everything before it: a window must be absent, switched off, or as long as any text.
void refuse_sliding_window(const KeyReader& keys, const FamilyFacts& family, const ModelConfig& config) {
  const bool off = keys.has("sliding_window") && !keys.find("sliding_window");
  const std::int64_t window = off ? 0 : keys.integer("sliding_window", 0, std::int64_t(1) << 40, family.sliding_window);
  if (window == 0 || window >= config.max_positions) return;
  const bool qwen = config.architecture.family == Family::qwen2 || config.architecture.family == Family::qwen3;
  const bool used = qwen ? keys.boolean("use_sliding_window", false) &&
                               keys.integer("max_window_layers", 0, std::int64_t(1) << 30, 28) < config.layers
                         : config.architecture.family == Family::mistral;
  if (used) {
    cairn::fail("{}: sliding_window: attention over the last {} of {} positions is not supported; expected null", keys.origin(),
                window, config.max_positions);
  }
}

constexpr const char* kRopeTypes[] = {"default", "linear", "llama3", "yarn"};  // in the order of RopeVariant

// The frequencies of the rotary embedding: `rope` is rope_parameters or rope_scaling.
void read_rope(const KeyReader& rope, ModelConfig& config) {
  const char* key = rope.find("rope_type") ? "rope_type" : "type";
  const std::vector<std::string> names(std::begin(kRopeTypes), std::end(kRopeTypes));
  const std::string type = rope.name(key, names);
  rope.only("partial_rotary_factor", 1.0);
  config.rope_theta = rope.number("rope_theta", 1.0, 1e12, config.rope_theta);
  RopeScaling& scaling = config.rope_scaling;
  scaling = {};
  if (type.empty() || type == "default") return;
  scaling.variant = RopeVariant(std::find(names.begin(), names.end(), type) - names.begin());
  scaling.factor = rope.number("factor", 1.0, 1e6, 8);
  if (scaling.variant == RopeVariant::linear) return;
  const double original = scaling.variant == RopeVariant::llama3 ? 8192 : double(config.max_positions);
  scaling.original_positions = rope.number("original_max_position_embeddings", 1, 1e9, original);
  if (scaling.variant == RopeVariant::llama3) {
    scaling.low_freq_factor = rope.number("low_freq_factor", 1e-3, 1e6, 1);
    scaling.high_freq_factor = rope.number("high_freq_factor", 1e-3, 1e6, 4);
    if (scaling.high_freq_factor <= scaling.low_freq_factor) {
      cairn::fail("{}: high_freq_factor: expected more than low_freq_factor ({}), found {}", rope.origin(),
                  scaling.low_freq_factor, scaling.high_freq_factor);
    }
    return;
  }
  scaling.beta_fast = rope.number("beta_fast", 1e-3, 1e6, 32);
  scaling.beta_slow = rope.number("beta_slow", 1e-3, 1e6, 1);
  if (scaling.beta_fast <= scaling.beta_slow) {
    cairn::fail("{}: beta_fast: expected more than beta_slow ({}), found {}", rope.origin(), scaling.beta_slow,
                scaling.beta_fast);
  }
  if (config.rope_theta <= 1) cairn::fail("{}: rope_theta: yarn wants more than 1, found {}", rope.origin(), config.rope_theta);
  scaling.whole_pairs = rope.boolean("truncate", true);
  rope.only("mscale", nullptr);
  rope.only("mscale_all_dim", nullptr);
  scaling.magnitude = rope.number("attention_factor", 1e-3, 1e3, yarn_magnitude(scaling.factor));
}

Json rope_json(const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  Json rope = {{"rope_theta", config.rope_theta}, {"rope_type", kRopeTypes[std::size_t(scaling.variant)]}};
  if (scaling.variant == RopeVariant::plain) return rope;
  rope["factor"] = scaling.factor;
  if (scaling.variant == RopeVariant::linear) return rope;
  rope["original_max_position_embeddings"] = std::int64_t(scaling.original_positions);
  if (scaling.variant == RopeVariant::llama3) {
    rope["low_freq_factor"] = scaling.low_freq_factor;
    rope["high_freq_factor"] = scaling.high_freq_factor;
    return rope;
  }
  const RopeScaling usual;
  if (scaling.beta_fast != usual.beta_fast) rope["beta_fast"] = scaling.beta_fast;
  if (scaling.beta_slow != usual.beta_slow) rope["beta_slow"] = scaling.beta_slow;
  if (!scaling.whole_pairs) rope["truncate"] = false;
  if (scaling.magnitude != yarn_magnitude(scaling.factor)) rope["attention_factor"] = scaling.magnitude;
  return rope;
}

// Apertus assumes ids where config.json has none; the others have no such token then.
void read_token_ids(const KeyReader& keys, ModelConfig& config) {
  const bool apertus = config.architecture.family == Family::apertus;
  const auto id = [&](const char* key, std::int32_t usual) {
    return std::int32_t(keys.integer(key, 0, kMaxId, apertus && !keys.has(key) ? usual : -1));
  };
  config.bos = id("bos_token_id", 1);
  config.pad = id("pad_token_id", 3);
  if (!apertus || keys.has("eos_token_id")) config.eos.clear();
  if (const Json* eos = keys.find("eos_token_id")) {
    for (const Json& one : eos->is_array() ? *eos : Json::array({*eos})) {
      config.eos.push_back(std::int32_t(keys.integer_of(one, "eos_token_id", 0, kMaxId)));
    }
  }
}

Json id_json(std::int32_t id) {
  return id < 0 ? Json() : Json(id);
}

}  // namespace

ModelConfig parse_hf_config(const Json& json, std::string_view origin) {
  const KeyReader keys(json, std::string(origin));
  const FamilyFacts& family = read_family(keys);
  ModelConfig config;
  config.architecture = read_architecture(keys, family);
  read_sizes(keys, family, config);
  refuse_sliding_window(keys, family, config);
  read_token_ids(keys, config);

  config.rope_theta = keys.number("rope_theta", 1.0, 1e12, family.rope_theta);
  keys.only("partial_rotary_factor", 1.0);
  if (const Json* rope = keys.find("rope_parameters")) {
    read_rope(KeyReader(*rope, fmt::format("{}: rope_parameters", origin)), config);
  } else if (const Json* scaling = keys.find("rope_scaling")) {
    read_rope(KeyReader(*scaling, fmt::format("{}: rope_scaling", origin)), config);
  } else if (family.architecture.family == Family::apertus) {
    config.rope_scaling = {.variant = RopeVariant::llama3, .factor = 8};
  }
  return config;
}

ModelConfig read_hf_config(const std::filesystem::path& config_json) {
  return parse_hf_config(read_json(config_json), config_json.string());
}

Json to_hf_config(const ModelConfig& config, std::string_view dtype) {
  const Architecture& architecture = config.architecture;
  const FamilyFacts& family = facts_of(architecture.family);
  const char* activation = architecture.activation == Activation::xielu   ? "xielu"
                           : architecture.activation == Activation::relu2 ? "relu2"
                                                                          : "silu";
  Json json = {
      {"architectures", {family.class_name}},
      {"attention_dropout", 0.0},
      {"bos_token_id", id_json(config.bos)},
      {"dtype", dtype},
      {"eos_token_id", config.eos.empty()       ? Json()
                       : config.eos.size() == 1 ? Json(config.eos[0])
                                                : Json(config.eos)},
      {"hidden_act", activation},
      {"hidden_size", config.width},
      {"initializer_range", 0.02},
      {"intermediate_size", config.mlp_width},
      {"max_position_embeddings", config.max_positions},
      {"model_type", family.name},
      {"num_attention_heads", config.heads},
      {"num_hidden_layers", config.layers},
      {"num_key_value_heads", config.kv_heads},
      {"pad_token_id", id_json(config.pad)},
      {"rms_norm_eps", config.norm_eps},
      {"rope_parameters", rope_json(config)},
      {"tie_word_embeddings", architecture.tied_embeddings},
      {"use_cache", true},
      {"vocab_size", config.vocab},
  };
  if (family.attention_bias_key) json["attention_bias"] = architecture.qkv_bias;
  if (family.mlp_bias_key) json["mlp_bias"] = architecture.mlp_bias;
  if (family.head_dim_key || config.head_width * config.heads != config.width) json["head_dim"] = config.head_width;
  if (architecture.family == Family::mistral) json["sliding_window"] = nullptr;  // transformers assumes 4096 when it is missing
  return json;
}

}  // namespace cairn::model
