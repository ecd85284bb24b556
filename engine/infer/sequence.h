// One sequence being read or written by a model: its keys and values, and the memory to go on. What scoring and generation share.
//
// The same tokens give the same logits however they are cut into calls of extend() only as far as the kernels' sums do not depend
// on the number of rows; a caller that needs equal bits must cut the same way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::infer {

class Sequence {
 public:
  // Memory for max_length tokens (at most the config's max_positions) is taken now, in the parameters' type: float32 or bfloat16.
  // `context` and `parameters` must outlive it.
  Sequence(Context& context, const model::Parameters& parameters, std::int64_t max_length);
  ~Sequence();
  Sequence(const Sequence&) = delete;
  Sequence& operator=(const Sequence&) = delete;

  std::int64_t length() const;  // tokens read so far
  std::int64_t max_length() const;
  std::int64_t vocab() const;
  void truncate(std::int64_t length);  // forgets what is behind; 0 <= length <= length()

  // Reads `tokens` behind those that are there. For each of them from index `first_wanted` on, in order, visit(index, logits)
  // gets the logits [V] of what follows it; they are valid during the call. Error when they do not fit or are outside the
  // vocabulary.
  void extend(std::span<const std::int32_t> tokens, std::int64_t first_wanted,
              const std::function<void(std::int64_t, std::span<const float>)>& visit);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::infer
