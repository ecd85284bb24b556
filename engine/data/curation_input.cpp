#include "engine/data/curation_input.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::data {

namespace {

// Where the shards of a rank begin: so many each, and of what is left one to each of the first ranks.
std::uint64_t first_shard(std::uint64_t shards, int rank, int ranks) {
  const auto r = static_cast<std::uint64_t>(rank), n = static_cast<std::uint64_t>(ranks);
  return shards / n * r + std::min(r, shards % n);
}

}  // namespace

CurationInput::CurationInput(const std::vector<steps::StepInput>& inputs, std::uint64_t piece_bytes, const steps::Ranks& ranks)
    : ranks_(ranks.size()) {
  std::vector<std::uint64_t> shards;
  for (const steps::StepInput& input : inputs) {
    shards.push_back(DocumentPieces::shard_count(input.path));
    shards_ += shards.back();
  }
  if (shards_ > kMostShards) fail("curate: {} shards; at most {} can be curated in one run", shards_, kMostShards);
  const std::uint64_t first = first_shard(shards_, ranks.rank(), ranks_), behind = first_shard(shards_, ranks.rank() + 1, ranks_);
  std::uint64_t before = 0;  // shards of the inputs before
  for (std::size_t i = 0; i < inputs.size(); before += shards[i++]) {
    const auto here = [&](std::uint64_t shard) { return std::clamp(shard, before, before + shards[i]) - before; };
    const DocumentPieces& folder = folders_.emplace_back(inputs[i].path, piece_bytes, here(first), here(behind));
    std::uint64_t shard = 0, piece = 0;
    for (std::size_t p = 0; p < folder.size(); ++p, ++piece) {
      if (folder.piece(p).shard != shard) {
        shard = folder.piece(p).shard;
        piece = 0;
      }
      if (piece >= kMostPieces)
        fail("curate: a shard of more than {} pieces; give runtime.piece_bytes a larger value", kMostPieces);
      pieces_.push_back({i, p, piece_number(before + shard, piece)});
    }
  }
}

std::vector<Document> CurationInput::read(std::size_t index) const {
  std::vector<Document> documents = folders_[pieces_[index].folder].read(pieces_[index].index);
  if (documents.size() > kMostRows) fail("curate: a piece of more than {} documents", kMostRows);
  return documents;
}

int CurationInput::owner_of(DocumentNumber document) const {
  const std::uint64_t shard = shard_of(document);
  int low = 0, high = ranks_;  // the last rank whose shards begin at or before it
  while (high - low > 1) {
    const int middle = low + (high - low) / 2;
    (first_shard(shards_, middle, ranks_) <= shard ? low : high) = middle;
  }
  return low;
}

}  // namespace cairn::data
