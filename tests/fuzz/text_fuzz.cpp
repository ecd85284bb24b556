// Tokenizers as others write them: every kind of tokenizer.json, SentencePiece models, tekken.json, tiktoken files.
#include "base/hash.h"
#include "base/json.h"
#include "engine/text/charsmap.h"
#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_formats.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

namespace {

// A few tokens instead of a few hundred, so that damage falls on what is around the model.
Json small_model(const Json& model) {
  const std::string type = model["type"];
  const char* tokens[] = {"<unk>", "a", "b", "\xE2\x96\x81", "ab", "##b", "<0x61>", "e", "\xC4\xA0", "1"};
  Json vocab = type == "Unigram" ? Json::array() : Json::object();
  for (const char* token : tokens) {
    if (type == "Unigram")
      vocab.push_back({token, -1.0 - static_cast<double>(vocab.size())});
    else
      vocab[token] = vocab.size();
  }
  Json small = model;
  small["vocab"] = vocab;
  if (type == "Unigram") small["unk_id"] = 0;
  if (type == "BPE") {
    small["merges"] = Json::array({Json::array({"a", "b"})});
    small["continuing_subword_prefix"] = nullptr;
  }
  small["unk_token"] = "<unk>";
  return small;
}

void point_ids_to_first_token(Json& json) {
  for (auto& item : json) {
    if (item.is_number_integer() && json.is_array()) item = 0;
    if (item.is_structured()) point_ids_to_first_token(item);
  }
}

void use(const text::Tokenizer& tokenizer) {
  for (const char* text :
       {"", " It's 12345 na\xc3\xafve  words\n\n\xff\xf0\x9f\x98\x80<s>[CLS] \xe2\x96\x81 \xe6\x97\xa5\xe6\x9c\xac"}) {
    const auto ids = tokenizer.encode(text);
    const auto around = tokenizer.with_special(ids, ids);
    for (const text::TokenId id : around) {
      if (id < 0 || id >= tokenizer.vocab_size()) FAIL_CHECK("encoding gave the id " << id);
    }
    tokenizer.decode(around, false);
    tokenizer.decode(tokenizer.encode(text, text::SpecialTokens::as_text));
    for (const text::TokenId id : ids) tokenizer.token_bytes(id);
  }
}

}  // namespace

TEST_CASE("fuzz: a tokenizer.json of any kind is refused or gives ids and text") {
  const Json kinds = read_json(test::source_folder() / "tests/golden/tokenizer/kinds.json");
  std::vector<std::string> seeds;
  for (const Json& made : kinds["cases"]) {
    Json json = made["tokenizer"];
    json["model"] = small_model(json["model"]);
    json["added_tokens"] = {{{"id", 10}, {"content", "<s>"}, {"special", true}},
                            {{"id", 11}, {"content", "[CLS]"}, {"normalized", true}}};
    point_ids_to_first_token(json["post_processor"]);
    seeds.push_back(canonical_json(json));
  }
  feed("tokenizer kinds", seeds, fuzz_rounds(40000),
       [](const std::string& bytes) { use(text::Tokenizer::from_json(parse_json(bytes, "x"), "x")); });
}

TEST_CASE("fuzz: SentencePiece models and tekken.json are refused or give ids and text, and convert") {
  const Json formats = read_json(test::source_folder() / "tests/golden/tokenizer/formats.json");
  std::vector<std::string> models, ranks;
  for (const Json& made : formats["cases"]) {
    const std::string bytes = base64_decode(made["data"].get<std::string>());
    (bytes[0] == '{' ? ranks : models).push_back(bytes);
  }
  const auto parse = [](const std::string& bytes) {
    use(text::Tokenizer::from_bytes(bytes, "x"));
    const text::TokenizerFile file = text::read_tokenizer_file(bytes, "x");
    if (const auto* pieces = std::get_if<text::SentencePieceFile>(&file))
      text::Tokenizer::from_json(text::tokenizer_json_of(*pieces), "x");
  };
  feed("sentencepiece", models, fuzz_rounds(3000), parse);
  feed("tekken", ranks, fuzz_rounds(600), parse);
}

TEST_CASE("fuzz: tiktoken files are refused by the line") {
  test::Mutator mutator("tiktoken");
  for (int round = 0; round < fuzz_rounds(4000); ++round) {
    std::string bytes = mutator.mutate("IQ== 0\nIg== 1\nIw== 2\n5pel5pys 3\n");
    try {
      text::read_tiktoken(bytes, "x");
    } catch (const Error&) {
    }
  }
}

TEST_CASE("fuzz: a tiktoken file of a known size is refused or gives back any text") {
  // 50256 tokens: all bytes, and then every letter behind every two bytes until there are as many as GPT-2 has.
  std::string ranks;
  int rank = 0;
  const auto add = [&](const std::string& token) {
    if (rank < 50256) ranks += fmt::format("{} {}\n", base64_encode(token), rank++);
  };
  for (int a = 0; a < 256; ++a) add(std::string(1, static_cast<char>(a)));
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) add({static_cast<char>(a), static_cast<char>(b)});
  const std::string text = " It's 12345 na\xc3\xafve  words\n\n\xff\xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac";
  feed("tiktoken whole", {ranks}, fuzz_rounds(40), [&](const std::string& bytes) {
    const text::Tokenizer tokenizer = text::Tokenizer::from_bytes(bytes, "x");
    if (tokenizer.decode(tokenizer.encode(text), false) != text) FAIL_CHECK("a byte-level tokenizer changed a text");
    use(tokenizer);
  });
}

TEST_CASE("fuzz: a character map is refused or gives pieces of its own text") {
  // A trie of one root and one leaf: "a" becomes "b".
  const auto unit = [](std::uint32_t value) {
    std::string bytes;
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  std::string trie = unit(1 << 10);
  for (std::uint32_t at = 1; at < 130; ++at)
    trie += unit(at == (1 ^ 'a') ? (1 << 10 | 1 << 8 | 'a') : at == ('a') ? 0x80000000 : 0);
  const std::string map = unit(static_cast<std::uint32_t>(trie.size())) + trie + std::string("b\0cd\0", 5);
  feed("charsmap", {map}, fuzz_rounds(20000), [](const std::string& bytes) {
    const text::Charsmap parsed(bytes, "x");
    for (const char* text : {"abc", "a", "\xe6\x97\xa5"}) {
      parsed.longest(text);
      parsed.shortest(text);
    }
  });
}
