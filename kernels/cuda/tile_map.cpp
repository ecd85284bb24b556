#include "kernels/cuda/tile_map.h"

#include <cuda.h>
#include <cuda_runtime_api.h>

#include <cstring>

#include "base/error.h"

namespace cairn::cuda {
namespace {

using Encode = decltype(&cuTensorMapEncodeTiled);

// From the driver, through the runtime: the program is not linked with libcuda.
Encode find_encode() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
#else
  const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
#endif
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess || found == nullptr)
    fail("this driver has no tensor maps (cuTensorMapEncodeTiled): version 525 or later is needed");
  return reinterpret_cast<Encode>(found);
}

}  // namespace

TileMap tile_map(const Tensor& tensor, int rows) {
  static const Encode encode = find_encode();
  static_assert(sizeof(CUtensorMap) == sizeof(TileMap) && alignof(CUtensorMap) <= alignof(TileMap));
  const auto size = [&](std::size_t i) { return static_cast<cuuint64_t>(tensor.shape[i]); };
  const auto stride = [&](std::size_t i) { return static_cast<cuuint64_t>(tensor.strides[i]) * 2; };  // bytes
  const cuuint64_t sizes[4] = {size(3), size(1), size(2), size(0)};
  const cuuint64_t strides[3] = {stride(1), stride(2), stride(0)};
  const cuuint32_t box[4] = {64, static_cast<cuuint32_t>(rows), 1, 1}, every[4] = {1, 1, 1, 1};
  CUtensorMap map;
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 4, tensor.data, sizes, strides, box, every, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) fail("the driver refuses a tensor map for {} (error {})", tensor.describe(), int(result));
  TileMap opaque;
  std::memcpy(&opaque, &map, sizeof map);
  return opaque;
}

bool on_hopper() {
  int device = 0, major = 0;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess && major == 9;
}

}  // namespace cairn::cuda
