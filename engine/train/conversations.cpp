#include "engine/train/conversations.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/compressed.h"
#include "engine/train/sample_order.h"

namespace cairn::train {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kOpenRows = 64;

Conversation parse_conversation(std::string_view line, const std::string& place) {
  const Json json = parse_json(line, place);
  if (!json.is_object() || !json.contains("messages") || !json.at("messages").is_array() || json.at("messages").empty()) {
    fail("{}: expected an object with a list \"messages\"", place);
  }
  Conversation conversation;
  for (const Json& message : json.at("messages")) {
    const auto text_of = [&](const char* key) {
      if (!message.is_object() || !message.contains(key) || !message.at(key).is_string()) {
        fail("{}: message {}: expected a string in \"{}\"", place, conversation.messages.size() + 1, key);
      }
      return message.at(key).get<std::string>();
    };
    conversation.messages.push_back({text_of("role"), text_of("content")});
  }
  return conversation;
}

void read_file_into(const fs::path& path, std::vector<Conversation>& conversations) {
  const MappedFile file(path);
  data::LineReader lines(data::decompress(file.text(), path.string()), path.string());
  std::string_view line;
  while (lines.next(line)) {
    if (line.empty()) continue;
    conversations.push_back(parse_conversation(line, fmt::format("{}: line {}", path.string(), lines.line_number())));
  }
}

// Positions that a conversation takes: its last token is only ever a label.
std::int64_t positions_of(const TokenizedConversation& c) {
  return static_cast<std::int64_t>(c.ids.size()) - 1;
}

}  // namespace

std::vector<Conversation> read_conversations(const fs::path& path) {
  std::vector<fs::path> files;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_regular_file() && entry.path().filename().string().find(".jsonl") != std::string::npos)
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
  } else {
    files.push_back(path);
  }
  std::vector<Conversation> conversations;
  for (const fs::path& file : files) read_file_into(file, conversations);
  if (conversations.empty()) fail("{}: no conversations there", path.string());
  return conversations;
}

ConversationRows::ConversationRows(std::vector<TokenizedConversation> conversations, std::int64_t length, std::int32_t pad,
                                   bool pack, std::uint64_t seed)
    : length_(length), pad_(pad), seed_(seed) {
  for (TokenizedConversation& c : conversations) {
    if (positions_of(c) > length) {
      c.ids.resize(static_cast<std::size_t>(length + 1));
      c.learn.resize(c.ids.size());
      ++cut_;
    }
    if (c.ids.size() < 2 || std::none_of(c.learn.begin() + 1, c.learn.end(), [](std::uint8_t learn) { return learn != 0; })) {
      ++dropped_;
      continue;
    }
    conversations_.push_back(std::move(c));
  }
  if (conversations_.empty()) fail("no conversation has an assistant's token within {} positions", length);

  const auto count = static_cast<std::int64_t>(conversations_.size());
  const SampleOrder order(seed, count);
  std::vector<std::size_t> open;   // rows that may still take one
  std::vector<std::int64_t> used;  // positions, by row
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(order.sample_at(i));
    const std::int64_t needs = positions_of(conversations_[index]);
    const auto fits = std::find_if(open.begin(), open.end(), [&](std::size_t row) { return used[row] + needs <= length; });
    if (pack && fits != open.end()) {
      rows_[*fits].push_back(index);
      used[*fits] += needs;
      continue;
    }
    rows_.push_back({index});
    used.push_back(needs);
    open.push_back(rows_.size() - 1);
    if (open.size() > kOpenRows) open.erase(open.begin());
  }
}

std::int64_t ConversationRows::length_of(const std::vector<std::size_t>& members) const {
  std::int64_t length = 0;
  for (const std::size_t index : members) length += positions_of(conversations_[index]);
  return length;
}

double ConversationRows::filled() const {
  std::int64_t used = 0;
  for (const auto& members : rows_) used += length_of(members);
  return static_cast<double>(used) / static_cast<double>(rows() * length_);
}

TokenBatch ConversationRows::batch_at(std::int64_t position, std::int64_t batch, std::int64_t last) const {
  const SampleOrder order(seed_, rows());
  std::vector<const std::vector<std::size_t>*> chosen;
  std::int64_t longest = 1;
  for (std::int64_t p = position; p < std::min(position + batch, last); ++p) {
    chosen.push_back(&rows_[static_cast<std::size_t>(order.sample_at(p))]);
    longest = std::max(longest, length_of(*chosen.back()));
  }
  TokenBatch result(static_cast<std::int64_t>(chosen.size()), longest);
  for (std::size_t row = 0; row < chosen.size(); ++row) fill(result, static_cast<std::int64_t>(row), *chosen[row]);
  return result;
}

void ConversationRows::fill(TokenBatch& batch, std::int64_t row, const std::vector<std::size_t>& members) const {
  const std::int64_t base = row * batch.T;
  std::int64_t start = 0;
  const auto put = [&](std::int64_t t, std::int64_t position, std::int64_t first_key, std::int32_t token, std::int32_t label,
                       bool learn) {
    const auto at = static_cast<std::size_t>(base + t);
    batch.tokens[at] = token;
    batch.labels[at] = label;
    batch.positions[at] = static_cast<std::int32_t>(position);
    batch.first_key[at] = static_cast<std::int32_t>(first_key);
    batch.weights[at] = learn ? 1.0f : 0.0f;
    batch.weighted += learn;
  };
  for (const std::size_t index : members) {
    const TokenizedConversation& c = conversations_[index];
    const std::int64_t n = positions_of(c);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<std::size_t>(i);
      put(start + i, i, start, c.ids[at], c.ids[at + 1], c.learn[at + 1] != 0);
    }
    start += n;
  }
  // Padding stands behind everything and sees only itself: a position of its own, weight 0.
  for (std::int64_t t = start; t < batch.T; ++t) put(t, 0, t, pad_, pad_, false);
}

}  // namespace cairn::train
