// What a training will need, from its config alone: memory by purpose, FLOPs, and the shortest time that a step can take. Nothing
// runs and nothing is allocated.
//
// Memory is that of one rank: weights and gradients whole, master weights and moments cut over the ranks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "engine/model/recompute.h"
#include "engine/train/device_table.h"
#include "engine/train/optimizer.h"
#include "engine/train/placement.h"

namespace cairn::train {

struct TrainingNeeds {
  model::ModelConfig model;
  OptimizerConfig optimizer;
  Dtype compute = Dtype::f32;        // of activations and matrices: f32, bf16
  std::int64_t ranks = 1;            // that share master weights, moments and the batch
  std::int64_t micro_batch = 1;      // samples in one forward and backward of a rank
  std::int64_t sequence_length = 1;  // T
  std::int64_t batch = 1;            // samples in a step, of all ranks
  model::Recompute recompute;
  bool fp8 = false;        // products inside blocks in 8 bits; `compute` is bf16 then
  Offload offload;         // what lies on the host beside the device
  bool on_device = false;  // a GPU, or another whose work is asked for from outside
  // On the device: the state is copied there, and written while training goes on (run_checkpoints.h).
  bool checkpoint_copy = false;
  int threads = 0;  // of a cpu that computes; 0 = something else does
};

// On the device that computes; what lies on the host instead is counted there.
struct MemoryNeed {
  std::int64_t weights = 0;      // in the compute type; with fp8 the blocks' also in 8 bits, as they are and transposed
  std::int64_t master = 0;       // float32 weights that the optimizer updates, where the others are bf16
  std::int64_t gradients = 0;    // float32
  std::int64_t moments = 0;      // of the optimizer
  std::int64_t activations = 0;  // that blocks keep for their backward
  std::int64_t working = 0;      // logits of some rows, what is computed again, gradients inside a block, rotary tables
  std::int64_t threads = 0;      // what those of a cpu keep for products and attention
  std::int64_t checkpoint = 0;   // copy of the state that is being written
  std::int64_t staging = 0;      // for parts of what comes from the host and goes back
  std::int64_t logits = 0;       // of `working`: what a chunk of logits takes
  std::int64_t host_master = 0, host_moments = 0, host_activations = 0;  // on the host beside the device (Offload)
  std::int64_t total() const {
    return weights + master + gradients + moments + activations + working + threads + checkpoint + staging;
  }
  std::int64_t host() const { return host_master + host_moments + host_activations; }
};
// What Parameters, Optimizer and Activations for these needs take together, to a percent.
MemoryNeed plan_memory(const TrainingNeeds& needs);

// Seconds of one step on each rank when all ranks are busy all the time and nothing waits for the network.
struct StepFloor {
  double matmul = 0;       // forward, backward (twice that), and what is computed again
  double attention = 0;    // forward, backward (2.5 times: scores are computed again), and what is computed again
  double elementwise = 0;  // norms, rotation, activation, logits: each tensor read once, written once
  double optimizer = 0;    // reads and writes of weights, moments, gradients
  double copies = 0;       // between device and host, each way, of what lies there
  double waiting = 0;      // for those copies: what the forward, the backward and the update do not hide
  double total() const { return matmul + attention + elementwise + optimizer + waiting; }
  double tokens_per_second = 0;  // of all ranks
  double model_flops_share = 0;  // of the peak (MFU): 6 per weight and causal attention, without what is computed again
};
// The floor of spec/training.md §2.4, from the device's rates in the compute type; with fp8, for a device that has it, products
// inside blocks at that rate and what it costs to make their operands. Copies to the host hide behind the forward,
// those from it behind the backward, those of the optimizer's state behind its update.
StepFloor plan_floor(const TrainingNeeds& needs, const DeviceFacts& device);

// Bytes that making the operands of 8-bit products moves in a step of one rank.
struct Fp8Traffic {
  double bytes = 0;
  double saved = 0;  // by largest values taken where inputs are produced, and by weights made once a step instead of twice a pass
};
Fp8Traffic fp8_traffic(const TrainingNeeds& needs);

// A change with which a training fits.
struct Remedy {
  std::string change;  // "recompute=block", "ranks=8"
  std::int64_t bytes;  // in all, then
};
// Changes after which `needs` take at most `available` bytes a rank: single ones where one is enough, else the first combination.
// Empty when nothing helps.
std::vector<Remedy> remedies(const TrainingNeeds& needs, std::int64_t available);

// "12.4 GB needed (4.1 GB weights, ...), 9.1 GB free. Fits with: recompute=block (6.2 GB) or ranks=2 (8.9 GB)".
std::string does_not_fit_text(const TrainingNeeds& needs, std::int64_t available);
// Error (usage) with that text when `needs` take more than `available` bytes: before any work is done.
void check_fits(const TrainingNeeds& needs, std::int64_t available);

// Bytes that this process may still take: of the machine, or of the control group that it runs in.
std::int64_t free_memory();

}  // namespace cairn::train
