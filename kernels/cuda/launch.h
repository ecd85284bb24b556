// The one way by which a kernel starts.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/error.h"
#include "kernels/cuda/platform.h"

namespace cairn::cuda {

// Blocks that cover `count` items, `each` a block; Error when the grid would be larger than the device takes.
inline unsigned blocks_for(std::int64_t count, std::int64_t each) {
  const std::int64_t blocks = (count + each - 1) / each;
  if (blocks < 1 || blocks > 0x7fffffff) fail("a kernel over {} items, {} a block, is no grid", count, each);
  return static_cast<unsigned>(blocks);
}

#ifdef __CUDACC__
// Error naming the failure when the launch itself is refused; what goes wrong inside a kernel shows at the next synchronisation.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared, void* stream, Arguments... arguments) {
  if (shared > 48 * 1024) {  // more than every device gives without being asked
    const cudaError_t raised =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared));
    if (raised != cudaSuccess) fail("a kernel that needs {} bytes of shared memory: {}", shared, cudaGetErrorString(raised));
  }
  kernel<<<grid, block, shared, static_cast<cudaStream_t>(stream)>>>(static_cast<Parameters>(arguments)...);
  const cudaError_t error = cudaGetLastError();
  if (error != cudaSuccess) {
    fail("a kernel of {}x{}x{} blocks of {}x{}x{} threads could not start: {}", grid.x, grid.y, grid.z, block.x, block.y, block.z,
         cudaGetErrorString(error));
  }
}
#endif

}  // namespace cairn::cuda
