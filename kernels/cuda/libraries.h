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

struct CublasLt {
  decltype(&cublasLtGetVersion) get_version;
  decltype(&cublasLtCreate) create;
  decltype(&cublasLtDestroy) destroy;
  decltype(&cublasLtMatmul) matmul;
  decltype(&cublasLtMatmulDescCreate) desc_create;
  decltype(&cublasLtMatmulDescDestroy) desc_destroy;
  decltype(&cublasLtMatmulDescSetAttribute) desc_set;
  decltype(&cublasLtMatrixLayoutCreate) layout_create;
  decltype(&cublasLtMatrixLayoutDestroy) layout_destroy;
  decltype(&cublasLtMatmulPreferenceCreate) preference_create;
  decltype(&cublasLtMatmulPreferenceDestroy) preference_destroy;
  decltype(&cublasLtMatmulPreferenceSetAttribute) preference_set;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic;
  decltype(&cublasLtMatmulAlgoInit) algo_init;
  decltype(&cublasLtMatmulAlgoCheck) algo_check;
  decltype(&cublasLtMatmulAlgoConfigGetAttribute) algo_get;
  decltype(&cublasLtMatmulAlgoConfigSetAttribute) algo_set;
};

struct Cudnn {
#ifdef CAIRN_HAS_CUDNN
  decltype(&cudnnGetVersion) get_version;
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnGetErrorString) error_string;
  decltype(&cudnnGetLastErrorString) last_error;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;
#endif
};

struct Nccl {
#ifdef CAIRN_HAS_NCCL
  decltype(&ncclGetVersion) get_version;
  decltype(&ncclGetUniqueId) get_unique_id;
  decltype(&ncclCommInitRank) comm_init_rank;
  decltype(&ncclCommDestroy) comm_destroy;
  decltype(&ncclGetErrorString) error_string;
  decltype(&ncclAllReduce) all_reduce;
  decltype(&ncclAllGather) all_gather;
  decltype(&ncclReduceScatter) reduce_scatter;
  decltype(&ncclBroadcast) broadcast;
  decltype(&ncclSend) send;
  decltype(&ncclRecv) recv;
  decltype(&ncclGroupStart) group_start;
  decltype(&ncclGroupEnd) group_end;
#endif
};

struct Nvml {
#ifdef CAIRN_HAS_NVML
  decltype(&nvmlInit_v2) init;
  decltype(&nvmlShutdown) shutdown;
  decltype(&nvmlErrorString) error_string;
  decltype(&nvmlDeviceGetHandleByIndex_v2) device;
  decltype(&nvmlDeviceGetClockInfo) clock;
  decltype(&nvmlDeviceGetPowerManagementLimit) power_limit;
  decltype(&nvmlDeviceGetPowerUsage) power;
  decltype(&nvmlDeviceGetTemperature) temperature;
  decltype(&nvmlSystemGetDriverVersion) driver_version;
#endif
};

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

// The functions; Error with the reason when they are missing.
const CublasLt& cublaslt();
const Cudnn& cudnn();
const Nccl& nccl();
const Nvml& nvml();

}  // namespace cairn::cuda
