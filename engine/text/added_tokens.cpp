#include "engine/text/added_tokens.h"

#include <algorithm>

#include "engine/text/characters.h"

namespace cairn::text {

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer) : tokens_(std::move(tokens)) {
  bool any_single_word = false;
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    std::string content = token.content;
    if (token.normalized && normalizer) normalizer->apply(content);
    if (content.empty()) continue;
    Matcher& matcher = token.normalized ? normalized_ : plain_;
    any_normalized_ |= token.normalized;
    any_single_word |= token.single_word;
    matcher.add(content, i);
  }
  // \w of Rust's regular expressions, which has the joiners too.
  if (any_single_word) is_word_.emplace(R"(\A[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}])", "added_tokens");
}

void AddedTokens::Matcher::add(std::string_view content, std::size_t token) {
  if (nodes.empty()) nodes.emplace_back();
  first[static_cast<std::uint8_t>(content[0])] = true;
  std::uint32_t at = 0;
  for (const char c : content) {
    const auto byte = static_cast<std::uint8_t>(c);
    const auto& next = nodes[at].next;
    const auto found = std::find_if(next.begin(), next.end(), [byte](const auto& edge) { return edge.first == byte; });
    if (found != next.end()) {
      at = found->second;
      continue;
    }
    const auto fresh = static_cast<std::uint32_t>(nodes.size());
    nodes[at].next.emplace_back(byte, fresh);
    nodes.emplace_back();
    at = fresh;
  }
  if (nodes[at].token < 0) nodes[at].token = static_cast<std::int64_t>(token);
}

std::int64_t AddedTokens::Matcher::longest(std::string_view text, std::size_t& bytes) const {
  std::int64_t token = -1;
  std::uint32_t at = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const auto& next = nodes[at].next;
    const auto found = std::find_if(next.begin(), next.end(), [byte](const auto& edge) { return edge.first == byte; });
    if (found == next.end()) break;
    at = found->second;
    if (nodes[at].token >= 0) token = nodes[at].token, bytes = i + 1;
  }
  return token;
}

void AddedTokens::cut_with(const Matcher& matcher, std::string_view text, bool skip_special,
                           std::vector<Segment>& segments) const {
  const auto matches = [](const Regex& regex, std::string_view part) {
    std::size_t begin, end;
    return regex.find(part, 0, begin, end);
  };
  std::size_t done = 0, at = 0, spaces_end = 0;  // where the last run of white space ended that an rstrip took
  while (at < text.size()) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    std::size_t bytes = 0;
    const std::int64_t index = matcher.first[byte] ? matcher.longest(text.substr(at), bytes) : -1;
    const AddedToken* found = index >= 0 ? &tokens_[static_cast<std::size_t>(index)] : nullptr;
    if (!found) {
      ++at;
      continue;
    }
    std::size_t begin = at, end = at + bytes;
    at = end;
    if (skip_special && found->special) continue;
    if (found->single_word) {
      const std::string_view before = text.substr(0, begin);
      const bool open_before = begin == 0 || !matches(*is_word_, before.substr(last_character_at(before)));
      const bool open_after = end == text.size() || !matches(*is_word_, text.substr(end));
      if (!open_before || !open_after) continue;
    }
    if (found->lstrip) begin = done > begin ? done : begin - run_at_end(text.substr(done, begin - done), is_white_space);
    if (found->rstrip) {
      if (end >= spaces_end) spaces_end = end + run_at_start(text.substr(end), is_white_space);
      end = spaces_end;
    }
    if (done < begin) segments.push_back({-1, text.substr(done, begin - done)});
    segments.push_back({found->id, text.substr(begin, end - begin)});
    done = end;
  }
  if (done < text.size()) segments.push_back({-1, text.substr(done)});
}

void AddedTokens::cut_plain(std::string_view text, bool skip_special, std::vector<Segment>& segments) const {
  segments.clear();
  cut_with(plain_, text, skip_special, segments);
}

void AddedTokens::cut_normalized(std::string_view text, bool skip_special, std::vector<Segment>& segments) const {
  segments.clear();
  cut_with(normalized_, text, skip_special, segments);
}

void AddedTokens::cut(std::string_view text, bool skip_special, std::vector<Segment>& segments) const {
  if (tokens_.empty()) {
    segments.assign(1, {-1, text});
    if (text.empty()) segments.clear();
    return;
  }
  cut_plain(text, skip_special, segments);
  if (!any_normalized_) return;
  std::vector<Segment> first;
  first.swap(segments);
  for (const Segment& segment : first) {
    if (segment.token >= 0)
      segments.push_back(segment);
    else
      cut_with(normalized_, segment.text, skip_special, segments);
  }
}

}  // namespace cairn::text
