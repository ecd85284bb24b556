// The operations of kernels/ops.h on one GPU: the entries of the CUDA backend's table, one file a family.
#pragma once

#include <cstdint>

#include "kernels/backend.h"
#include "kernels/cuda/queue.h"

namespace cairn::cuda {

// The queue of a context; Error when it has none.
const Queue& queue_of(const Context& ctx);

// y[d] += sum over p of partial[p, d], p ascending: the second stage of all sums over rows.
void add_columns(const Queue& queue, float* y, const float* partial, std::int64_t parts, std::int64_t D);

// matmul is by cuBLASLt (cublaslt_matmul.h); under emulation the tests define another.
CAIRN_OPERATIONS(CAIRN_DECLARE_OPERATION)

}  // namespace cairn::cuda
