// Reading a checkpoint's files (docs/format/checkpoint.md): any range of any tensor, checked against the manifest's hashes, for
// any number of readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/json_fwd.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"
#include "engine/model/safetensors.h"

namespace cairn::train {

// May be used from any thread.
class CheckpointReader {
 public:
  // Reads the manifest and holds it against the files' lengths and headers. Error naming the file, and the tensor, when they do
  // not agree; names without the folder: "model.safetensors: 5000 bytes, expected 7312".
  explicit CheckpointReader(std::filesystem::path folder);

  // Hashes everything. Error with the first damage in the order of the manifest: "model.safetensors: tensor 'lm_head.weight',
  // bytes 0..2560: SHA-256 differs".
  void verify(ThreadPool* threads = nullptr) const;

  const model::StoredTensor* find(const std::string& tensor) const;   // null when absent
  std::span<const std::byte> bytes(const std::string& tensor) const;  // mapped, as stored; not verified. Error when absent
  // Bytes [begin, begin + out.size()) of a tensor, after hashing the pieces that they lie in. Error as of verify, or when the
  // range is not inside the tensor.
  void read(const std::string& tensor, std::uint64_t begin, std::span<std::byte> out) const;

  const std::filesystem::path& folder() const { return folder_; }
  const Digest& root() const { return root_; }  // of the whole checkpoint

 private:
  struct Piece {       // what is hashed as one
    std::string what;  // "model.safetensors: tensor 'x', bytes 0..2560"
    std::span<const std::byte> bytes;
    Digest digest;
    bool whole() const;
  };
  struct PlacedTensor {
    model::StoredTensor stored;
    std::span<const std::byte> bytes;
    std::size_t first_piece;  // in pieces_
  };

  void open_text(const std::string& name, const Json& entry);
  void open_tensors(const std::string& name, const Json& entry);
  void add_piece(std::string what, std::span<const std::byte> bytes, const Json& digest);
  const PlacedTensor& require(const std::string& tensor) const;

  std::filesystem::path folder_;
  std::uint64_t piece_bytes_ = 0;
  Digest root_;
  std::vector<std::unique_ptr<MappedFile>> mapped_;
  std::vector<std::unique_ptr<model::SafetensorsFile>> files_;
  std::vector<Piece> pieces_;
  std::map<std::string, PlacedTensor> tensors_;
};

}  // namespace cairn::train
