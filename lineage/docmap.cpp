#include "lineage/docmap.h"

#include <algorithm>

#include "lineage/docmap_format.h"

namespace cairn::lineage {

Docmap Docmap::open(const std::filesystem::path& path) {
  Docmap map;
  map.name_ = path.string();
  map.file_ = MappedFile(path);
  const std::string_view text = map.file_.text();
  if (text.size() < kDocmapHeaderBytes || text.substr(0, kDocmapMagic.size()) != kDocmapMagic) {
    fail("{}: not a docmap: expected {} bytes that begin with {}", map.name_, kDocmapHeaderBytes, kDocmapMagic);
  }
  DocmapCursor header(text.substr(0, kDocmapHeaderBytes), map.name_, "the header");
  header.take(kDocmapMagic.size());
  map.block_documents_ = header.fixed<std::uint32_t>();
  const auto flags = header.fixed<std::uint32_t>();
  const auto documents = header.fixed<std::uint64_t>(), tokens = header.fixed<std::uint64_t>(),
             sources = header.fixed<std::uint64_t>(), parents = header.fixed<std::uint64_t>(),
             blocks = header.fixed<std::uint64_t>(), tables_at = header.fixed<std::uint64_t>(),
             block_index_at = header.fixed<std::uint64_t>(), key_order_at = header.fixed<std::uint64_t>();
  if (map.block_documents_ == 0 || flags != 0) fail("{}: the header's block size or flags are not understood", map.name_);
  const std::uint64_t size = text.size();
  const auto block_size = static_cast<std::uint64_t>(map.block_documents_);
  // Each count is bounded by the bytes there are before anything is made from it.
  const bool sound = documents <= size / 4 && documents <= UINT32_MAX && tokens <= INT64_MAX && sources <= documents &&
                     parents <= size / 33 && blocks == (documents + block_size - 1) / block_size &&
                     tables_at >= kDocmapHeaderBytes && tables_at <= block_index_at && block_index_at <= key_order_at &&
                     key_order_at <= size && key_order_at - block_index_at == 24 * blocks && size - key_order_at == 4 * documents;
  if (!sound)
    fail("{}: the header does not fit a file of {} bytes ({} documents in {} blocks)", map.name_, size, documents, blocks);
  map.documents_ = static_cast<std::int64_t>(documents);
  map.tokens_ = static_cast<std::int64_t>(tokens);
  map.key_order_ = key_order_at;

  DocmapCursor tables(text.substr(tables_at, block_index_at - tables_at), map.name_, "the tables");
  for (std::uint64_t i = 0; i < sources; ++i) {
    DocmapSource source;
    source.name = tables.take(static_cast<std::uint64_t>(tables.varint()));
    source.documents = tables.varint(map.documents_);
    source.tokens = tables.varint(map.tokens_);
    source.first = tables.varint(map.documents_ - 1);
    source.last = tables.varint(map.documents_ - 1);
    map.sources_.push_back(std::move(source));
  }
  for (std::uint64_t i = 0; i < parents; ++i) {
    DocmapParent parent;
    const std::string_view digest = tables.take(32);
    parent.digest = Digest::from_bytes({reinterpret_cast<const std::uint8_t*>(digest.data()), digest.size()});
    parent.name = tables.take(static_cast<std::uint64_t>(tables.varint()));
    map.parents_.push_back(std::move(parent));
  }
  if (!tables.at_end()) tables.broken("have bytes left over");

  DocmapCursor index(text.substr(block_index_at, 24 * blocks), map.name_, "the block index");
  for (std::uint64_t i = 0; i < blocks; ++i) {
    Block block;
    block.first_document = static_cast<std::int64_t>(index.fixed<std::uint64_t>());
    block.first_token = static_cast<std::int64_t>(index.fixed<std::uint64_t>());
    block.offset = index.fixed<std::uint64_t>();
    const std::uint64_t earliest = i == 0 ? kDocmapHeaderBytes : map.blocks_.back().offset;
    const std::int64_t token_floor = i == 0 ? 0 : map.blocks_.back().first_token;
    if (block.first_document != static_cast<std::int64_t>(i * block_size) || block.first_token < token_floor ||
        block.first_token > map.tokens_ || (i == 0 && block.first_token != 0) || block.offset < earliest ||
        block.offset > tables_at) {
      index.broken("names an impossible place");
    }
    map.blocks_.push_back(block);
  }
  return map;
}

std::int64_t Docmap::block_end(std::size_t block) const {
  return std::min(documents_, blocks_[block].first_document + block_documents_);
}

std::vector<DocmapDocument> Docmap::decode(std::size_t index) const {
  const Block& block = blocks_[index];
  const std::int64_t count = block_end(index) - block.first_document;
  DocmapCursor whole(file_.text().substr(block.offset), name_, "a block");
  const auto length_bytes = whole.fixed<std::uint32_t>(), source_bytes = whole.fixed<std::uint32_t>(),
             pointer_bytes = whole.fixed<std::uint32_t>();
  DocmapCursor lengths(whole.take(length_bytes), name_, "a block's lengths");
  DocmapCursor sources(whole.take(source_bytes), name_, "a block's sources");
  DocmapCursor pointers(whole.take(pointer_bytes), name_, "a block's pointers");
  const std::string_view keys = whole.take(16 * static_cast<std::uint64_t>(count));

  std::vector<DocmapDocument> documents(static_cast<std::size_t>(count));
  std::int64_t token = block.first_token;
  for (std::int64_t i = 0; i < count; ++i) {
    DocmapDocument& document = documents[static_cast<std::size_t>(i)];
    document.ordinal = block.first_document + i;
    document.first_token = token;
    document.tokens = lengths.varint(tokens_ - token);
    token += document.tokens;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(keys.data()) + 16 * i, 16, document.key.begin());
  }
  if (!lengths.at_end()) lengths.broken("have bytes left over");
  const std::int64_t next_token = index + 1 < blocks_.size() ? blocks_[index + 1].first_token : tokens_;
  if (token != next_token) lengths.broken("do not add up to the next block's first token");

  std::int64_t source = 0;
  for (std::int64_t done = 0; done < count;) {
    source = sources.step(source, static_cast<std::int64_t>(sources_.size()) - 1);
    const std::int64_t run = sources.varint(count - done);
    if (run == 0) sources.broken("hold an empty run");
    for (const std::int64_t end = done + run; done < end; ++done)
      documents[static_cast<std::size_t>(done)].source = static_cast<std::uint32_t>(source);
  }
  if (!sources.at_end()) sources.broken("have bytes left over");

  std::int64_t parent = 0, ordinal = 0;
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t next_parent = pointers.step(parent, static_cast<std::int64_t>(parents_.size()) - 1);
    if (next_parent != parent) ordinal = 0;
    parent = next_parent;
    ordinal = pointers.step(ordinal, INT64_MAX / 2);
    const std::int64_t run = pointers.varint(count - done);
    if (run == 0) pointers.broken("hold an empty run");
    for (const std::int64_t end = done + run; done < end; ++done, ++ordinal) {
      documents[static_cast<std::size_t>(done)].parent = static_cast<std::uint32_t>(parent);
      documents[static_cast<std::size_t>(done)].parent_ordinal = ordinal;
    }
  }
  if (!pointers.at_end()) pointers.broken("have bytes left over");
  return documents;
}

std::optional<std::uint32_t> Docmap::source(std::string_view name) const {
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    if (sources_[i].name == name) return static_cast<std::uint32_t>(i);
  }
  return std::nullopt;
}

DocmapDocument Docmap::document(std::int64_t ordinal) const {
  if (ordinal < 0 || ordinal >= documents_) fail("{}: document {} asked for, there are {}", name_, ordinal, documents_);
  return decode(static_cast<std::size_t>(ordinal / block_documents_))[static_cast<std::size_t>(ordinal % block_documents_)];
}

DocmapDocument Docmap::document_at(std::int64_t token) const {
  if (token < 0 || token >= tokens_) fail("{}: token {} asked for, there are {}", name_, token, tokens_);
  const auto block =
      std::upper_bound(blocks_.begin(), blocks_.end(), token, [](std::int64_t t, const Block& b) { return t < b.first_token; }) -
      1;
  const std::vector<DocmapDocument> documents = decode(static_cast<std::size_t>(block - blocks_.begin()));
  return *(std::upper_bound(documents.begin(), documents.end(), token,
                            [](std::int64_t t, const DocmapDocument& d) { return t < d.first_token; }) -
           1);
}

std::int64_t Docmap::ordinal_by_key(std::int64_t rank) const {
  DocmapCursor cursor(file_.text().substr(key_order_ + 4 * static_cast<std::uint64_t>(rank), 4), name_, "the key order");
  const auto ordinal = static_cast<std::int64_t>(cursor.fixed<std::uint32_t>());
  if (ordinal >= documents_) cursor.broken("names a document that is not there");
  return ordinal;
}

DocumentKey Docmap::key_of(std::int64_t ordinal) const {
  const Block& block = blocks_[static_cast<std::size_t>(ordinal / block_documents_)];
  DocmapCursor cursor(file_.text().substr(block.offset), name_, "a block");
  const std::uint64_t columns =
      std::uint64_t{cursor.fixed<std::uint32_t>()} + cursor.fixed<std::uint32_t>() + cursor.fixed<std::uint32_t>();
  cursor.take(columns + 16 * static_cast<std::uint64_t>(ordinal - block.first_document));
  DocumentKey key;
  std::copy_n(reinterpret_cast<const std::uint8_t*>(cursor.take(16).data()), 16, key.begin());
  return key;
}

std::vector<DocmapDocument> Docmap::find(const DocumentKey& key) const {
  std::int64_t low = 0, high = documents_;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (key_of(ordinal_by_key(middle)) < key)
      low = middle + 1;
    else
      high = middle;
  }
  std::vector<DocmapDocument> found;
  for (; low < documents_ && key_of(ordinal_by_key(low)) == key; ++low) found.push_back(document(ordinal_by_key(low)));
  return found;
}

std::vector<DocmapDocument> Docmap::documents_of(std::uint32_t source) const {
  std::vector<DocmapDocument> found;
  if (source >= sources_.size()) fail("{}: source {} asked for, there are {}", name_, source, sources_.size());
  const DocmapSource& entry = sources_[source];
  for (std::int64_t block = entry.first / block_documents_; block <= entry.last / block_documents_; ++block) {
    for (const DocmapDocument& document : decode(static_cast<std::size_t>(block))) {
      if (document.source == source) found.push_back(document);
    }
  }
  return found;
}

void Docmap::for_each(const std::function<void(const DocmapDocument&)>& fn) const {
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    for (const DocmapDocument& document : decode(block)) fn(document);
  }
}

}  // namespace cairn::lineage
