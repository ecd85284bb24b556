#include "engine/train/training_config.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "engine/train/run_checkpoints.h"
#include "engine/train/training_plan.h"

namespace cairn::train {

namespace {

std::vector<Field> adam_fields(double beta2) {
  return {
      field("beta1", number().min(0).max(1).def(0.9), "decay of the fast moment; 0 = none is kept"),
      field("beta2", number().min(0).max(1).def(beta2), "decay of the squared gradient"),
      field("eps", number().min(0).def(1e-8), "added to the denominator"),
      field("weight_decay", number().min(0).def(0.1), "decoupled, times the learning rate"),
      field("decay", string().one_of({"matrices", "blocks", "all"}).def("matrices"),
            "what decays: matrices, matrices but not the embedding, everything"),
      field("moments", string().one_of({"f32", "bf16"}).def("f32"), "type of the moments; bf16 is rounded stochastically"),
  };
}

Schema optimizer_schema() {
  std::vector<Field> ademamix = adam_fields(0.999), muon = adam_fields(0.95);
  ademamix.push_back(field("beta3", number().min(0).max(1).def(0.9999), "decay of the slow moment"));
  ademamix.push_back(field("alpha", number().min(0).def(8.0), "weight of the slow moment"));
  ademamix.push_back(
      field("alpha_warmup", integer().min(0).def(nullptr), "steps over which alpha grows; all steps when left out"));
  ademamix.push_back(
      field("beta3_warmup", integer().min(0).def(nullptr), "steps over which beta3 grows; all steps when left out"));
  muon.push_back(field("momentum", number().min(0).max(1).def(0.95), "of matrices inside blocks"));
  muon.push_back(field("nesterov", boolean().def(true), "look one step ahead"));
  muon.push_back(field("iterations", integer().min(1).max(20).def(5), "of Newton-Schulz"));
  muon.push_back(field("scale", string().one_of({"rms", "original"}).def("rms"),
                       "of updates: rms as large as AdamW's, so that one learning rate serves all; original as published"));
  return tagged("name", {{"adamw", adam_fields(0.95), "AdamW (Loshchilov & Hutter 2019)"},
                         {"ademamix", ademamix, "AdEMAMix (Pagliardini et al. 2024), as Apertus was trained"},
                         {"muon", muon, "Muon (Jordan et al. 2024) for matrices inside blocks, AdamW for the rest"}});
}

Schema schedule_schema() {
  return object({
      field("name", string().one_of({"wsd", "cosine", "linear", "constant"}).def("wsd"),
            "wsd: warm-up, stable, cooldown; cosine and linear: warm-up, then down to the end"),
      field("lr", number().min(0).def(1e-3), "peak learning rate"),
      field("init_lr", number().min(0).def(0.0), "at the first step, where there is a warm-up"),
      field("min_lr", number().min(0).def(nullptr), "at the end; a tenth of the peak when left out"),
      field("warmup_steps", integer().min(0).def(nullptr), "warmup_share of the steps when left out"),
      field("warmup_share", number().min(0).max(1).def(0.05), "of all steps"),
      field("cooldown", string().one_of({"sqrt", "linear"}).def("sqrt"), "of wsd: 1 - sqrt of its progress, or a line"),
      field("cooldown_steps", integer().min(0).def(nullptr), "of wsd; cooldown_share of the steps when left out"),
      field("cooldown_share", number().min(0).max(1).def(0.2), "of all steps"),
  });
}

Schema spikes_schema() {
  const SpikeOptions defaults;
  return object({
      field("window", integer().min(2).def(defaults.window),
            "steps that a step is compared with, from when half of them are there"),
      field("sigma", number().min(0).def(defaults.sigma),
            "deviations above the median from which a loss or gradient norm is left out; 0 = only what is not finite"),
      field("max_in_a_row", integer().min(1).def(defaults.max_in_a_row), "steps left out in a row before the training gives up"),
      field("max_skipped", integer().min(1).def(defaults.max_skipped), "likewise in all"),
  });
}

std::int64_t integer_or(const Config& config, std::string_view name, std::int64_t otherwise) {
  return config.has(name) ? config.integer(name) : otherwise;
}

std::int64_t share_of(std::int64_t steps, double share) {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(steps) * share));
}

// Tokens read before step `step`, 0 <= step <= steps().
std::int64_t tokens_before(const Curriculum& curriculum, std::int64_t step) {
  return step < curriculum.steps() ? curriculum.at(step).tokens : curriculum.tokens();
}

}  // namespace

std::vector<Field> training_fields(const Json& optimizer, const Json& schedule) {
  std::vector<Field> fields{
      field("optimizer", optimizer_schema().def(optimizer), "what turns gradients into updates"),
      field("schedule", schedule_schema().def(schedule), "of the learning rate, over tokens read"),
      field("clip", number().min(0).def(1.0), "largest global gradient norm; 0 = no limit"),
      field("precision", string().one_of({"f32", "bf16", "fp8"}).def("f32"),
            "of the computing; weights are kept and updated in f32; fp8: bf16, with the products inside blocks in 8 bits"),
      field("z_loss", number().min(0).def(0.0), "keeps the logits' normaliser near 1; 1e-4 where it is used; 0 = off"),
      field("spikes", spikes_schema().def(Json::object()), "which steps are left out"),
      field("ema",
            object({field("decay", number().min(0).max(1).def(0.999), "of each update"),
                    field("every", integer().min(1).def(1), "steps between updates")})
                .def(nullptr),
            "an exponential average of the weights, which becomes the output 'ema'"),
  };
  for (Field& shared : checkpoint_fields()) fields.push_back(std::move(shared));
  return fields;
}

Schema training_runtime() {
  return object({
      field("device", string().def("cpu"), kDeviceHelp),
      field("backend", string().one_of({"cpu", "ref"}).def("cpu"), "who computes on the cpu; ref is slow and exact"),
      field("peak_gflops", number().above(0).def(nullptr), "what MFU is measured against; found out at the start when left out"),
      field("recompute", string().def("none"),
            "what the backward computes again instead of keeping it, the same bits with less memory: none, or norms, activation, "
            "mlp, attention joined by +, or block"),
      field("offload", string().def("none"),
            std::string("on a GPU: what lies on the host beside it, the same bits: ") + kOffloadHelp),
      field("graphs", boolean().def(false),
            "on a GPU: record a pass and start it as one thing, for models that are small for it"),
      field("replay_every", integer().min(0).def(0),
            "steps between checks that this machine computes the same gradients twice; 0 = never"),
      field("prefetch", integer().min(0).max(1024).def(4), "batches made ready ahead of the step, at most"),
      field("prefetch_workers", integer().min(1).max(64).def(1), "threads that make them"),
      checkpoint_runtime(),
  });
}

std::unique_ptr<ComputeDevice> open_training_device(const steps::StepContext& ctx) {
  return open_compute_device(ctx.runtime().string("device"), ctx.runtime().string("backend"));
}

std::map<std::string, std::string> training_device_facts(const Json& runtime) {
  return device_facts(runtime.at("device").get<std::string>());
}

double peak_flops(const steps::StepContext& ctx, const ComputeDevice& device) {
  if (ctx.runtime().has("peak_gflops")) return ctx.runtime().number("peak_gflops") * 1e9;
  return device.measure_peak_flops(ctx.threads(), ctx.config().string("precision") != "f32" ? Dtype::bf16 : Dtype::f32);
}

namespace {

OptimizerConfig read_optimizer(const Config& config, std::int64_t steps, std::uint64_t seed) {
  OptimizerConfig o;
  o.method = optimizer_method(config.string("name"));
  o.beta1 = config.number("beta1");
  o.beta2 = config.number("beta2");
  o.eps = config.number("eps");
  o.weight_decay = config.number("weight_decay");
  o.decay = decay_rule(config.string("decay"));
  o.bf16_moments = config.string("moments") == "bf16";
  o.rounding_seed = seed;
  if (o.method == OptimizerConfig::Method::ademamix) {
    o.beta3 = config.number("beta3");
    o.alpha = config.number("alpha");
    o.alpha_warmup = integer_or(config, "alpha_warmup", steps);
    o.beta3_warmup = integer_or(config, "beta3_warmup", steps);
  }
  if (o.method == OptimizerConfig::Method::muon) {
    o.muon.momentum = config.number("momentum");
    o.muon.nesterov = config.boolean("nesterov");
    o.muon.iterations = static_cast<int>(config.integer("iterations"));
    o.muon.scale = muon_scale(config.string("scale"));
  }
  return o;
}

// Lengths that the config gives in steps become tokens, the clock of the schedule.
LearningRateSchedule read_schedule(const Config& config, const Curriculum& curriculum) {
  using Shape = LearningRateSchedule::Shape;
  const std::int64_t steps = curriculum.steps();
  LearningRateSchedule s;
  s.shape = schedule_shape(config.string("name"));
  s.cooldown = cooldown_shape(config.string("cooldown"));
  s.initial = config.number("init_lr");
  s.peak = config.number("lr");
  s.floor = config.has("min_lr") ? config.number("min_lr") : s.peak / 10;
  const std::int64_t warmup = integer_or(config, "warmup_steps", share_of(steps, config.number("warmup_share")));
  const bool cools = s.shape == Shape::wsd;
  const std::int64_t cooldown =
      cools ? integer_or(config, "cooldown_steps", share_of(steps, config.number("cooldown_share"))) : 0;
  if (warmup > steps || cooldown > steps - warmup) {
    fail_usage("schedule: warm-up of {} and cooldown of {} steps do not fit into {}", warmup, cooldown, steps);
  }
  s.total_tokens = curriculum.tokens();
  s.warmup_tokens = tokens_before(curriculum, warmup);
  s.cooldown_tokens = s.total_tokens - tokens_before(curriculum, steps - cooldown);
  s.check();
  return s;
}

SpikeOptions read_spikes(const Config& config) {
  return {config.integer("window"), config.number("sigma"), config.integer("max_in_a_row"), config.integer("max_skipped")};
}

}  // namespace

std::vector<steps::OutputSpec> training_outputs(const Config& config) {
  std::vector<steps::OutputSpec> outputs = checkpoint_outputs(config);
  if (config.has("ema")) outputs.push_back({"ema", "model", "the exponential average of the weights"});
  return outputs;
}

TrainerConfig read_trainer_config(const steps::StepContext& ctx, const Curriculum& curriculum) {
  const Config& config = ctx.config();
  TrainerConfig result;
  result.optimizer = read_optimizer(config.object("optimizer"), curriculum.steps(), ctx.seed());
  result.schedule = read_schedule(config.object("schedule"), curriculum);
  result.clip = config.number("clip");
  result.spikes = read_spikes(config.object("spikes"));
  result.bf16 = config.string("precision") != "f32";
  result.fp8 = config.string("precision") == "fp8";
  result.z_loss = config.number("z_loss");
  if (config.has("ema")) {
    const Config ema = config.object("ema");
    result.average = WeightAverageOptions{ema.number("decay"), ema.integer("every")};
  }
  result.recompute = model::parse_recompute(ctx.runtime().string("recompute"));
  result.offload = parse_offload(ctx.runtime().string("offload"));
  result.graphs = ctx.runtime().boolean("graphs");
  result.replay_every = ctx.runtime().integer("replay_every");
  return result;
}

namespace {

// What 8-bit products on a GPU ask for (kernels/ops.h, matmul_fp8).
void check_fp8(const model::ModelConfig& model, std::int64_t sequence_length) {
  constexpr std::int64_t kMultiple = 16;
  const std::pair<const char*, std::int64_t> sizes[] = {{"sequence_length", sequence_length},
                                                        {"width", model.width},
                                                        {"mlp_width", model.mlp_width},
                                                        {"the width of all heads", model.heads * model.head_width},
                                                        {"the width of all kv_heads", model.kv_heads * model.head_width}};
  for (const auto& [name, size] : sizes) {
    if (size % kMultiple != 0) fail_usage("precision fp8: on a GPU {} must be a multiple of {}, found {}", name, kMultiple, size);
  }
}

}  // namespace

void check_memory(const ComputeDevice& device, const TrainerConfig& config, const model::ModelConfig& model,
                  const Curriculum& curriculum, int threads) {
  const std::int64_t average = config.average ? model::parameter_bytes(model, Dtype::f32) : 0;
  const std::int64_t available = device.free_memory().value_or(free_memory()) - average;
  for (const Stage& stage : curriculum.stages()) {
    TrainingNeeds needs;
    needs.model = model;
    needs.optimizer = config.optimizer;
    needs.compute = config.bf16 ? Dtype::bf16 : Dtype::f32;
    needs.micro_batch = stage.largest_micro_batch();
    needs.sequence_length = stage.sequence_length;
    needs.batch = needs.micro_batch;
    needs.recompute = config.recompute;
    needs.offload = config.offload;
    needs.fp8 = config.fp8;
    needs.on_device = device.free_memory().has_value();
    if (needs.fp8 && needs.on_device) check_fp8(model, stage.sequence_length);
    needs.threads = needs.on_device ? 0 : threads;
    check_fits(needs, available);
  }
}

}  // namespace cairn::train
