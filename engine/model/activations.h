// The memory of a forward (and backward) pass over batches of at most `max_tokens` tokens, planned before the first one.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/model/block.h"
#include "engine/model/config.h"
#include "engine/model/parameters.h"
#include "engine/model/recompute.h"
#include "kernels/arena.h"
#include "kernels/tensor.h"

namespace cairn::model {

enum class Purpose {
  training,      // every block keeps what its backward reads
  forward_only,  // one set of tensors for all blocks
};

// How a training computes, beside its types.
struct PassOptions {
  bool residuals_beside = false;  // inputs of blocks lie on the host beside a device (kernels/copy_lanes.h), two at a time on it
  bool fp8 = false;               // products inside blocks in 8 bits (block.h)
};

// The plan alone, which costs nothing: what a pass would need, and of what.
// On a device logits are made for more rows at a time.
ArenaPlan plan_activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
                           std::int64_t max_positions = 0, const Recompute& recompute = {}, bool on_device = false,
                           const PassOptions& options = {});
// Bytes on the host of the inputs of blocks that lie there then.
std::int64_t plan_residuals_beside(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens);

// Owns its memory; neither copied nor moved. One pass at a time.
class Activations {
 public:
  // `dtype` is that of the parameters (f64 on ref, f32, bf16); statistics are of its statistics type. `max_positions`: positions
  // in batches are less than this (rows of the rotary tables); 0 = max_tokens. `recompute` matters for training only. All of it
  // lies in `memory`; null: on the host.
  Activations(const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose, std::int64_t max_positions = 0,
              const Recompute& recompute = {}, Memory* memory = nullptr, const PassOptions& options = {});
  Activations(const Activations&) = delete;
  Activations& operator=(const Activations&) = delete;

  const ModelConfig& config() const { return config_; }
  Dtype dtype() const { return dtype_; }
  Purpose purpose() const { return purpose_; }
  const Recompute& recompute() const { return recompute_; }
  std::int64_t max_tokens() const { return max_tokens_; }
  std::int64_t max_positions() const { return cos.shape[0]; }
  const ArenaPlan& plan() const { return plan_; }  // bytes(), table()
  const Arena& memory() const { return arena_; }

  // Shapes the tensors below for B sequences of T tokens, N = B*T. Error when N is more than max_tokens.
  void shape(std::int64_t B, std::int64_t T);
  // With fp8: makes the blocks' matrices in 8 bits, for the passes until they are made again: after each change of `parameters`,
  // whose addresses stand for them.
  void make_fp8_weights(Context& context, const Parameters& parameters);
  // Fills the rotary tables anew: for a stage of training with another base or scaling than the config's.
  void set_rope(double theta, const RopeScaling& scaling);

  BlockActivations& block(std::int64_t layer) { return blocks_[purpose_ == Purpose::training ? std::size_t(layer) : 0]; }
  // Inputs of blocks on their way; nothing to do where they stay. The forward calls leave() before each block, when the block's
  // input is there; the backward fetch() before each block and arrive() behind it, for the input of the block below.
  void leave(std::int64_t layer);
  void fetch(std::int64_t layer);
  void arrive(std::int64_t layer);
  // Where block `layer` writes its y: the next block's x, or final_x.
  Tensor output_of(std::int64_t layer);

  // S marks the statistics type.
  Tensor cos, sin;           // S [P, E/2]   rotary tables
  Tensor final_x;            // [N, D]     output of the last block
  Tensor final_inv_rms;      // S [N]
  Tensor hidden;             // [N, D]     norm(final_x), input of the head; until a backward pass goes through the blocks
  Tensor losses;             // S [N]
  Tensor weights;            // S [N]      the batch's weights
  Tensor logits_chunk;       // [R, V]     logits of R tokens at a time, then their gradients
  BlockGradients gradients;  // training only, as all below
  Tensor d_hidden;           // [N, D]
  Tensor dx;                 // [N, D]     gradient of the residual stream

 private:
  friend ArenaPlan plan_activations(const ModelConfig&, Dtype, std::int64_t, Purpose, std::int64_t, const Recompute&, bool,
                                    const PassOptions&);
  struct PlanOnly {};
  Activations(PlanOnly, const ModelConfig& config, Dtype dtype, std::int64_t max_tokens, Purpose purpose,
              std::int64_t max_positions, const Recompute& recompute, bool on_device, const PassOptions& options);
  bool travels(std::int64_t layer) const;
  Tensor residual(std::int64_t layer) const;  // on the host, of as many rows as the block's input
  // Rows that follow N. `columns` 0: a vector of N * rows_per_token statistics; else [N, columns] of the activation type.
  ArenaSlot plan_rows(const std::string& name, std::int64_t columns, std::int64_t rows_per_token);
  void add(const std::string& name, Tensor& tensor, std::int64_t columns, std::int64_t rows_per_token = 1);
  void add_blocks();
  void add_scratch();
  void add_fp8();
  void take_fp8();

  struct PerToken {  // a tensor whose first dimension follows N
    Tensor* tensor;
    ArenaSlot slot;
    std::int64_t rows_per_token;
  };
  ModelConfig config_;
  Dtype dtype_;
  Purpose purpose_;
  Recompute recompute_;
  std::int64_t max_tokens_;
  bool on_device_;
  PassOptions options_;
  ArenaPlan plan_;
  ArenaSlot cos_, sin_, logits_;
  std::vector<PerToken> per_token_;
  std::vector<BlockActivations> blocks_;
  Arena arena_, beside_;
  Fp8Operands fp8_;
  std::vector<std::pair<Tensor*, ArenaSlot>> fp8_slots_;
  struct Fp8WeightSlots {
    ArenaSlot values, transposed, scale;
  };
  std::vector<std::vector<Fp8WeightSlots>> fp8_weights_;  // by layer, the matrices of layer_parameters() in their order
  std::vector<ArenaSlot> residuals_;                      // in beside_
};

}  // namespace cairn::model
