// The list of a release's files, kept so that damage can be placed: SHA-256 of each file and of each 64 KiB chunk of it, and for
// each chunk two-dimensional parity, which gives the exact place of one changed byte and what it was.
//
// parity.bin: the 8 bytes "CAIRNPA1", then for every file of the list but itself, in order, 512 bytes a chunk: a chunk is 256
// rows of 256 bytes (the last one padded with zeros); 256 bytes are the XOR of all rows, 256 bytes the XOR within each row.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"

namespace cairn::lineage {

inline constexpr std::uint64_t kChunkBytes = 65536;
inline constexpr std::uint64_t kParityBytes = 512;
inline constexpr const char* kParityFile = "parity.bin";
inline constexpr const char* kManifestFile = "manifest.json";
inline constexpr const char* kStatementFile = "statement.dsse.json";

struct ReleaseFile {
  std::string path;  // relative, '/' between parts
  Digest digest;
  std::uint64_t bytes = 0;
  bool executable = false;
  std::vector<Digest> chunks;
};

struct Manifest {
  std::string name;
  Digest artifact;  // what is released
  std::string kind;
  std::int64_t created = 0;
  std::int64_t journal_seq = 0;  // the ledger's journal head at that moment
  Digest journal_head;
  std::string key_id;
  std::vector<ReleaseFile> files;  // all but manifest.json and statement.dsse.json, sorted by path
};

struct ScannedFile {
  ReleaseFile file;
  std::string parity;  // kParityBytes a chunk
};

ScannedFile scan_release_file(const fs::path& folder, const std::string& path);
std::string parity_text(const std::vector<ScannedFile>& files);  // the whole of parity.bin

std::string manifest_text(const Manifest& manifest);
Manifest parse_manifest(std::string_view text, std::string_view origin);

struct Damage {
  std::uint64_t begin = 0, end = 0;              // byte range that holds all the damage; end - begin is 1 when the place is exact
  std::optional<unsigned char> found, expected;  // of that byte
  std::size_t chunks = 0;                        // damaged chunks; 0: only the length differs
};

// Where `scanned` differs from what the manifest says. `parity` is the file's part of parity.bin, or empty when it cannot be
// trusted.
Damage locate_damage(const fs::path& folder, const ReleaseFile& listed, const ScannedFile& scanned, std::string_view parity);

}  // namespace cairn::lineage
