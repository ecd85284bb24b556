// Document maps: for one token shard, what each document is — how long, of which source, from where — in about 20 bytes a
// document (4 without its id), and queries both ways: token -> document -> source, source -> documents, id -> document
// (spec/lineage.md §2.7).
//
// The file format, with a worked example that a test checks, is docs/format/docmap.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"
#include "base/mapped_file.h"

namespace cairn::lineage {

// What a document's id stands for: of "sha256:<64 lower-case hex digits>" that hash, of any other text (ids of other makers) its
// SHA-256.
Digest document_digest(std::string_view id);
// The first 16 bytes of that.
using DocumentKey = std::array<std::uint8_t, 16>;
DocumentKey document_key(std::string_view id);

// A file that documents came from, named by its digest.
struct DocmapParent {
  std::string name;  // file name, for people
  Digest digest;
  bool operator==(const DocmapParent&) const = default;
};

struct DocmapSource {
  std::string name;
  std::int64_t documents = 0, tokens = 0;
  std::int64_t first = 0, last = 0;  // ordinals of its first and last document
};

struct DocmapDocument {
  std::int64_t ordinal = 0;  // in the shard
  std::int64_t first_token = 0, tokens = 0;
  std::uint32_t source = 0;         // index in sources()
  std::uint32_t parent = 0;         // index in parents()
  std::int64_t parent_ordinal = 0;  // which document of that file, from 0
  DocumentKey key{};
};

class DocmapWriter {
 public:
  // Index of a parent file, the same for the same digest and name.
  std::uint32_t parent(const std::string& name, const Digest& digest);
  void append(std::int64_t tokens, std::string_view source, std::uint32_t parent, std::int64_t parent_ordinal,
              const DocumentKey& key);
  std::int64_t documents() const { return static_cast<std::int64_t>(documents_.size()); }
  const std::vector<DocmapSource>& sources() const { return sources_; }  // in order of first appearance
  std::string bytes() const;                                             // the whole file
  void write(Disk& disk, const std::filesystem::path& path) const;       // exclusive; synced

 private:
  std::vector<DocmapDocument> documents_;
  std::vector<DocmapSource> sources_;
  std::unordered_map<std::string, std::uint32_t> source_index_;
  std::vector<DocmapParent> parents_;
  std::int64_t tokens_ = 0;
};

// A docmap mapped into memory. Opening checks header, tables and block index; each block is checked as it is decoded. Errors name
// the file and the place. Any thread may ask.
class Docmap {
 public:
  static Docmap open(const std::filesystem::path& path);

  std::int64_t documents() const { return documents_; }
  std::int64_t tokens() const { return tokens_; }
  const std::vector<DocmapSource>& sources() const { return sources_; }
  const std::vector<DocmapParent>& parents() const { return parents_; }
  std::optional<std::uint32_t> source(std::string_view name) const;

  DocmapDocument document(std::int64_t ordinal) const;             // Error outside [0, documents())
  DocmapDocument document_at(std::int64_t token) const;            // the one that holds this token; Error outside [0, tokens())
  std::vector<DocmapDocument> find(const DocumentKey& key) const;  // all with this key, by ordinal; usually one or none
  std::vector<DocmapDocument> documents_of(std::uint32_t source) const;
  void for_each(const std::function<void(const DocmapDocument&)>& fn) const;

 private:
  struct Block {
    std::int64_t first_document = 0, first_token = 0;
    std::uint64_t offset = 0;
  };
  Docmap() = default;
  std::vector<DocmapDocument> decode(std::size_t block) const;
  DocumentKey key_of(std::int64_t ordinal) const;
  std::int64_t ordinal_by_key(std::int64_t rank) const;
  std::int64_t block_end(std::size_t block) const;

  std::string name_;
  MappedFile file_;
  std::int64_t documents_ = 0, tokens_ = 0, block_documents_ = 0;
  std::uint64_t key_order_ = 0;
  std::vector<DocmapSource> sources_;
  std::vector<DocmapParent> parents_;
  std::vector<Block> blocks_;
};

}  // namespace cairn::lineage
