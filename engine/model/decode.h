// Forward of new tokens against cached keys and values: what generation and scoring of long texts call.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/activations.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::model {

// The cache of one sequence; the memory belongs to the caller (engine/infer).
struct KvView {
  std::vector<Tensor> k, v;  // one a layer, [1, S_max, K, E], contiguous, in the parameters' type
  std::int64_t length = 0;   // tokens already in it
  Tensor first_key{};        // i32 [T at least], zeroes: every token sees the whole sequence; on the host it may be empty
};

// Runs T new tokens behind the kv.length that are cached: writes their keys and values into the cache, which must have room for
// them, advances kv.length by T and returns the normed output of the last block, [T, D], for head_logits(); it lies in the
// activations until the next pass. tokens, positions i32 [T], positions < the activations' max_positions (ordinarily length,
// length + 1, ...). T is at most the activations' max_tokens: a long prompt goes in pieces. Activations of either purpose.
Tensor decode_forward(Context&, const Parameters&, Activations&, KvView& kv, Tensor tokens, Tensor positions);

}  // namespace cairn::model
