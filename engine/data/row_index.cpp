#include "engine/data/row_index.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "base/error.h"

namespace cairn::data {
namespace {

constexpr std::string_view kMagic("CAIRNROW");
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeader = 40;

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF));
}

// Little-endian value at a place that the caller has checked.
template <typename T>
T get(const MappedFile& file, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<std::uint64_t>(std::to_integer<std::uint8_t>(file.data()[at + i])) << (8 * i);
  return static_cast<T>(value);
}

}  // namespace

void write_row_index(Disk& disk, const fs::path& path, const PackedRows& packed, std::int64_t shard_tokens) {
  std::string bytes(kMagic);
  put(bytes, kVersion);
  put(bytes, static_cast<std::uint32_t>(packed.row_length));
  put(bytes, static_cast<std::uint64_t>(packed.rows()));
  put(bytes, static_cast<std::uint64_t>(packed.pieces.size()));
  put(bytes, static_cast<std::uint64_t>(shard_tokens));
  for (const std::int64_t first : packed.row_first) put(bytes, static_cast<std::uint64_t>(first));
  for (const Piece& piece : packed.pieces) put(bytes, static_cast<std::uint64_t>(piece.first));
  for (const Piece& piece : packed.pieces) put(bytes, static_cast<std::uint32_t>(piece.tokens));
  std::vector<std::uint32_t> by_token(packed.pieces.size());
  std::iota(by_token.begin(), by_token.end(), 0U);
  std::sort(by_token.begin(), by_token.end(),
            [&](std::uint32_t a, std::uint32_t b) { return packed.pieces[a].first < packed.pieces[b].first; });
  for (const std::uint32_t piece : by_token) put(bytes, piece);
  write_new_file(disk, path, bytes);
}

RowIndex RowIndex::open(const fs::path& path) {
  RowIndex index;
  index.name_ = path.string();
  index.file_ = MappedFile(path);
  const std::string& name = index.name_;
  const MappedFile& file = index.file_;
  if (file.size() < kHeader || file.text().substr(0, kMagic.size()) != kMagic) {
    fail("{}: not an index of rows: it does not begin with CAIRNROW and a header", name);
  }
  const auto version = get<std::uint32_t>(file, 8);
  if (version != kVersion) fail("{}: version {} of the format is not known; expected {}", name, version, kVersion);
  const auto row_length = get<std::uint32_t>(file, 12);
  const auto rows = get<std::uint64_t>(file, 16), pieces = get<std::uint64_t>(file, 24), tokens = get<std::uint64_t>(file, 32);
  if (row_length < 2 || row_length >= 1 << 30) fail("{}: rows of {} tokens; expected 2 to 2^30", name, row_length);
  if (tokens >= std::uint64_t{1} << 62) fail("{}: claims a shard of {} tokens", name, tokens);
  const std::uint64_t body = file.size() - kHeader;
  if (rows >= body / 8 || pieces > body / 16 || pieces >= std::uint64_t{1} << 32 || 8 * (rows + 1) + 16 * pieces != body) {
    fail("{}: claims {} rows of {} pieces, the file has {} bytes", name, rows, pieces, file.size());
  }
  index.row_length_ = row_length;
  index.rows_ = static_cast<std::int64_t>(rows);
  index.pieces_ = static_cast<std::int64_t>(pieces);
  index.shard_tokens_ = static_cast<std::int64_t>(tokens);
  index.check();
  return index;
}

void RowIndex::check() const {
  if (row_first(0) != 0 || row_first(rows_) != pieces_) fail("{}: rows do not begin at piece 0 and end at {}", name_, pieces_);
  for (std::int64_t row = 0; row < rows_; ++row) {
    const std::int64_t first = row_first(row), last = row_first(row + 1);
    if (last <= first || last > pieces_) fail("{}: row {} holds the pieces {} to {} of {}", name_, row, first, last, pieces_);
    std::int64_t held = 0;
    for (std::int64_t i = first; i < last; ++i) {
      const Piece p = piece(i);
      if (p.tokens < 1 || p.tokens > row_length_ + 1 || p.first < 0 || p.first > shard_tokens_ - p.tokens) {
        fail("{}: piece {} holds {} tokens from {}; the shard has {}, a row {}", name_, i, p.tokens, p.first, shard_tokens_,
             row_length_ + 1);
      }
      held += p.tokens;
    }
    if (held > row_length_ + 1) fail("{}: row {} holds {} tokens, more than {}", name_, row, held, row_length_ + 1);
  }
  std::int64_t previous = -1, end = 0;
  for (std::int64_t rank = 0; rank < pieces_; ++rank) {
    const std::int64_t i = by_token(rank);
    if (i >= pieces_) fail("{}: entry {} of the order by token names piece {} of {}", name_, rank, i, pieces_);
    const Piece p = piece(i);
    if (p.first <= previous || p.first < end - 1) fail("{}: pieces {} by token overlap or are out of order", name_, rank);
    previous = p.first;
    end = p.first + p.tokens;
  }
}

std::int64_t RowIndex::row_first(std::int64_t row) const {
  return get<std::int64_t>(file_, kHeader + 8 * static_cast<std::size_t>(row));
}

Piece RowIndex::piece(std::int64_t index) const {
  const std::size_t firsts = kHeader + 8 * static_cast<std::size_t>(rows_ + 1);
  const std::size_t lengths = firsts + 8 * static_cast<std::size_t>(pieces_);
  return {get<std::int64_t>(file_, firsts + 8 * static_cast<std::size_t>(index)),
          get<std::int32_t>(file_, lengths + 4 * static_cast<std::size_t>(index))};
}

std::int64_t RowIndex::by_token(std::int64_t rank) const {
  const std::size_t order = kHeader + 8 * static_cast<std::size_t>(rows_ + 1) + 12 * static_cast<std::size_t>(pieces_);
  return get<std::uint32_t>(file_, order + 4 * static_cast<std::size_t>(rank));
}

void RowIndex::pieces(std::int64_t row, std::vector<Piece>& out) const {
  if (row < 0 || row >= rows_) fail("{}: row {} asked for, there are {}", name_, row, rows_);
  out.clear();
  for (std::int64_t i = row_first(row); i < row_first(row + 1); ++i) out.push_back(piece(i));
}

std::vector<std::int64_t> RowIndex::rows_of(std::int64_t begin, std::int64_t end) const {
  // Pieces by token overlap by at most one token, so their ends are in order too: the first that reaches past `begin`.
  std::int64_t low = 0, high = pieces_;
  while (low < high) {
    const std::int64_t middle = (low + high) / 2;
    const Piece p = piece(by_token(middle));
    if (p.first + p.tokens > begin)
      high = middle;
    else
      low = middle + 1;
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t rank = low; rank < pieces_; ++rank) {
    const std::int64_t i = by_token(rank);
    if (piece(i).first >= end) break;
    std::int64_t below = 0, above = rows_;  // the last row that begins at or before piece i
    while (above - below > 1) {
      const std::int64_t middle = (below + above) / 2;
      (row_first(middle) <= i ? below : above) = middle;
    }
    rows.push_back(below);
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

}  // namespace cairn::data
