// Tokenizers as others write them: every kind of tokenizer.json.
#include "base/json.h"
#include "engine/text/tokenizer.h"
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
    tokenizer.decode(tokenizer.with_special(ids, ids), false);
    tokenizer.encode(text, text::SpecialTokens::as_text);
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
