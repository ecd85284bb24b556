// What the backward of a block computes again instead of finding it kept: memory against time. The results are the same bits,
// for the same operations run on the same numbers.
#pragma once

#include <string>

namespace cairn::model {

// Of each block, besides its input x. What is given up lies once for all blocks. Shapes: block.h.
struct Recompute {
  bool norms = false;       // a, m: the outputs of norms that stand on a sublayer's input
  bool activation = false;  // g: the input of the MLP's last projection
  bool mlp = false;         // all between x_mid and the block's output
  bool attention = false;   // all between x and x_mid
  bool residual = false;    // x_mid too, and with it all: only x is kept

  bool keeps_attention() const { return !attention && !residual; }
  bool keeps_mlp() const { return !mlp && !residual; }
  bool keeps_norm_of_x() const { return keeps_attention() && !norms; }
  bool keeps_norm_of_mid() const { return keeps_mlp() && !norms; }
  bool keeps_activation() const { return keeps_mlp() && !activation; }
  bool operator==(const Recompute&) const = default;
};

// "none", or parts joined by "+": norms, activation, mlp, attention; "block" is all of it. Error (usage) naming the known ones.
Recompute parse_recompute(const std::string& text);
std::string recompute_text(const Recompute& recompute);

}  // namespace cairn::model
