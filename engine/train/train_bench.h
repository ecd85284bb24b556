// How fast a device trains a model: some steps on random tokens, each operation beside its floor.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/train/operation_times.h"
#include "engine/train/trainer.h"
#include "engine/train/training_plan.h"
#include "kernels/compute_device.h"

namespace cairn::train {

struct TrainBenchOptions {
  model::ModelConfig model;
  OptimizerConfig optimizer;
  bool bf16 = true, fp8 = false;                                 // fp8: with bf16
  std::int64_t batch = 1, micro_batch = 1, sequence_length = 1;  // samples, samples, tokens
  std::int64_t documents = 1;                                    // of equal length in a row
  std::int64_t steps = 5;                                        // measured, after two that are not
  model::Recompute recompute;
  Offload offload;
  bool operations = true;  // watch them, in as many steps more
};

struct TrainBench {
  std::string device;                     // "NVIDIA H200", "cpu"
  std::vector<double> tokens_per_second;  // of each step
  StepSeconds seconds;                    // mean of a step
  double loss = 0;                        // of the last step
  std::int64_t planned_bytes = 0;
  double peak_flops = 0;                  // FLOP/s that MFU is a share of (ComputeDevice::measure_peak_flops)
  double product_flops = 0;               // FLOP/s that large products reach here, measured now
  double bytes_per_second = 0;            // of a copy within the device's memory, read and written, measured now
  double model_flops = 0;                 // of a step: 6 a weight and causal attention (ModelConfig::train_flops_per_token)
  std::vector<OperationTime> operations;  // of all watched steps together
  double between = 0;                     // of all watched steps: nothing ran on the device
  std::int64_t watched_steps = 0;
  std::optional<Fp8Traffic> fp8;  // of a step, where products are in 8 bits

  double median() const;                                  // tokens per second
  double floor_of(const OperationTime& operation) const;  // seconds: the larger of products at product_flops, bytes at their rate
};

TrainBench run_train_bench(ComputeDevice& device, ThreadPool& threads, const TrainBenchOptions& options);

}  // namespace cairn::train
