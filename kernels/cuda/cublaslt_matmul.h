// Matrix products by cuBLASLt: one handle, one workspace, algorithms from the GEMM book. Split-K and every other scheme that adds
// in an order of its own are refused (spec/training.md §4.4), so the same product gives the same bits each time.
#pragma once

#include <cstddef>

#include "kernels/cuda/gemm_book.h"
#include "kernels/cuda/libraries.h"
#include "kernels/ops.h"

namespace cairn::cuda {

class CublasLtMatmul {
 public:
  // `workspace` is device memory of `bytes`, used by this object alone.
  CublasLtMatmul(GemmBook& book, void* workspace, std::size_t bytes);
  ~CublasLtMatmul();
  CublasLtMatmul(const CublasLtMatmul&) = delete;
  CublasLtMatmul& operator=(const CublasLtMatmul&) = delete;

  // As ops::matmul, in `stream`. float32 is computed in float32 (no TF32), bfloat16 with float32 sums.
  void run(void* stream, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate);
  // As ops::matmul_fp8: sums in float32 (not in the tensor cores' shorter ones), scales read on the device.
  void run_fp8(void* stream, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
               bool accumulate);

 private:
  struct Plan;
  void run(void* stream, const Plan& plan, const GemmKey& key, const Tensor& c, const Tensor& a, const Tensor& b);
  GemmAlgorithm choose(const Plan& plan, const GemmKey& key) const;

  const CublasLt& api_;
  GemmBook& book_;
  void* workspace_;
  std::size_t workspace_bytes_;
  cublasLtHandle_t handle_ = nullptr;
};

}  // namespace cairn::cuda
