#include "engine/data/curated_piece.h"

#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::string_view kMagic = "CAIRNPC9";
// Texts lie behind all else, so that who does not need them does not read them.
struct Header {
  char magic[8];
  std::uint64_t rows, row_bytes, statistics_bytes, text_bytes;
  std::uint64_t head_hash, text_hash;  // of rows and statistics; of texts
  std::uint64_t own_hash;              // of what is before it
};

template <typename Row, typename Fn>
void for_each_string(Row& row, Fn&& fn) {
  for (auto* text : {&row.id,        &row.text,      &row.source,       &row.url,          &row.licence,   &row.language,
                     &row.retrieved, &row.record_id, &row.record_place, &row.content_type, &row.signals,   &row.licence_evidence,
                     &row.scores,    &row.filter,    &row.rule,         &row.reason,       &row.edited_by, &row.evidence,
                     &row.sample,    &row.kept_id,   &row.kept_source,  &row.kept_url}) {
    fn(*text);
  }
}

template <typename Row, typename Fn>
void for_each_number(Row& row, Fn&& fn) {
  for (auto* number : {&row.bytes_in, &row.words_in, &row.words, &row.tokens_in, &row.tokens, &row.kept, &row.removed_by})
    fn(*number);
}

// Numbers are 8 bytes and strings are padded to 8, so that keys can be read where they lie.
void put(std::string& out, std::uint64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
std::size_t padded(std::size_t size) {
  return (size + 7) / 8 * 8;
}

std::uint64_t get(std::string_view bytes, std::size_t at) {
  if (bytes.size() < at || bytes.size() - at < 8) fail("a row of {} bytes ends before its number at {}", bytes.size(), at);
  std::uint64_t number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::uint64_t hash_of(const Header& header) {
  return xxhash64({reinterpret_cast<const char*>(&header), offsetof(Header, own_hash)});
}

// Whether these bytes are a whole piece; of its texts the size alone unless they are asked for.
bool checks(std::string_view bytes, bool texts) {
  Header header;
  if (bytes.size() < sizeof header) return false;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kMagic || header.own_hash != hash_of(header)) return false;
  const std::uint64_t head_bytes = header.row_bytes + header.statistics_bytes;
  if (bytes.size() != sizeof header + head_bytes + header.text_bytes) return false;
  return header.head_hash == xxhash64(bytes.substr(sizeof header, head_bytes)) &&
         (!texts || header.text_hash == xxhash64(bytes.substr(sizeof header + head_bytes)));
}

}  // namespace

std::string pack_scores(const std::vector<Score>& scores) {
  std::string packed;
  for (const Score& score : scores) {
    packed.append(reinterpret_cast<const char*>(&score.value), sizeof score.value);
    put(packed, score.name.size());  // not an end mark: a name out of a document may hold any character
    packed += score.name;
  }
  return packed;
}

std::vector<Score> unpack_scores(std::string_view packed) {
  std::vector<Score> scores;
  while (!packed.empty()) {
    Score& score = scores.emplace_back();
    const std::uint64_t value = get(packed, 0), size = get(packed, 8);
    if (size > packed.size() - 16) fail("a score's name claims {} bytes of {}", size, packed.size() - 16);
    std::memcpy(&score.value, &value, sizeof score.value);
    score.name = packed.substr(16, size);
    packed.remove_prefix(16 + size);
  }
  return scores;
}

Document document_of(const CuratedRow& row) {
  return {std::string(row.id),           std::string(row.text),      std::string(row.source),
          std::string(row.url),          std::string(row.licence),   std::string(row.language),
          std::string(row.retrieved),    std::string(row.record_id), std::string(row.record_place),
          std::string(row.content_type), std::string(row.signals),   std::string(row.licence_evidence),
          unpack_scores(row.scores)};
}

void pack_row(std::string& bytes, const CuratedRow& row) {
  put(bytes, row.dropped);
  for_each_number(row, [&bytes](std::uint64_t number) { put(bytes, number); });
  for_each_string(row, [&bytes](std::string_view text) {
    put(bytes, text.size());
    bytes += text;
    bytes.append(padded(text.size()) - text.size(), '\0');
  });
  put(bytes, row.keys.size());
  for (const std::uint64_t key : row.keys) put(bytes, key);
}

CuratedRow unpack_row(std::string_view& bytes) {
  CuratedRow row;
  row.dropped = get(bytes, 0) != 0;
  std::size_t at = 8;
  for_each_number(row, [&](std::uint64_t& number) {
    number = get(bytes, at);
    at += 8;
  });
  for_each_string(row, [&](std::string_view& text) {
    const std::uint64_t size = get(bytes, at), left = bytes.size() - at - 8;
    if (size > left || padded(size) > left) fail("a row's string at {} claims {} bytes of {}", at, size, left);
    text = bytes.substr(at + 8, size);
    at += 8 + padded(size);
  });
  const std::uint64_t keys = get(bytes, at);
  if (keys > (bytes.size() - at - 8) / 8) fail("a row claims {} keys in {} bytes", keys, bytes.size() - at - 8);
  if (keys > 0) row.keys = {reinterpret_cast<const std::uint64_t*>(bytes.data() + at + 8), keys};
  bytes.remove_prefix(at + 8 + 8 * keys);
  return row;
}

CuratedPieceWriter::CuratedPieceWriter() : head_(sizeof(Header), '\0') {}

void CuratedPieceWriter::append(const CuratedRow& row) {
  put(head_, row.text.size());
  texts_ += row.text;
  CuratedRow rest = row;
  rest.text = {};
  pack_row(head_, rest);
  ++rows_;
}

void CuratedPieceWriter::write(Disk& disk, const std::filesystem::path& path, std::string_view statistics) {
  Header header{};
  std::memcpy(header.magic, kMagic.data(), sizeof header.magic);
  header.rows = rows_;
  header.row_bytes = head_.size() - sizeof header;
  header.statistics_bytes = statistics.size();
  header.text_bytes = texts_.size();
  head_ += statistics;
  header.head_hash = xxhash64(std::string_view(head_).substr(sizeof header));
  header.text_hash = xxhash64(texts_);
  header.own_hash = hash_of(header);
  std::memcpy(head_.data(), &header, sizeof header);
  write_file_atomically(disk, path, head_ += texts_);
}

bool CuratedPiece::is_whole(const std::filesystem::path& path) {
  return std::filesystem::exists(path) && checks(MappedFile(path).text(), true);
}

CuratedPiece::CuratedPiece(const std::filesystem::path& path, bool texts) : file_(path) {
  const std::string_view bytes = file_.text();
  if (!checks(bytes, texts)) fail("{}: damaged", path.string());
  Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  rows_.reserve(header.rows);
  std::string_view rows = bytes.substr(sizeof header, header.row_bytes);
  statistics_ = bytes.substr(sizeof header + header.row_bytes, header.statistics_bytes);
  std::string_view all_texts = bytes.substr(sizeof header + header.row_bytes + header.statistics_bytes);
  while (!rows.empty()) {
    const std::uint64_t text_bytes = get(rows, 0);
    rows.remove_prefix(sizeof text_bytes);
    rows_.push_back(unpack_row(rows));
    if (text_bytes > all_texts.size()) fail("{}: damaged", path.string());
    rows_.back().text = all_texts.substr(0, text_bytes);
    all_texts.remove_prefix(text_bytes);
  }
}

}  // namespace cairn::data
