// A tokenizer that somebody else wrote makes no more of a text than sixteen times its length and 16 MB, and takes linear time.
#include <fmt/format.h>

#include "base/json.h"
#include "engine/text/tokenizer.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

Json kind_named(const std::string& name) {
  const Json golden = read_json(test::source_folder() / "tests/golden/tokenizer/kinds.json");
  for (const Json& made : golden["cases"]) {
    if (made["name"] == name) return made["tokenizer"];
  }
  return {};
}

Json doubling(int times) {
  const Json twice = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", "aa"}};
  return Json(static_cast<std::size_t>(times), twice);
}

// Words of a known form, anything else is one token: a model that is done at once with any text.
Json words() {
  Json json = kind_named("bert uncased");
  json["normalizer"] = nullptr;
  json["added_tokens"] = {{{"id", json["model"]["vocab"].size()}, {"content", "<x>"}, {"normalized", false}}};
  return json;
}

std::string encoding_error(const Json& json, const std::string& text) {
  return test::error_of([&] { Tokenizer::from_json(json, "t.json").encode(text); });
}

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

}  // namespace

TEST_CASE("tokenizer bounds: a text that a normalizer, a pre-tokenizer or a decoder would blow up is refused") {
  Json json = kind_named("llama 2");
  const Json parts = doubling(60);
  json["normalizer"]["normalizers"] = parts;
  json["added_tokens"] = Json::array();
  CHECK(encoding_error(json, "aaaa") == "t.json: normalizer: makes more than 16000064 bytes of 4");
  Json nested = parts;  // no more than one bound, however deep they stand
  for (int i = 0; i < 50; ++i) nested = {parts[0], {{"type", "Sequence"}, {"normalizers", nested}}};
  Json deep = json;
  deep["normalizer"]["normalizers"] = nested;
  CHECK(encoding_error(deep, "aaaa") == "t.json: normalizer: makes more than 16000064 bytes of 4");
  Json letters = json;
  letters["normalizer"] = nullptr;
  letters["model"]["byte_fallback"] = false;
  letters["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", Json::array()}};
  for (int i = 0; i < 64; ++i)
    letters["pre_tokenizer"]["pretokenizers"].push_back(
        {{"type", "ByteLevel"}, {"use_regex", false}, {"add_prefix_space", false}});
  CHECK(encoding_error(letters, "\xC3\xA9") == "t.json: pre_tokenizer: makes more than 16000032 bytes of 2");
  letters["pre_tokenizer"]["pretokenizers"].insert(letters["pre_tokenizer"]["pretokenizers"].end(), 2,
                                                   {{"type", "Metaspace"}, {"replacement", "_"}});
  CHECK(test::error_of([&] { Tokenizer::from_json(letters, "t.json"); }).find("t.json: pre_tokenizer: 6") == 0);
  json["decoder"] = {{"type", "Sequence"}, {"decoders", parts}};
  const Tokenizer growing = Tokenizer::from_json(json, "t.json");
  const TokenId a = growing.require("a");
  CHECK(test::error_of([&] { growing.decode(std::vector<TokenId>{a}); }) ==
        "t.json: decoder: makes more than 16000016 bytes of 1");
}

TEST_CASE("tokenizer bounds: one bound holds for all parts that added tokens cut a text into") {
  const std::string text = repeated("a<x>", 40);  // each "a" may become 8 MB, and forty of them may not
  Json json = words();
  json["normalizer"] = {{"type", "Sequence"}, {"normalizers", doubling(23)}};
  CHECK(encoding_error(json, "a<x>") == "");
  CHECK(encoding_error(json, text) == "t.json: normalizer: makes more than 16002560 bytes of 160");
  json["normalizer"] = nullptr;
  Json letters = Json(std::size_t{22}, {{"type", "ByteLevel"}, {"use_regex", false}, {"add_prefix_space", false}});
  json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", letters}};
  CHECK(encoding_error(json, "\xC3\xA9<x>") == "");
  CHECK(encoding_error(json, repeated("\xC3\xA9<x>", 40)) == "t.json: pre_tokenizer: makes more than 16003200 bytes of 200");
}

TEST_CASE("tokenizer bounds: one bound holds for all tokens that a decoder's Replace makes longer") {
  Json json = kind_named("llama 2");
  json["decoder"] = {
      {"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1'000'000, 'b')}};  // less than one may become
  const Tokenizer tokenizer = Tokenizer::from_json(json, "t.json");
  const TokenId a = tokenizer.require("a");
  CHECK(tokenizer.decode(std::vector<TokenId>(10, a)).size() == 10'000'000);
  CHECK(test::error_of([&] { tokenizer.decode(std::vector<TokenId>(40, a)); }) ==
        "t.json: decoder: makes more than 16000640 bytes of 40");
  json["decoder"]["content"] = std::string(20'000'000, 'b');
  CHECK(test::error_of([&] { Tokenizer::from_json(json, "t.json").decode(std::vector<TokenId>{a}); }) ==
        "t.json: decoder: makes more than 16000016 bytes of 1");
}

TEST_CASE("tokenizer bounds: a normalized added token is no longer than a token may be") {
  Json json = kind_named("llama 2");
  const std::size_t id = json["model"]["vocab"].size();
  json["added_tokens"] = {{{"id", id}, {"content", "<a>"}, {"normalized", true}}};
  json["normalizer"]["normalizers"] = doubling(13);
  CHECK(encoding_error(json, "x") == "");  // 8194 bytes
  json["normalizer"]["normalizers"] = doubling(14);
  CHECK(encoding_error(json, "x") ==
        fmt::format("t.json: the normalizer makes 16386 bytes of the added token with id {}; expected at most 16384", id));
}

TEST_CASE("tokenizer bounds: white space around tokens that take it is looked at in linear time") {
  Json json = kind_named("llama 2");
  json["normalizer"] = nullptr;
  const TokenId id = json["model"]["vocab"]["\n"];
  const std::string lines(2'000'000, '\n');  // which take most of an hour in quadratic time
  for (const char* side : {"lstrip", "rstrip"}) {
    CAPTURE(std::string(side));
    json["added_tokens"] = {{{"id", id}, {"content", "\n"}, {"normalized", false}, {side, true}}};
    const auto ids = Tokenizer::from_json(json, "t.json").encode(lines);
    CHECK(ids == std::vector<TokenId>(lines.size(), id));
  }
}

}  // namespace cairn::text
