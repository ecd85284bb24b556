// Models and tokens as others write them: safetensors, config.json, tokenizer.json, Megatron shards.
#include <fstream>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/token_shards.h"
#include "engine/model/config.h"
#include "engine/model/safetensors.h"
#include "engine/text/tokenizer.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: safetensors are refused or read within their bytes") {
  const test::TemporaryFolder folder;
  std::vector<float> numbers(60);
  std::vector<std::int32_t> ids(4, 7);
  model::write_safetensors(real_disk(), folder.path() / "seed",
                           {{"a.weight", model::StoredType::f32, Tensor(numbers.data(), Dtype::f32, {12, 5})},
                            {"b", model::StoredType::bf16, Tensor(numbers.data(), Dtype::f32, {3})},
                            {"ids", model::StoredType::i64, Tensor(ids.data(), Dtype::i32, {4})}},
                           {{"format", "pt"}});
  feed("safetensors", {read_file(folder.path() / "seed")}, fuzz_rounds(6000), [&](const std::string& bytes) {
    std::ofstream(folder.path() / "f", std::ios::binary) << bytes;
    const model::SafetensorsFile file(folder.path() / "f");
    for (const model::StoredTensor& tensor : file.tensors()) {
      std::size_t sum = 0;
      for (const std::byte byte : file.bytes(tensor)) sum += static_cast<std::size_t>(byte);
      CHECK(sum <= bytes.size() * 255);
    }
    if (const model::StoredTensor* a = file.find("a.weight")) file.read(*a, Tensor(numbers.data(), Dtype::f32, {12, 5}));
  });
}

TEST_CASE("fuzz: a model's config.json is refused or has sizes that can be counted with") {
  feed("config.json",
       {canonical_json(model::to_hf_config(model::preset("tiny-10m"))),
        canonical_json(model::to_hf_config(model::preset("apertus-70b"), "bfloat16"))},
       fuzz_rounds(6000), [](const std::string& bytes) {
         const model::ModelConfig config = model::parse_hf_config(parse_json(bytes, "x"), "x");
         CHECK(config.parameters() > 0);
         CHECK(config.train_flops_per_token(1) > 0);
       });
}

TEST_CASE("fuzz: a tokenizer.json is refused or gives back the text") {
  const Json cases = read_json(test::source_folder() / "tests/golden/tokenizer/cases.json");
  std::vector<std::string> seeds;
  for (const Json& made : cases["cases"]) seeds.push_back(canonical_json(made["tokenizer"]));
  std::sort(seeds.begin(), seeds.end(), [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
  seeds.resize(std::min<std::size_t>(seeds.size(), 8));
  feed("tokenizer.json", seeds, fuzz_rounds(), [](const std::string& bytes) {
    const text::Tokenizer tokenizer = text::Tokenizer::from_json(parse_json(bytes, "x"), "x");
    for (const char* text : {"", "It's 12345 na\xc3\xafve  words\n\n\xff\xf0\x9f\x98\x80<s>[INST]"}) {
      tokenizer.decode(tokenizer.encode(text));
      tokenizer.encode(text, text::SpecialTokens::as_text);
    }
  });
}

TEST_CASE("fuzz: token shards are refused or read within their bytes") {
  const test::TemporaryFolder folder;
  for (const data::TokenType type : {data::TokenType::i32, data::TokenType::u16}) {
    const std::filesystem::path stem = folder.path() / (type == data::TokenType::i32 ? "i" : "u");
    data::TokenShardWriter writer(real_disk(), stem, type);
    for (int i = 0; i < 12; ++i) writer.append(std::vector<data::TokenId>(static_cast<std::size_t>(i * 5 % 7), i));
    writer.finish();
    feed("token shard", {read_file(stem.string() + ".idx")}, fuzz_rounds(3000), [&](const std::string& bytes) {
      std::ofstream(stem.string() + ".idx", std::ios::binary) << bytes;
      const data::TokenShard shard = data::TokenShard::open(stem);
      std::vector<data::TokenId> ids(static_cast<std::size_t>(shard.tokens()));
      shard.read(0, ids, 100);
      for (std::int64_t token = 0; token < shard.tokens(); ++token) shard.document_of(token);
    });
  }
}
