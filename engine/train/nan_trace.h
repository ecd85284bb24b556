// Where the first value that is not finite comes from: the pass is run again with every operation's results looked at.
//
//   block 3 mlp: u has 2 values that are not finite, first at token 17 (matmul)
#pragma once

#include <functional>
#include <string>

#include "engine/model/activations.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::train {

// Runs `pass` on a watched backend and says which tensor was the first to hold a value that is not finite: a weight, or the
// result of an operation, by layer, name, number of values and first token (an index into the batch's B*T tokens). Empty when all
// of them are finite. The pass reads `parameters` and writes `gradients` and `activations`.
std::string first_non_finite(Context& context, const model::Parameters& parameters, const model::Parameters& gradients,
                             const model::Activations& activations, const std::function<void(Context&)>& pass);

// How many values of a float tensor are not finite, and the index of the first, in row-major order.
struct NonFinite {
  std::int64_t count = 0, first = 0;
};
NonFinite count_non_finite(const Tensor& tensor);

}  // namespace cairn::train
