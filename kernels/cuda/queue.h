// Where work for one GPU goes: a stream, and scratch memory that the operations on it share. Work in one queue runs in order, so
// an operation may use the scratch memory without regard to the one before it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn {
class Memory;
}

namespace cairn::cuda {

class CublasLtMatmul;

class Queue {
 public:
  // The memory belongs to the caller and is on the device. An operation that needs more than there is throws.
  // `matmul` computes the matrix products of the cuda backend; under emulation there is none.
  // `memory` is where the tensors of its operations lie; under emulation that may be the host's, null.
  Queue(void* stream, void* scratch, std::size_t scratch_bytes, CublasLtMatmul* matmul = nullptr, Memory* memory = nullptr)
      : stream_(stream),
        scratch_(static_cast<std::byte*>(scratch)),
        scratch_bytes_(scratch_bytes),
        matmul_(matmul),
        memory_(memory) {}

  void* stream() const { return stream_; }
  CublasLtMatmul* matmul() const { return matmul_; }
  Memory* memory() const { return memory_; }
  // The first `count` elements of the scratch memory. Error when it is smaller.
  template <typename T>
  T* scratch(std::int64_t count) const {
    return reinterpret_cast<T*>(require(static_cast<std::size_t>(count) * sizeof(T)));
  }
  // Copies from the memory of the operations to the host, where the bytes have arrived when this returns.
  void read(void* host, const void* at, std::size_t bytes) const;

 private:
  std::byte* require(std::size_t bytes) const;

  void* stream_;  // a cudaStream_t
  std::byte* scratch_;
  std::size_t scratch_bytes_;
  CublasLtMatmul* matmul_;
  Memory* memory_;
};

}  // namespace cairn::cuda
