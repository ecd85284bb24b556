#include "engine/train/training_plan.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <limits>
#include <utility>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/format.h"
#include "engine/model/activations.h"
#include "kernels/cpu/scratch.h"

namespace cairn::train {
namespace {

// Elements of weights that have one moment more or less than others.
struct WeightCount {
  std::int64_t all = 0, block_matrices = 0;
};

WeightCount count_weights(const model::ModelConfig& config) {
  WeightCount count{config.parameters(), 0};
  for (const model::LayerParameter& parameter : model::layer_parameters(config)) {
    if (parameter.is_matrix()) count.block_matrices += config.layers * parameter.size();
  }
  return count;
}

// Moments of all weights together, in elements: AdamW keeps a fast one and squares, AdEMAMix a slow one too, Muon one for
// matrices inside blocks; without beta1 there is no fast one.
double moment_elements(const TrainingNeeds& needs) {
  const WeightCount count = count_weights(needs.model);
  const double adamw = needs.optimizer.beta1 == 0 ? 1 : 2;
  switch (needs.optimizer.method) {
    case OptimizerConfig::Method::adamw:
      return adamw * double(count.all);
    case OptimizerConfig::Method::ademamix:
      return (adamw + 1) * double(count.all);
    case OptimizerConfig::Method::muon:
      return adamw * double(count.all - count.block_matrices) + double(count.block_matrices);
  }
  return 0;
}

std::int64_t share(std::int64_t bytes, std::int64_t ranks) {
  return (bytes + ranks - 1) / ranks;
}

double bytes_of(Dtype dtype) {
  return double(dtype_bytes(dtype));
}

// What is computed a second time, as a share of the forward.
struct Again {
  double matmul_weights = 0;  // of all matrix products' weights
  bool attention = false;
};
Again computed_again(const TrainingNeeds& needs) {
  const model::ModelConfig& c = needs.model;
  const std::int64_t D = c.width, HE = c.heads * c.head_width, KE = c.kv_heads * c.head_width;
  const std::int64_t qkv = D * (HE + 2 * KE), out = D * HE, up = D * c.mlp_width * (c.architecture.gated() ? 2 : 1),
                     down = D * c.mlp_width;
  const bool on_output = c.architecture.norm == model::NormPlacement::output;
  Again again;
  if (!needs.recompute.keeps_attention()) {
    again.attention = true;
    again.matmul_weights += double(c.layers * (qkv + (needs.recompute.residual || on_output ? out : 0)));
  }
  if (!needs.recompute.keeps_mlp()) again.matmul_weights += double(c.layers * (up + (on_output ? down : 0)));
  return again;
}

// Values that element-wise operations read and write for one token, forward and backward: two norms, QK-norm with rotation and
// the activation in each block, and three passes over the logits.
double elementwise_values(const model::ModelConfig& c) {
  const double D = double(c.width), F = double(c.mlp_width), heads = double((c.heads + c.kv_heads) * c.head_width);
  const double forward = 4 * D + 2 * heads + (c.architecture.gated() ? 3 : 2) * F;
  const double backward = 6 * D + 3 * heads + (c.architecture.gated() ? 5 : 3) * F;
  return double(c.layers) * (forward + backward) + 3 * double(c.vocab);
}

// Bytes that the threads of a cpu keep: each as much as the operation that asks for most.
std::int64_t thread_bytes(const TrainingNeeds& needs, std::int64_t logits_rows) {
  const model::ModelConfig& c = needs.model;
  const std::int64_t N = needs.micro_batch * needs.sequence_length, T = needs.sequence_length;
  std::int64_t most = cpu::attention_scratch(T, c.head_width, needs.compute);
  const auto linear = [&](std::int64_t rows, std::int64_t in, std::int64_t out) {  // y = x W^T, dx = dy W, dW += dy^T x
    const Dtype A = needs.compute;
    for (const cpu::ProductShape& shape : {cpu::ProductShape{rows, out, in, Transpose::no, Transpose::yes, A, A},
                                           {rows, in, out, Transpose::no, Transpose::no, A, A},
                                           {out, in, rows, Transpose::yes, Transpose::no, A, Dtype::f32}}) {
      most = std::max(most, cpu::matmul_scratch(shape, needs.threads));
    }
  };
  for (const std::int64_t heads : {c.heads, c.kv_heads}) linear(N, c.width, heads * c.head_width);
  linear(N, c.heads * c.head_width, c.width);
  linear(N, c.width, c.mlp_width);
  linear(N, c.mlp_width, c.width);
  linear(logits_rows, c.width, c.vocab);
  return 4 * (needs.threads * most + cpu::attention_part_sums(needs.micro_batch, T, c.kv_heads, c.head_width));
}

// What the offload names, and what its parts take on their way.
void move_to_host(MemoryNeed& memory, const TrainingNeeds& needs) {
  const Offload& offload = needs.offload;
  if (!offload.any()) return;
  if (offload.masters) memory.host_master = std::exchange(memory.master, 0);
  if (offload.moments) memory.host_moments = std::exchange(memory.moments, 0);
  if (offload.residuals)
    memory.host_activations = model::plan_residuals_beside(needs.model, needs.compute, needs.micro_batch * needs.sequence_length);
  using Method = OptimizerConfig::Method;
  std::int64_t largest = needs.model.vocab * needs.model.width;
  std::int64_t slot = offload.staged_masters_bytes(model::parameter_bytes(needs.model, Dtype::f32) / 4);
  const std::int64_t moment_bytes = needs.optimizer.bf16_moments ? 2 : 4;
  const std::int64_t kept = (needs.optimizer.method == Method::ademamix ? 2 : 1) + (needs.optimizer.beta1 == 0 ? 0 : 1);
  for (const model::LayerParameter& parameter : model::layer_parameters(needs.model)) {
    largest = std::max(largest, parameter.size());
    if (needs.optimizer.method == Method::muon && parameter.is_matrix())
      slot = std::max(slot, offload.staged_bytes(parameter.size(), 4, 1, moment_bytes));
  }
  slot = std::max(slot, offload.staged_bytes(std::min(largest, kStagedElements), 4, kept, moment_bytes));
  memory.staging = 2 * slot;
}

}  // namespace

// Each operand is read, once for its largest value and once to be made, and written. Inputs of linear layers are made twice
// (forward, and transposed for the backward), gradients once in both forms, weights once a step in both.
Fp8Traffic fp8_traffic(const TrainingNeeds& needs) {
  constexpr double kRead = 2, kWritten = 1;
  const model::ModelConfig& c = needs.model;
  const double tokens = double(needs.batch) * double(needs.sequence_length) / double(needs.ranks);
  const double passes = std::ceil(double(needs.batch) / double(needs.ranks * needs.micro_batch));
  const double of_output = double(c.heads * c.head_width);
  const double inputs = double(2 * c.width + c.mlp_width) + of_output;  // of attention, the MLP, its output, attention's output
  double measured = of_output;                                          // inputs whose producer does not take their largest value
  if (c.architecture.norm != model::NormPlacement::input) measured += double(2 * c.width);
  if (c.architecture.activation != model::Activation::xielu) measured += double(c.mlp_width);
  double gradients = 0, weights = 0;
  for (const model::LayerParameter& weight : model::layer_parameters(c)) {
    if (!weight.is_matrix()) continue;
    gradients += double(weight.rows);
    weights += double(weight.size());
  }
  const double of_gradients = (2 * kRead + 2 * kWritten) * tokens * gradients;
  Fp8Traffic traffic;
  traffic.bytes = double(c.layers) * (2 * (kRead + kWritten) * tokens * inputs + kRead * tokens * measured + of_gradients +
                                      (2 * kRead + 2 * kWritten) * weights);
  const double apart = double(c.layers) * (2 * (2 * kRead + kWritten) * (tokens * inputs + passes * weights) + of_gradients);
  traffic.saved = apart - traffic.bytes;
  return traffic;
}

MemoryNeed plan_memory(const TrainingNeeds& needs) {
  MemoryNeed memory;
  const std::int64_t full = model::parameter_bytes(needs.model, Dtype::f32);
  memory.weights = model::parameter_bytes(needs.model, needs.compute);
  memory.master = needs.compute == Dtype::bf16 ? share(full, needs.ranks) : 0;
  memory.gradients = full;
  memory.moments = share(std::int64_t(moment_elements(needs) * (needs.optimizer.bf16_moments ? 2 : 4)), needs.ranks);
  const ArenaPlan plan =
      model::plan_activations(needs.model, needs.compute, needs.micro_batch * needs.sequence_length, model::Purpose::training,
                              needs.sequence_length, needs.recompute, needs.on_device, {needs.offload.residuals, needs.fp8});
  std::int64_t narrow = 0;
  for (const ArenaPlan::Entry& entry : plan.entries()) {
    if (entry.name == "fp8.weights") narrow += entry.shape.bytes();
    if (entry.name.starts_with("block.") || entry.name == "blocks.x") memory.activations += entry.shape.bytes();
    if (entry.name != "head.logits_chunk") continue;
    memory.logits = entry.shape.bytes();
    if (needs.threads > 0) memory.threads = thread_bytes(needs, entry.shape.shape[0]);
  }
  memory.weights += narrow;
  memory.working = plan.bytes() - memory.activations - narrow;
  move_to_host(memory, needs);
  if (needs.checkpoint_copy) memory.checkpoint = share(full, needs.ranks) + memory.moments;
  return memory;
}

StepFloor plan_floor(const TrainingNeeds& needs, const DeviceFacts& device) {
  const model::ModelConfig& c = needs.model;
  const double peak = needs.compute == Dtype::bf16 ? device.bf16_flops : device.f32_flops;
  const double tokens = double(needs.batch) * double(needs.sequence_length) / double(needs.ranks);           // of one rank
  const double attention = 2.0 * double(c.layers * c.heads * c.head_width) * double(needs.sequence_length);  // forward, a token
  const Again again = computed_again(needs);

  StepFloor floor;
  const double in_blocks = needs.fp8 ? double(count_weights(c).block_matrices) : 0;  // in 8 bits
  floor.matmul = tokens * (6 * (double(c.matmul_parameters()) - in_blocks) + (needs.fp8 ? 0 : 2 * again.matmul_weights)) / peak;
  if (needs.fp8) floor.matmul += tokens * (6 * in_blocks + 2 * again.matmul_weights) / device.fp8_flops;
  floor.attention =
      tokens * attention / peak * ((again.attention ? 2 : 1) / device.attention_share + 2.5 / device.attention_back_share);
  floor.elementwise = tokens * elementwise_values(c) * bytes_of(needs.compute) / device.bytes_per_second;
  if (needs.fp8) floor.elementwise += fp8_traffic(needs).bytes / device.bytes_per_second;
  const double weights = double(c.parameters()), moment = needs.optimizer.bf16_moments ? 2 : 4;
  const double copy = needs.compute == Dtype::bf16 ? 2 * weights : 0;
  floor.optimizer =
      (weights * (4 + 4 + 4) + 2 * moment * moment_elements(needs) + copy) / double(needs.ranks) / device.bytes_per_second;
  if (const MemoryNeed memory = plan_memory(needs); memory.host() > 0 && device.host_bytes_per_second > 0) {
    const double passes = std::ceil(double(needs.batch) / double(needs.ranks * needs.micro_batch));
    const double state = double(memory.host_master + memory.host_moments) / device.host_bytes_per_second;
    const double residuals = passes * double(memory.host_activations) / device.host_bytes_per_second;
    const double forward = floor.matmul / 3 + tokens * attention / device.attention_share / peak;
    const double backward = floor.matmul + floor.attention - forward;
    floor.copies = state + residuals;
    floor.waiting =
        std::max(0.0, state - floor.optimizer) + std::max(0.0, residuals - forward) + std::max(0.0, residuals - backward);
  }
  floor.tokens_per_second = tokens * double(needs.ranks) / floor.total();
  floor.model_flops_share = tokens * c.train_flops_per_token(needs.sequence_length) / floor.total() / peak;
  return floor;
}

std::vector<Remedy> remedies(const TrainingNeeds& needs, std::int64_t available) {
  struct Change {
    std::string text;
    std::function<void(TrainingNeeds&)> apply;
    bool applies;
  };
  std::vector<Change> changes;
  for (const char* text : {"norms+activation", "norms+mlp", "mlp+attention", "block"}) {
    const model::Recompute recompute = model::parse_recompute(text);
    TrainingNeeds changed = needs;
    changed.recompute = recompute;
    changes.push_back({fmt::format("recompute={}", text), [recompute](TrainingNeeds& n) { n.recompute = recompute; },
                       plan_memory(changed).total() < plan_memory(needs).total()});
  }
  changes.push_back({"micro_batch=1", [](TrainingNeeds& n) { n.micro_batch = 1; }, needs.micro_batch > 1});
  changes.push_back(
      {"optimizer.moments=bf16", [](TrainingNeeds& n) { n.optimizer.bf16_moments = true; }, !needs.optimizer.bf16_moments});

  for (const char* text : {"moments", "moments+masters", "all"}) {
    Offload offload = parse_offload(text);
    offload.masters = offload.masters && needs.compute == Dtype::bf16;
    changes.push_back({fmt::format("offload={}", offload_text(offload)), [offload](TrainingNeeds& n) { n.offload = offload; },
                       needs.on_device && !(offload == needs.offload)});
  }

  std::vector<Remedy> found;
  const auto try_one = [&](const std::string& text, const TrainingNeeds& changed) {
    const std::int64_t bytes = plan_memory(changed).total();
    if (bytes <= available) found.push_back({text, bytes});
    return bytes <= available;
  };
  bool recompute_found = false, offload_found = false;
  for (const Change& change : changes) {
    const bool recompute = change.text.starts_with("recompute"), offload = change.text.starts_with("offload");
    if (!change.applies || (recompute && recompute_found) || (offload && offload_found)) continue;
    TrainingNeeds changed = needs;
    change.apply(changed);
    const bool fits = try_one(change.text, changed);
    recompute_found |= fits && recompute;
    offload_found |= fits && offload;
  }
  const auto with_more_ranks = [&](TrainingNeeds changed, const std::string& before) {
    for (changed.ranks *= 2; changed.ranks <= 8192; changed.ranks *= 2) {
      if (try_one(fmt::format("{}ranks={}", before, changed.ranks), changed)) return;
    }
  };
  with_more_ranks(needs, "");
  if (!found.empty()) return found;

  // Nothing alone: all that costs no accuracy, then all.
  TrainingNeeds changed = needs;
  std::vector<std::string> made;
  for (const std::size_t i : {std::size_t(3), std::size_t(4), changes.size() - 1, std::size_t(5)}) {
    if (!changes[i].applies) continue;
    changes[i].apply(changed);
    made.push_back(changes[i].text);
    if (try_one(fmt::format("{}", fmt::join(made, ", ")), changed)) return found;
  }
  with_more_ranks(changed, made.empty() ? "" : fmt::format("{}, ", fmt::join(made, ", ")));
  return found;
}

std::string does_not_fit_text(const TrainingNeeds& needs, std::int64_t available) {
  const MemoryNeed memory = plan_memory(needs);
  const auto size = [](std::int64_t bytes) { return format_bytes(std::uint64_t(std::max<std::int64_t>(0, bytes))); };
  std::string text =
      fmt::format("{} needed ({} weights, {} gradients, {} optimizer state, {} activations), {} free. ", size(memory.total()),
                  size(memory.weights), size(memory.gradients), size(memory.master + memory.moments),
                  size(memory.activations + memory.working + memory.threads + memory.checkpoint), size(available));
  const std::vector<Remedy> found = remedies(needs, available);
  if (found.empty()) {
    return text +
           fmt::format(
               "No recompute, micro batch, moments, offload or number of ranks make it fit: weights and gradients alone take {}",
               size(memory.weights + memory.gradients));
  }
  text += "Fits with: ";
  for (std::size_t i = 0; i < found.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == found.size() ? " or " : ", ") + fmt::format("{} ({})", found[i].change, size(found[i].bytes));
  }
  return text;
}

void check_fits(const TrainingNeeds& needs, std::int64_t available) {
  const MemoryNeed memory = plan_memory(needs);
  if (memory.total() > available) throw Error(does_not_fit_text(needs, available), ExitCode::usage);
  if (memory.host() == 0) return;
  if (const std::int64_t free = free_memory(); memory.host() > free)
    fail_usage("offload {}: {} needed on the host, {} free", offload_text(needs.offload),
               format_bytes(std::uint64_t(memory.host())), format_bytes(std::uint64_t(free)));
}

std::int64_t free_memory() {
  // The number behind `key` in a file of "key number" lines, or in a file that is a number alone (key ""); -1 when there is none
  // ("max").
  const auto number_in = [](const char* path, std::string_view key) {
    std::ifstream file(path);
    std::int64_t number = -1;
    for (std::string name; !key.empty() && file >> name && name != key;)
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    file >> number;
    return file ? number : -1;
  };
  std::int64_t free = number_in("/proc/meminfo", "MemAvailable:") * 1024;
  if (free <= 0) free = std::int64_t(sysconf(_SC_AVPHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const std::int64_t limit = number_in("/sys/fs/cgroup/memory.max", ""), used = number_in("/sys/fs/cgroup/memory.current", "");
  if (limit <= 0 || used < 0) return free;
  const std::int64_t cache = std::max<std::int64_t>(0, number_in("/sys/fs/cgroup/memory.stat", "inactive_file"));
  return std::clamp<std::int64_t>(limit - used + cache, 0, free);
}

}  // namespace cairn::train
