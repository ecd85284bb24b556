// Added tokens: strings that are cut out of the text before anything else, as the `tokenizers` library does (its
// AddedVocabulary).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/text/model.h"
#include "engine/text/normalizer.h"
#include "engine/text/regex.h"

namespace cairn::text {

struct AddedToken {
  TokenId id = 0;
  std::string content;
  bool single_word = false;  // only between characters that are not word characters
  bool lstrip = false;       // takes the spaces before it along
  bool rstrip = false;       // and those after it
  bool normalized = true;    // looked for after those that are not, in what is left and normalized, in its own normalized form
  bool special = false;      // left out by decode(skip_special), never found by SpecialTokens::as_text
};

// A stretch of text: one added token, or text without any.
struct Segment {
  TokenId token = -1;  // -1: text
  std::string_view text;
};

class AddedTokens {
 public:
  AddedTokens() = default;
  explicit AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer = nullptr);

  bool empty() const { return tokens_.empty(); }
  const std::vector<AddedToken>& tokens() const { return tokens_; }

  // Cuts `text`; with `skip_special` special tokens are text. Longest match at the leftmost place, in two passes: tokens that are
  // not `normalized` first. Empty segments do not occur.
  void cut(std::string_view text, bool skip_special, std::vector<Segment>& segments) const;
  // The two passes one by one, with the normalizer between them.
  void cut_plain(std::string_view text, bool skip_special, std::vector<Segment>& segments) const;
  void cut_normalized(std::string_view text, bool skip_special, std::vector<Segment>& segments) const;

 private:
  // A trie over the bytes of the tokens' strings.
  struct Matcher {
    struct Node {
      std::vector<std::pair<std::uint8_t, std::uint32_t>> next;  // byte -> node
      std::int64_t token = -1;                                   // index of the token that ends here
    };
    std::array<bool, 256> first{};  // bytes that begin some token
    std::vector<Node> nodes;        // the root is nodes[0]
    void add(std::string_view content, std::size_t token);
    // Index of the longest token that `text` begins with, or -1; `bytes` gets how much of the text it is.
    std::int64_t longest(std::string_view text, std::size_t& bytes) const;
  };
  void cut_with(const Matcher& matcher, std::string_view text, bool skip_special, std::vector<Segment>& segments) const;

  std::vector<AddedToken> tokens_;
  Matcher plain_, normalized_;
  bool any_normalized_ = false;
  std::optional<Regex> is_word_;  // a text that begins with a word character
};

}  // namespace cairn::text
