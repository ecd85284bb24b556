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

#define BIND(member, symbol) opening.bind(f.member, #symbol);

Library<CublasLt> open_cublaslt() {
  static CublasLt f{};
  Opening opening({"libcublasLt.so.13", "libcublasLt.so.12"});
  CAIRN_CUBLASLT(BIND)
  Library<CublasLt> library = finished("cuBLASLt", opening, f);
  if (library.functions) library.version = three_parts(f.get_version(), 10000, 100);
  return library;
}

Library<Cudnn> open_cudnn() {
#ifdef CAIRN_HAS_CUDNN
  static Cudnn f{};
  Opening opening({"libcudnn.so.9"});
  CAIRN_CUDNN(BIND)
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
  CAIRN_NCCL(BIND)
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
  CAIRN_NVML(BIND)
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
  const Library<CublasLt>& library = cublaslt_library();
  if (!library.functions) fail("{} is needed and cannot be used: {}", library.name, library.reason);
  return *library.functions;
}

}  // namespace cairn::cuda
