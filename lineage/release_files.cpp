#include "lineage/release_files.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "lineage/tree.h"

namespace cairn::lineage {

namespace {

constexpr std::string_view kParityMagic = "CAIRNPA1";
constexpr std::size_t kSide = 256;

std::string chunk_parity(std::string_view chunk) {
  std::string parity(kParityBytes, '\0');
  for (std::size_t row = 0; row * kSide < chunk.size(); ++row) {
    const std::string_view bytes = chunk.substr(row * kSide, kSide);
    char across = 0;
    for (std::size_t column = 0; column < bytes.size(); ++column) {
      parity[column] = static_cast<char>(parity[column] ^ bytes[column]);
      across = static_cast<char>(across ^ bytes[column]);
    }
    parity[kSide + row] = across;
  }
  return parity;
}

// The one row or column at which two parities differ; none when it is not exactly one.
std::optional<std::size_t> only_difference(std::string_view a, std::string_view b) {
  std::optional<std::size_t> place;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i]) continue;
    if (place) return std::nullopt;
    place = i;
  }
  return place;
}

// Finds the one byte of a chunk that changed, and proves it: with the byte put back, the chunk has its digest.
bool locate_byte(std::string chunk, const Digest& wanted, std::string_view parity, std::string_view now, Damage& damage) {
  const std::optional<std::size_t> column = only_difference(parity.substr(0, kSide), now.substr(0, kSide));
  const std::optional<std::size_t> row = only_difference(parity.substr(kSide), now.substr(kSide));
  if (!column || !row || *row * kSide + *column >= chunk.size()) return false;
  char& byte = chunk[*row * kSide + *column];
  const auto found = static_cast<unsigned char>(byte);
  byte = static_cast<char>(byte ^ parity[*column] ^ now[*column]);
  if (sha256(chunk) != wanted) return false;
  damage.found = found;
  damage.expected = static_cast<unsigned char>(byte);
  damage.begin += *row * kSide + *column;
  damage.end = damage.begin + 1;
  return true;
}

}  // namespace

ScannedFile scan_release_file(const fs::path& folder, const std::string& path) {
  const MappedFile file(folder / path);
  const std::string_view text = file.text();
  ScannedFile scanned;
  scanned.file.path = path;
  scanned.file.bytes = text.size();
  scanned.file.digest = sha256(text);
  scanned.file.executable = (fs::status(folder / path).permissions() & fs::perms::owner_exec) != fs::perms::none;
  for (std::size_t begin = 0; begin < text.size(); begin += kChunkBytes) {
    const std::string_view chunk = text.substr(begin, kChunkBytes);
    scanned.file.chunks.push_back(sha256(chunk));
    scanned.parity += chunk_parity(chunk);
  }
  return scanned;
}

std::string parity_text(const std::vector<ScannedFile>& files) {
  std::string text(kParityMagic);
  for (const ScannedFile& file : files) {
    if (file.file.path != kParityFile) text += file.parity;
  }
  return text;
}

std::string manifest_text(const Manifest& manifest) {
  Json files = Json::array();
  for (const ReleaseFile& file : manifest.files) {
    Json chunks = Json::array();
    for (const Digest& chunk : file.chunks) chunks.push_back(chunk.hex());
    files.push_back({{"path", file.path},
                     {"sha256", file.digest.hex()},
                     {"bytes", file.bytes},
                     {"executable", file.executable},
                     {"chunks", std::move(chunks)}});
  }
  return canonical_json({{"format", "cairn-release"},
                         {"version", 1},
                         {"name", manifest.name},
                         {"artifact", {{"sha256", manifest.artifact.hex()}, {"kind", manifest.kind}}},
                         {"created", manifest.created},
                         {"journal", {{"seq", manifest.journal_seq}, {"head", manifest.journal_head.hex()}}},
                         {"key", manifest.key_id},
                         {"chunk_bytes", kChunkBytes},
                         {"files", std::move(files)}}) +
         "\n";
}

Manifest parse_manifest(std::string_view text, std::string_view origin) {
  const Json json = parse_json(text, origin);
  Manifest manifest;
  try {
    if (json.at("format") != "cairn-release" || json.at("version") != 1 || json.at("chunk_bytes") != kChunkBytes) {
      fail("{}: not the manifest of a release of version 1", origin);
    }
    manifest.name = json.at("name").get<std::string>();
    manifest.artifact = Digest::from_hex(json.at("artifact").at("sha256").get<std::string>());
    manifest.kind = json.at("artifact").at("kind").get<std::string>();
    manifest.created = json.at("created").get<std::int64_t>();
    manifest.journal_seq = json.at("journal").at("seq").get<std::int64_t>();
    manifest.journal_head = Digest::from_hex(json.at("journal").at("head").get<std::string>());
    manifest.key_id = json.at("key").get<std::string>();
    std::vector<TreeEntry> paths;
    for (const Json& entry : json.at("files")) {
      ReleaseFile file;
      file.path = entry.at("path").get<std::string>();
      file.digest = Digest::from_hex(entry.at("sha256").get<std::string>());
      file.bytes = entry.at("bytes").get<std::uint64_t>();
      file.executable = entry.at("executable").get<bool>();
      for (const Json& chunk : entry.at("chunks")) file.chunks.push_back(Digest::from_hex(chunk.get<std::string>()));
      if (file.chunks.size() != file.bytes / kChunkBytes + (file.bytes % kChunkBytes != 0)) {
        fail("{}: {}: {} chunks listed for {} bytes", origin, file.path, file.chunks.size(), file.bytes);
      }
      paths.push_back({file.path, file.digest, file.bytes, file.executable});
      manifest.files.push_back(std::move(file));
    }
    tree_manifest(std::move(paths));  // refuses paths that lead out of the folder or stand twice
  } catch (const Json::exception& error) {
    fail("{}: not the manifest of a release ({})", origin, error.what());
  }
  return manifest;
}

Damage locate_damage(const fs::path& folder, const ReleaseFile& listed, const ScannedFile& scanned, std::string_view parity) {
  Damage damage;
  std::optional<std::size_t> first, last;
  const std::size_t count = std::max(listed.chunks.size(), scanned.file.chunks.size());
  for (std::size_t i = 0; i < count; ++i) {
    const bool same = i < listed.chunks.size() && i < scanned.file.chunks.size() && listed.chunks[i] == scanned.file.chunks[i];
    if (same) continue;
    if (!first) first = i;
    last = i;
    ++damage.chunks;
  }
  if (!first) return damage;
  damage.begin = *first * kChunkBytes;
  damage.end = std::min((*last + 1) * kChunkBytes, std::max(listed.bytes, scanned.file.bytes));
  const bool one_chunk = damage.chunks == 1 && listed.bytes == scanned.file.bytes;
  if (one_chunk && parity.size() == listed.chunks.size() * kParityBytes) {
    const MappedFile file(folder / listed.path);
    locate_byte(std::string(file.text().substr(damage.begin, kChunkBytes)), listed.chunks[*first],
                parity.substr(*first * kParityBytes, kParityBytes),
                std::string_view(scanned.parity).substr(*first * kParityBytes, kParityBytes), damage);
  }
  return damage;
}

}  // namespace cairn::lineage
