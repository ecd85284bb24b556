// All that a training carries from one step to the next. Each thing is listed once, as a StateField: what a checkpoint writes,
// what a resumed run reads, and what the test leaves out one by one all follow from that list (Trainer::state_fields).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "engine/model/parameters.h"

namespace cairn::train {

// What a run counts and remembers beside its tensors. A new member joins state_fields below.
struct TrainState {
  std::int64_t step = 0;     // steps done, skipped ones included: the curriculum's place and the schedule's clock follow from it
  std::int64_t skipped = 0;  // steps that changed nothing, because loss or gradient were not finite or a spike (spike_policy.h)
  std::int64_t skipped_in_a_row = 0;
  std::vector<double> recent_losses, recent_grad_norms;  // what a spike is measured against, oldest first
  std::string trace;                                     // one line a step, see append_trace
};

// One thing of the state, by the name under which a checkpoint keeps it, with a view of where it lies. Kept as:
//   whole numbers, numbers, lists of numbers   in state.json; numbers that are not whole as their bits, so NaN and -0 survive
//   a text                                     a file of that name
//   tensors                                    "weights" under their own names in the model's files; all others as "name.tensor"
struct StateField {
  using Tensors = std::vector<model::NamedTensor>;
  using Value = std::variant<std::int64_t*, double*, std::vector<double>*, std::string*, Tensors>;

  std::string name;
  Value value;
  bool optional = false;  // of a text: a checkpoint may lack it, and who does not know it passes it over
};
using StateFields = std::vector<StateField>;

inline constexpr const char* kWeights = "weights";  // the field that every checkpoint has

StateFields state_fields(TrainState& state);

// Appends the line of one step: the bits of the loss and of the gradient norm.
void append_trace(std::string& trace, std::int64_t step, double loss, double grad_norm);

// A number as the 16 hex digits of its bits, most significant first, and back. Error on anything else.
std::string bits_of(double value);
double number_of_bits(const std::string& bits);

}  // namespace cairn::train
