#include "engine/train/model_choice.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/model/family.h"
#include "engine/model/hf_folder.h"
#include "engine/text/tokenizer.h"

namespace cairn::train {

namespace {

struct Dimension {
  const char* name;
  std::int64_t model::ModelConfig::*member;
  const char* help;
};

constexpr Dimension kDimensions[] = {
    {"layers", &model::ModelConfig::layers, "blocks"},
    {"width", &model::ModelConfig::width, "of the residual stream"},
    {"heads", &model::ModelConfig::heads, "query heads"},
    {"kv_heads", &model::ModelConfig::kv_heads, "key and value heads"},
    {"head_width", &model::ModelConfig::head_width, "width / heads when left out"},
    {"mlp_width", &model::ModelConfig::mlp_width, "of the MLP"},
    {"vocab", &model::ModelConfig::vocab, "tokens; the tokenizer's when left out"},
    {"max_positions", &model::ModelConfig::max_positions, "longest sequence that the model is declared for"},
};

// Apertus has the same scaling in every stage (spec/apertus.md §1.3), the other families none.
void take_family(const model::FamilyFacts& family, model::ModelConfig& shape) {
  shape.architecture = family.architecture;
  shape.norm_eps = family.norm_eps;
  shape.rope_scaling = {};
  if (shape.architecture.family == model::Family::apertus) shape.rope_scaling = {.variant = RopeVariant::llama3, .factor = 8};
}

bool names_anything(const Config& config) {
  for (const auto& [key, value] : config.json().items()) {
    if (!value.is_null()) return true;
  }
  return false;
}

}  // namespace

Schema model_schema() {
  std::vector<Field> fields{
      field("preset", string().def(nullptr), "a named shape (assets/presets)"),
      field("family", string().one_of(model::family_names()).def(nullptr), "what the blocks are; the preset's, or apertus")};
  for (const Dimension& d : kDimensions) fields.push_back(field(d.name, integer().min(1).def(nullptr), d.help));
  fields.push_back(field("norm_eps", number().above(0).def(nullptr), "of the RMS norms"));
  fields.push_back(field("rope_theta", number().above(0).def(nullptr), "base of the rotary embedding"));
  fields.push_back(field("tied_embeddings", boolean().def(nullptr), "the head is the embedding"));
  return object(std::move(fields)).def(Json::object());
}

model::ModelConfig model_shape(const Config& config, std::int64_t tokenizer_vocab) {
  model::ModelConfig shape;
  if (config.has("preset")) {
    shape = model::preset(config.string("preset"));
  } else {
    take_family(model::facts_of(model::Family::apertus), shape);
    shape.max_positions = 4096;
  }
  if (config.has("family")) take_family(*model::find_family(config.string("family")), shape);
  if (config.has("tied_embeddings")) shape.architecture.tied_embeddings = config.boolean("tied_embeddings");
  if (tokenizer_vocab > 0) shape.vocab = tokenizer_vocab;
  for (const Dimension& d : kDimensions) {
    if (config.has(d.name)) shape.*d.member = config.integer(d.name);
  }
  if (config.has("norm_eps")) shape.norm_eps = config.number("norm_eps");
  if (config.has("rope_theta")) shape.rope_theta = config.number("rope_theta");
  if (shape.kv_heads == 0) shape.kv_heads = shape.heads;
  if (!config.has("head_width") && (shape.head_width == 0 || config.has("width") || config.has("heads"))) {
    shape.head_width = shape.heads > 0 ? shape.width / shape.heads : 0;
  }
  for (const Dimension& d : kDimensions) {
    if (shape.*d.member < 1) fail_usage("config.model: '{}' is missing; name a preset or give all dimensions", d.name);
  }
  if (!config.has("head_width") && shape.head_width * shape.heads != shape.width && !config.has("preset")) {
    fail_usage("config.model: width {} is not a multiple of {} heads", shape.width, shape.heads);
  }
  if (shape.heads % shape.kv_heads != 0)
    fail_usage("config.model: {} heads are not a multiple of {} kv_heads", shape.heads, shape.kv_heads);
  if (shape.head_width % 2 != 0) fail_usage("config.model: head_width {} is odd; rotary positions need pairs", shape.head_width);
  if (shape.vocab < tokenizer_vocab) {
    fail_usage("config.model: vocab {} is too small for the tokenizer's {} tokens", shape.vocab, tokenizer_vocab);
  }
  return shape;
}

model::ModelConfig choose_shape(const steps::StepContext& ctx) {
  const Config config = ctx.config().object("model");
  if (ctx.has_input("init")) {
    if (names_anything(config)) fail_usage("config.model: the input 'init' gives the model's shape; leave this out");
    return model::read_hf_config(ctx.input("init").path / "config.json");
  }
  if (!ctx.has_input("tokenizer")) return model_shape(config, 0);
  const text::Tokenizer tokenizer = text::Tokenizer::load(ctx.input("tokenizer").path);
  model::ModelConfig shape = model_shape(config, tokenizer.vocab_size());
  shape.bos = tokenizer.require("<s>");
  shape.eos = {tokenizer.require("</s>")};
  shape.pad = tokenizer.require("<pad>");
  return shape;
}

model::Parameters choose_model(const steps::StepContext& ctx) {
  const model::ModelConfig shape = choose_shape(ctx);
  if (ctx.has_input("init")) {
    model::LoadedModel loaded = model::load_hf_folder(ctx.input("init").path, Dtype::f32);
    if (loaded.config.eos.empty()) {
      fail("{}: names no eos_token_id, with which a training tells where documents end", ctx.input("init").path.string());
    }
    return std::move(loaded.parameters);
  }
  model::Parameters parameters(shape, Dtype::f32);
  model::initialise(parameters, ctx.seed());
  return parameters;
}

void check_sequence_length(const model::ModelConfig& model, std::int64_t sequence_length) {
  if (sequence_length > model.max_positions) {
    fail_usage("config.sequence_length: {} tokens, but the model has {} positions", sequence_length, model.max_positions);
  }
}

}  // namespace cairn::train
