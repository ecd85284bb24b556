#include "engine/text/sentencepiece_merges.h"

#include <algorithm>
#include <unordered_map>

#include "engine/text/characters.h"

namespace cairn::text {
namespace {

using Type = SentencePieceFile::Type;

std::pair<float, float> score_range(const SentencePieceFile& file) {
  float low = 0, high = 0;
  bool any = false;
  for (const SentencePieceFile::Piece& piece : file.pieces) {
    if (piece.type != Type::normal) continue;
    low = any ? std::min(low, piece.score) : piece.score;
    high = any ? std::max(high, piece.score) : piece.score;
    any = true;
  }
  return {low, high};
}

}  // namespace

std::vector<RankedMerge> sentencepiece_merges(const SentencePieceFile& file) {
  const auto piece = [&](TokenId id) -> const SentencePieceFile::Piece& { return file.pieces[static_cast<std::size_t>(id)]; };
  std::unordered_map<std::string_view, TokenId> ids;
  std::vector<TokenId> order;
  for (TokenId id = 0; id < static_cast<TokenId>(file.pieces.size()); ++id) {
    if (piece(id).type != Type::normal) continue;
    if (ids.emplace(piece(id).text, id).second) order.push_back(id);
  }
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) { return piece(a).score > piece(b).score; });
  std::vector<RankedMerge> merges;
  std::uint32_t rank = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0 && piece(order[i]).score != piece(order[i - 1]).score) rank = static_cast<std::uint32_t>(i);
    const std::string_view text = piece(order[i]).text;
    const std::size_t first = merges.size();
    for (std::size_t cut = first_character_bytes(text); cut < text.size(); cut += first_character_bytes(text.substr(cut))) {
      const auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left != ids.end() && right != ids.end()) merges.push_back({left->second, right->second, order[i], rank});
    }
    std::sort(merges.begin() + static_cast<std::ptrdiff_t>(first), merges.end(),
              [](const RankedMerge& a, const RankedMerge& b) { return std::pair(a.left, a.right) < std::pair(b.left, b.right); });
  }
  return merges;
}

double sentencepiece_score(const SentencePieceFile& file, TokenId id) {
  const SentencePieceFile::Piece& piece = file.pieces[static_cast<std::size_t>(id)];
  if (piece.type != Type::user_defined) return static_cast<double>(piece.score);
  return static_cast<double>(static_cast<float>(piece.text.size()) * score_range(file).second) - 0.1;
}

float lowest_score(const SentencePieceFile& file) {
  return score_range(file).first;
}

}  // namespace cairn::text
