// cairn bench train: how fast this machine or a GPU trains, and where the time goes. cairn bench generate: how fast it writes.
#include <charconv>
#include <vector>

#include "app/cli/cli.h"
#include "app/cli/model_argument.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/memory_use.h"
#include "engine/infer/decode_bench.h"
#include "engine/train/device_table.h"
#include "engine/train/train_bench.h"
#include "kernels/backend.h"

namespace cairn::app {
namespace {

struct Options {
  std::string what, preset, device = "cpu", optimizer = "ademamix", precision = "bf16", moments = "f32", recompute = "none",
                            offload = "none";
  std::int64_t batch = 0, micro_batch = 1, sequence_length = 0, documents = 1, steps = 5, prompt = 128, tokens = 32;
  std::string sequences = "1,4,8";
  bool report = false;
};

std::int64_t at_least_one(const char* option, std::int64_t value) {
  if (value < 1 || value > 1'000'000) fail_usage("{}: expected a number from 1 to 10^6, found {}", option, value);
  return value;
}

// "1,4,8"
std::vector<std::int64_t> read_counts(const std::string& text) {
  std::vector<std::int64_t> counts;
  for (const char *at = text.data(), *end = at + text.size(); at <= end; ++at) {
    std::int64_t count = 0;
    const auto [last, status] = std::from_chars(at, end, count);
    if (status != std::errc() || count < 1 || count > 1024 || (last != end && *last != ','))
      fail_usage("--sequences: expected numbers from 1 to 1024 with commas between, found '{}'", text);
    counts.push_back(count);
    at = last;
  }
  return counts;
}

train::TrainBenchOptions read_options(const Options& options) {
  const auto is_bf16 = [](const char* option, const std::string& value) {
    if (value != "f32" && value != "bf16")
      fail_usage("{}: expected f32 or bf16{}, found '{}'", option, std::string_view(option) == "--precision" ? ", or fp8" : "",
                 value);
    return value == "bf16";
  };
  train::TrainBenchOptions read;
  read.model = model::preset(options.preset);
  read.optimizer.method = train::optimizer_method(options.optimizer);
  read.optimizer.bf16_moments = is_bf16("--moments", options.moments);
  read.fp8 = options.precision == "fp8";
  read.bf16 = read.fp8 || is_bf16("--precision", options.precision);
  read.micro_batch = at_least_one("--micro-batch", options.micro_batch);
  read.batch = options.batch == 0 ? read.micro_batch : at_least_one("--batch", options.batch);
  read.micro_batch = std::min(read.micro_batch, read.batch);
  read.sequence_length = options.sequence_length == 0 ? std::min<std::int64_t>(4096, read.model.max_positions)
                                                      : at_least_one("--sequence-length", options.sequence_length);
  if (read.sequence_length > read.model.max_positions) {
    fail_usage("--sequence-length: {} reads at most {} positions, found {}", options.preset, read.model.max_positions,
               read.sequence_length);
  }
  read.documents = at_least_one("--documents", options.documents);
  read.steps = at_least_one("--steps", options.steps);
  read.recompute = model::parse_recompute(options.recompute);
  read.offload = train::parse_offload(options.offload);
  return read;
}

// The data sheet of what computes; null where none is known.
const train::DeviceFacts* sheet_of(const train::TrainBench& bench) {
  return train::device_by_title(bench.device);
}

double sheet_peak(const train::DeviceFacts& sheet, bool bf16) {
  return bf16 ? sheet.bf16_flops : sheet.f32_flops;
}

Json to_json(const train::TrainBench& bench, const train::TrainBenchOptions& options, Session& session) {
  const double tokens = static_cast<double>(options.batch * options.sequence_length),
               flops = bench.median() / tokens * bench.model_flops;
  Json operations = Json::array();
  std::map<std::string, double> shares;
  double watched = bench.between;
  for (const train::OperationTime& each : bench.operations) watched += each.seconds;
  const auto steps = static_cast<double>(std::max<std::int64_t>(1, bench.watched_steps));
  for (const train::OperationTime& each : bench.operations) {
    shares[train::kind_of(each.name)] += each.seconds / watched;
    operations.push_back({{"name", each.name},
                          {"calls", each.calls / std::max<std::int64_t>(1, bench.watched_steps)},
                          {"seconds", each.seconds / steps},
                          {"floor_seconds", bench.floor_of(each) / steps},
                          {"flops", each.flops / steps},
                          {"bytes", each.bytes / steps}});
  }
  if (watched > 0) shares["other"] = bench.between / watched;
  Json json = {{"value", bench.median()},
               {"unit", "tokens/s"},
               {"runs", bench.tokens_per_second},
               {"device", bench.device},
               {"precision", options.fp8    ? "fp8"
                             : options.bf16 ? "bf16"
                                            : "f32"},
               {"recompute", recompute_text(options.recompute)},
               {"offload", offload_text(options.offload)},
               {"isa", cpu_isa()},
               {"threads", session.threads().threads()},
               {"loss", bench.loss},
               {"gflops", flops / 1e9},
               {"peak_gflops", bench.peak_flops / 1e9},
               {"product_peak_gflops", bench.product_flops / 1e9},
               {"share_of_product_peak", flops / bench.product_flops},
               {"copy_gbs", bench.bytes_per_second / 1e9},
               {"seconds",
                {{"data", bench.seconds.data},
                 {"forward", bench.seconds.forward},
                 {"backward", bench.seconds.backward},
                 {"clip", bench.seconds.clip},
                 {"optimizer", bench.seconds.optimizer}}},
               {"shares_of_time", shares},
               {"operations", operations},
               {"between_s", bench.between / steps},
               {"planned_mb", static_cast<double>(bench.planned_bytes) / 1e6},
               {"peak_rss_mb", static_cast<double>(peak_resident_bytes()) / 1048576}};
  if (bench.fp8) {
    json["fp8_operand_bytes"] = bench.fp8->bytes;
    json["fp8_saved_bytes"] = bench.fp8->saved;
  }
  if (const train::DeviceFacts* sheet = sheet_of(bench)) {
    json["sheet_peak_gflops"] = sheet_peak(*sheet, options.bf16) / 1e9;
    json["share_of_sheet_peak"] = flops / sheet_peak(*sheet, options.bf16);
  }
  return json;
}

void print_summary(const train::TrainBench& bench, const train::TrainBenchOptions& options, const Options& asked) {
  const double tokens = static_cast<double>(options.batch * options.sequence_length),
               flops = bench.median() / tokens * bench.model_flops;
  fmt::print("{} on {}: {} tok/s, batch {} x {} in pieces of {}, {}, {}, recompute {}, offload {}\n", asked.preset, bench.device,
             format_count(bench.median()), options.batch, options.sequence_length, options.micro_batch, asked.precision,
             asked.optimizer, asked.recompute, asked.offload);
  fmt::print("{:.1f} TFLOP/s of the model: {:.1f}% of what large products reach here ({:.1f}, measured now)", flops / 1e12,
             100 * flops / bench.product_flops, bench.product_flops / 1e12);
  if (const train::DeviceFacts* sheet = sheet_of(bench)) {
    const double peak = sheet_peak(*sheet, options.bf16);
    fmt::print(", {:.1f}% of the data sheet's dense peak ({:.1f})", 100 * flops / peak, peak / 1e12);
  }
  fmt::print("\ncopies reach {} GB/s; memory planned {}\n", static_cast<std::int64_t>(bench.bytes_per_second / 1e9),
             format_bytes(static_cast<std::uint64_t>(bench.planned_bytes)));
}

void print_report(const train::TrainBench& bench) {
  TextTable table({"operation", "ms/step", "share", "calls", "rate", "floor ms", "of floor"});
  const auto steps = static_cast<double>(bench.watched_steps);
  double all = bench.between, floors = 0;
  for (const train::OperationTime& each : bench.operations) {
    all += each.seconds;
    floors += bench.floor_of(each);
  }
  const auto milliseconds = [&](double seconds) { return fmt::format("{:.3f}", 1e3 * seconds / steps); };
  const auto share = [](double part, double whole) { return fmt::format("{:.1f}%", 100 * part / whole); };
  for (const train::OperationTime& each : bench.operations) {
    const bool by_flops = each.flops / bench.product_flops > each.bytes / bench.bytes_per_second;
    table.add({each.name, milliseconds(each.seconds), share(each.seconds, all), std::to_string(each.calls / bench.watched_steps),
               by_flops ? fmt::format("{:.2f} TFLOP/s", each.flops / each.seconds / 1e12)
                        : fmt::format("{:.1f} GB/s", each.bytes / each.seconds / 1e9),
               milliseconds(bench.floor_of(each)), share(bench.floor_of(each), each.seconds)});
  }
  table.add({"(between operations)", milliseconds(bench.between), share(bench.between, all), "", "", "", ""});
  table.add({"all", milliseconds(all), "", "", "", milliseconds(floors), share(floors, all)});
  fmt::print("{}", table.render());
  fmt::print("floor: products at the measured rate, or each byte once at the rate of copies, whichever is longer\n");
  if (!bench.fp8) return;
  const auto at_copies = [&](double bytes) { return 1e3 * bytes / bench.bytes_per_second; };
  fmt::print(
      "8-bit operands: {} a step, {:.2f} ms of the floor; largest values taken by their producers and weights made once a step "
      "save {} ({:.2f} ms, {:.1f}% of the floor)\n",
      format_bytes(static_cast<std::uint64_t>(bench.fp8->bytes)), at_copies(bench.fp8->bytes),
      format_bytes(static_cast<std::uint64_t>(bench.fp8->saved)), at_copies(bench.fp8->saved),
      100 * at_copies(bench.fp8->saved) / (1e3 * floors / steps));
}

ExitCode bench_generate(Session& session, const Options& asked) {
  infer::DecodeBenchOptions options;
  options.model = model::preset(asked.preset);
  options.dtype = model_dtype(asked.precision);
  options.sequences = read_counts(asked.sequences);
  options.prompt = at_least_one("--prompt", asked.prompt);
  options.tokens = at_least_one("--tokens", asked.tokens);
  const std::unique_ptr<ComputeDevice> device = open_compute_device(asked.device);
  const infer::DecodeBench result = infer::run_decode_bench(*device, session.threads(), options);
  if (session.json()) {
    Json rates = Json::array();
    for (const infer::DecodeRate& rate : result.rates) {
      rates.push_back({{"sequences", rate.sequences},
                       {"read_tokens_per_second", rate.read_per_second},
                       {"written_tokens_per_second", rate.written_per_second},
                       {"weight_gbs", rate.weight_bytes_second / 1e9}});
    }
    print_json({{"device", result.device},
                {"precision", asked.precision},
                {"isa", cpu_isa()},
                {"threads", session.threads().threads()},
                {"prompt", options.prompt},
                {"copy_gbs", result.bytes_per_second / 1e9},
                {"rates", rates}});
    return ExitCode::done;
  }
  fmt::print("{} on {}, {}, {} tokens before\n", asked.preset, result.device, asked.precision, options.prompt);
  TextTable table({"sequences", "tok/s", "tok/s each", "weights", "prompt tok/s"});
  for (const infer::DecodeRate& rate : result.rates) {
    table.add({std::to_string(rate.sequences), fmt::format("{:.1f}", rate.written_per_second),
               fmt::format("{:.1f}", rate.written_per_second / static_cast<double>(rate.sequences)),
               fmt::format("{:.1f} GB/s", rate.weight_bytes_second / 1e9), format_count(rate.read_per_second)});
  }
  fmt::print("{}copies reach {:.1f} GB/s here, read and written\n", table.render(), result.bytes_per_second / 1e9);
  return ExitCode::done;
}

ExitCode bench(Session& session, const Options& asked) {
  if (asked.what != "train" && asked.what != "generate")
    fail_usage("bench: '{}' is not measured; known: train, generate", asked.what);
  if (asked.preset.empty()) fail_usage("bench {}: name a model with --preset", asked.what);
  if (asked.what == "generate") return bench_generate(session, asked);
  const train::TrainBenchOptions options = read_options(asked);
  const std::unique_ptr<ComputeDevice> device = open_compute_device(asked.device);
  const train::TrainBench result = train::run_train_bench(*device, session.threads(), options);
  if (session.json()) {
    print_json(to_json(result, options, session));
    return ExitCode::done;
  }
  print_summary(result, options, asked);
  if (asked.report) print_report(result);
  return ExitCode::done;
}

}  // namespace

void add_bench(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("bench", Phase::begin, "measure how fast a device trains a model, operation by operation, or writes with it")
      .positional(options->what, "WHAT", "train or generate")
      .option(options->preset, "--preset", "NAME", "the model's shape: apertus-1b, apertus-8b, small-60m, ...")
      .option(options->device, "--device", "NAME", fmt::format("{} (default: {})", kDeviceHelp, options->device))
      .option(options->precision, "--precision,--dtype", "TYPE",
              fmt::format("of the computing: f32, bf16 or fp8 (default: {})", options->precision))
      .option(options->optimizer, "--optimizer", "NAME", fmt::format("adamw, ademamix or muon (default: {})", options->optimizer))
      .option(options->moments, "--moments", "TYPE", fmt::format("f32 or bf16 (default: {})", options->moments))
      .option(options->batch, "--batch", "ROWS", "in a step (default: one micro-batch)")
      .option(options->micro_batch, "--micro-batch", "ROWS",
              fmt::format("in one forward and backward (default: {})", options->micro_batch))
      .option(options->sequence_length, "--sequence-length", "TOKENS", "in a row (default: 4096, or what the model reads)")
      .option(options->documents, "--documents", "N", fmt::format("of equal length in a row (default: {})", options->documents))
      .option(options->recompute, "--recompute", "PARTS",
              "what the backward computes again: none, norms+mlp, block, ... (default: none)")
      .option(options->offload, "--offload", "PARTS",
              fmt::format("what lies on the host beside a GPU: {} (default: none)", train::kOffloadHelp))
      .option(options->steps, "--steps", "N", fmt::format("measured, after two that are not (default: {})", options->steps))
      .option(options->sequences, "--sequences", "N,N",
              fmt::format("generate: so many at once (default: {})", options->sequences))
      .option(options->prompt, "--prompt", "TOKENS", fmt::format("generate: that each has read (default: {})", options->prompt))
      .option(options->tokens, "--tokens", "N", fmt::format("generate: that each writes (default: {})", options->tokens))
      .flag(options->report, "--report", "each operation beside the least time that it could take")
      .example("cairn bench train --preset small-60m --sequence-length 512 --report", "where a training step's time goes")
      .example("cairn bench generate --preset small-60m", "tokens a second, of one sequence and of several at once")
      .run([&session, options] { return bench(session, *options); });
}

}  // namespace cairn::app
