// Batches, on their way to where a model computes.
#pragma once

#include <cstdint>

#include "engine/model/config.h"
#include "kernels/arena.h"
#include "kernels/tensor.h"

namespace cairn::model {

// B sequences of T tokens, each a row of packed documents or one document with padding behind.
struct Batch {
  Tensor tokens;     // i32 [B, T]
  Tensor positions;  // i32 [B, T], in [0, max_positions of the Activations)
  Tensor first_key;  // i32 [B, T]: index in its row of the first token that token t attends to, <= t
  Tensor targets;    // i32 [B, T]; looked at where the weight is not 0. Loss functions only
  Tensor weights;    // f32 [B, T]: what each token's loss counts. Loss functions only
};

// Where batches of at most `max_tokens` lie in the memory of a device. Neither copied nor moved.
class BatchMemory {
 public:
  // Null: the host's, where batches are left as they are. Positions are less than `max_positions`.
  BatchMemory(const ModelConfig& config, std::int64_t max_tokens, std::int64_t max_positions, Memory* memory);
  BatchMemory(const BatchMemory&) = delete;
  BatchMemory& operator=(const BatchMemory&) = delete;

  // The batch there, in the place of the one before, for operations asked for afterwards; nothing waits. `host` may lack targets
  // and weights, and may change as soon as this returns. No operation looks at what lies on a device, so every index is checked
  // here: Error naming the token, position, first key or target, where it stands, and what it may be.
  Batch there(const Batch& host);
  std::int64_t bytes() const { return arena_.plan().bytes(); }

 private:
  std::int64_t vocab_, max_positions_;
  ArenaSlot tokens_, positions_, first_key_, targets_, weights_;
  Arena arena_;
};

}  // namespace cairn::model
