// cairn plan: what a training will need and how fast it can be at most, before there is a machine for it.
#include <algorithm>

#include "app/cli/cli.h"
#include "app/cli/model_argument.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/environment.h"
#include "engine/train/training_plan.h"
#include "kernels/compute_device.h"
#include "kernels/cpu/peak.h"

namespace cairn::app {
namespace {

using train::DeviceFacts;
using train::TrainingNeeds;

struct Options {
  std::string preset, model, device = "cpu", optimizer = "ademamix", dtype = "bf16", moments = "f32", recompute = "none",
                             offload = "none";
  std::int64_t host_gb = 0;
  std::int64_t ranks = 1, batch = 0, micro_batch = 1, sequence_length = 0;
};

// What this machine does now: rates are measured, in less than half a second.
DeviceFacts this_machine(Session& session) {
  const Json facts = steps::environment_facts();
  DeviceFacts device{.name = "cpu", .title = facts.at("cpu").get<std::string>()};
  device.memory_bytes = facts.at("memory_bytes").get<double>();
  device.f32_flops = measure_peak_flops(session.threads());
  device.bf16_flops = measure_peak_flops(session.threads(), Dtype::bf16);
  device.bytes_per_second = open_compute_device("cpu")->measure_copy_rate(session.threads());
  return device;
}

// A GPU of this machine: its data sheet, and what is free on it and beside it now.
DeviceFacts this_gpu(const std::string& name) {
  const std::unique_ptr<ComputeDevice> gpu = open_compute_device(name);
  const DeviceFacts* sheet = train::device_by_title(gpu->name());
  if (sheet == nullptr) fail_usage("--device {}: no data sheet of {} is known; name one that is like it", name, gpu->name());
  DeviceFacts device = *sheet;
  device.memory_bytes = static_cast<double>(gpu->free_memory().value_or(0));
  device.host_bytes = static_cast<double>(train::free_memory());
  return device;
}

TrainingNeeds read_needs(Session& session, const Options& options) {
  const auto at_least_one = [](const char* option, std::int64_t value) {
    if (value < 1 || value > 1'000'000'000) fail_usage("{}: expected a number from 1 to 10^9, found {}", option, value);
    return value;
  };
  const auto one_of = [](const char* option, const std::string& value, const std::string& a, const std::string& b) {
    if (value != a && value != b) fail_usage("{}: expected {} or {}, found '{}'", option, a, b, value);
    return value == b;
  };
  if (options.preset.empty() == options.model.empty()) fail_usage("plan: name a model with --preset or with --model");
  TrainingNeeds needs;
  needs.model = options.preset.empty() ? model::read_hf_config(find_model(session, options.model).folder / "config.json")
                                       : model::preset(options.preset);
  needs.optimizer.method = train::optimizer_method(options.optimizer);
  needs.optimizer.bf16_moments = one_of("--moments", options.moments, "f32", "bf16");
  needs.fp8 = options.dtype == "fp8";
  needs.compute = needs.fp8 || one_of("--dtype", options.dtype, "f32", "bf16") ? Dtype::bf16 : Dtype::f32;
  needs.ranks = at_least_one("--ranks", options.ranks);
  needs.micro_batch = at_least_one("--micro-batch", options.micro_batch);
  needs.batch = options.batch == 0 ? needs.ranks * needs.micro_batch : at_least_one("--batch", options.batch);
  if (needs.batch < needs.ranks) fail_usage("--batch: {} samples for {} ranks", needs.batch, needs.ranks);
  needs.micro_batch = std::min(needs.micro_batch, (needs.batch + needs.ranks - 1) / needs.ranks);
  needs.sequence_length = options.sequence_length == 0 ? std::min<std::int64_t>(4096, needs.model.max_positions)
                                                       : at_least_one("--sequence-length", options.sequence_length);
  if (needs.micro_batch * needs.sequence_length > std::int64_t{1} << 31) fail_usage("--sequence-length: too many tokens at once");
  needs.recompute = model::parse_recompute(options.recompute);
  needs.offload = train::parse_offload(options.offload);
  if (needs.offload.any() && options.device == "cpu") fail_usage("--offload: a cpu computes where all of it lies");
  if (needs.offload.masters && needs.compute != Dtype::bf16)
    fail_usage("--offload masters: in f32 they are what computes; only bf16 has weights beside them");
  return needs;
}

std::string size(double bytes) {
  return format_bytes(static_cast<std::uint64_t>(bytes));
}

struct MemoryRow {
  const char* key;
  std::int64_t bytes;
  std::string what;
};

std::vector<MemoryRow> memory_rows(const TrainingNeeds& needs, const train::MemoryNeed& memory, const Options& options) {
  const std::string shared = needs.ranks > 1 ? fmt::format(", cut over {} ranks", needs.ranks) : "";
  std::vector<MemoryRow> rows{
      {"weights", memory.weights, dtype_name(needs.compute)},
      {"master", memory.master,
       memory.master + memory.host_master > 0 ? "float32 weights" + shared : "the weights are float32 themselves"},
      {"gradients", memory.gradients, "float32"},
      {"moments", memory.moments, fmt::format("{}, {}{}", options.optimizer, options.moments, shared)},
      {"activations", memory.activations, fmt::format("kept for the backward; recompute: {}", recompute_text(needs.recompute))},
      {"working", memory.working,
       fmt::format("logits ({}) or gradients inside a block, rotary tables", size(double(memory.logits)))},
      {"checkpoint", memory.checkpoint,
       needs.checkpoint_copy ? "copy of the state, written while training goes on" : "its copy lies in the host's memory"}};
  if (needs.offload.any()) {
    rows.push_back({"staging", memory.staging, "parts of what lies on the host, on their way"});
    const auto on_host = [](std::int64_t bytes) { return bytes > 0 ? fmt::format("; {} on the host", size(double(bytes))) : ""; };
    rows[1].what += on_host(memory.host_master);
    rows[3].what += on_host(memory.host_moments);
    rows[4].what += on_host(memory.host_activations);
  }
  if (needs.threads > 0) {
    rows.push_back({"threads", memory.threads, fmt::format("what {} threads keep for products and attention", needs.threads)});
  }
  return rows;
}

struct Alternative {
  std::string recompute;
  std::int64_t activations, working, total;
};

std::vector<Alternative> recompute_alternatives(TrainingNeeds needs) {
  std::vector<Alternative> all;
  for (const char* text : {"none", "norms+activation", "norms+mlp", "mlp+attention", "block"}) {
    needs.recompute = model::parse_recompute(text);
    const train::MemoryNeed memory = train::plan_memory(needs);
    all.push_back({text, memory.activations, memory.working, memory.total()});
  }
  return all;
}

// Where things lie, and what a step then costs at least.
struct Placed {
  std::string offload;
  std::int64_t device, host;
  double copies, waiting, step;
};

std::vector<Placed> offload_alternatives(TrainingNeeds needs, const DeviceFacts& device) {
  std::vector<Placed> all;
  const bool masters = needs.compute == Dtype::bf16;
  for (const char* text : {"none", "moments", "masters", "residuals", "moments+masters", "all"}) {
    needs.offload = train::parse_offload(text);
    if (needs.offload.masters && !masters) continue;
    const train::MemoryNeed memory = train::plan_memory(needs);
    const train::StepFloor floor = train::plan_floor(needs, device);
    all.push_back({text, memory.total(), memory.host(), floor.copies, floor.waiting, floor.total()});
  }
  return all;
}

struct Plan {
  TrainingNeeds needs;
  DeviceFacts device;
  train::MemoryNeed memory;
  train::StepFloor floor;
  std::vector<Alternative> alternatives;
  std::vector<Placed> placed;  // of a device with a host beside it
  std::int64_t usable;         // of the device's memory: a part is the driver's or the system's
  // Of the host's memory where that is known: it is the system's, too.
  bool host_fits(std::int64_t bytes) const { return device.host_bytes == 0 || double(bytes) <= 0.9 * device.host_bytes; }
  bool fits(std::int64_t on_device, std::int64_t on_host) const { return on_device <= usable && host_fits(on_host); }
  bool fits() const { return fits(memory.total(), memory.host()); }
};

void print_plan(const Plan& plan, const Options& options) {
  const TrainingNeeds& needs = plan.needs;
  const model::ModelConfig& c = needs.model;
  fmt::print("{}: {} parameters ({}), {} layers of width {}, vocabulary {}\n",
             options.preset.empty() ? options.model : options.preset, c.parameters(),
             format_count(static_cast<double>(c.parameters())), c.layers, c.width, c.vocab);
  fmt::print("a step: {} samples of {} tokens on {} {} of {}, {} at a time on each\n\n", needs.batch, needs.sequence_length,
             needs.ranks, needs.ranks == 1 ? "rank" : "ranks", plan.device.title, needs.micro_batch);

  TextTable memory({"memory of a rank", "", "what"});
  for (const MemoryRow& row : memory_rows(needs, plan.memory, options)) memory.add({row.key, size(double(row.bytes)), row.what});
  memory.add({"total", size(double(plan.memory.total())),
              fmt::format("{}: {} of {} usable", plan.memory.total() <= plan.usable ? "fits" : "does not fit",
                          size(double(plan.usable)), size(plan.device.memory_bytes))});
  fmt::print("{}\n", memory.render(terminal_width()));
  if (needs.offload.any()) {
    fmt::print("{} on the host beside it{}.\n\n", size(double(plan.memory.host())),
               plan.device.host_bytes == 0 ? ", whose memory is not known (--host-gb)"
                                           : fmt::format(", {}: {}", size(plan.device.host_bytes),
                                                         plan.host_fits(plan.memory.host()) ? "fits" : "does not fit"));
  }
  if (plan.memory.total() > plan.usable) fmt::print("{}.\n\n", train::does_not_fit_text(needs, plan.usable));

  TextTable again({"recompute", "activations", "working", "total"});
  for (const Alternative& a : plan.alternatives) {
    again.add({a.recompute, size(double(a.activations)), size(double(a.working)), size(double(a.total))});
  }
  fmt::print("{}\n", again.render(terminal_width()));

  if (!plan.placed.empty()) {
    TextTable placed({"offload", "on the device", "on the host", "copies, each way", "not hidden", "step at least", ""});
    for (const Placed& p : plan.placed) {
      placed.add({p.offload, size(double(p.device)), size(double(p.host)), format_duration(p.copies), format_duration(p.waiting),
                  format_duration(p.step), plan.fits(p.device, p.host) ? "fits" : "does not fit"});
    }
    fmt::print("{}\n", placed.render(terminal_width()));
  }

  TextTable time({"floor of a step", "", "at the device's full rate; the network is not counted"});
  const train::StepFloor& f = plan.floor;
  time.add({"matrix products", format_duration(f.matmul),
            fmt::format("{} FLOPs a token", format_count(6.0 * double(c.matmul_parameters())))});
  time.add({"attention", format_duration(f.attention),
            fmt::format("{} FLOPs a token",
                        format_count(c.train_flops_per_token(needs.sequence_length) - 6.0 * double(c.matmul_parameters())))});
  time.add({"element-wise", format_duration(f.elementwise), "norms, rotation, activation, logits"});
  time.add({"optimizer", format_duration(f.optimizer), "weights, moments, gradients read and written"});
  if (needs.offload.any()) {
    time.add({"waiting", format_duration(f.waiting),
              fmt::format("for {} of copies each way at {}/s, the rest behind the work", format_duration(f.copies),
                          size(plan.device.host_bytes_per_second))});
  }
  time.add({"step", format_duration(f.total()),
            fmt::format("{} tokens/s, MFU {:.0f}%", format_count(f.tokens_per_second), 100 * f.model_flops_share)});
  fmt::print("{}", time.render(terminal_width()));
}

Json plan_json(const Plan& plan, const Options& options) {
  const TrainingNeeds& needs = plan.needs;
  Json memory = Json::object();
  for (const MemoryRow& row : memory_rows(needs, plan.memory, options)) memory[row.key] = row.bytes;
  memory["total"] = plan.memory.total();
  memory["logits"] = plan.memory.logits;
  memory["host"] = plan.memory.host();
  Json placed = Json::array();
  for (const Placed& p : plan.placed) {
    placed.push_back({{"offload", p.offload},
                      {"device_bytes", p.device},
                      {"host_bytes", p.host},
                      {"copies_seconds", p.copies},
                      {"waiting_seconds", p.waiting},
                      {"step_seconds", p.step},
                      {"fits", plan.fits(p.device, p.host)}});
  }
  Json alternatives = Json::array(), changes = Json::array();
  for (const Alternative& a : plan.alternatives) {
    alternatives.push_back(
        {{"recompute", a.recompute}, {"activations", a.activations}, {"working", a.working}, {"total", a.total}});
  }
  if (!plan.fits()) {
    for (const train::Remedy& r : train::remedies(needs, plan.usable))
      changes.push_back({{"change", r.change}, {"bytes", r.bytes}});
  }
  const train::StepFloor& f = plan.floor;
  return {{"model", options.preset.empty() ? options.model : options.preset},
          {"parameters", needs.model.parameters()},
          {"flops_per_token", needs.model.train_flops_per_token(needs.sequence_length)},
          {"ranks", needs.ranks},
          {"batch", needs.batch},
          {"micro_batch", needs.micro_batch},
          {"sequence_length", needs.sequence_length},
          {"device",
           {{"name", plan.device.name},
            {"memory_bytes", plan.device.memory_bytes},
            {"usable_bytes", plan.usable},
            {"table_version", train::kDeviceTableVersion}}},
          {"memory", memory},
          {"recompute", alternatives},
          {"offload", placed},
          {"fits", plan.fits()},
          {"fits_with", changes},
          {"floor_seconds",
           {{"matmul", f.matmul},
            {"attention", f.attention},
            {"elementwise", f.elementwise},
            {"optimizer", f.optimizer},
            {"waiting", f.waiting},
            {"step", f.total()}}},
          {"tokens_per_second", f.tokens_per_second},
          {"mfu", f.model_flops_share}};
}

ExitCode plan_training(Session& session, const Options& options) {
  Plan plan;
  plan.needs = read_needs(session, options);
  plan.device = options.device == "cpu"               ? this_machine(session)
                : options.device.starts_with("cuda:") ? this_gpu(options.device)
                                                      : train::device_by_name(options.device);
  if (options.host_gb < 0) fail_usage("--host-gb: expected a number of GB, found {}", options.host_gb);
  if (options.host_gb > 0) plan.device.host_bytes = 1e9 * static_cast<double>(options.host_gb);
  if (plan.needs.fp8 && plan.device.fp8_flops == 0)
    fail_usage("--dtype fp8: {} has no rate for 8-bit products", plan.device.title);
  plan.needs.checkpoint_copy = options.device == "cpu";
  plan.needs.on_device = options.device != "cpu";
  if (!plan.needs.on_device) plan.needs.threads = session.threads().threads();
  plan.memory = train::plan_memory(plan.needs);
  plan.floor = train::plan_floor(plan.needs, plan.device);
  plan.alternatives = recompute_alternatives(plan.needs);
  if (plan.needs.on_device) plan.placed = offload_alternatives(plan.needs, plan.device);
  plan.usable = static_cast<std::int64_t>(0.95 * plan.device.memory_bytes);
  if (session.json()) {
    print_json(plan_json(plan, options));
  } else {
    print_plan(plan, options);
  }
  return plan.fits() ? ExitCode::done : ExitCode::failed;
}

}  // namespace

void add_plan(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  std::string devices = "cpu (this machine, measured), cuda:N (a GPU of this machine)";
  for (const DeviceFacts& device : train::device_table()) devices += ", " + device.name;
  const auto with_default = [](const char* help, const auto& value) { return fmt::format("{} (default: {})", help, value); };
  line.verb("plan", Phase::begin, "memory, FLOPs and shortest step of a training, before it runs")
      .option(options->preset, "--preset", "NAME", "a named shape: apertus-8b, tiny-10m, ...")
      .option(options->model, "--model", "MODEL", "instead: a model's name in the workspace, or a Hugging Face folder")
      .option(options->device, "--device", "NAME", devices)
      .option(options->ranks, "--ranks", "N",
              with_default("devices that share the batch, master weights and moments", options->ranks))
      .option(options->batch, "--batch", "N", "samples in a step, of all ranks (default: ranks times --micro-batch)")
      .option(options->micro_batch, "--micro-batch", "N",
              with_default("samples in one forward and backward of a rank", options->micro_batch))
      .option(options->sequence_length, "--sequence-length", "T", "tokens in a sample (default: 4096, or what the model reads)")
      .option(options->optimizer, "--optimizer", "NAME", with_default("ademamix, adamw or muon", options->optimizer))
      .option(options->dtype, "--dtype", "TYPE",
              with_default("of activations and matrices: bf16 or f32; fp8: bf16 with products inside blocks in 8 bits",
                           options->dtype))
      .option(options->moments, "--moments", "TYPE", with_default("of the optimizer: f32 or bf16", options->moments))
      .option(options->recompute, "--recompute", "PARTS",
              with_default("none, or norms, activation, mlp, attention, block joined by '+'", options->recompute))
      .option(options->offload, "--offload", "PARTS",
              with_default((std::string("what lies on the host: ") + train::kOffloadHelp).c_str(), options->offload))
      .option(options->host_gb, "--host-gb", "N",
              "memory of the host beside each device (default: of the data sheet, where it says)")
      .example("cairn plan --preset apertus-8b --ranks 64 --device gh200", "does it fit, and how fast can it be")
      .run([&session, options] { return plan_training(session, *options); });
}

}  // namespace cairn::app
