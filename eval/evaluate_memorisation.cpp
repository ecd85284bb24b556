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
#include "engine/model/config.h"
#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "eval/memorisation.h"
#include "eval/model_step.h"
#include "eval/steps.h"

namespace cairn::eval {
namespace {

using steps::StepContext;
using steps::StepInput;

constexpr double kMostTokens = 1'000'000;  // of a prefix, a suffix or an offset
constexpr double kMostWays = 100;          // prefixes or offsets

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
  Writer(StepContext& step, StepModel& model, std::int64_t room)
      : step_(step), sequence_(model.context(), model.parameters(), room), eos_(model.config().eos) {}

  std::vector<std::int32_t> write(std::vector<std::int32_t> context, std::int64_t count, Decoding decoding, std::size_t probe) {
    const Config& config = step_.config();
    infer::SamplingParams params;
    params.temperature = decoding == Decoding::greedy ? 0 : config.number("temperature");
    params.top_p = config.number("top_p");
    params.seed = static_cast<std::uint64_t>(config.integer("seed")) + probe;
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
      step_.stop_if_asked();
    }
    return written;
  }

 private:
  StepContext& step_;
  infer::Sequence sequence_;
  std::vector<std::int32_t> eos_;
};

// Whether `input` can be asked at all, by its config and tokenizer alone: no model is read for nothing.
void check_model(const StepContext& ctx, const StepInput& input, const std::string& name, std::int32_t greatest_token,
                 std::int64_t room) {
  const model::ModelConfig model = model::read_hf_config(input.path / "config.json");
  if (room > model.max_positions)
    fail_usage("{}: prefix and suffix take {} tokens, the model reads {}", name, room, model.max_positions);
  const std::string bos = ctx.config().string("bos");
  if (!bos.empty()) text::Tokenizer::load(input.path).require(bos);
  if (greatest_token >= model.vocab) {
    fail_usage("{}: the probes have token {}, the model's vocabulary has {}: they are of another tokenizer", name, greatest_token,
               model.vocab);
  }
}

std::int32_t greatest_token(const data::ProbeTable& table) {
  std::int32_t greatest = 0;
  for (std::size_t p = 0; p < table.probes().size(); ++p) {
    for (const std::int32_t token : table.tokens(p)) {
      if (token < 0) fail("probes.jsonl: line {}: token {} of the probe is none", p + 1, token);
      greatest = std::max(greatest, token);
    }
  }
  return greatest;
}

MemorisationOfModel evaluate_model(StepContext& ctx, const ComputeDevice& device, const StepInput& input, const std::string& name,
                                   const data::ProbeTable& table, const MemorisationOptions& options, std::int64_t room) {
  StepModel model(ctx, device, input);
  const std::string begin = ctx.config().string("bos");
  std::optional<text::TokenId> bos;
  if (!begin.empty()) bos = model.tokenizer().require(begin);
  Writer writer(ctx, model, room);
  Progress& progress = ctx.progress("memorisation " + name, "texts");
  return {name, measure_memorisation(
                    table, options,
                    [&](std::span<const std::int32_t> prefix, std::int64_t count, Decoding decoding, std::size_t probe) {
                      std::vector<std::int32_t> tokens;
                      if (bos) tokens.push_back(*bos);
                      tokens.insert(tokens.end(), prefix.begin(), prefix.end());
                      std::vector<std::int32_t> text = writer.write(std::move(tokens), count, decoding, probe);
                      text_done(ctx, progress);
                      return text;
                    })};
}

void evaluate_memorisation(StepContext& ctx) {
  const std::unique_ptr<ComputeDevice> device = step_device(ctx);
  const std::vector<std::string> names = model_names(ctx);
  const data::ProbeTable table = data::ProbeTable::open(ctx.input("probes").path);
  const MemorisationOptions options = read_options(ctx.config());
  const std::int64_t room = memorisation_room(table, options) + (ctx.config().string("bos").empty() ? 0 : 1);
  const std::int32_t greatest = greatest_token(table);
  for (std::size_t m = 0; m < names.size(); ++m) check_model(ctx, ctx.inputs("models")[m], names[m], greatest, room);
  const fs::path folder = ctx.staging("results");
  std::vector<MemorisationOfModel> models;
  for (std::size_t m = 0; m < ctx.inputs("models").size(); ++m) {
    const StepInput& input = ctx.inputs("models")[m];
    models.push_back(evaluate_model(ctx, *device, input, names[m], table, options, room));
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
                          std::vector<std::int32_t> known;  // a model may write what a smaller vocabulary has not
                          for (const std::int32_t token : tokens) {
                            if (token < tokenizer.vocab_size()) known.push_back(token);
                          }
                          return text::utf8_lossy(tokenizer.decode(known, false));
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
    .version = 2,
    .summary = "models and planted probes -> how much of them is remembered, by how often they were read",
    .inputs = {{.role = "models", .kind = "model", .help = "Hugging Face folders (export)", .many = true},
               {.role = "probes", .kind = "task", .help = "the table that plant-probes wrote"}},
    .outputs = {{.role = "results", .kind = "eval_result", .help = "results_*.json, samples/, report.html"}},
    .config = object({
        names_field(),
        field("prefixes",
              list(integer().min(1).max(kMostTokens))
                  .min(1)
                  .max(kMostWays)
                  .def(Json::array({50, 100, 250, 500, 1000, 2000, 3000, 4000, 5000})),
              "tokens of a probe that the model is given"),
        field("suffix", integer().min(1).max(kMostTokens).def(500), "tokens behind them that it should know"),
        field("offsets", list(integer().min(0).max(kMostTokens)).min(1).max(kMostWays).def(Json::array({0})),
              "where in the probe the prefix begins"),
        field("decodings", list(string().one_of({"greedy", "nucleus"})).min(1).max(2).def(Json::array({"greedy", "nucleus"})),
              "how it writes"),
        field("temperature", number().above(0).def(1.0), "of nucleus"),
        field("top_p", number().above(0).max(1).def(0.9), "of nucleus"),
        field("seed", integer().min(0).def(42), "of nucleus"),
        field("least_ttr", number().min(0).max(1).def(0.4),
              "probes whose true suffix has this type-token ratio or less are left out"),
        field("kinds", list(string()).def(Json::array()), "of probes: book, random_tokens, ...; empty = all"),
        field("limit", integer().min(0).def(0), "probes of each kind and bucket; 0 = all"),
        field("bos", string().def("<s>"), "token before the prefix, as it was planted; empty: none"),
        dtype_field(),
    }),
    .runtime = model_runtime(),
    .class_fields = {"backend"},
    .device = model_device_facts,
    .exactness = steps::Exactness::within_class,
    .run = evaluate_memorisation,
};

}  // namespace cairn::eval
