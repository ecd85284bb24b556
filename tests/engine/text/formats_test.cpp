// SentencePiece models, tekken.json and tiktoken files beside their own libraries, and what they become as tokenizer.json.
#include "engine/text/tokenizer_formats.h"

#include "base/disk.h"
#include "base/error.h"
#include "base/hash.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

namespace cairn::text {
namespace {

const Json& formats() {
  static const Json golden = read_json(test::source_folder() / "tests/golden/tokenizer/formats.json");
  return golden;
}

std::string data_of(const std::string& name) {
  for (const Json& made : formats()["cases"]) {
    if (made["name"] == name) return base64_decode(made["data"].get<std::string>());
  }
  fail("no case {}", name);
}

// At most `others` files may give other ids.
void check_files(const Tokenizer& tokenizer, const Json& files, const std::filesystem::path& udhr, int others = 0) {
  CHECK(files.size() >= 35);
  std::string differ;
  for (const auto& [file, expected] : files.items()) {
    const auto ids = tokenizer.encode(read_file(udhr / file), SpecialTokens::as_text);
    const std::string_view bytes(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]);
    const bool same = sha256(bytes).hex().substr(0, 16) == expected[1].get<std::string>();
    if (!same && --others < 0) differ += " " + file;
  }
  CHECK(differ == "");
}

Tokenizer converted(const std::string& bytes) {
  const TokenizerFile file = read_tokenizer_file(bytes, "t");
  if (const auto* ranks = std::get_if<RankFile>(&file)) return Tokenizer::from_json(tokenizer_json_of(*ranks), "converted");
  return Tokenizer::from_json(tokenizer_json_of(std::get<SentencePieceFile>(file)), "converted");
}

void put_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}
std::string message(int field, const std::string& bytes) {
  std::string out;
  put_varint(out, static_cast<std::uint64_t>(field) << 3 | 2);
  put_varint(out, bytes.size());
  return out + bytes;
}

}  // namespace

TEST_CASE("tokenizer formats: ids and decoded text equal sentencepiece's and mistral-common's") {
  const Json& texts = formats()["texts"];
  for (const Json& made : formats()["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    const Tokenizer tokenizer = Tokenizer::from_bytes(data_of(name), name);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const std::string text = texts[i];
      CAPTURE(text);
      const auto expected = made["rows"][i][0].get<std::vector<TokenId>>();
      CHECK(tokenizer.encode(text, SpecialTokens::as_text) == expected);
      const Json& decoded = made["rows"][i][1];
      if (decoded.is_string()) CHECK(utf8_lossy(tokenizer.decode(expected)) == decoded.get<std::string>());
    }
  }
}

TEST_CASE("tokenizer formats: UDHR in 35 languages encodes as with sentencepiece, mistral-common and tiktoken") {
  REQUIRE_SHARED(shared);
  for (const Json& made : formats()["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    check_files(Tokenizer::from_bytes(data_of(name), name), made["files"], shared / "data/udhr");
  }
  for (const auto& [key, files] : formats()["real"].items()) {
    const std::string name = key;
    CAPTURE(name);
    check_files(Tokenizer::load(shared / "data/tokenizers" / name), files, shared / "data/udhr");
  }
}

TEST_CASE("tokenizer formats: what they become as tokenizer.json gives the same ids") {
  REQUIRE_SHARED(shared);
  for (const Json& made : formats()["cases"]) {
    const std::string name = made["name"];
    CAPTURE(name);
    // Of two cuts with equal scores SentencePiece's rounding of sums picks one; a sum in double precision may pick the other.
    check_files(converted(data_of(name)), made["files"], shared / "data/udhr", name.find("unigram") == 0 ? 4 : 0);
  }
  for (const auto& [key, files] : formats()["real"].items()) {
    const std::string name = key;
    CAPTURE(name);
    check_files(converted(read_file(shared / "data/tokenizers" / name)), files, shared / "data/udhr");
  }
}

TEST_CASE("tokenizer formats: special tokens, names and folders") {
  const Tokenizer tekken = Tokenizer::from_bytes(data_of("tekken"), "t");
  CHECK(tekken.require("[INST]") == 3);
  CHECK(tekken.require("<SPECIAL_29>") == 29);
  CHECK(tekken.is_special(3));
  CHECK(tekken.encode("[INST]") == std::vector<TokenId>{3});
  CHECK(tekken.decode(tekken.encode("\xFFé"), false) == "\xFFé");
  const Tokenizer symbols = Tokenizer::from_bytes(data_of("bpe, symbols"), "t");
  CHECK(symbols.is_special(symbols.require("<ctl>")));
  CHECK(!symbols.is_special(symbols.require("[INST]")));
  const test::TemporaryFolder folder;
  write_file_atomically(folder.path() / "tokenizer.model", data_of("unigram"));
  CHECK(Tokenizer::load(folder.path()).vocab_size() == Tokenizer::from_bytes(data_of("unigram"), "t").vocab_size());
}

TEST_CASE("tokenizer formats: a damaged file is refused with the place and what was expected") {
  const auto error = [](const std::string& bytes) { return test::error_of([&] { Tokenizer::from_bytes(bytes, "t"); }); };
  const auto says = [&](const std::string& bytes, const std::string& part) {
    const std::string found = error(bytes);
    CAPTURE(found);
    CHECK(found.find(part) != std::string::npos);
    CHECK(found.find("t: ") == 0);
  };
  says("", "expected a tokenizer.json, a tekken.json, a tiktoken file or a SentencePiece model");
  says("hello", "expected a tokenizer.json");
  says("YQ== 0\nYg== 1\n", "2 tokens; pattern and special tokens are known for tiktoken files of 50256");
  says("YQ== 0\nYg== 0\n", "line 2: rank 0 does not follow 0");
  says("YQ== 0\nYg==\n", "line 2: expected a token in base64, a space and its rank");
  says("YQ== 0\n*** 1\n", "line 2:");
  says("YQ== 99999999999\n", "line 1: expected a token in base64");
  const Json tekken = parse_json(data_of("tekken"), "t");
  const auto changed = [&](const auto& change) {
    Json json = tekken;
    change(json);
    return canonical_json(json);
  };
  says(changed([](Json& j) { j["config"]["default_vocab_size"] = 1'000'000; }), "the file has");
  says(changed([](Json& j) { j["config"]["default_vocab_size"] = 3; }), "with 30 special tokens needs");
  says(changed([](Json& j) { j["config"].erase("pattern"); }), "the key \"pattern\" is missing");
  says(changed([](Json& j) { j["vocab"][7]["rank"] = 8; }), "vocab[7].rank: expected 7");
  says(changed([](Json& j) { j["vocab"][7]["token_bytes"] = "?"; }), "vocab[7].token_bytes");
  says(changed([](Json& j) { j["vocab"][7] = 3; }), "vocab[7]");
  says(changed([](Json& j) { j["vocab"][7]["token_bytes"] = "YWI="; }), "byte 0x07 has no token of its own");
  says(changed([](Json& j) {
         j["special_tokens"] = {{{"rank", 99}, {"token_str", "x"}}};
       }),
       "99 is not below default_num_special_tokens");
  const std::string unknown = message(1, message(1, "<unk>") + std::string("\x18\x02"));
  says("\n\x7f", "field 1 claims 127 bytes, 0 are left");
  says(unknown + "\n", "the file ends inside a number");
  says(unknown + "\x0b", "wire type 3 is not one of protocol buffers");
  says("\n" + std::string(12, '\xff'), "a number of more than ten bytes");
  says(message(1, message(1, "a")), "no piece is the unknown token");
  says(unknown + unknown, "pieces 0 and 1 are both unknown tokens");
  says(unknown + message(1, message(1, "")), "piece 1: is empty");
  says(unknown + message(1, message(1, "\xff")), "piece 1: is not UTF-8");
  says(unknown + message(1, message(1, "a") + std::string("\x18\x09")), "piece 1: type 9 is not known");
  says(unknown + message(1, message(1, "a") + std::string("\x15\0\0\xc0\x7f", 5)), "piece 1: its score is no number");
  says(unknown + message(2, std::string("\x18\x03")), "model type 3 is not supported");
  says(unknown + message(3, message(2, "abc")), "normalizer_spec: a character map of 3 bytes");
}

}  // namespace cairn::text
