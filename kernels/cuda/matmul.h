// Matrix products on the GPU without tensor cores or libraries.
#pragma once

#include "kernels/backend.h"

namespace cairn::cuda {

std::remove_pointer_t<decltype(Backend::matmul)> matmul_plain;  // every shape and stride

}  // namespace cairn::cuda
