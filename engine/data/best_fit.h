// Packing ahead of time: documents into rows of a fixed length so that hardly any is cut and hardly any room is left, by best-fit
// decreasing (Ding et al. 2024, "Fewer truncations improve language modeling").
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cairn::data {

// Tokens [first, first + tokens) of a shard.
struct Piece {
  std::int64_t first = 0;
  std::int32_t tokens = 0;
  bool operator==(const Piece&) const = default;
};

struct PackedRows {
  std::int64_t row_length = 0;          // T: a row holds up to T + 1 tokens
  std::vector<std::int64_t> row_first;  // rows + 1: row r holds the pieces [row_first[r], row_first[r + 1])
  std::vector<Piece> pieces;            // of one row side by side, by first token

  std::int64_t rows() const { return static_cast<std::int64_t>(row_first.size()) - 1; }
};

// Document d holds tokens [first[d], first[d + 1]). One of up to T + 1 tokens stays whole; a longer one is cut into pieces of
// T + 1 that overlap by a token, so that each token but its first is a label once, and a shorter rest. Documents of fewer than
// two tokens have no label and are left out. Each piece, longest first and then as they lie, goes into the row with the least
// room that it fits into. Rows stand in the order of their first tokens. 2 <= T < 2^30.
PackedRows pack_best_fit(std::span<const std::int64_t> first, std::int64_t row_length);

// How many documents that would fit into a row are cut where tokens are concatenated instead and every T-th begins a sample; the
// first document begins at token `offset` of the stream.
std::int64_t cut_by_concatenation(std::span<const std::int64_t> first, std::int64_t offset, std::int64_t row_length);

}  // namespace cairn::data
