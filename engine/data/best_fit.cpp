#include "engine/data/best_fit.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/error.h"

namespace cairn::data {

namespace {

// The rows that are not full, by the room that they have left; finds the least room of at least n.
class Rooms {
 public:
  explicit Rooms(std::int64_t most) : rows_(static_cast<std::size_t>(most + 1)), used_(static_cast<std::size_t>(most / 64 + 1)) {}

  void add(std::size_t row, std::int64_t room) {
    rows_[static_cast<std::size_t>(room)].push_back(row);
    used_[static_cast<std::size_t>(room / 64)] |= std::uint64_t{1} << (room % 64);
  }
  // Takes the row last added of those with the least room; its room, or -1.
  std::int64_t take(std::int64_t least, std::size_t& row) {
    auto word = static_cast<std::size_t>(least / 64);
    std::uint64_t bits = used_[word] & ~std::uint64_t{0} << (least % 64);
    while (bits == 0) {
      if (++word == used_.size()) return -1;
      bits = used_[word];
    }
    const auto room = static_cast<std::int64_t>(word) * 64 + std::countr_zero(bits);
    std::vector<std::size_t>& rows = rows_[static_cast<std::size_t>(room)];
    row = rows.back();
    rows.pop_back();
    if (rows.empty()) used_[word] &= ~(std::uint64_t{1} << (room % 64));
    return room;
  }

 private:
  std::vector<std::vector<std::size_t>> rows_;
  std::vector<std::uint64_t> used_;  // a bit for each room that some row has
};

std::vector<Piece> cut(std::span<const std::int64_t> first, std::int64_t row_length) {
  std::vector<Piece> pieces;
  for (std::size_t d = 0; d + 1 < first.size(); ++d) {
    std::int64_t begin = first[d];
    for (; first[d + 1] - begin > row_length + 1; begin += row_length) {
      pieces.push_back({begin, static_cast<std::int32_t>(row_length + 1)});
    }
    if (first[d + 1] - begin >= 2) pieces.push_back({begin, static_cast<std::int32_t>(first[d + 1] - begin)});
  }
  return pieces;
}

}  // namespace

PackedRows pack_best_fit(std::span<const std::int64_t> first, std::int64_t row_length) {
  if (row_length < 2 || row_length >= 1 << 30) fail_usage("rows of {} tokens: expected 2 to 2^30", row_length);
  std::vector<Piece> pieces = cut(first, row_length);
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.tokens > b.tokens; });
  std::vector<std::vector<Piece>> rows;
  Rooms rooms(row_length + 1);
  for (const Piece& piece : pieces) {
    std::size_t row = rows.size();
    std::int64_t room = rooms.take(piece.tokens, row);
    if (room < 0) {
      row = rows.size();
      room = row_length + 1;
      rows.emplace_back();
    }
    rows[row].push_back(piece);
    if (room > piece.tokens) rooms.add(row, room - piece.tokens);
  }
  const auto before = [](const Piece& a, const Piece& b) { return a.first < b.first; };
  for (std::vector<Piece>& row : rows) std::sort(row.begin(), row.end(), before);
  std::sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) { return before(a.front(), b.front()); });

  PackedRows packed{row_length, {0}, {}};
  packed.pieces.reserve(pieces.size());
  for (const std::vector<Piece>& row : rows) {
    packed.pieces.insert(packed.pieces.end(), row.begin(), row.end());
    packed.row_first.push_back(static_cast<std::int64_t>(packed.pieces.size()));
  }
  return packed;
}

std::int64_t cut_by_concatenation(std::span<const std::int64_t> first, std::int64_t offset, std::int64_t row_length) {
  std::int64_t cut = 0;
  for (std::size_t d = 0; d + 1 < first.size(); ++d) {
    const std::int64_t begin = offset + first[d] - first[0], tokens = first[d + 1] - first[d];
    // Sample i covers the tokens [i*T, i*T + T].
    if (tokens >= 2 && tokens <= row_length + 1 && begin % row_length + tokens - 1 > row_length) ++cut;
  }
  return cut;
}

}  // namespace cairn::data
