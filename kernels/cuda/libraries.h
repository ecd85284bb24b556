// NVIDIA's libraries, opened when first asked for: the executable starts without any of them, and says which are missing and why.
//
// Prototypes are those of the headers at build time (decltype), so a call cannot disagree with them; a library whose header was
// missing then has an empty table and says so. cudart is linked statically.
#pragma once

#include <cublasLt.h>

#include <string>

#if __has_include(<cudnn.h>)
#include <cudnn.h>
#define CAIRN_HAS_CUDNN
#endif
#if __has_include(<nccl.h>)
#include <nccl.h>
#define CAIRN_HAS_NCCL
#endif
#if __has_include(<nvml.h>)
#include <nvml.h>
#define CAIRN_HAS_NVML
#endif

namespace cairn::cuda {

// The functions of each library: DO(member of its table, name in the library).
#define CAIRN_CUBLASLT(DO)                                 \
  DO(get_version, cublasLtGetVersion)                      \
  DO(create, cublasLtCreate)                               \
  DO(destroy, cublasLtDestroy)                             \
  DO(matmul, cublasLtMatmul)                               \
  DO(desc_create, cublasLtMatmulDescCreate)                \
  DO(desc_destroy, cublasLtMatmulDescDestroy)              \
  DO(desc_set, cublasLtMatmulDescSetAttribute)             \
  DO(layout_create, cublasLtMatrixLayoutCreate)            \
  DO(layout_destroy, cublasLtMatrixLayoutDestroy)          \
  DO(preference_create, cublasLtMatmulPreferenceCreate)    \
  DO(preference_destroy, cublasLtMatmulPreferenceDestroy)  \
  DO(preference_set, cublasLtMatmulPreferenceSetAttribute) \
  DO(heuristic, cublasLtMatmulAlgoGetHeuristic)            \
  DO(algo_init, cublasLtMatmulAlgoInit)                    \
  DO(algo_get, cublasLtMatmulAlgoConfigGetAttribute)       \
  DO(algo_set, cublasLtMatmulAlgoConfigSetAttribute)
#ifdef CAIRN_HAS_CUDNN
#define CAIRN_CUDNN(DO)                                 \
  DO(get_version, cudnnGetVersion)                      \
  DO(create, cudnnCreate)                               \
  DO(destroy, cudnnDestroy)                             \
  DO(set_stream, cudnnSetStream)                        \
  DO(error_string, cudnnGetErrorString)                 \
  DO(last_error, cudnnGetLastErrorString)               \
  DO(create_descriptor, cudnnBackendCreateDescriptor)   \
  DO(destroy_descriptor, cudnnBackendDestroyDescriptor) \
  DO(set_attribute, cudnnBackendSetAttribute)           \
  DO(get_attribute, cudnnBackendGetAttribute)           \
  DO(finalize, cudnnBackendFinalize)                    \
  DO(execute, cudnnBackendExecute)
#else
#define CAIRN_CUDNN(DO)
#endif
#ifdef CAIRN_HAS_NCCL
#define CAIRN_NCCL(DO)                  \
  DO(get_version, ncclGetVersion)       \
  DO(get_unique_id, ncclGetUniqueId)    \
  DO(comm_init_rank, ncclCommInitRank)  \
  DO(comm_destroy, ncclCommDestroy)     \
  DO(error_string, ncclGetErrorString)  \
  DO(all_reduce, ncclAllReduce)         \
  DO(all_gather, ncclAllGather)         \
  DO(reduce_scatter, ncclReduceScatter) \
  DO(broadcast, ncclBroadcast)          \
  DO(send, ncclSend)                    \
  DO(recv, ncclRecv)                    \
  DO(group_start, ncclGroupStart)       \
  DO(group_end, ncclGroupEnd)
#else
#define CAIRN_NCCL(DO)
#endif
#ifdef CAIRN_HAS_NVML
#define CAIRN_NVML(DO)                               \
  DO(init, nvmlInit_v2)                              \
  DO(shutdown, nvmlShutdown)                         \
  DO(error_string, nvmlErrorString)                  \
  DO(device, nvmlDeviceGetHandleByIndex_v2)          \
  DO(clock, nvmlDeviceGetClockInfo)                  \
  DO(power_limit, nvmlDeviceGetPowerManagementLimit) \
  DO(power, nvmlDeviceGetPowerUsage)                 \
  DO(temperature, nvmlDeviceGetTemperature)          \
  DO(driver_version, nvmlSystemGetDriverVersion)
#else
#define CAIRN_NVML(DO)
#endif

#define CAIRN_MEMBER(member, symbol) decltype(&symbol) member;
struct CublasLt {
  CAIRN_CUBLASLT(CAIRN_MEMBER)
};
struct Cudnn {
  CAIRN_CUDNN(CAIRN_MEMBER)
};
struct Nccl {
  CAIRN_NCCL(CAIRN_MEMBER)
};
struct Nvml {
  CAIRN_NVML(CAIRN_MEMBER)
};
#undef CAIRN_MEMBER

// A library that was looked for. `functions` is null when it, or one of its symbols, is missing; then `reason` says what: "no
// libcudnn.so.9: cannot open shared object file".
template <typename Functions>
struct Library {
  const char* name;
  const Functions* functions = nullptr;
  std::string version{};
  std::string reason{};
};

// Each is opened at the first call, by any thread, and stays open. A file in CAIRN_CUDA_LIBRARIES (a folder) comes before those
// that the system finds.
const Library<CublasLt>& cublaslt_library();
const Library<Cudnn>& cudnn_library();
const Library<Nccl>& nccl_library();
const Library<Nvml>& nvml_library();

const CublasLt& cublaslt();  // the functions; Error with the reason when they are missing

}  // namespace cairn::cuda
