// How fast a device writes tokens, for one sequence and for several at once: on random weights and tokens, as no rate depends on
// them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/model/config.h"
#include "kernels/compute_device.h"

namespace cairn::infer {

struct DecodeBenchOptions {
  model::ModelConfig model;
  Dtype dtype = Dtype::bf16;
  std::vector<std::int64_t> sequences = {1, 4, 8};  // at once, one measurement each
  std::int64_t prompt = 128;                        // tokens that each has read before
  std::int64_t tokens = 32;                         // that each writes, after two that are not measured
};

struct DecodeRate {
  std::int64_t sequences = 0;
  double read_per_second = 0;      // tokens of a prompt
  double written_per_second = 0;   // tokens of all sequences together, by the median pass
  double weight_bytes_second = 0;  // that a pass reads of the weights, in its time
};

struct DecodeBench {
  std::string device;
  double bytes_per_second = 0;  // of a copy, read and written, measured now: what weights come at, at most
  std::vector<DecodeRate> rates;
};

// Error (usage) when prompt and tokens do not fit the model.
DecodeBench run_decode_bench(ComputeDevice& device, ThreadPool& threads, const DecodeBenchOptions& options);

}  // namespace cairn::infer
