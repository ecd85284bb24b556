// The documents that one rank of a curation owns: input shards one after the other, cut into pieces that can be read alone.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/data/document.h"
#include "engine/data/document_number.h"
#include "engine/steps/ranks.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

class CurationInput {
 public:
  // Error when there are more shards, or pieces in a shard, than can be numbered.
  CurationInput(const std::vector<steps::StepInput>& inputs, std::uint64_t piece_bytes, const steps::Ranks& ranks);

  std::size_t size() const { return pieces_.size(); }
  PieceNumber number(std::size_t index) const { return pieces_[index].number; }  // ascending
  std::vector<Document> read(std::size_t index) const;                           // any thread
  // The rank that owns a document: never smaller for a later one.
  int owner_of(DocumentNumber document) const;

 private:
  struct Piece {
    std::size_t folder, index;
    PieceNumber number;
  };
  std::vector<DocumentPieces> folders_;
  std::vector<Piece> pieces_;
  std::uint64_t shards_ = 0;  // of all ranks
  int ranks_;
};

}  // namespace cairn::data
