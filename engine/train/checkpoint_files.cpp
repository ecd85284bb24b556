#include "engine/train/checkpoint_files.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"

namespace cairn::train {

namespace {

model::StoredType stored_as(Dtype dtype, const std::string& name) {
  switch (dtype) {
    case Dtype::f64:
      return model::StoredType::f64;
    case Dtype::f32:
      return model::StoredType::f32;
    case Dtype::bf16:
      return model::StoredType::bf16;
    case Dtype::f16:
      return model::StoredType::f16;
    default:
      fail("tensor '{}': {} cannot be kept in a checkpoint", name, dtype_name(dtype));
  }
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Hashes on another thread, in order; who waits takes a part in what is left. The digests are there after wait(); the destructor
// waits for the piece being hashed, because its digest is written here.
class PieceHashes {
 public:
  explicit PieceHashes(BackgroundQueue& queue) : queue_(queue) {}
  ~PieceHashes() { queue_.wait_until_at_most(0); }

  // The place of the digest stays where it is until the end. `copy` is memory of `bytes` to be released once they are hashed;
  // null: they stay. Few such copies exist at a time.
  const Digest* hash(std::string_view bytes, std::unique_ptr<std::byte[]> copy = nullptr) {
    if (copy != nullptr) queue_.wait_until_at_most(kCopies);
    Piece* piece = nullptr;
    {
      const std::lock_guard lock(mutex_);
      piece = pieces_.emplace_back(std::make_unique<Piece>(Piece{bytes, std::move(copy), {}})).get();
    }
    queue_.submit([this] { hash_next(); });
    return &piece->digest;
  }
  void wait() {
    while (hash_next()) {
    }
    queue_.wait();
  }

 private:
  static constexpr std::size_t kCopies = 3;
  struct Piece {
    std::string_view bytes;
    std::unique_ptr<std::byte[]> copy;
    Digest digest;
  };

  // False when every piece is taken.
  bool hash_next() {
    Piece* piece = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (next_ == pieces_.size()) return false;
      piece = pieces_[next_++].get();
    }
    piece->digest = sha256(piece->bytes);
    piece->copy.reset();
    return true;
  }

  BackgroundQueue& queue_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Piece>> pieces_;
  std::size_t next_ = 0;
};

struct WrittenTensor {
  std::string name;
  std::uint64_t begin, bytes;
  std::vector<const Digest*> pieces;
};

struct WrittenFile {
  std::string name;
  std::uint64_t bytes = 0;
  const Digest* text = nullptr;  // of a text
  std::string header{};          // of a file of tensors
  const Digest* header_digest = nullptr;
  std::vector<WrittenTensor> tensors{};
};

Json entry_of(const WrittenFile& file) {
  if (file.text != nullptr) return {{"bytes", file.bytes}, {"sha256", file.text->hex()}};
  Json tensors = Json::object();
  for (const WrittenTensor& tensor : file.tensors) {
    Json pieces = Json::array();
    for (const Digest* digest : tensor.pieces) pieces.push_back(digest->hex());
    tensors[tensor.name] = {{"begin", tensor.begin}, {"bytes", tensor.bytes}, {"pieces", std::move(pieces)}};
  }
  const Json header = {{"bytes", file.header.size()}, {"sha256", file.header_digest->hex()}};
  return {{"bytes", file.bytes}, {"header", header}, {"tensors", std::move(tensors)}};
}

std::string manifest_of(const std::vector<WrittenFile>& files, std::uint64_t piece_bytes) {
  Json manifest = {{"format", kCheckpointFormat}, {"version", kCheckpointVersion}, {"piece_bytes", piece_bytes}};
  manifest["files"] = Json::object();
  for (const WrittenFile& file : files) manifest["files"][file.name] = entry_of(file);
  manifest["root"] = sha256(canonical_json(manifest)).hex();
  return pretty_json(manifest);
}

std::string header_of(const TensorFile& file) {
  std::vector<model::StoredTensor> tensors;
  for (const TensorBytes& tensor : file.tensors) tensors.push_back({tensor.name, tensor.type, tensor.shape, 0, 0});
  return model::safetensors_header(tensors);
}

}  // namespace

TensorBytes tensor_bytes(std::string name, const Tensor& tensor) {
  if (!tensor.contiguous()) fail("tensor '{}' is not contiguous", name);
  const model::StoredType type = stored_as(tensor.dtype, name);
  const std::span bytes(tensor.as<const std::byte>(), static_cast<std::size_t>(tensor.bytes()));
  return {std::move(name), type, {tensor.shape.begin(), tensor.shape.begin() + tensor.dims}, bytes, tensor.memory};
}

std::uint64_t CheckpointFiles::tensor_bytes() const {
  std::uint64_t bytes = 0;
  for (const TensorFile& file : tensors) {
    for (const TensorBytes& tensor : file.tensors) bytes += tensor.bytes.size();
  }
  return bytes;
}

std::set<Memory*> CheckpointFiles::devices() const {
  std::set<Memory*> found;
  for (const TensorFile& file : tensors) {
    for (const TensorBytes& tensor : file.tensors) {
      if (tensor.memory != nullptr) found.insert(tensor.memory);
    }
  }
  return found;
}

std::vector<TensorFile> cut_into_files(const std::string& base, std::vector<TensorBytes> tensors, std::uint64_t file_bytes) {
  std::vector<TensorFile> files(1);
  std::uint64_t bytes = 0;
  for (TensorBytes& tensor : tensors) {
    if (!files.back().tensors.empty() && bytes + tensor.bytes.size() > file_bytes) {
      files.emplace_back();
      bytes = 0;
    }
    bytes += tensor.bytes.size();
    files.back().tensors.push_back(std::move(tensor));
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    files[i].name = base + (files.size() == 1 ? "" : fmt::format("-{:05}-of-{:05}", i + 1, files.size())) + ".safetensors";
  }
  return files;
}

std::string index_of_files(const std::vector<TensorFile>& files) {
  Json index = {{"metadata", Json::object()}, {"weight_map", Json::object()}};
  std::uint64_t bytes = 0;
  for (const TensorFile& file : files) {
    for (const TensorBytes& tensor : file.tensors) {
      index["weight_map"][tensor.name] = file.name;
      bytes += tensor.bytes.size();
    }
  }
  index["metadata"]["total_size"] = bytes;
  return pretty_json(index);
}

void write_checkpoint_files(Disk& disk, const fs::path& folder, const CheckpointFiles& files, BackgroundQueue& hasher,
                            std::size_t lent, const std::function<void()>& returned) {
  disk.make_directories(folder);
  std::vector<WrittenFile> written;
  written.reserve(files.tensors.size() + files.texts.size());  // headers stay where they are while they are hashed
  PieceHashes hashes(hasher);
  const auto return_if_last = [&] {
    if (lent == 0 || --lent > 0) return;
    hashes.wait();
    returned();
  };
  for (const TensorFile& file : files.tensors) {
    WrittenFile& out = written.emplace_back(WrittenFile{.name = file.name, .header = header_of(file)});
    GatheringFile writer(disk, folder / file.name);
    out.header_digest = hashes.hash(out.header);
    writer.write(out.header);
    out.bytes = out.header.size();
    for (const TensorBytes& tensor : file.tensors) {
      WrittenTensor& place = out.tensors.emplace_back(WrittenTensor{tensor.name, out.bytes, tensor.bytes.size(), {}});
      for (std::size_t begin = 0; begin < tensor.bytes.size(); begin += files.piece_bytes) {
        const std::size_t size = std::min<std::size_t>(files.piece_bytes, tensor.bytes.size() - begin);
        std::span<const std::byte> piece = tensor.bytes.subspan(begin, size);
        std::unique_ptr<std::byte[]> copy;
        if (tensor.memory != nullptr) {
          copy = std::make_unique_for_overwrite<std::byte[]>(size);
          tensor.memory->read_aside(copy.get(), piece.data(), size);
          piece = {copy.get(), size};
        }
        writer.write(text_of(piece));
        place.pieces.push_back(hashes.hash(text_of(piece), std::move(copy)));
      }
      out.bytes += tensor.bytes.size();
      return_if_last();
    }
    writer.finish();
  }
  for (const TextFile& text : files.texts) {
    written.push_back(WrittenFile{.name = text.name, .bytes = text.text.size(), .text = hashes.hash(text.text)});
    write_new_file(disk, folder / text.name, text.text);
  }
  hashes.wait();
  write_new_file(disk, folder / kManifest, manifest_of(written, files.piece_bytes));
  disk.sync_directory(folder);
}

}  // namespace cairn::train
