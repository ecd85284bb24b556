#include "engine/train/conversations.h"

#include <algorithm>
#include <numeric>

#include "base/disk.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

using Ints = std::vector<std::int32_t>;
using Floats = std::vector<float>;

// `prompt` tokens, then `answer` tokens that are learnt; ids tell them apart.
TokenizedConversation conversation(std::int32_t first, std::size_t prompt, std::size_t answer) {
  TokenizedConversation c;
  for (std::size_t i = 0; i < prompt + answer; ++i) {
    c.ids.push_back(first + static_cast<std::int32_t>(i));
    c.learn.push_back(i >= prompt);
  }
  return c;
}

std::string error_reading(const std::string& text) {
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path() / "c.jsonl", text);
  return test::error_of([&] { read_conversations(folder.path() / "c.jsonl"); });
}

}  // namespace

TEST_CASE("conversations: lines are read from a file or a folder, in name order") {
  const test::TemporaryFolder folder;
  const std::string a =
      R"({"id": "x", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]})";
  const std::string b = R"({"messages": [{"role": "user", "content": "Grüezi"}]})";
  write_file_atomically(folder.path() / "2.jsonl", b + "\n");
  write_file_atomically(folder.path() / "1.jsonl", a + "\n\n" + a);
  write_file_atomically(folder.path() / "notes.txt", "not a conversation");
  const auto all = read_conversations(folder.path());
  REQUIRE(all.size() == 3);
  CHECK(all[0].messages[1].role == "assistant");
  CHECK(all[2].messages[0].content == "Grüezi");
  CHECK(read_conversations(folder.path() / "1.jsonl").size() == 2);
}

TEST_CASE("conversations: bad lines are refused with file and line") {
  CHECK(error_reading("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}]}\n{\"messages\": []}\n")
            .find("c.jsonl: line 2: expected an object with a list \"messages\"") != std::string::npos);
  CHECK(error_reading("{\"messages\": [{\"role\": \"user\"}]}\n").find("line 1: message 1: expected a string in \"content\"") !=
        std::string::npos);
  CHECK(error_reading("{\"messages\": [7]}\n").find("expected a string in \"role\"") != std::string::npos);
  CHECK(error_reading("[1]\n").find("expected an object") != std::string::npos);
  CHECK(error_reading("{\n").find("c.jsonl: line 1") != std::string::npos);
  CHECK(error_reading("\n").find("no conversations there") != std::string::npos);
}

TEST_CASE("conversation rows: labels, loss on the assistant's tokens only, padding") {
  const ConversationRows rows({conversation(10, 3, 2)}, 8, 3, true, 1);
  REQUIRE(rows.rows() == 1);
  const TokenBatch batch = rows.batch_at(0, 4, 1);
  CHECK(batch.B == 1);
  CHECK(batch.T == 4);  // no longer than its longest row
  CHECK(batch.tokens == Ints{10, 11, 12, 13});
  CHECK(batch.labels == Ints{11, 12, 13, 14});
  CHECK(batch.weights == Floats{0, 0, 1, 1});
  CHECK(batch.positions == Ints{0, 1, 2, 3});
  CHECK(batch.weighted == 2);
}

TEST_CASE("conversation rows: packed conversations do not see each other") {
  const ConversationRows rows({conversation(10, 2, 2), conversation(20, 1, 2), conversation(30, 4, 5)}, 8, 3, true, 1);
  REQUIRE(rows.rows() == 2);  // 3 + 2 positions share a row, 8 fill one
  const TokenBatch batch = rows.batch_at(0, 2, 2);
  REQUIRE(batch.B == 2);
  REQUIRE(batch.T == 8);
  const std::int64_t row = batch.tokens[0] == 30 ? 1 : 0;
  const auto part = [&](const auto& values) { return std::vector(values.begin() + row * 8, values.begin() + row * 8 + 8); };
  const bool first_is_10 = part(batch.tokens)[0] == 10;
  if (first_is_10) {
    CHECK(part(batch.tokens) == Ints{10, 11, 12, 20, 21, 3, 3, 3});
    CHECK(part(batch.first_key) == Ints{0, 0, 0, 3, 3, 5, 6, 7});
    CHECK(part(batch.positions) == Ints{0, 1, 2, 0, 1, 0, 0, 0});
    CHECK(part(batch.weights) == Floats{0, 1, 1, 1, 1, 0, 0, 0});
  } else {
    CHECK(part(batch.tokens) == Ints{20, 21, 10, 11, 12, 3, 3, 3});
    CHECK(part(batch.first_key) == Ints{0, 0, 2, 2, 2, 5, 6, 7});
    CHECK(part(batch.positions) == Ints{0, 1, 0, 1, 2, 0, 0, 0});
    CHECK(part(batch.weights) == Floats{1, 1, 0, 1, 1, 0, 0, 0});
  }
  CHECK(rows.filled() == doctest::Approx(13.0 / 16));
}

TEST_CASE("conversation rows: long ones are cut, those with nothing left to learn are dropped") {
  const ConversationRows rows({conversation(10, 3, 20), conversation(50, 30, 5), conversation(90, 1, 0)}, 8, 3, true, 1);
  CHECK(rows.rows() == 1);
  CHECK(rows.cut() == 2);
  CHECK(rows.dropped() == 2);
  const TokenBatch batch = rows.batch_at(0, 1, 1);
  CHECK(batch.T == 8);
  CHECK(batch.labels.back() == 18);
  CHECK(test::error_of([] {
          ConversationRows({conversation(10, 30, 5)}, 8, 3, true, 1);
        }).find("no conversation has an assistant's token within 8") != std::string::npos);
}

TEST_CASE("conversation rows: every conversation is read once in each epoch, and the last batch may be short") {
  std::vector<TokenizedConversation> all;
  for (std::int32_t i = 0; i < 23; ++i)
    all.push_back(conversation(100 * (i + 1), 2 + static_cast<std::size_t>(i) % 5, 2 + static_cast<std::size_t>(i) % 3));
  for (const bool pack : {true, false}) {
    const ConversationRows rows(all, 16, 3, pack, 9);
    if (!pack) CHECK(rows.rows() == 23);
    const std::int64_t last = 2 * rows.rows();
    std::vector<int> seen(24);
    for (std::int64_t position = 0; position < last;) {
      const TokenBatch batch = rows.batch_at(position, 4, last);
      CHECK(batch.B == std::min<std::int64_t>(4, last - position));
      for (const std::int32_t token : batch.tokens) {
        if (token % 100 == 0) ++seen[static_cast<std::size_t>(token / 100)];
      }
      position += batch.B;
    }
    CHECK(std::all_of(seen.begin() + 1, seen.end(), [](int count) { return count == 2; }));
  }
}
