#include "engine/data/curated_piece.h"

#include <cstring>

#include "base/error.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::string_view kMagic = "CAIRNPC6";
constexpr std::size_t kHeaderBytes = 24;  // magic, hash of the rest, number of rows

template <typename Row, typename Fn>
void for_each_string(Row& row, Fn&& fn) {
  for (auto* text : {&row.id, &row.text, &row.source, &row.url, &row.licence, &row.language, &row.retrieved, &row.record_id,
                     &row.record_place, &row.content_type, &row.signals, &row.licence_evidence, &row.scores, &row.filter,
                     &row.rule, &row.reason, &row.edited_by, &row.evidence, &row.sample}) {
    fn(*text);
  }
}

// Numbers are 8 bytes and strings are padded to 8, so that keys can be read where they lie.
void put(std::string& out, std::uint64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}
std::size_t padded(std::size_t size) {
  return (size + 7) / 8 * 8;
}

std::uint64_t get(std::string_view bytes, std::size_t at) {
  std::uint64_t number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

bool checks(std::string_view bytes) {
  return bytes.size() >= kHeaderBytes && bytes.starts_with(kMagic) && get(bytes, 8) == xxhash64(bytes.substr(16));
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
    std::memcpy(&score.value, packed.data(), sizeof score.value);
    const std::uint64_t size = get(packed, sizeof score.value);
    score.name = packed.substr(16, size);
    packed.remove_prefix(16 + size);
  }
  return scores;
}

void CuratedPieceWriter::append(const CuratedRow& row) {
  put(bytes_, row.dropped);
  put(bytes_, row.bytes_in);
  put(bytes_, row.words_in);
  put(bytes_, row.words);
  put(bytes_, row.tokens_in);
  put(bytes_, row.tokens);
  for_each_string(row, [this](std::string_view text) {
    put(bytes_, text.size());
    bytes_ += text;
    bytes_.append(padded(text.size()) - text.size(), '\0');
  });
  put(bytes_, row.keys.size());
  for (const std::uint64_t key : row.keys) put(bytes_, key);
  ++rows_;
}

void CuratedPieceWriter::write(Disk& disk, const std::filesystem::path& path) {
  std::string body;
  put(body, rows_);
  body += bytes_;
  body += statistics_;
  std::string file(kMagic);
  put(file, xxhash64(body));
  file += body;
  write_file_atomically(disk, path, file);
}

bool CuratedPiece::is_whole(const std::filesystem::path& path) {
  return std::filesystem::exists(path) && checks(MappedFile(path).text());
}

CuratedPiece::CuratedPiece(const std::filesystem::path& path) : file_(path) {
  const std::string_view bytes = file_.text();
  if (!checks(bytes)) fail("{}: damaged", path.string());
  rows_.resize(get(bytes, 16));
  std::size_t at = kHeaderBytes;
  for (CuratedRow& row : rows_) {
    row.dropped = get(bytes, at) != 0;
    row.bytes_in = get(bytes, at + 8);
    row.words_in = get(bytes, at + 16);
    row.words = get(bytes, at + 24);
    row.tokens_in = get(bytes, at + 32);
    row.tokens = get(bytes, at + 40);
    at += 48;
    for_each_string(row, [&](std::string_view& text) {
      const std::uint64_t size = get(bytes, at);
      text = bytes.substr(at + 8, size);
      at += 8 + padded(size);
    });
    const std::uint64_t keys = get(bytes, at);
    row.keys = {reinterpret_cast<const std::uint64_t*>(bytes.data() + at + 8), keys};
    at += 8 + 8 * keys;
  }
  statistics_ = bytes.substr(at);
}

}  // namespace cairn::data
