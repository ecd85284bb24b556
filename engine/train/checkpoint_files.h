// The files of a checkpoint (docs/format/checkpoint.md): small texts, and tensors in safetensors files of bounded size. Each
// tensor is cut into pieces of a fixed number of bytes; manifest.json holds the SHA-256 of each, so that a reader of any range
// can check what it reads, and damage has a place.
//
// The bytes are a function of the contents alone: no times, no paths, no machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/background_queue.h"
#include "base/disk.h"
#include "engine/model/safetensors.h"
#include "kernels/memory.h"

namespace cairn::train {

inline constexpr const char* kCheckpointFormat = "cairn-checkpoint";
inline constexpr std::int64_t kCheckpointVersion = 3;
inline constexpr const char* kManifest = "manifest.json";

struct CheckpointCut {
  std::uint64_t file_bytes = std::uint64_t(4) << 30;    // of one file's tensors, unless a single tensor is larger
  std::uint64_t piece_bytes = std::uint64_t(16) << 20;  // hashed as one
};

struct TensorBytes {
  std::string name;
  model::StoredType type = model::StoredType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;  // as they are stored; not to be looked at where they lie on a device:
  Memory* memory = nullptr;          // where; null: on the host
};
// As `tensor` lies in memory: contiguous, f64, f32, bf16 or f16. Error naming it otherwise.
TensorBytes tensor_bytes(std::string name, const Tensor& tensor);

struct TensorFile {
  std::string name;
  std::vector<TensorBytes> tensors;
};
struct TextFile {
  std::string name, text;
};

struct CheckpointFiles {
  std::vector<TextFile> texts;
  std::vector<TensorFile> tensors;
  std::uint64_t piece_bytes = CheckpointCut().piece_bytes;

  std::uint64_t tensor_bytes() const;
  std::set<Memory*> devices() const;  // that tensors lie on
};

// The tensors, in order, in BASE.safetensors or, where they do not fit into one, BASE-00001-of-00003.safetensors ...
std::vector<TensorFile> cut_into_files(const std::string& base, std::vector<TensorBytes> tensors, std::uint64_t file_bytes);
// The text of model.safetensors.index.json: which file holds each tensor, as transformers reads it.
std::string index_of_files(const std::vector<TensorFile>& files);

// Writes all files and manifest.json into `folder`, which is made and must not hold any of them; syncs all. Pieces are hashed on
// `hasher` while this thread writes; what lies on a device comes piece by piece (Memory::read_aside). After the first `lent`
// tensors have been written and hashed, `returned` is called: their memory may change from then on. It is not called when an
// error comes first.
void write_checkpoint_files(Disk& disk, const fs::path& folder, const CheckpointFiles& files, BackgroundQueue& hasher,
                            std::size_t lent = 0, const std::function<void()>& returned = {});

}  // namespace cairn::train
