#include "engine/train/checkpoint_reader.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/train/checkpoint_files.h"

namespace cairn::train {

namespace fs = std::filesystem;

namespace {

const Schema& manifest_schema() {
  static const Schema hash = string().min(64).max(64);
  static const Schema header = object({field("bytes", integer().min(8), "length"), field("sha256", hash, "of the header")});
  static const Schema tensor = object({
      field("begin", integer().min(8), "first byte in the file"),
      field("bytes", integer().min(0), "length"),
      field("pieces", list(hash), "SHA-256 of each piece"),
  });
  static const Schema schema = object({
      field("format", string().one_of({kCheckpointFormat}), "what this file is"),
      field("version", integer().min(kCheckpointVersion).max(kCheckpointVersion), "of the format"),
      field("piece_bytes", integer().min(1), "length of every piece of a tensor but its last"),
      field("files",
            map(object({
                field("bytes", integer().min(0), "length"),
                field("sha256", hash.def(nullptr), "of a text"),
                field("header", header.def(nullptr), "of a file of tensors"),
                field("tensors", map(tensor).def(nullptr), "of a file of tensors"),
            })),
            "all but this one"),
      field("root", hash, "SHA-256 of the canonical JSON of all else here"),
  });
  return schema;
}

Json read_manifest(const fs::path& folder) {
  if (!fs::is_regular_file(folder / kManifest)) fail("{}: missing", kManifest);
  return manifest_schema().complete(parse_json(read_file(folder / kManifest), kManifest), kManifest);
}

// What the writer hashed: without the nulls that the schema wrote out, and without the root itself.
Digest root_of(Json manifest) {
  manifest.erase("root");
  for (auto& item : manifest["files"].items()) {
    for (const char* key : {"sha256", "header", "tensors"}) {
      if (item.value()[key].is_null()) item.value().erase(key);
    }
  }
  return sha256(canonical_json(manifest));
}

std::uint64_t length_of(const Json& entry, const char* key = "bytes") {
  return entry.at(key).get<std::uint64_t>();
}

}  // namespace

bool CheckpointReader::Piece::whole() const {
  return sha256(bytes) == digest;
}

CheckpointReader::CheckpointReader(fs::path folder) : folder_(std::move(folder)) {
  const Json manifest = read_manifest(folder_);
  root_ = Digest::from_hex(manifest.at("root").get<std::string>());
  if (root_of(manifest) != root_) fail("{}: its root is not the SHA-256 of the rest", kManifest);
  piece_bytes_ = length_of(manifest, "piece_bytes");
  for (const auto& item : manifest.at("files").items()) {
    const std::string& name = item.key();
    const Json& entry = item.value();
    if (name.empty() || name[0] == '.' || name.find('/') != std::string::npos) {
      fail("{}: '{}': expected the name of a file in the same folder", kManifest, name);
    }
    const fs::path path = folder_ / name;
    if (!fs::is_regular_file(path)) fail("{}: missing", name);
    if (fs::file_size(path) != length_of(entry)) fail("{}: {} bytes, expected {}", name, fs::file_size(path), length_of(entry));
    const bool text = !entry.at("sha256").is_null(), header = !entry.at("header").is_null();
    if (text == header || header == entry.at("tensors").is_null()) {
      fail("{}: '{}': expected either sha256, or header and tensors", kManifest, name);
    }
    mapped_.push_back(std::make_unique<MappedFile>(path));
    text ? open_text(name, entry) : open_tensors(name, entry);
  }
}

void CheckpointReader::add_piece(std::string what, std::span<const std::byte> bytes, const Json& digest) {
  pieces_.push_back({std::move(what), bytes, Digest::from_hex(digest.get<std::string>())});
}

void CheckpointReader::open_text(const std::string& name, const Json& entry) {
  add_piece(name, {mapped_.back()->data(), mapped_.back()->size()}, entry.at("sha256"));
}

void CheckpointReader::open_tensors(const std::string& name, const Json& entry) {
  const std::span<const std::byte> file(mapped_.back()->data(), mapped_.back()->size());
  const Json& header = entry.at("header");
  if (length_of(header) > file.size()) fail("{}: claims a header of {} bytes in {}", name, length_of(header), file.size());
  add_piece(name + ": header", file.first(length_of(header)), header.at("sha256"));
  // A header with other bytes may be no header any more: say that it is damaged rather than how.
  if (!pieces_.back().whole()) fail("{}: header: SHA-256 differs", name);

  files_.push_back(std::make_unique<model::SafetensorsFile>(folder_ / name));
  const Json& listed = entry.at("tensors");
  std::set<std::string> found;
  for (const model::StoredTensor& stored : files_.back()->tensors()) {
    const auto it = listed.find(stored.name);
    if (it == listed.end()) fail("{}: '{}': tensor '{}' is not listed", kManifest, name, stored.name);
    found.insert(stored.name);
    const std::uint64_t begin = length_of(header) + stored.begin, size = stored.end - stored.begin;
    const Json& pieces = it->at("pieces");
    if (length_of(*it, "begin") != begin || length_of(*it) != size || pieces.size() != (size + piece_bytes_ - 1) / piece_bytes_) {
      fail("{}: '{}': tensor '{}' lies at bytes {}..{}, the manifest says {}..{} in {} pieces", kManifest, name, stored.name,
           begin, begin + size, length_of(*it, "begin"), length_of(*it, "begin") + length_of(*it), pieces.size());
    }
    const std::span<const std::byte> bytes = file.subspan(begin, size);
    if (!tensors_.emplace(stored.name, PlacedTensor{stored, bytes, pieces_.size()}).second) {
      fail("{}: tensor '{}' is in two files", kManifest, stored.name);
    }
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const std::uint64_t at = i * piece_bytes_, end = std::min(size, at + piece_bytes_);
      add_piece(fmt::format("{}: tensor '{}', bytes {}..{}", name, stored.name, at, end), bytes.subspan(at, end - at), pieces[i]);
    }
  }
  for (const auto& item : listed.items()) {
    if (found.count(item.key()) == 0) fail("{}: '{}' has no tensor '{}'", kManifest, name, item.key());
  }
}

void CheckpointReader::verify(ThreadPool* threads) const {
  std::vector<char> whole(pieces_.size(), 1);
  const auto check = [&](std::int64_t i) { whole[static_cast<std::size_t>(i)] = pieces_[static_cast<std::size_t>(i)].whole(); };
  const auto count = static_cast<std::int64_t>(pieces_.size());
  if (threads != nullptr) {
    threads->parallel_for(count, check);
  } else {
    for (std::int64_t i = 0; i < count; ++i) check(i);
  }
  const auto first = std::find(whole.begin(), whole.end(), 0);
  if (first != whole.end()) fail("{}: SHA-256 differs", pieces_[static_cast<std::size_t>(first - whole.begin())].what);
}

const CheckpointReader::PlacedTensor& CheckpointReader::require(const std::string& tensor) const {
  const auto it = tensors_.find(tensor);
  if (it == tensors_.end()) fail("{}: has no tensor '{}'", folder_.string(), tensor);
  return it->second;
}

const model::StoredTensor* CheckpointReader::find(const std::string& tensor) const {
  const auto it = tensors_.find(tensor);
  return it == tensors_.end() ? nullptr : &it->second.stored;
}

std::span<const std::byte> CheckpointReader::bytes(const std::string& tensor) const {
  return require(tensor).bytes;
}

void CheckpointReader::read(const std::string& tensor, std::uint64_t begin, std::span<std::byte> out) const {
  const PlacedTensor& placed = require(tensor);
  if (begin > placed.bytes.size() || out.size() > placed.bytes.size() - begin) {
    fail("{}: tensor '{}' has {} bytes; asked for {}..{}", folder_.string(), tensor, placed.bytes.size(), begin,
         begin + out.size());
  }
  if (out.empty()) return;
  for (std::uint64_t piece = begin / piece_bytes_; piece <= (begin + out.size() - 1) / piece_bytes_; ++piece) {
    const Piece& checked = pieces_[placed.first_piece + piece];
    if (!checked.whole()) fail("{}: SHA-256 differs", checked.what);
  }
  std::memcpy(out.data(), placed.bytes.data() + begin, out.size());
}

}  // namespace cairn::train
