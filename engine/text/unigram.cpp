#include "engine/text/unigram.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "engine/text/characters.h"

namespace cairn::text {
namespace {

constexpr double kUnknownPenalty = 10.0;

}  // namespace

Unigram::Unigram(const Vocabulary& vocabulary, const std::vector<Piece>& pieces, Options options) : options_(std::move(options)) {
  double worst = std::numeric_limits<double>::infinity();
  std::vector<const Piece*> sorted;
  for (const Piece& piece : pieces) {
    worst = std::min(worst, piece.score);
    if (piece.findable && !vocabulary.written(piece.id).empty()) sorted.push_back(&piece);
  }
  unknown_score_ = options_.worst_score.value_or(worst) - kUnknownPenalty;
  // Built level by level from the sorted tokens, so that the children of a node stand side by side.
  const auto text = [&](std::size_t i) -> std::string_view { return vocabulary.written(sorted[i]->id); };
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](const Piece* a, const Piece* b) { return vocabulary.written(a->id) < vocabulary.written(b->id); });
  struct Range {
    std::size_t begin, end, depth;
  };
  std::vector<Range> ranges = {{0, sorted.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t node = 0; node < nodes_.size(); ++node) {
    Range range = ranges[node];
    for (; range.begin < range.end && text(range.begin).size() == range.depth; ++range.begin) {
      nodes_[node].id = sorted[range.begin]->id;  // of pieces of the same text the last holds
      nodes_[node].score = sorted[range.begin]->score;
    }
    nodes_[node].first_edge = static_cast<std::uint32_t>(edges_.size());
    while (range.begin < range.end) {
      const char byte = text(range.begin)[range.depth];
      std::size_t end = range.begin;
      while (end < range.end && text(end)[range.depth] == byte) ++end;
      edges_.push_back({static_cast<std::uint8_t>(byte), static_cast<std::uint32_t>(nodes_.size())});
      nodes_.emplace_back();
      ranges.push_back({range.begin, end, range.depth + 1});
      range.begin = end;
    }
    nodes_[node].edges = static_cast<std::uint32_t>(edges_.size()) - nodes_[node].first_edge;
  }
}

std::uint32_t Unigram::child(std::uint32_t node, std::uint8_t byte) const {
  const Edge* first = edges_.data() + nodes_[node].first_edge;
  const Edge* last = first + nodes_[node].edges;
  if (last - first > 12) {
    const Edge* found = std::lower_bound(first, last, byte, [](const Edge& edge, std::uint8_t b) { return edge.byte < b; });
    return found != last && found->byte == byte ? found->node : 0;
  }
  for (; first != last; ++first) {
    if (first->byte == byte) return first->node;
  }
  return 0;
}

void Unigram::encode_word(std::string_view word, std::vector<TokenId>& out) const {
  if (options_.single_precision)
    best_cut<float>(word, out);
  else
    best_cut<double>(word, out);
}

template <typename Score>
void Unigram::best_cut(std::string_view word, std::vector<TokenId>& out) const {
  // The best path that ends before each byte: where its last token began, which one it is (-1: unknown), and its score.
  struct End {
    std::size_t from = std::string_view::npos;
    TokenId id = -1;
    Score score = 0;
  };
  std::vector<End> ends(word.size() + 1);
  const auto offer = [](End& end, std::size_t from, TokenId id, Score score) {
    if (end.from == std::string_view::npos || score > end.score) end = {from, id, score};
  };
  for (std::size_t at = 0; at < word.size();) {
    const Score here = ends[at].score;
    const std::size_t character = first_character_bytes(word.substr(at));
    bool single = false;
    std::uint32_t node = 0;
    for (std::size_t end = at; end < word.size();) {
      node = child(node, static_cast<std::uint8_t>(word[end++]));
      if (node == 0) break;
      if (nodes_[node].id < 0) continue;
      offer(ends[end], at, nodes_[node].id, static_cast<Score>(nodes_[node].score) + here);
      single |= end == at + character;
    }
    if (!single) offer(ends[at + character], at, -1, static_cast<Score>(unknown_score_) + here);
    at += character;
  }
  // Backwards, then turned around; unknown characters side by side are one stretch.
  std::vector<std::pair<std::size_t, std::size_t>> path;
  for (std::size_t end = word.size(); end > 0;) {
    const std::size_t from = ends[end].from;
    path.emplace_back(from, end);
    end = from;
  }
  for (std::size_t i = path.size(); i-- > 0;) {
    const auto [begin, end] = path[i];
    if (ends[end].id >= 0) {
      out.push_back(ends[end].id);
      continue;
    }
    while (i > 0 && ends[path[i - 1].second].id < 0) --i;
    unknown_run(word.substr(begin, path[i].second - begin), out);
  }
}

void Unigram::unknown_run(std::string_view text, std::vector<TokenId>& out) const {
  if (options_.byte_fallback) {
    const auto has_token = [&](char c) { return options_.byte_ids[static_cast<std::uint8_t>(c)] >= 0; };
    if (std::all_of(text.begin(), text.end(), has_token)) {
      for (const char c : text) out.push_back(options_.byte_ids[static_cast<std::uint8_t>(c)]);
      return;
    }
  }
  if (options_.unknown < 0) fail("{}: \"{}\" is not in the vocabulary, which has no unknown token", options_.origin, text);
  out.push_back(options_.unknown);
}

}  // namespace cairn::text
