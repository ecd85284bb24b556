#include "engine/text/tokenizer.h"

#include <cstring>
#include <thread>

#include "base/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

Json golden(const std::string& name) {
  return read_json(test::source_folder() / "tests/golden/tokenizer" / name);
}

Json gpt2_case() {
  return golden("cases.json")["cases"][0]["tokenizer"];
}
Json case_named(const std::string& name) {
  const Json cases = golden("cases.json");
  for (const Json& made : cases["cases"]) {
    if (made["name"] == name) return made["tokenizer"];
  }
  fail("no case {}", name);
}

std::string ids_digest(const std::vector<TokenId>& ids) {
  return sha256(std::string_view(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0])).hex();
}

// A tokenizer.json after one change; the error that loading it gives.
template <typename Change>
std::string error_after(Change&& change) {
  Json json = gpt2_case();
  change(json);
  return test::error_of([&] { Tokenizer::from_json(json, "t.json"); });
}

}  // namespace

TEST_CASE("tokenizer: ids and decoded text equal the tokenizers library's, for every feature that is read") {
  const Json cases = golden("cases.json");
  for (const Json& made : cases["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::from_json(made["tokenizer"], name);
    for (std::size_t i = 0; i < cases["texts"].size(); ++i) {
      const std::string text = cases["texts"][i];
      CAPTURE(text);
      const auto expected = made["rows"][i][0].get<std::vector<TokenId>>();
      CHECK(tokenizer.encode(text) == expected);
      CHECK(tokenizer.encode(text, SpecialTokens::as_text) == made["rows"][i][1].get<std::vector<TokenId>>());
      CHECK(utf8_lossy(tokenizer.decode(expected)) == made["rows"][i][2].get<std::string>());
    }
  }
}

TEST_CASE("tokenizer: UDHR in 35 languages and Gutenberg encode as the tokenizers library does") {
  REQUIRE_SHARED(shared);
  const Json corpora = golden("corpora.json");
  for (const auto& [key, files] : corpora.items()) {
    const std::string name = key;
    CAPTURE(name);
    const Tokenizer tokenizer = name == "dolma2" ? Tokenizer::load(shared / "data/tokenizers/dolma2_tokenizer.json")
                                : name == "tiny" ? Tokenizer::load(shared / "data/golden/apertus_tiny")
                                                 : Tokenizer::from_json(case_named(name), name);
    CHECK(files.size() >= 40);
    for (const auto& [file_key, expected] : files.items()) {
      const std::string file = file_key;
      CAPTURE(file);
      const std::string text = read_file(shared / "data" / file);
      const auto ids = tokenizer.encode(text);
      CHECK(ids.size() == expected[0].get<std::size_t>());
      CHECK(ids_digest(ids) == expected[1].get<std::string>());
      CHECK(tokenizer.decode(ids, false) == text);
    }
  }
}

TEST_CASE("tokenizer: any bytes survive encoding and decoding, and what is no UTF-8 is encoded byte by byte") {
  const Tokenizer tokenizer = Tokenizer::from_json(gpt2_case(), "t.json");
  const Random random(7, "bytes");
  for (std::uint64_t round = 0; round < 300; ++round) {
    std::string bytes;
    for (std::uint64_t i = 0; i < random.below(2 * round, 200); ++i) {
      // Half of the rounds are mostly text with a few odd bytes.
      const std::uint64_t draw = random.bits(1000 * (round + 1) + i);
      bytes.push_back(static_cast<char>(round % 2 && draw % 8 ? "the \xC3\xA9 12\n"[draw / 8 % 10] : draw >> 56));
    }
    CHECK(tokenizer.decode(tokenizer.encode(bytes), false) == bytes);
  }
  const TokenId byte_ff = tokenizer.encode("\xFF").at(0);
  CHECK(tokenizer.token_bytes(byte_ff) == "\xFF");
  auto expected = tokenizer.encode("the");
  expected.push_back(byte_ff);
  for (const TokenId id : tokenizer.encode(" the")) expected.push_back(id);
  CHECK(tokenizer.encode("the\xFF the") == expected);
}

TEST_CASE("tokenizer: token_bytes of each token in turn is the text, for streaming") {
  const Tokenizer tokenizer = Tokenizer::from_json(case_named("apertus"), "t.json");
  const std::string text = "Grüezi 日本語 \U0001F600!";
  std::string streamed, held;
  for (const TokenId id : tokenizer.encode(text)) {
    held += tokenizer.token_bytes(id);
    const std::size_t whole = held.size() - unfinished_utf8_suffix(held);
    streamed += held.substr(0, whole);
    CHECK(find_invalid_utf8(streamed) == std::string::npos);
    held.erase(0, whole);
  }
  CHECK(streamed == text);
  CHECK(held.empty());
  CHECK(test::error_of([&] { tokenizer.token_bytes(-1); }).find("no token has id -1") != std::string::npos);
  CHECK(test::error_of([&] { tokenizer.decode(std::vector<TokenId>{1 << 30}); }).find("no token has id 1073741824") !=
        std::string::npos);
}

TEST_CASE("tokenizer: text can never become a special token") {
  Json json = case_named("apertus");
  const Tokenizer tokenizer = Tokenizer::from_json(json, "t.json");
  const TokenId end = tokenizer.require("</s>");
  CHECK(tokenizer.is_special(end));
  CHECK(tokenizer.encode("</s>") == std::vector<TokenId>{end});
  for (const TokenId id : tokenizer.encode("a</s>b<|user_start|></s>", SpecialTokens::as_text)) CHECK(!tokenizer.is_special(id));
  CHECK(tokenizer.decode(tokenizer.encode("a</s>b"), true) == "ab");
  CHECK(tokenizer.decode(tokenizer.encode("a</s>b"), false) == "a</s>b");
  // Not even when the vocabulary's merges, or ignore_merges, lead to its letters.
  Json sly = gpt2_case();
  Json& vocab = sly["model"]["vocab"];
  const std::size_t next = vocab.size();
  vocab["=>"] = next, vocab["=>>"] = next + 1;
  sly["model"]["merges"].push_back({"=", ">"});
  sly["model"]["merges"].push_back({"=>", ">"});
  sly["model"]["ignore_merges"] = true;
  sly["added_tokens"].push_back({{"id", next + 1}, {"content", "=>>"}, {"special", true}, {"normalized", false}});
  const Tokenizer wary = Tokenizer::from_json(sly, "sly.json");
  CHECK(wary.encode("=>>") == std::vector<TokenId>{static_cast<TokenId>(next + 1)});
  CHECK(wary.encode("=>>", SpecialTokens::as_text).front() == static_cast<TokenId>(next));
}

TEST_CASE("tokenizer: long words take no quadratic time and merge as short ones do") {
  const Tokenizer tokenizer = Tokenizer::from_json(gpt2_case(), "t.json");
  std::string word;
  for (int i = 0; i < 200'000; ++i) word += "the"[i % 3];
  const auto ids = tokenizer.encode(word);
  CHECK(tokenizer.decode(ids) == word);
  const auto part = tokenizer.encode(word.substr(0, 42));
  CHECK(std::equal(part.begin(), part.end() - 3, ids.begin()));
}

TEST_CASE("added tokens: every set of flags, and tokens that meet, as the tokenizers library has them") {
  const Json golden = read_json(test::source_folder() / "tests/golden/tokenizer/added.json");
  CHECK(golden["cases"].size() == 38);
  for (const Json& made : golden["cases"]) {
    Json json = golden["tokenizer"];
    json["added_tokens"] = made["added_tokens"];
    const std::string tokens = made["added_tokens"].dump();
    CAPTURE(tokens);
    const Tokenizer tokenizer = Tokenizer::from_json(json, "t.json");
    for (std::size_t i = 0; i < golden["texts"].size(); ++i) {
      const std::string text = golden["texts"][i];
      CAPTURE(text);
      CHECK(tokenizer.encode(text) == made["rows"][i][0].get<std::vector<TokenId>>());
      CHECK(tokenizer.encode(text, SpecialTokens::as_text) == made["rows"][i][1].get<std::vector<TokenId>>());
    }
  }
}

TEST_CASE("tokenizer: many places where a token must stand alone are looked at in linear time") {
  Json json = gpt2_case();
  json["added_tokens"].push_back({{"id", json["model"]["vocab"].size()}, {"content", "<w>"}, {"single_word", true}});
  const Tokenizer tokenizer = Tokenizer::from_json(json, "t.json");
  const TokenId token = tokenizer.require("<w>");
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += i % 2 ? "\xC3\xA9<w> " : "-<w>.";
  const auto ids = tokenizer.encode(text);
  CHECK(std::count(ids.begin(), ids.end(), token) == 100'000);  // not behind a letter
}

TEST_CASE("tokenizer: a pattern that backtracks without end is an error, one that only goes deep is not") {
  const auto with_pattern = [](const std::string& pattern) {
    Json json = gpt2_case();
    json["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
    return Tokenizer::from_json(json, "t.json");
  };
  const std::string error = test::error_of([&] { with_pattern("(?:a|aa|aaa)+[bc]").encode(std::string(5'000, 'a')); });
  CHECK(error.find(
            "t.json: pre_tokenizer.pretokenizers[0].pattern.Regex: the regular expression (?:a|aa|aaa)+[bc] failed on a text "
            "of 5000 bytes: match limit exceeded") == 0);
  std::string deep;
  for (int i = 0; i < 50'000; ++i) deep += i % 3 ? "a" : "b ";
  const Tokenizer tokenizer = with_pattern("(?:(a)|(b)| )*x?");
  CHECK(tokenizer.decode(tokenizer.encode(deep)) == deep);
}

TEST_CASE("tokenizer: two tokenizers on one thread, and one on two threads, do not disturb each other") {
  const Tokenizer a = Tokenizer::from_json(gpt2_case(), "a"), b = Tokenizer::from_json(case_named("digits"), "b");
  const std::string text = "the year 12345 the year";
  const auto of_a = a.encode(text), of_b = b.encode(text);
  CHECK(of_a != of_b);
  CHECK(a.encode(text) == of_a);
  std::vector<TokenId> elsewhere;
  std::thread([&] { elsewhere = b.encode(text); }).join();
  CHECK(elsewhere == of_b);
}

TEST_CASE("tokenizer: a damaged tokenizer.json is refused with the key, the place and what was expected") {
  const auto says = [](const std::string& error, const std::string& part) {
    CAPTURE(error);
    CHECK(error.find(part) != std::string::npos);
    CHECK(error.find("t.json") == 0);
  };
  says(error_after([](Json& j) { j = 3; }), "expected an object");
  says(error_after([](Json& j) { j.erase("model"); }), "the key \"model\" is missing");
  says(error_after([](Json& j) { j["model"]["type"] = "Unigram"; }), "model.vocab: expected a list");
  says(error_after([](Json& j) { j["model"]["vocab"] = Json::array(); }), "model.vocab: expected an object");
  says(error_after([](Json& j) { j["model"]["vocab"]["the"] = "x"; }), "model.vocab[\"the\"]: expected an id");
  says(error_after([](Json& j) { j["model"]["vocab"]["the"] = -4; }), "-4 is not a possible id");
  says(error_after([](Json& j) { j["model"]["vocab"]["the"] = 18446744073709551615u; }), "is not a possible id");
  says(error_after([](Json& j) { j["model"]["vocab"]["the"] = 5; }), "id 5 belongs to both");
  says(error_after([](Json& j) { j["model"]["vocab"]["zzz"] = 1'000'000'000; }), "id 1000000000 of \"zzz\" leaves a gap");
  says(error_after([](Json& j) { j["model"]["vocab"].erase("the"); }), "leaves a gap");
  says(error_after([](Json& j) {
         Json& vocab = j["model"]["vocab"];
         vocab["renamed"] = vocab["the"];
         vocab.erase("the");
       }),
       "the result \"the\" is not in the vocabulary");
  says(error_after([](Json& j) {
         j["model"]["merges"][3] = {"t", "nothere"};
       }),
       "model.merges[3]: the right part \"nothere\" is not in the vocabulary");
  says(error_after([](Json& j) {
         j["model"]["merges"][0] = {"q", "q"};
       }),
       "model.merges[0]: the result \"qq\" is not in the vocabulary");
  says(error_after([](Json& j) { j["model"]["merges"][1] = "abc"; }),
       "model.merges[1]: expected two tokens with one space between");
  says(error_after([](Json& j) { j["model"]["merges"][1] = "the "; }), "model.merges[1]: a token without text cannot be merged");
  says(error_after([](Json& j) { j["model"]["vocab"][std::string(16'385, 'x')] = 330; }),
       "has 16385 bytes; expected at most 16384");
  says(error_after([](Json& j) { j["model"]["merges"][1] = 7; }), "model.merges[1]: expected \"left right\"");
  says(error_after([](Json& j) { j["model"]["merges"] = nullptr; }), "model.merges: expected a list");
  says(error_after([](Json& j) { j["model"]["dropout"] = 0.1; }), "model.dropout: 0.1 is not supported");
  says(error_after([](Json& j) { j["model"]["unk_token"] = "<unk>"; }), "model.unk_token: \"<unk>\" is not in the vocabulary");
  says(error_after([](Json& j) { j["model"]["ignore_merges"] = 1; }), "model.ignore_merges: expected true or false");
  says(error_after([](Json& j) { j["normalizer"] = {{"type", "NFX"}}; }), "normalizer.type: normalizer \"NFX\" is not known");
  says(error_after([](Json& j) { j["decoder"] = {{"type", "Metaspace"}}; }), "decoder: the key \"replacement\" is missing");
  says(error_after([](Json& j) { j["pre_tokenizer"] = 7; }), "pre_tokenizer: expected an object or null");
  says(error_after([](Json& j) {
         j["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", "(a"}}}, {"behavior", "Isolated"}}}}};
       }),
       "pre_tokenizer.pretokenizers[0].pattern.Regex: not a regular expression");
  says(error_after([](Json& j) {
         j["pre_tokenizer"] = {
             {"type", "Sequence"},
             {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", "[a&&b]"}}}, {"behavior", "Isolated"}}}}};
       }),
       "class intersection");
  says(error_after([](Json& j) {
         j["pre_tokenizer"] = {{"type", "Sequence"},
                               {"pretokenizers", {{{"type", "Split"}, {"pattern", {{"Regex", "a"}}}, {"behavior", "Odd"}}}}};
       }),
       "unknown behavior \"Odd\"");
  says(error_after([](Json& j) {
         j["added_tokens"] = {{{"id", 1}, {"content", "<x>"}}};
       }),
       "added_tokens[0]: id 1 belongs to both");
  says(error_after([](Json& j) { j["added_tokens"] = {{{"content", "<x>"}}}; }), "added_tokens[0]: the key \"id\" is missing");
  says(error_after([](Json& j) { j["added_tokens"] = {{{"id", 1}, {"content", ""}}}; }), "added_tokens[0].content: is empty");
  says(error_after([](Json& j) { j["added_tokens"] = {{{"id", 1}, {"content", "the"}}}; }), "has id 1 here and");
  says(error_after([](Json& j) { j["added_tokens"] = {{{"id", 331}, {"content", "<x>"}}}; }), "leaves a gap");
  says(error_after([](Json& j) {
         j["added_tokens"] = {{{"id", 330}, {"content", "<x>"}, {"special", "yes"}}};
       }),
       "added_tokens[0].special");
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path() / "tokenizer.json", "{\"model\": {");
  CHECK(test::error_of([&] { Tokenizer::load(folder.path()); }).find("tokenizer.json") != std::string::npos);
  CHECK(test::error_of([&] { Tokenizer::load(folder.path() / "absent"); }).find("absent") != std::string::npos);
}

TEST_CASE("tokenizer: a merge named twice has the rank of the later one, and merges may be strings") {
  Json json = gpt2_case();
  Json strings = Json::array();
  for (const Json& merge : json["model"]["merges"])
    strings.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  const Tokenizer pairs = Tokenizer::from_json(json, "t.json");
  json["model"]["merges"] = strings;
  CHECK(Tokenizer::from_json(json, "t.json").encode("the quick brown fox") == pairs.encode("the quick brown fox"));
}

}  // namespace cairn::text
