// A document, and folders of documents: JSONL shards compressed with zstd, each line {"id", "text", "metadata": {...}}, the form
// that datatrove and its users read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"

namespace cairn::data {

// What a classifier said of a document, or its maker: "language" 0.98. In JSONL a number "language_score" of the metadata.
struct Score {
  std::string name;
  double value = 0;
  bool operator==(const Score&) const = default;
};
// To six decimals: a score that is written, compared and read again is the same, whichever C library computed its exponential.
double rounded_score(double score);

struct Document {
  std::string id;         // "sha256:" + hex of the text as ingested; stays the same through filters that edit
  std::string text;       // UTF-8
  std::string source;     // who can opt out: package, dataset, or registrable domain ("debian-reference")
  std::string url;        // url, or path inside the source
  std::string licence;    // SPDX expression, or "unknown"
  std::string language;   // BCP 47 as declared ("de", "zh-cn"), or "und"
  std::string retrieved;  // ISO 8601, UTC

  // Of a page out of a web archive; else empty.
  std::string record_id = {};     // "urn:uuid:..."
  std::string record_place = {};  // "source/file.warc.gz:BYTE", of the record in the file as stored
  std::string content_type = {};  // "text/html"

  // What the page and its server said of its use, one line each (signals/signals.h); and by which mark the licence was found, or
  // who declared it (licences/licence_marks.h).
  std::string signals = {};
  std::string licence_evidence = {};

  std::vector<Score> scores = {};  // sorted by name, each once
};

void set_score(std::vector<Score>& scores, const Score& score);

inline constexpr std::string_view kIdPrefix = "sha256:";
std::string document_id(std::string_view text);

// One line of JSONL without its newline. parse is strict about what it knows ("text" must be a string) and skips the rest; it
// takes "id" and the metadata at either level, so files of other makers are read too. Missing fields stay as they are. Errors
// name the column: 'column 17: "text": expected a string, found a number'.
void append_document_line(std::string& out, const Document& document);
void parse_document_line(std::string_view line, Document& document);

// Reads a folder of *.jsonl.zst shards in name order, documents in file order. Errors name shard and line.
class DocumentReader {
 public:
  explicit DocumentReader(const std::filesystem::path& folder);
  ~DocumentReader();
  bool next(Document& document);  // false at the end
  std::size_t shard_count() const;
  // Where the document just returned stands.
  std::size_t shard() const;                        // index among the shards
  std::int64_t ordinal() const;                     // line in its shard, from 0
  std::string shard_name(std::size_t shard) const;  // file name
  std::uint64_t bytes_read() const;                 // compressed, for progress
  std::uint64_t bytes_total() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Writes documents-00000.jsonl.zst, ... of at most `shard_bytes` of text each (more for a single longer document), at least one.
// A shard is a row of zstd frames of about a megabyte of text, so that it can be read in parallel. The bytes are a function of
// the documents alone. Not-UTF-8 text is an Error.
class DocumentWriter {
 public:
  // `first_shard`: the number of the first shard, of a writer that goes on behind shards that are there.
  DocumentWriter(Disk& disk, const std::filesystem::path& folder, std::uint64_t shard_bytes = 64'000'000,
                 std::size_t first_shard = 0);
  ~DocumentWriter();
  void append(const Document& document);
  // Whether a document of so much text has no room in the open shard. append() then ends that shard; end_shard() does it at once:
  // all that was appended before is then durable.
  bool is_full_for(std::uint64_t text_bytes) const;
  void end_shard();
  void finish();  // required; syncs
  std::int64_t documents() const;
  // Where the document appended last stands.
  std::size_t shard() const;
  std::int64_t ordinal() const;
  std::uint64_t stored_bytes() const;  // compressed, of the shard that was opened last
  static std::string shard_name(std::size_t shard);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Part of one shard that can be read alone: whole zstd frames.
struct DocumentPiece {
  std::size_t shard = 0;
  std::uint64_t offset = 0, bytes = 0;  // compressed
};

// Shards [first_shard, behind_shard) of a folder, cut into pieces of about `piece_bytes` compressed bytes, and of no more than
// about 32 times as much unpacked, for reading in parallel. Any thread may read.
class DocumentPieces {
 public:
  explicit DocumentPieces(const std::filesystem::path& folder, std::uint64_t piece_bytes = 1'000'000,
                          std::uint64_t first_shard = 0, std::uint64_t behind_shard = ~std::uint64_t{0});
  static std::uint64_t shard_count(const std::filesystem::path& folder);
  ~DocumentPieces();
  DocumentPieces(DocumentPieces&&) noexcept;
  std::size_t size() const;
  const DocumentPiece& piece(std::size_t index) const;
  std::vector<Document> read(std::size_t index) const;  // errors name shard and line

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::data
