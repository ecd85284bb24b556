// A document, and folders of documents: JSONL shards compressed with zstd, each line {"id", "text", "metadata": {...}}, the form
// that datatrove and its users read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/disk.h"

namespace cairn::data {

struct Document {
  std::string id;          // "sha256:" + hex of the text as ingested; stays the same through filters that edit
  std::string text;        // UTF-8
  std::string source;      // who can opt out: package, dataset, or registrable domain ("debian-reference")
  std::string url;         // url, or path inside the source
  std::string licence;     // SPDX expression, or "unknown"
  std::string language;    // BCP 47 as declared ("de", "zh-cn"), or "und"
  std::string retrieved;   // ISO 8601, UTC
};

// Reads a folder of *.jsonl.zst shards in name order, documents in file order. Errors name shard and line.
class DocumentReader {
 public:
  explicit DocumentReader(const std::filesystem::path& folder);
  ~DocumentReader();
  bool next(Document& document);                       // false at the end
  std::size_t shard_count() const;
  // Where the document just returned stands.
  std::size_t shard() const;                           // index among the shards
  std::int64_t ordinal() const;                        // line in its shard, from 0
  std::string shard_name(std::size_t shard) const;     // file name
  std::uint64_t bytes_read() const;                    // compressed, for progress
  std::uint64_t bytes_total() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes documents-00000.jsonl.zst, ... of at most `shard_bytes` of text each. The bytes are a function of the documents alone.
class DocumentWriter {
 public:
  DocumentWriter(Disk& disk, const std::filesystem::path& folder, std::uint64_t shard_bytes = 64'000'000);
  ~DocumentWriter();
  void append(const Document& document);
  void finish();                                       // required; syncs
  std::int64_t documents() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::data
