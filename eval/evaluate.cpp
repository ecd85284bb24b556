// step evaluate: models and tasks -> results in the harness's form, samples, a table, a report.
//
//   results_MODEL.json   samples/MODEL/samples_TASK.jsonl   table_MODEL.md   report.html
#include <algorithm>
#include <bit>
#include <charconv>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/step_context.h"
#include "eval/model_step.h"
#include "eval/report.h"
#include "eval/scorer.h"
#include "eval/steps.h"

namespace cairn::eval {
namespace {

using steps::StepContext;
using steps::StepInput;

std::vector<Task> load_tasks(const StepContext& ctx) {
  const std::vector<std::string> wanted = ctx.config().strings("tasks");
  const int num_fewshot = ctx.config().has("num_fewshot") ? static_cast<int>(ctx.config().integer("num_fewshot")) : -1;
  std::vector<Task> tasks;
  std::set<std::string> found, names;
  for (const StepInput& input : ctx.inputs("tasks")) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(input.path)) {
      if (entry.path().extension() == ".yaml") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const fs::path& file : files) {
      const std::string name = file.stem().string();
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), name) == wanted.end()) continue;
      found.insert(name);
      tasks.push_back(load_task(file, {}, num_fewshot));
      const std::string& task = tasks.back().name;
      if (!can_be_in_file_names(task)) {
        fail_usage("{}: task: expected what can be part of a file name, at most {} bytes, found '{}'", file.filename().string(),
                   kNameBytes, task);
      }
      if (!names.insert(task).second) fail_usage("{}: two task files are called '{}'", file.filename().string(), task);
    }
  }
  for (const std::string& name : wanted) {
    if (found.count(name) == 0) fail_usage("config.tasks: no task file {}.yaml among the inputs", name);
  }
  if (tasks.empty()) fail("evaluate: the tasks input holds no .yaml file");
  return tasks;
}

// Loss by step from a checkpoint's trace.jsonl (docs/format/checkpoint.md): hexadecimal bits of doubles.
Curve loss_curve(const StepInput& checkpoint, std::string name) {
  Curve curve{std::move(name), {}, {}};
  const fs::path trace = checkpoint.path / "trace.jsonl";
  if (!fs::exists(trace)) return curve;
  const std::string text = read_file(trace);
  std::size_t begin = 0;
  for (std::size_t line = 1; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const Json entry = parse_json(std::string_view(text).substr(begin, end - begin), fmt::format("trace.jsonl: line {}", line));
    begin = end + 1;
    const std::string hex = entry.at("loss").get<std::string>();
    std::uint64_t bits = 0;
    const auto [last, status] = std::from_chars(hex.data(), hex.data() + hex.size(), bits, 16);
    if (status != std::errc() || last != hex.data() + hex.size())
      fail("trace.jsonl: line {}: '{}' are not the bits of a number", line, hex);
    curve.x.push_back(entry.at("step").get<double>());
    curve.y.push_back(std::bit_cast<double>(bits));
  }
  return curve;
}

void write_text(StepContext& ctx, const fs::path& path, const std::string& text) {
  ctx.disk().make_directories(path.parent_path());
  const auto file = ctx.disk().create(path);
  file->write(text);
  file->close();
}

ModelResults evaluate_model(StepContext& ctx, const ComputeDevice& device, const StepInput& input, const std::string& name,
                            const std::vector<Task>& tasks, const RunOptions& options) {
  StepModel model(ctx, device, input);
  ScorerOptions scoring;
  scoring.max_length = ctx.config().has("max_length") ? ctx.config().integer("max_length") : 0;
  scoring.add_bos = ctx.config().boolean("add_bos");
  Scorer scorer(model.context(), model.parameters(), model.tokenizer(), scoring);

  ModelResults out;
  out.model = {name, input.digest, model.config().parameters(),
               scoring.max_length > 0 ? scoring.max_length : model.config().max_positions, model.parameters().dtype()};
  for (const Task& task : tasks) out.results.push_back(run_task(task, scorer, options));
  return out;
}

// What a config tells is told before the first model is read.
void check_models(const StepContext& ctx, const std::vector<std::string>& names, const std::vector<Task>& tasks) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    const model::ModelConfig model = model::read_hf_config(ctx.inputs("models")[i].path / "config.json");
    const std::int64_t wanted = ctx.config().has("max_length") ? ctx.config().integer("max_length") : 0;
    if (wanted > model.max_positions)
      fail_usage("{}: max_length {}: the model reads at most {} tokens", names[i], wanted, model.max_positions);
    const std::int64_t length = wanted > 0 ? wanted : model.max_positions;
    for (const Task& task : tasks) {
      if (task.output_type == OutputType::generate_until && task.max_tokens >= length) {
        fail_usage("{}: task '{}' asks for max_gen_toks {}, the model reads {} tokens in all", names[i], task.name,
                   task.max_tokens, length);
      }
    }
  }
}

void evaluate(StepContext& ctx) {
  const std::unique_ptr<ComputeDevice> device = step_device(ctx);
  const std::vector<std::string> names = model_names(ctx);
  const std::vector<Task> tasks = load_tasks(ctx);
  check_models(ctx, names, tasks);
  RunOptions options;
  options.limit = ctx.config().integer("limit");
  options.fewshot_seed = static_cast<std::uint64_t>(ctx.config().integer("fewshot_seed"));
  std::uint64_t total = 0;
  for (const Task& task : tasks) {
    const auto all = static_cast<std::int64_t>(task.documents->size());
    total += static_cast<std::uint64_t>(options.limit > 0 ? std::min(options.limit, all) : all);
  }
  Progress& progress = ctx.progress("evaluate", "documents");
  progress.set_total(total * names.size());
  options.after_document = [&] { text_done(ctx, progress); };

  const fs::path folder = ctx.staging("results");
  std::vector<ModelResults> all;
  ReportFacts facts;
  facts.title = ctx.config().string("title");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const StepInput& input = ctx.inputs("models")[i];
    all.push_back(evaluate_model(ctx, *device, input, names[i], tasks, options));
    const ModelResults& entry = all.back();
    write_text(ctx, folder / ("results_" + names[i] + ".json"),
               pretty_json(results_json(entry.model, entry.results, options, ctx.started())));
    write_text(ctx, folder / ("table_" + names[i] + ".md"), markdown_table(entry.results));
    for (const TaskResult& result : entry.results) {
      std::string lines;
      for (const Json& line : samples_json(result)) lines += canonical_json(line) + "\n";
      write_text(ctx, folder / "samples" / names[i] / ("samples_" + result.task.name + ".jsonl"), lines);
    }
    facts.identity.emplace_back("model " + names[i], fmt::format("sha256:{} ({} parameters)", input.digest.hex(),
                                                                 format_count(static_cast<double>(entry.model.parameters))));
  }
  for (const StepInput& input : ctx.inputs("tasks")) facts.identity.emplace_back("tasks", "sha256:" + input.digest.hex());
  facts.identity.emplace_back("evaluated", format_time(ctx.started()) + " UTC");
  const auto& checkpoints = ctx.inputs("checkpoints");
  for (std::size_t i = 0; i < checkpoints.size(); ++i) {
    Curve curve = loss_curve(checkpoints[i], fmt::format("checkpoint-{}", i));
    if (!curve.x.empty()) facts.training.push_back(std::move(curve));
  }
  write_text(ctx, folder / "report.html", html_report(facts, all));
  ctx.describe_output("results", "tasks", tasks.size());
  ctx.describe_output("results", "models", names);
  ctx.summarise(fmt::format("{} tasks, {} documents, {} models", tasks.size(), total, names.size()));
}

}  // namespace

const steps::StepSpec kEvaluate{
    .name = "evaluate",
    .version = 5,
    .summary = "models and tasks -> results in lm-evaluation-harness's form, samples, an HTML report",
    .inputs = {{.role = "models", .kind = "model", .help = "Hugging Face folders (export)", .many = true},
               {.role = "tasks", .kind = "task", .help = "folders of task files", .many = true},
               {.role = "checkpoints",
                .kind = "checkpoint",
                .help = "whose loss curves the report shows",
                .optional = true,
                .many = true}},
    .outputs = {{.role = "results", .kind = "eval_result", .help = "results_*.json, samples/, table_*.md, report.html"}},
    .config = object({
        names_field(),
        field("tasks", list(string()).def(Json::array()), "which tasks; default: all of the inputs"),
        field("limit", integer().min(0).def(0), "the first documents of each task only; 0 = all"),
        field("num_fewshot", integer().min(0).def(nullptr), "instead of the task's own number"),
        field("fewshot_seed", integer().min(0).def(1234), "seed of the few-shot draw"),
        field("add_bos", boolean().def(true), "BOS before each context"),
        field("max_length", integer().min(2).def(nullptr), "tokens the model may read; default: its positions"),
        dtype_field(),
        field("title", string().def("Evaluation report"), "title of the report"),
    }),
    .runtime = model_runtime(),
    .class_fields = {"backend"},
    .device = model_device_facts,
    .exactness = steps::Exactness::within_class,
    .run = evaluate,
};

}  // namespace cairn::eval
