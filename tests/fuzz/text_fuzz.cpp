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
  // 50256 tokens, as many as GPT-2 has: all bytes, and then pairs of them.
  std::vector<std::string> tokens;
  for (int a = 0; a < 256; ++a) tokens.emplace_back(1, static_cast<char>(a));
  for (int pair = 0; tokens.size() < 50256; ++pair) tokens.push_back({static_cast<char>(pair / 256), static_cast<char>(pair)});
  using Lines = std::vector<std::pair<std::string, std::string>>;  // tokens in base64, ranks
  Lines whole;
  for (const std::string& token : tokens) whole.emplace_back(base64_encode(token), std::to_string(whole.size()));
  const auto file_of = [](const Lines& lines) {
    std::string file;
    for (const auto& [token, rank] : lines) file += token + " " + rank + "\n";
    return file;
  };
  std::string text;
  for (int a = 0; a < 256; ++a) text += tokens[static_cast<std::size_t>(a)];
  text += " It's 12345 na\xc3\xafve  words\n\n\xff\xf0\x9f\x98\x80 \xe6\x97\xa5\xe6\x9c\xac";
  const auto parse = [&](const std::string& bytes) {
    const text::Tokenizer tokenizer = text::Tokenizer::from_bytes(bytes, "x");
    if (tokenizer.decode(tokenizer.encode(text), false) != text) FAIL_CHECK("a byte-level tokenizer changed a text");
    use(tokenizer);
  };
  feed("tiktoken whole", {file_of(whole)}, fuzz_rounds(10), parse);

  // Nearly all damage to bytes of the file is to the order of its lines. So other tokens, too: in other places, longer, odd.
  test::Mutator mutator("tiktoken tokens");
  const auto any = [&](auto& list) -> auto& {
    return list[mutator.below(mutator.below(2) == 0 ? 512 : list.size())];
  };
  int taken = 0;
  const int rounds = fuzz_rounds(40);
  for (int round = 0; round < rounds; ++round) {
    Lines lines = whole;
    for (std::size_t changes = 1 + mutator.below(4); changes > 0; --changes) {
      auto& [token, rank] = any(lines);
      const std::size_t change = mutator.below(32);
      if (change == 0) token = mutator.mutate(token);
      if (change == 1) rank = mutator.mutate(rank);
      if (change == 2) token = any(lines).first;
      if (change > 2 && change < 8) token = base64_encode(mutator.mutate(any(tokens)));
      if (change >= 8 && change < 20) token = base64_encode(any(tokens) + any(tokens));
      if (change >= 20) std::swap(token, any(lines).first);
    }
    try {
      parse(file_of(lines));
      ++taken;
    } catch (const Error&) {
    }
  }
  CHECK(taken > rounds / 5);
  CHECK((taken < rounds || rounds < 10));
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
