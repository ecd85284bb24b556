#include "kernels/cuda/libraries.h"

#include <dlfcn.h>

#include <cstdlib>
#include <initializer_list>

#include "base/error.h"

namespace cairn::cuda {
namespace {

// One attempt to open a library and take its functions.
class Opening {
 public:
  explicit Opening(std::initializer_list<const char*> files) {
    for (const char* file : files) {
      if (const char* folder = std::getenv("CAIRN_CUDA_LIBRARIES")) try_open(std::string(folder) + "/" + file);
      try_open(file);
    }
  }

  template <typename Function>
  void bind(Function& function, const char* symbol) {
    if (!handle_) return;
    function = reinterpret_cast<Function>(dlsym(handle_, symbol));
    if (!function && missing_.empty())
      missing_ = fmt::format("{} lacks {}: another version than this program was built for", file_, symbol);
  }

  bool complete() const { return handle_ && missing_.empty(); }
  const std::string& reason() const { return handle_ ? missing_ : failure_; }

 private:
  void try_open(const std::string& file) {
    if (handle_) return;
    handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) {
      file_ = file;
    } else if (const char* why = dlerror(); why && failure_.empty()) {
      failure_ = why;
    }
  }

  void* handle_ = nullptr;  // never closed: its code may run until the process ends
  std::string file_, failure_, missing_;
};

template <typename Functions>
Library<Functions> finished(const char* name, const Opening& opening, const Functions& functions) {
  Library<Functions> library{name};
  if (opening.complete()) {
    library.functions = &functions;
  } else {
    library.reason = opening.reason();
  }
  return library;
}

std::string three_parts(std::size_t version, std::size_t major, std::size_t minor) {
  return fmt::format("{}.{}.{}", version / major, version % major / minor, version % minor);
}

Library<CublasLt> open_cublaslt() {
  static CublasLt f{};
  Opening opening({"libcublasLt.so.13", "libcublasLt.so.12"});
  opening.bind(f.get_version, "cublasLtGetVersion");
  opening.bind(f.create, "cublasLtCreate");
  opening.bind(f.destroy, "cublasLtDestroy");
  opening.bind(f.matmul, "cublasLtMatmul");
  opening.bind(f.desc_create, "cublasLtMatmulDescCreate");
  opening.bind(f.desc_destroy, "cublasLtMatmulDescDestroy");
  opening.bind(f.desc_set, "cublasLtMatmulDescSetAttribute");
  opening.bind(f.layout_create, "cublasLtMatrixLayoutCreate");
  opening.bind(f.layout_destroy, "cublasLtMatrixLayoutDestroy");
  opening.bind(f.preference_create, "cublasLtMatmulPreferenceCreate");
  opening.bind(f.preference_destroy, "cublasLtMatmulPreferenceDestroy");
  opening.bind(f.preference_set, "cublasLtMatmulPreferenceSetAttribute");
  opening.bind(f.heuristic, "cublasLtMatmulAlgoGetHeuristic");
  opening.bind(f.algo_init, "cublasLtMatmulAlgoInit");
  opening.bind(f.algo_check, "cublasLtMatmulAlgoCheck");
  opening.bind(f.algo_get, "cublasLtMatmulAlgoConfigGetAttribute");
  opening.bind(f.algo_set, "cublasLtMatmulAlgoConfigSetAttribute");
  Library<CublasLt> library = finished("cuBLASLt", opening, f);
  if (library.functions) library.version = three_parts(f.get_version(), 10000, 100);
  return library;
}

Library<Cudnn> open_cudnn() {
#ifdef CAIRN_HAS_CUDNN
  static Cudnn f{};
  Opening opening({"libcudnn.so.9"});
  opening.bind(f.get_version, "cudnnGetVersion");
  opening.bind(f.create, "cudnnCreate");
  opening.bind(f.destroy, "cudnnDestroy");
  opening.bind(f.set_stream, "cudnnSetStream");
  opening.bind(f.error_string, "cudnnGetErrorString");
  opening.bind(f.last_error, "cudnnGetLastErrorString");
  opening.bind(f.create_descriptor, "cudnnBackendCreateDescriptor");
  opening.bind(f.destroy_descriptor, "cudnnBackendDestroyDescriptor");
  opening.bind(f.set_attribute, "cudnnBackendSetAttribute");
  opening.bind(f.get_attribute, "cudnnBackendGetAttribute");
  opening.bind(f.finalize, "cudnnBackendFinalize");
  opening.bind(f.execute, "cudnnBackendExecute");
  Library<Cudnn> library = finished("cuDNN", opening, f);
  if (library.functions) library.version = three_parts(f.get_version(), 10000, 100);
  return library;
#else
  return {.name = "cuDNN", .reason = "this program was built without cudnn.h"};
#endif
}

Library<Nccl> open_nccl() {
#ifdef CAIRN_HAS_NCCL
  static Nccl f{};
  Opening opening({"libnccl.so.2"});
  opening.bind(f.get_version, "ncclGetVersion");
  opening.bind(f.get_unique_id, "ncclGetUniqueId");
  opening.bind(f.comm_init_rank, "ncclCommInitRank");
  opening.bind(f.comm_destroy, "ncclCommDestroy");
  opening.bind(f.error_string, "ncclGetErrorString");
  opening.bind(f.all_reduce, "ncclAllReduce");
  opening.bind(f.all_gather, "ncclAllGather");
  opening.bind(f.reduce_scatter, "ncclReduceScatter");
  opening.bind(f.broadcast, "ncclBroadcast");
  opening.bind(f.send, "ncclSend");
  opening.bind(f.recv, "ncclRecv");
  opening.bind(f.group_start, "ncclGroupStart");
  opening.bind(f.group_end, "ncclGroupEnd");
  Library<Nccl> library = finished("NCCL", opening, f);
  int version = 0;
  if (library.functions && f.get_version(&version) == ncclSuccess)
    library.version = three_parts(std::size_t(version), 10000, 100);
  return library;
#else
  return {.name = "NCCL", .reason = "this program was built without nccl.h"};
#endif
}

Library<Nvml> open_nvml() {
#ifdef CAIRN_HAS_NVML
  static Nvml f{};
  Opening opening({"libnvidia-ml.so.1"});
  opening.bind(f.init, "nvmlInit_v2");
  opening.bind(f.shutdown, "nvmlShutdown");
  opening.bind(f.error_string, "nvmlErrorString");
  opening.bind(f.device, "nvmlDeviceGetHandleByIndex_v2");
  opening.bind(f.clock, "nvmlDeviceGetClockInfo");
  opening.bind(f.power_limit, "nvmlDeviceGetPowerManagementLimit");
  opening.bind(f.power, "nvmlDeviceGetPowerUsage");
  opening.bind(f.temperature, "nvmlDeviceGetTemperature");
  opening.bind(f.driver_version, "nvmlSystemGetDriverVersion");
  Library<Nvml> library = finished("NVML", opening, f);
  if (!library.functions) return library;
  if (const nvmlReturn_t started = f.init(); started != NVML_SUCCESS) {
    library.functions = nullptr;
    library.reason = f.error_string(started);
    return library;
  }
  char version[80] = "";
  if (f.driver_version(version, sizeof version) == NVML_SUCCESS) library.version = version;
  return library;
#else
  return {.name = "NVML", .reason = "this program was built without nvml.h"};
#endif
}

template <typename Functions>
const Functions& require(const Library<Functions>& library) {
  if (!library.functions) fail("{} is needed and cannot be used: {}", library.name, library.reason);
  return *library.functions;
}

}  // namespace

const Library<CublasLt>& cublaslt_library() {
  static const Library<CublasLt> library = open_cublaslt();
  return library;
}
const Library<Cudnn>& cudnn_library() {
  static const Library<Cudnn> library = open_cudnn();
  return library;
}
const Library<Nccl>& nccl_library() {
  static const Library<Nccl> library = open_nccl();
  return library;
}
const Library<Nvml>& nvml_library() {
  static const Library<Nvml> library = open_nvml();
  return library;
}

const CublasLt& cublaslt() {
  return require(cublaslt_library());
}
const Cudnn& cudnn() {
  return require(cudnn_library());
}
const Nccl& nccl() {
  return require(nccl_library());
}
const Nvml& nvml() {
  return require(nvml_library());
}

}  // namespace cairn::cuda
