// The attention kernels by kind (kernels/ops.h).
#pragma once

#include "kernels/backend.h"

namespace cairn::cuda {

using AttentionForward = std::remove_pointer_t<decltype(Backend::attention_forward)>;
using AttentionBackward = std::remove_pointer_t<decltype(Backend::attention_backward)>;

// Every type, head width up to 256, no tensor cores.
AttentionForward attention_forward_plain;
AttentionBackward attention_backward_plain;

// bfloat16, head width 64 or 128; rows of all tensors begin at multiples of 16 bytes. By instructions of Hopper alone, and by
// those that what comes later has too.
AttentionForward attention_forward_hopper;
AttentionBackward attention_backward_hopper;
AttentionBackward
    attention_backward_hopper_ordered;  // five products instead of seven, for 4 bytes an element of dQ of scratch memory
AttentionForward attention_forward_mma;
AttentionBackward attention_backward_mma;

}  // namespace cairn::cuda
