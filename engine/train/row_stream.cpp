#include "engine/train/row_stream.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::train {

namespace fs = std::filesystem;

bool has_rows(const fs::path& folder) {
  std::size_t with = 0;
  fs::path without;
  const std::vector<fs::path> stems = data::list_token_shards(folder);
  for (const fs::path& stem : stems) {
    if (fs::exists(stem.string() + ".rows"))
      ++with;
    else
      without = stem;
  }
  if (with != 0 && with != stems.size()) fail("{}.rows is missing; other shards of its folder have one", without.string());
  return with != 0;
}

RowStream::RowStream(const std::vector<fs::path>& folders, std::int64_t vocab) : tokens_(folders, vocab) {
  std::size_t shard = 0;
  for (const fs::path& folder : folders) {
    for (const fs::path& stem : data::list_token_shards(folder)) {
      const fs::path path = stem.string() + ".rows";
      rows_.push_back(data::RowIndex::open(path));
      const data::RowIndex& index = rows_.back();
      const std::int64_t held = tokens_.shards()[shard++].tokens();
      if (index.shard_tokens() != held)
        fail("{}: of a shard of {} tokens, this one has {}", path.string(), index.shard_tokens(), held);
      if (row_length_ != 0 && index.row_length() != row_length_) {
        fail_usage("{}: packed into rows for sequence_length {}, the shards before it for {}", path.string(), index.row_length(),
                   row_length_);
      }
      row_length_ = index.row_length();
      starts_.push_back(starts_.back() + index.rows());
    }
  }
}

void RowStream::sample(std::int64_t token, std::int64_t T, Window& out) const {
  if (T != row_length_) fail("rows of {} tokens asked for as samples of {}", row_length_, T);
  const std::int64_t row = token / T;
  const auto shard = static_cast<std::size_t>(std::upper_bound(starts_.begin(), starts_.end(), row) - starts_.begin()) - 1;
  std::vector<data::Piece> pieces;
  rows_[shard].pieces(row - starts_[shard], pieces);
  std::size_t held = 0;
  for (const data::Piece& piece : pieces) held += static_cast<std::size_t>(piece.tokens);
  out.tokens.resize(held);
  out.pieces.clear();
  std::span<std::int32_t> rest(out.tokens);
  for (const data::Piece& piece : pieces) {
    tokens_.read(tokens_.start_of(shard) + piece.first, rest.first(static_cast<std::size_t>(piece.tokens)));
    rest = rest.subspan(static_cast<std::size_t>(piece.tokens));
    out.pieces.push_back(piece.tokens);
  }
}

}  // namespace cairn::train
