// Conversations as training reads them: {"messages": [{"role": "user", "content": "..."}, ...]}, one a line; and their rows of
// tokens.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/text/chat.h"
#include "engine/train/loader.h"

namespace cairn::train {

struct Conversation {
  std::vector<text::ChatMessage> messages;
};

// A JSONL file, plain, .gz or .zst, or a folder of them (read in name order). Other members of a line are allowed. Errors name
// file and line.
std::vector<Conversation> read_conversations(const std::filesystem::path& path);

// Conversation -> tokens, each labelled with whether the loss counts it.
struct TokenizedConversation {
  std::vector<std::int32_t> ids;
  std::vector<std::uint8_t> learn;  // 1: this token is the assistant's
};

// Rows of at most `length` positions, each holding whole conversations, one after another. A conversation of n tokens takes n - 1
// positions; longer ones are cut at the end. Each conversation attends to itself alone and its positions start at 0.
class ConversationRows {
 public:
  // With `pack` a row takes every conversation that fits, first fit over the rows open, in an order given by the seed; without,
  // each has a row of its own. Conversations in which nothing is left to learn are dropped. Error when none remain.
  ConversationRows(std::vector<TokenizedConversation> conversations, std::int64_t length, std::int32_t pad, bool pack,
                   std::uint64_t seed);

  std::int64_t rows() const { return static_cast<std::int64_t>(rows_.size()); }
  std::int64_t dropped() const { return dropped_; }
  std::int64_t cut() const { return cut_; }
  double filled() const;  // share of positions that are not padding

  // Rows [position, position + batch) of the order of rows, fewer where `last` comes first. The batch is as long as its longest
  // row.
  TokenBatch batch_at(std::int64_t position, std::int64_t batch, std::int64_t last) const;

 private:
  void fill(TokenBatch& batch, std::int64_t row, const std::vector<std::size_t>& members) const;
  std::int64_t length_of(const std::vector<std::size_t>& members) const;

  std::vector<TokenizedConversation> conversations_;
  std::vector<std::vector<std::size_t>> rows_;  // indices into conversations_
  std::int64_t length_;
  std::int32_t pad_;
  std::int64_t dropped_ = 0, cut_ = 0;
  std::uint64_t seed_;
};

}  // namespace cairn::train
