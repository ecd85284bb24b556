// Documents of a curation by number: of the input shard, of the piece in the shard, of the document in the piece. Numbers are in
// the order of the documents, and whoever reads a shard can give them, without knowing of the others.
#pragma once

#include <cstdint>

namespace cairn::data {

using DocumentNumber = std::uint64_t;
using PieceNumber = std::uint64_t;  // a document's without its last part

inline constexpr DocumentNumber kNoDocument = ~DocumentNumber{0};
inline constexpr std::uint64_t kMostShards = (std::uint64_t{1} << 24) - 1, kMostPieces = std::uint64_t{1} << 16,
                               kMostRows = std::uint64_t{1} << 24;

constexpr PieceNumber piece_number(std::uint64_t shard, std::uint64_t piece) {
  return shard << 16 | piece;
}
constexpr DocumentNumber document_number(PieceNumber piece, std::uint64_t row) {
  return piece << 24 | row;
}
constexpr PieceNumber piece_of(DocumentNumber document) {
  return document >> 24;
}
constexpr std::uint64_t row_of(DocumentNumber document) {
  return document & (kMostRows - 1);
}
constexpr std::uint64_t shard_of(DocumentNumber document) {
  return document >> 40;
}

}  // namespace cairn::data
