#include <algorithm>
#include <numeric>

#include "lineage/docmap.h"
#include "lineage/docmap_format.h"

namespace cairn::lineage {
namespace {

struct Columns {
  std::string lengths, sources, pointers, keys;
};

Columns encode_block(const DocmapDocument* documents, std::size_t count) {
  Columns columns;
  for (std::size_t i = 0; i < count; ++i) {
    put_varint(columns.lengths, static_cast<std::uint64_t>(documents[i].tokens));
    columns.keys.append(reinterpret_cast<const char*>(documents[i].key.data()), documents[i].key.size());
  }
  std::int64_t previous_source = 0;
  for (std::size_t begin = 0, end; begin < count; begin = end) {
    for (end = begin + 1; end < count && documents[end].source == documents[begin].source;) ++end;
    put_zigzag(columns.sources, documents[begin].source - previous_source);
    put_varint(columns.sources, end - begin);
    previous_source = documents[begin].source;
  }
  std::int64_t previous_parent = 0, expected = 0;
  for (std::size_t begin = 0, end; begin < count; begin = end) {
    const DocmapDocument& first = documents[begin];
    for (end = begin + 1; end < count; ++end) {
      if (documents[end].parent != first.parent) break;
      if (documents[end].parent_ordinal != documents[end - 1].parent_ordinal + 1) break;
    }
    if (first.parent != previous_parent) expected = 0;
    put_zigzag(columns.pointers, first.parent - previous_parent);
    put_zigzag(columns.pointers, first.parent_ordinal - expected);
    put_varint(columns.pointers, end - begin);
    previous_parent = first.parent;
    expected = documents[end - 1].parent_ordinal + 1;
  }
  return columns;
}

}  // namespace

Digest document_digest(std::string_view id) {
  constexpr std::string_view kPrefix = "sha256:";
  const std::string_view hex = id.starts_with(kPrefix) ? id.substr(kPrefix.size()) : std::string_view();
  const bool is_digest = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos;
  return is_digest ? Digest::from_hex(hex) : sha256(id);
}

DocumentKey document_key(std::string_view id) {
  const Digest digest = document_digest(id);
  DocumentKey key;
  std::copy_n(digest.bytes.begin(), key.size(), key.begin());
  return key;
}

std::uint32_t DocmapWriter::parent(const std::string& name, const Digest& digest) {
  const DocmapParent parent{name, digest};
  const auto found = std::find(parents_.begin(), parents_.end(), parent);
  if (found != parents_.end()) return static_cast<std::uint32_t>(found - parents_.begin());
  parents_.push_back(parent);
  return static_cast<std::uint32_t>(parents_.size() - 1);
}

void DocmapWriter::append(std::int64_t tokens, std::string_view source, std::uint32_t parent, std::int64_t parent_ordinal,
                          const DocumentKey& key) {
  if (parent >= parents_.size()) fail("docmap: parent {} was not registered; there are {}", parent, parents_.size());
  if (tokens < 0 || parent_ordinal < 0) fail("docmap: a document of {} tokens at {} of its parent", tokens, parent_ordinal);
  // Shards are clustered by source: the last one is usually it.
  std::size_t index = sources_.size();
  if (!documents_.empty() && sources_[documents_.back().source].name == source) {
    index = documents_.back().source;
  } else if (const auto known = source_index_.find(std::string(source)); known != source_index_.end()) {
    index = known->second;
  } else {
    source_index_.emplace(source, static_cast<std::uint32_t>(index));
    sources_.push_back({.name = std::string(source), .first = documents()});
  }
  DocmapSource& entry = sources_[index];
  ++entry.documents;
  entry.tokens += tokens;
  entry.last = documents();
  documents_.push_back({.ordinal = documents(),
                        .first_token = tokens_,
                        .tokens = tokens,
                        .source = static_cast<std::uint32_t>(index),
                        .parent = parent,
                        .parent_ordinal = parent_ordinal,
                        .key = key});
  tokens_ += tokens;
}

std::string DocmapWriter::bytes() const {
  std::string blocks, block_index, tables;
  std::uint64_t block_count = 0;
  for (std::size_t first = 0; first < documents_.size(); first += kDocmapBlockDocuments, ++block_count) {
    const std::size_t count = std::min<std::size_t>(kDocmapBlockDocuments, documents_.size() - first);
    put_fixed<std::uint64_t>(block_index, first);
    put_fixed<std::uint64_t>(block_index, static_cast<std::uint64_t>(documents_[first].first_token));
    put_fixed<std::uint64_t>(block_index, kDocmapHeaderBytes + blocks.size());
    const Columns columns = encode_block(documents_.data() + first, count);
    for (const std::string* column : {&columns.lengths, &columns.sources, &columns.pointers}) {
      put_fixed(blocks, static_cast<std::uint32_t>(column->size()));
    }
    blocks += columns.lengths + columns.sources + columns.pointers + columns.keys;
  }
  for (const DocmapSource& source : sources_) {
    put_varint(tables, source.name.size());
    tables += source.name;
    for (const std::int64_t number : {source.documents, source.tokens, source.first, source.last}) {
      put_varint(tables, static_cast<std::uint64_t>(number));
    }
  }
  for (const DocmapParent& parent : parents_) {
    tables.append(reinterpret_cast<const char*>(parent.digest.bytes.data()), parent.digest.bytes.size());
    put_varint(tables, parent.name.size());
    tables += parent.name;
  }
  std::vector<std::uint32_t> by_key(documents_.size());
  std::iota(by_key.begin(), by_key.end(), 0u);
  std::stable_sort(by_key.begin(), by_key.end(),
                   [this](std::uint32_t a, std::uint32_t b) { return documents_[a].key < documents_[b].key; });

  std::string out(kDocmapMagic);
  put_fixed<std::uint32_t>(out, kDocmapBlockDocuments);
  put_fixed<std::uint32_t>(out, 0);
  const std::uint64_t tables_at = kDocmapHeaderBytes + blocks.size();
  for (const std::uint64_t number :
       {static_cast<std::uint64_t>(documents_.size()), static_cast<std::uint64_t>(tokens_),
        static_cast<std::uint64_t>(sources_.size()), static_cast<std::uint64_t>(parents_.size()), block_count, tables_at,
        tables_at + tables.size(), tables_at + tables.size() + block_index.size()}) {
    put_fixed(out, number);
  }
  out += blocks + tables + block_index;
  for (const std::uint32_t ordinal : by_key) put_fixed(out, ordinal);
  return out;
}

void DocmapWriter::write(Disk& disk, const std::filesystem::path& path) const {
  const auto file = disk.create(path);
  file->write(bytes());
  file->sync();
  file->close();
}

}  // namespace cairn::lineage
