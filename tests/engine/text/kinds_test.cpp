// Every kind of normalizer, pre-tokenizer, model, decoder and post-processor of tokenizer.json beside the `tokenizers` library.
#include <cstring>

#include "base/disk.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

const Json& kinds() {
  static const Json golden = read_json(test::source_folder() / "tests/golden/tokenizer/kinds.json");
  return golden;
}

std::string short_digest(std::string_view bytes) {
  return sha256(bytes).hex().substr(0, 16);
}

Json kind_named(const std::string& name) {
  for (const Json& made : kinds()["cases"]) {
    if (made["name"] == name) return made["tokenizer"];
  }
  return {};
}

// The error that loading a tokenizer gives after one change.
template <typename Change>
std::string error_after(const std::string& name, Change&& change) {
  Json json = kind_named(name);
  change(json);
  return test::error_of([&] { Tokenizer::from_json(json, "t.json"); });
}

}  // namespace

TEST_CASE("tokenizer kinds: ids, decoded text and special tokens around it equal the tokenizers library's") {
  const Json& texts = kinds()["texts"];
  for (const Json& made : kinds()["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::from_json(made["tokenizer"], name);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string text = texts[i];
      CAPTURE(i);
      CAPTURE(text);
      const Json& row = made["rows"][i];
      const auto expected = row[0].get<std::vector<TokenId>>();
      CHECK(tokenizer.encode(text) == expected);
      CHECK(utf8_lossy(tokenizer.decode(expected)) == row[2].get<std::string>());
      CHECK(tokenizer.with_special(tokenizer.encode(text)) == row[3].get<std::vector<TokenId>>());
      const std::string before = texts[(i + texts.size() - 1) % texts.size()];
      CHECK(tokenizer.with_special(tokenizer.encode(text), tokenizer.encode(before)) == row[4].get<std::vector<TokenId>>());
      // The library's models may still find a special token as a piece of text; ours never do.
      const auto as_text = tokenizer.encode(text, SpecialTokens::as_text);
      const auto theirs = row[1].get<std::vector<TokenId>>();
      const auto special = [&](TokenId id) {
        return tokenizer.is_special(id) && id != tokenizer.id_of("<unk>") && id != tokenizer.id_of("[UNK]");
      };
      CHECK(std::none_of(as_text.begin(), as_text.end(), special));
      if (std::none_of(theirs.begin(), theirs.end(), special)) CHECK(as_text == theirs);
    }
  }
}

TEST_CASE("tokenizer kinds: UDHR in 35 languages encodes and decodes as with the tokenizers library") {
  REQUIRE_SHARED(shared);
  for (const Json& made : kinds()["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::from_json(made["tokenizer"], name);
    CHECK(made["files"].size() >= 35);
    for (const auto& [key, expected] : made["files"].items()) {
      const std::string file = key;
      CAPTURE(file);
      const auto ids = tokenizer.encode(read_file(shared / "data/udhr" / file));
      CHECK(ids.size() == expected[0].get<std::size_t>());
      CHECK(short_digest({reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]}) ==
            expected[1].get<std::string>());
      CHECK(short_digest(utf8_lossy(tokenizer.decode(ids, false))) == expected[2].get<std::string>());
    }
  }
}

TEST_CASE("tokenizer kinds: tokens one by one are the text behind another token, for streaming") {
  const Tokenizer llama = Tokenizer::from_json(kind_named("llama 2"), "t.json");
  std::string streamed;
  for (const TokenId id : llama.encode("Grüezi 日本語 \U0001F600!")) streamed += llama.token_bytes(id);
  CHECK(streamed == " Grüezi 日本語 \U0001F600!");
  const Tokenizer bert = Tokenizer::from_json(kind_named("bert uncased"), "t.json");
  streamed.clear();
  for (const TokenId id : bert.encode("All human beings, born free")) streamed += bert.token_bytes(id);
  CHECK(streamed == " all human beings, born free");
  // What is no UTF-8 is a replacement character where the tokenizer knows only characters.
  CHECK(llama.decode(llama.encode("a\xFF"
                                  "b")) == "a\uFFFDb");
}

TEST_CASE("tokenizer kinds: what cannot be is refused with the key, the place and what was expected") {
  const auto says = [](const std::string& error, const std::string& part) {
    CAPTURE(error);
    CHECK(error.find(part) != std::string::npos);
    CHECK(error.find("t.json") == 0);
  };
  const std::string unigram = "unigram", bert = "bert uncased", map = "unigram, words then Metaspace", llama = "llama 2";
  says(error_after(unigram, [](Json& j) { j["model"]["vocab"] = Json::object(); }), "model.vocab: expected a list");
  says(error_after(unigram, [](Json& j) { j["model"]["vocab"][3] = {"a"}; }), "model.vocab[3]: expected [\"text\", score]");
  says(error_after(unigram, [](Json& j) { j["model"]["vocab"][3][1] = "low"; }), "model.vocab[3]: expected [\"text\", score]");
  says(error_after(unigram, [](Json& j) { j["model"]["unk_id"] = 100000; }), "model.unk_id: 100000 is beyond the vocabulary");
  says(error_after(unigram, [](Json& j) { j["model"]["type"] = "Bigram"; }), "model.type: \"Bigram\" is not known");
  says(error_after(unigram, [](Json& j) { j["pre_tokenizer"]["replacement"] = "ab"; }),
       "replacement: expected one character, found \"ab\"");
  says(error_after(unigram, [](Json& j) { j["pre_tokenizer"]["replacement"] = std::string(99, 'x'); }),
       "expected one character, found \"" + std::string(56, 'x') + "...");
  says(error_after(unigram,
                   [](Json& j) { j["pre_tokenizer"]["replacement"] = std::string(55, 'x') + "\u00e9\u00e9\u00e9\u00e9"; }),
       "expected one character, found \"" + std::string(55, 'x') + "...");
  says(error_after(unigram, [](Json& j) { j["pre_tokenizer"]["prepend_scheme"] = "last"; }), "expected always, first or never");
  says(error_after(unigram, [](Json& j) { j["pre_tokenizer"]["prepend_scheme"] = std::string(99, 'x'); }),
       "expected always, first or never, found \"" + std::string(56, 'x') + "...");
  says(error_after(unigram,
                   [](Json& j) {
                     j["normalizer"] = {{"type", "NFX"}};
                   }),
       "normalizer.type: normalizer \"NFX\" is not known");
  says(error_after(unigram, [](Json& j) { j["normalizer"] = "NFC"; }), "normalizer: expected an object");
  says(error_after(unigram, [](Json& j) { j["decoder"] = {{"type", "Odd"}}; }), "decoder.type: decoder \"Odd\" is not known");
  says(error_after(unigram, [](Json& j) { j["post_processor"]["single"][1] = 7; }),
       "post_processor.single[1]: expected an object");
  says(error_after(unigram, [](Json& j) { j["post_processor"]["special_tokens"]["</s>"]["ids"] = {99999}; }),
       "no token has id 99999");
  says(error_after(unigram, [](Json& j) { j["post_processor"]["special_tokens"] = Json::object(); }),
       "special_tokens[\"</s>\"]: is missing");
  says(error_after(unigram,
                   [](Json& j) {
                     Json& single = j["post_processor"]["single"];
                     while (single.size() < 101) single.push_back(single[0]);
                   }),
       "post_processor.single: 101 items; expected at most 100");
  says(error_after(bert, [](Json& j) { j["model"]["unk_token"] = nullptr; }), "model.unk_token: is missing");
  says(error_after(bert, [](Json& j) { j["model"]["max_input_chars_per_word"] = -1; }), "max_input_chars_per_word");
  says(error_after(bert, [](Json& j) { j["normalizer"]["lowercase"] = "yes"; }), "normalizer.lowercase: expected true or false");
  says(error_after(bert, [](Json& j) { j["pre_tokenizer"] = {{"type", "Odd"}}; }), "pre-tokenizer \"Odd\" is not known");
  says(error_after(llama, [](Json& j) { j["normalizer"]["normalizers"][1]["pattern"] = Json::object(); }),
       "the key \"String\" is missing");
  says(error_after(llama, [](Json& j) { j["decoder"]["decoders"][3]["content"] = ""; }), "decoders[3].content: is empty");
  says(error_after(map, [](Json& j) { j["normalizer"]["precompiled_charsmap"] = "AAAA*"; }), "normalizer.precompiled_charsmap");
  says(error_after(map,
                   [](Json& j) { j["normalizer"]["precompiled_charsmap"] = base64_encode(std::string("\xFF\xFF\0\0abc", 7)); }),
       "claims a trie of 65535 bytes, 3 follow");
}

}  // namespace cairn::text
