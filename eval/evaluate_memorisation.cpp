// step evaluate-memorisation: models and a probe table -> how much of the probes they remember, by bucket.
//
//   results_MODEL.json   samples/MODEL/memorisation.jsonl   report.html
#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/infer/sampling.h"
#include "engine/infer/sequence.h"
#include "engine/model/hf_folder.h"
#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "eval/memorisation.h"
#include "eval/steps.h"
#include "kernels/compute_device.h"

namespace cairn::eval {
namespace {

using steps::StepContext;
using steps::StepInput;

MemorisationOptions read_options(const Config& config) {
  MemorisationOptions options;
  options.prefixes = config.integers("prefixes");
  options.suffix = config.integer("suffix");
  options.offsets = config.integers("offsets");
  options.decodings.clear();
  for (const std::string& name : config.strings("decodings"))
    options.decodings.push_back(name == "greedy" ? Decoding::greedy : Decoding::nucleus);
  options.least_ttr = config.number("least_ttr");
  options.kinds = config.strings("kinds");
  options.limit = config.integer("limit");
  return options;
}

// Writes exactly as many tokens as are asked for: the end tokens are never drawn.
class Writer {
 public:
  Writer(Context& context, const model::LoadedModel& loaded, const Config& config, std::int64_t room)
      : sequence_(context, loaded.parameters, room), eos_(loaded.config.eos), config_(config) {}

  std::vector<std::int32_t> write(std::vector<std::int32_t> context, std::int64_t count, Decoding decoding, std::size_t probe) {
    infer::SamplingParams params;
    params.temperature = decoding == Decoding::greedy ? 0 : config_.number("temperature");
    params.top_p = config_.number("top_p");
    params.seed = static_cast<std::uint64_t>(config_.integer("seed")) + probe;
    infer::Sampler sampler(params, context, sequence_.vocab());
    sequence_.truncate(0);
    std::vector<std::int32_t> written;
    std::vector<std::int32_t> next = std::move(context);
    std::vector<float> masked;
    while (static_cast<std::int64_t>(written.size()) < count) {
      sequence_.extend(next, static_cast<std::int64_t>(next.size()) - 1,
                       [&](std::int64_t, std::span<const float> logits) { masked.assign(logits.begin(), logits.end()); });
      for (const std::int32_t end : eos_) {
        if (end >= 0 && end < static_cast<std::int32_t>(masked.size()))
          masked[static_cast<std::size_t>(end)] = -std::numeric_limits<float>::infinity();
      }
      written.push_back(sampler.next(masked).token);
      next = {written.back()};
    }
    return written;
  }

 private:
  infer::Sequence sequence_;
  std::vector<std::int32_t> eos_;
  Config config_;
};

MemorisationOfModel evaluate_model(StepContext& ctx, const ComputeDevice& device, const StepInput& input, const std::string& name,
                                   const data::ProbeTable& table, const MemorisationOptions& options) {
  const Config& config = ctx.config();
  model::LoadedModel loaded = model::load_hf_folder(input.path, config.string("dtype") == "bf16" ? Dtype::bf16 : Dtype::f32);
  const text::Tokenizer tokenizer = text::Tokenizer::load(input.path);
  std::optional<text::TokenId> bos;
  if (!config.string("bos").empty()) bos = tokenizer.require(config.string("bos"));
  Context context = device.context(ctx.threads());
  loaded.parameters = model::moved_to(context.memory(), std::move(loaded.parameters));
  const std::int64_t room = *std::max_element(options.prefixes.begin(), options.prefixes.end()) + options.suffix + 1;
  if (room > loaded.config.max_positions) {
    fail_usage("{}: {} tokens of prefix and suffix, the model reads {}", name, room, loaded.config.max_positions);
  }
  Writer writer(context, loaded, config, room);
  const auto after_each = [&] { ctx.stop_if_asked(); };
  Progress& progress = ctx.progress("memorisation " + name, "probes");
  return {name, measure_memorisation(
                    table, options,
                    [&](std::span<const std::int32_t> begin, std::int64_t count, Decoding decoding, std::size_t probe) {
                      std::vector<std::int32_t> tokens;
                      if (bos) tokens.push_back(*bos);
                      tokens.insert(tokens.end(), begin.begin(), begin.end());
                      progress.add();
                      return writer.write(std::move(tokens), count, decoding, probe);
                    },
                    after_each)};
}

std::string name_of(const StepContext& ctx, std::size_t model) {
  const std::vector<std::string> names = ctx.config().strings("names");
  const auto& inputs = ctx.inputs("models");
  if (!names.empty() && names.size() != inputs.size())
    fail_usage("config.names: {} names for {} models", names.size(), inputs.size());
  const std::string name = names.empty() ? inputs[model].label.substr(0, inputs[model].label.find('.')) : names[model];
  return name.empty() || name.find('/') != std::string::npos ? fmt::format("model-{}", model) : name;
}

void evaluate_memorisation(StepContext& ctx) {
  const std::unique_ptr<ComputeDevice> device =
      open_compute_device(ctx.runtime().string("device"), ctx.runtime().string("backend"));
  const data::ProbeTable table = data::ProbeTable::open(ctx.input("probes").path);
  const MemorisationOptions options = read_options(ctx.config());
  const fs::path folder = ctx.staging("results");
  std::vector<MemorisationOfModel> models;
  for (std::size_t m = 0; m < ctx.inputs("models").size(); ++m) {
    const StepInput& input = ctx.inputs("models")[m];
    models.push_back(evaluate_model(ctx, *device, input, name_of(ctx, m), table, options));
    const MemorisationOfModel& model = models.back();
    std::string lines;
    for (const MemorisationSample& sample : model.measured.samples) lines += canonical_json(sample_json(sample, table)) + "\n";
    ctx.disk().make_directories(folder / "samples" / model.name);
    write_file_atomically(ctx.disk(), folder / ("results_" + model.name + ".json"),
                          pretty_json({{"task", "memorisation"},
                                       {"version", 1},
                                       {"model", model.name},
                                       {"model_digest", "sha256:" + input.digest.hex()},
                                       {"probes_digest", "sha256:" + ctx.input("probes").digest.hex()},
                                       {"config", ctx.config().json()},
                                       {"cells", memorisation_json(model.measured)}}));
    write_file_atomically(ctx.disk(), folder / "samples" / model.name / "memorisation.jsonl", lines);
  }
  const text::Tokenizer tokenizer = text::Tokenizer::load(ctx.inputs("models").front().path);
  write_file_atomically(ctx.disk(), folder / "report.html",
                        memorisation_html(models, table, options, [&](std::span<const std::int32_t> tokens) {
                          return text::utf8_lossy(tokenizer.decode(tokens, false));
                        }));
  ctx.describe_output("results", "models", models.size());
  ctx.describe_output("results", "probes", table.probes().size());
  std::size_t samples = 0;
  for (const MemorisationOfModel& model : models) samples += model.measured.samples.size();
  ctx.summarise(fmt::format("{} probes, {} models, {} continuations", table.probes().size(), models.size(), samples));
}

}  // namespace

const steps::StepSpec kEvaluateMemorisation{
    .name = "evaluate-memorisation",
    .version = 1,
    .summary = "models and planted probes -> how much of them is remembered, by how often they were read",
    .inputs = {{.role = "models", .kind = "model", .help = "Hugging Face folders (export)", .many = true},
               {.role = "probes", .kind = "task", .help = "the table that plant-probes wrote"}},
    .outputs = {{.role = "results", .kind = "eval_result", .help = "results_*.json, samples/, report.html"}},
    .config = object({
        field("names", list(string()).def(Json::array()), "the models' names in results; default: the inputs' names"),
        field("prefixes", list(integer().min(1)).min(1).def(Json::array({50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000})),
              "tokens of a probe that the model is given"),
        field("suffix", integer().min(1).def(500), "tokens behind them that it should know"),
        field("offsets", list(integer().min(0)).min(1).def(Json::array({0})), "where in the probe the prefix begins"),
        field("decodings", list(string().one_of({"greedy", "nucleus"})).min(1).def(Json::array({"greedy", "nucleus"})),
              "how it writes"),
        field("temperature", number().above(0).def(1.0), "of nucleus"),
        field("top_p", number().above(0).max(1).def(0.9), "of nucleus"),
        field("seed", integer().min(0).def(42), "of nucleus"),
        field("least_ttr", number().min(0).max(1).def(0.4),
              "probes whose true suffix has this type-token ratio or less are left out"),
        field("kinds", list(string()).def(Json::array()), "of probes: book, random_tokens, ...; empty = all"),
        field("limit", integer().min(0).def(0), "probes of each kind and bucket; 0 = all"),
        field("bos", string().def("<s>"), "token before the prefix, as it was planted; empty: none"),
        field("dtype", string().one_of({"f32", "bf16"}).def("f32"), "of weights and activations; bf16 takes half the memory"),
    }),
    .runtime = object({
        field("device", string().def("cpu"), kDeviceHelp),
        field("backend", string().def("cpu"), "kernels on the cpu: cpu or ref"),
    }),
    .class_fields = {"backend"},
    .device = [](const Json& runtime) { return device_facts(runtime.at("device").get<std::string>()); },
    .exactness = steps::Exactness::within_class,
    .run = evaluate_memorisation,
};

}  // namespace cairn::eval
