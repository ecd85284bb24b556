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

// At most `others` files may give other ids. A run of the token `fused` counts as one.
void check_files(const Tokenizer& tokenizer, const Json& files, const std::filesystem::path& udhr, int others = 0,
                 TokenId fused = -1) {
  CHECK(files.size() >= 35);
  std::string differ;
  for (const auto& [file, expected] : files.items()) {
    auto ids = tokenizer.encode(read_file(udhr / file), SpecialTokens::as_text);
    const auto both_fused = [fused](TokenId a, TokenId b) { return a == fused && b == fused; };
    ids.erase(std::unique(ids.begin(), ids.end(), both_fused), ids.end());
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

// A trie of one key of one byte ("" stands for "a"), whose text is said to begin at `begin` of the table that holds `text` alone.
std::string character_map(std::string_view key, std::uint32_t begin, const std::string& text) {
  const auto label = static_cast<std::uint8_t>(key.empty() ? 'a' : key[0]);
  std::vector<std::uint32_t> units(512);
  units[0] = 256 << 10;
  units[256 ^ label] = (128u ^ label) << 10 | 1 << 8 | label;
  units[384] = 0x80000000 | begin;
  std::string bytes;
  const auto put = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
  };
  put(static_cast<std::uint32_t>(4 * units.size()));
  for (const std::uint32_t unit : units) put(unit);
  return bytes + text + std::string(1, '\0');
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
    // Runs of unknown words are not one token there; and a space comes behind each symbol that characters hold.
    if (name == "characters") continue;
    const Tokenizer tokenizer = converted(data_of(name));
    const TokenId fused = name.find("words") == 0 ? tokenizer.require("<unk>") : -1;
    check_files(tokenizer, made["files"], shared / "data/udhr", name.find("unigram") == 0 ? 4 : 0, fused);
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
  says("YQ== 0\nYg== 1\nYQ== 7\n", "rank 7: the same bytes as rank 0");
  says("\xEF\xBB\xBFYQ== 0\n", "begins with a byte order mark (EF BB BF)");
  says("\xEF\xBB\xBF{\"model\": {}}", "begins with a byte order mark (EF BB BF)");
  says(R"({"model": {"vocab": {"\ud800": 0}}})", "line 1");                      // half a surrogate pair
  says(R"({"model": {"type": "Unigram", "vocab": [["a", 1e400]]}})", "line 1");  // no number of a double
  says(R"({"model": {"vocab": {"a": 0, "a": 1}}})", "\"a\"");
  std::string nested = R"({"normalizer": )";
  for (int i = 0; i < 300; ++i) nested += R"({"type": "Sequence", "normalizers": [)";
  says(nested, "nested deeper than 256");
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
  says(changed([](Json& j) { j["vocab"][300]["token_bytes"] = j["vocab"][299]["token_bytes"]; }),
       "vocab[300].token_bytes: the same bytes as rank 299");
  says(changed([](Json& j) { j["config"]["default_num_special_tokens"] = 2147483646; }), "default_vocab_size");
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
  says(unknown + message(2, std::string("\x18\x05")), "model type 5 is not known");
  says(unknown + message(3, message(2, "abc")), "normalizer_spec: a character map of 3 bytes");
  says(unknown + message(1, message(1, std::string(20'000, 'a'))),
       "piece 1: the token with id 1 has 20000 bytes; expected at most 16384");
}

TEST_CASE("tokenizer formats: a character map that lies about its offsets is refused, and so is a text that it blows up") {
  const auto error_with = [](const std::string& map, std::string_view text) {
    const std::string file =
        message(1, message(1, "<unk>") + std::string("\x18\x02")) + message(1, message(1, "a")) + message(3, message(2, map));
    return test::error_of([&] { Tokenizer::from_bytes(file, "t").encode(text); });
  };
  CHECK(error_with(character_map("", 0, "b"), "a") == "");
  CHECK(error_with(character_map("", 7, "b"), "a") == "t: normalizer_spec: the character map points to text 7 of 2");
  CHECK(error_with(character_map("", 0, "\xFF"), "a") == "t: normalizer_spec: the character map's text 0 is not UTF-8");
  CHECK(error_with(character_map("", 0, std::string(513, 'b')), "a") ==
        "t: normalizer_spec: the character map's text 0 has more than 512 bytes");
  CHECK(error_with(character_map("", 0, std::string(512, 'b')), std::string(100'000, 'a')) ==
        "t: normalizer_spec: makes more than 17600000 bytes of 100000");
  // Of a key that ends inside a character no part of the character is replaced.
  CHECK(error_with(character_map("\xC3", 0, "b"), "\xC3\xA9") == "");
}

}  // namespace cairn::text
