// Descriptions of tensors for the copy engine of Hopper (TMA): a kernel names a tile by its place, and the engine computes
// addresses, fills what lies outside with zeros and swizzles (kernels/cuda/panels.h).
#pragma once

#include "kernels/tensor.h"

namespace cairn::cuda {

// Opaque: a CUtensorMap on a GPU. Kernels take it as `const __grid_constant__ TileMap`.
struct alignas(128) TileMap {
  unsigned char bytes[128];
};

// Tiles of `rows` positions (256 at most) and 64 columns of one head of a bfloat16 tensor [B, T, heads, E]. Its address and all
// its strides are multiples of 16 bytes, the last dimension is contiguous. Error when the driver is too old or refuses.
TileMap tile_map(const Tensor& tensor, int rows);

// Whether the current device is of compute capability 9.x, which alone has products of warpgroups (kernels/cuda/hopper.h).
bool on_hopper();

}  // namespace cairn::cuda
