// Libraries that are opened on demand: what is said about one that is missing, and about one that is another than its name says.
#include "kernels/cuda/libraries.h"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "tests/support/test.h"

namespace cairn::test {

TEST_CASE("a library that is missing, or lacks a function, gives its reason, and an error only where it is needed") {
  Dl_info libc{};
  REQUIRE(dladdr(reinterpret_cast<void*>(&std::puts), &libc) != 0);
  const TemporaryFolder folder;
  const std::filesystem::path impostor = folder.path() / "libcublasLt.so.13";
  std::filesystem::create_symlink(libc.dli_fname, impostor);
  setenv("CAIRN_CUDA_LIBRARIES", folder.path().c_str(), 1);
  const std::string lacks = impostor.string() + " lacks cublasLtGetVersion: another version than this program was built for";
  CHECK(cuda::cublaslt_library().functions == nullptr);
  CHECK(cuda::cublaslt_library().reason == lacks);
  CHECK(error_of([] { cuda::cublaslt(); }) == "cuBLASLt is needed and cannot be used: " + lacks);

  // The others are there or not; each says one or the other.
  const auto says = [](const auto& library) {
    CHECK((library.functions == nullptr) == !library.reason.empty());
    CHECK((library.functions != nullptr || library.version.empty()));
  };
  says(cuda::cudnn_library());
  says(cuda::nccl_library());
  says(cuda::nvml_library());
  const std::string& nccl = cuda::nccl_library().reason;
  const bool named = nccl.empty() || nccl.find("libnccl.so.2: cannot open shared object file") != std::string::npos ||
                     nccl == "this program was built without nccl.h";
  CHECK_MESSAGE(named, nccl);
}

}  // namespace cairn::test
