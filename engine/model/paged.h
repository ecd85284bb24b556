// Forward of new tokens of many sequences against keys and values in pages: what batched generation calls (engine/infer).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/model/activations.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::model {

// The memory belongs to the caller.
struct PagedCache {
  std::vector<Tensor> k, v;  // one a layer, [pages, page_size, K, E], contiguous, in the parameters' type
};

// N tokens, each with the keys before it: one a sequence, or several of one where earlier ones stand first.
struct PagedTokens {
  Tensor tokens;     // i32 [N]
  Tensor positions;  // i32 [N], below the activations' max_positions
  Tensor slots;      // i32 [N]: page * page_size + place, where a token's keys go; negative: nowhere, for rows that count not
  Tensor lengths;    // i32 [N]: position + 1, or 0 for rows that count not
  Tensor table;      // i32 [N, L]: the pages of each token's sequence
};

// Returns the normed output of the last block, [N, D], for head_logits(); it lies in the activations until the next pass. N is at
// most the activations' max_tokens. With Context::rows_alone the bits of a token's row depend on its own sequence alone; on a
// GPU, among passes of one N.
Tensor paged_forward(Context&, const Parameters&, Activations&, const PagedCache&, const PagedTokens&);

// A piece of one sequence, T tokens that are its last, read at once: attention by tiles instead of by tokens.
struct PagedPiece {
  Tensor tokens, positions, slots;  // i32 [T], as above
  Tensor history;                   // i32 [S]: the slots of the whole sequence, S >= T; the last T are `slots`
  Tensor first_key;                 // i32 [T], zeroes
  Tensor keys, values;              // [S at least, K*E] in the parameters' type: room for the sequence's, one layer at a time
};
Tensor paged_piece_forward(Context&, const Parameters&, Activations&, const PagedCache&, const PagedPiece&);

}  // namespace cairn::model
