#include "kernels/cuda/cublaslt_matmul.h"

#include <cuda_runtime_api.h>

#include <array>
#include <memory>

#include "base/error.h"
#include "kernels/cuda/ops.h"

namespace cairn::cuda {
namespace {

void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS) fail("cuBLASLt: {} failed with status {}", what, static_cast<int>(status));
}

cudaDataType_t data_type(Dtype dtype) {
  if (dtype == Dtype::f32) return CUDA_R_32F;
  if (dtype == Dtype::bf16) return CUDA_R_16BF;
  if (dtype == Dtype::fp8_e4m3) return CUDA_R_8F_E4M3;
  fail("matrix products on the GPU take float32, bfloat16 and float8_e4m3, found {}", dtype_name(dtype));
}

GemmKey key_of(const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  return {.M = c.shape[0],
          .N = c.shape[1],
          .K = ta == Transpose::yes ? a.shape[0] : a.shape[1],
          .lda = a.strides[0],
          .ldb = b.strides[0],
          .ldc = c.strides[0],
          .transpose_a = ta == Transpose::yes,
          .transpose_b = tb == Transpose::yes,
          .accumulate = accumulate,
          .type_ab = dtype_name(a.dtype),
          .type_c = dtype_name(c.dtype)};
}

}  // namespace

// The descriptors of one product. cuBLASLt reads matrices by columns: a stored row-major matrix is its transpose, so
// c^T = op(b)^T op(a)^T is asked for, with b as the left operand, and nothing is moved.
struct CublasLtMatmul::Plan {
  const CublasLt& api;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t left = nullptr, right = nullptr, out = nullptr;

  Plan(const CublasLt& functions, const GemmKey& key, Dtype ab, Dtype c) : api(functions) {
    check(api.desc_create(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing a product");
    const cublasOperation_t left_op = key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t right_op = key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(api.desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSA, &left_op, sizeof left_op), "describing a product");
    check(api.desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSB, &right_op, sizeof right_op), "describing a product");
    layout(left, ab, key.transpose_b ? key.K : key.N, key.transpose_b ? key.N : key.K, key.ldb);
    layout(right, ab, key.transpose_a ? key.M : key.K, key.transpose_a ? key.K : key.M, key.lda);
    layout(out, c, key.N, key.M, key.ldc);
  }
  // What the sums are multiplied by, in device memory.
  void scale(const void* of_left, const void* of_right) {
    check(api.desc_set(desc, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &of_left, sizeof of_left), "describing a product");
    check(api.desc_set(desc, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &of_right, sizeof of_right), "describing a product");
  }
  ~Plan() {
    for (cublasLtMatrixLayout_t each : {left, right, out}) {
      if (each) api.layout_destroy(each);
    }
    if (desc) api.desc_destroy(desc);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

 private:
  void layout(cublasLtMatrixLayout_t& made, Dtype dtype, std::int64_t rows, std::int64_t columns, std::int64_t leading) {
    check(api.layout_create(&made, data_type(dtype), static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns),
                            leading),
          "describing a matrix");
  }
};

namespace {

struct AttributeField {
  cublasLtMatmulAlgoConfigAttributes_t attribute;
  std::int32_t GemmAlgorithm::*member;
  std::size_t bytes;
};
// The widths are those that cublasLt.h gives each attribute.
constexpr AttributeField kAttributes[] = {
    {CUBLASLT_ALGO_CONFIG_TILE_ID, &GemmAlgorithm::tile, 4},
    {CUBLASLT_ALGO_CONFIG_STAGES_ID, &GemmAlgorithm::stages, 4},
    {CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &GemmAlgorithm::split_k, 4},
    {CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &GemmAlgorithm::reduction, 4},
    {CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING, &GemmAlgorithm::swizzle, 4},
    {CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION, &GemmAlgorithm::custom, 4},
    {CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID, &GemmAlgorithm::inner_shape, 2},
    {CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID, &GemmAlgorithm::cluster_shape, 2},
};

GemmAlgorithm read_algorithm(const CublasLt& api, const cublasLtMatmulAlgo_t& algo) {
  GemmAlgorithm result;
  std::size_t written = 0;
  check(api.algo_get(&algo, CUBLASLT_ALGO_CONFIG_ID, &result.id, sizeof result.id, &written), "reading an algorithm");
  for (const AttributeField& field : kAttributes) {
    std::int32_t value = 0;  // little-endian, as every machine with such a GPU is: two bytes land in the lower half
    check(api.algo_get(&algo, field.attribute, &value, field.bytes, &written), "reading an algorithm");
    result.*field.member = value;
  }
  return result;
}

cublasLtMatmulAlgo_t make_algorithm(const CublasLt& api, cublasLtHandle_t handle, const GemmAlgorithm& algorithm, Dtype ab,
                                    Dtype c) {
  cublasLtMatmulAlgo_t algo{};
  const cudaDataType_t in = data_type(ab), out = data_type(c);
  check(api.algo_init(handle, CUBLAS_COMPUTE_32F, CUDA_R_32F, in, in, out, out, algorithm.id, &algo), "setting up an algorithm");
  for (const AttributeField& field : kAttributes) {
    const std::int32_t value = algorithm.*field.member;
    check(api.algo_set(&algo, field.attribute, &value, field.bytes), "setting up an algorithm");
  }
  return algo;
}

}  // namespace

CublasLtMatmul::CublasLtMatmul(GemmBook& book, void* workspace, std::size_t bytes)
    : api_(cublaslt()), book_(book), workspace_(workspace), workspace_bytes_(bytes) {
  check(api_.create(&handle_), "starting");
}

CublasLtMatmul::~CublasLtMatmul() {
  if (handle_) api_.destroy(handle_);
}

// The heuristic's first answer among those that add each element's products in one fixed order.
GemmAlgorithm CublasLtMatmul::choose(const Plan& plan, const GemmKey& key) const {
  cublasLtMatmulPreference_t preference = nullptr;
  check(api_.preference_create(&preference), "asking for an algorithm");
  const std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, decltype(api_.preference_destroy)> owner(preference,
                                                                                                   api_.preference_destroy);
  const std::uint32_t no_split = CUBLASLT_REDUCTION_SCHEME_NONE;
  check(api_.preference_set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes_, sizeof workspace_bytes_),
        "asking for an algorithm");
  check(api_.preference_set(preference, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, &no_split, sizeof no_split),
        "asking for an algorithm");
  std::array<cublasLtMatmulHeuristicResult_t, 8> found{};
  int count = 0;
  check(api_.heuristic(handle_, plan.desc, plan.left, plan.right, plan.out, plan.out, preference, static_cast<int>(found.size()),
                       found.data(), &count),
        "asking for an algorithm");
  for (int i = 0; i < count; ++i) {
    if (found[static_cast<std::size_t>(i)].state != CUBLAS_STATUS_SUCCESS) continue;
    const GemmAlgorithm algorithm = read_algorithm(api_, found[static_cast<std::size_t>(i)].algo);
    if (algorithm.split_k <= 1) return algorithm;
  }
  fail("cuBLASLt has no algorithm of fixed order for the product {}", key.text());
}

void CublasLtMatmul::run(void* stream, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb,
                         bool accumulate) {
  const GemmKey key = key_of(c, a, ta, b, tb, accumulate);
  if (key.M == 0 || key.N == 0) return;
  if (key.K == 0) {  // a matrix without columns is none to cuBLASLt
    if (accumulate) return;
    const std::size_t width = static_cast<std::size_t>(key.N * dtype_bytes(c.dtype));
    const cudaError_t error = cudaMemset2DAsync(c.data, static_cast<std::size_t>(key.ldc * dtype_bytes(c.dtype)), 0, width,
                                                static_cast<std::size_t>(key.M), static_cast<cudaStream_t>(stream));
    if (error != cudaSuccess) fail("the GPU: clearing memory: {}", cudaGetErrorString(error));
    return;
  }
  run(stream, Plan(api_, key, a.dtype, c.dtype), key, c, a, b);
}

void CublasLtMatmul::run_fp8(void* stream, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b,
                             const Tensor& scale_b, bool accumulate) {
  const GemmKey key = key_of(c, a, Transpose::no, b, Transpose::yes, accumulate);
  if (key.M % 16 != 0 || key.N % 16 != 0 || key.K % 16 != 0 || key.K == 0)
    fail("8-bit products on the GPU take multiples of 16, found {}", key.text());
  if (key.M == 0 || key.N == 0) return;
  Plan plan(api_, key, a.dtype, c.dtype);
  plan.scale(scale_b.data, scale_a.data);
  run(stream, plan, key, c, a, b);
}

void CublasLtMatmul::run(void* stream, const Plan& plan, const GemmKey& key, const Tensor& c, const Tensor& a, const Tensor& b) {
  const GemmAlgorithm* known = book_.find(key);
  if (!known) {
    book_.add(key, choose(plan, key));
    known = book_.find(key);
  }
  const cublasLtMatmulAlgo_t algo = make_algorithm(api_, handle_, *known, a.dtype, c.dtype);
  const float alpha = 1, beta = key.accumulate ? 1 : 0;
  const cublasStatus_t status =
      api_.matmul(handle_, plan.desc, &alpha, b.data, plan.left, a.data, plan.right, &beta, c.data, plan.out, c.data, plan.out,
                  &algo, workspace_, workspace_bytes_, static_cast<cudaStream_t>(stream));
  if (status != CUBLAS_STATUS_SUCCESS)
    fail("cuBLASLt: the product {} failed with status {}", key.text(), static_cast<int>(status));
}

void matmul(Context& ctx, const Tensor& c, const Tensor& a, Transpose ta, const Tensor& b, Transpose tb, bool accumulate) {
  const Queue& queue = queue_of(ctx);
  queue.matmul()->run(queue.stream(), c, a, ta, b, tb, accumulate);
}

void matmul_fp8(Context& ctx, const Tensor& c, const Tensor& a, const Tensor& scale_a, const Tensor& b, const Tensor& scale_b,
                bool accumulate) {
  const Queue& queue = queue_of(ctx);
  queue.matmul()->run_fp8(queue.stream(), c, a, scale_a, b, scale_b, accumulate);
}

}  // namespace cairn::cuda
