#include "engine/data/filters/minhash.h"

#include <fmt/format.h>

#include "base/disk.h"
#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/words.h"
#include "engine/data/xxhash64.h"
#include "tests/engine/data/deduplicate.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::Deduplicated;
using cairn::test::text_document;

namespace {

MinHashSignature flat(const Json& bands) {
  MinHashSignature values;
  for (const Json& band : bands) {
    for (const Json& value : band) values.push_back(value.get<std::uint64_t>());
  }
  return values;
}

// Clusters documents by signatures that are given instead of made.
class GivenSignatures : public MinHashDedup {
 public:
  GivenSignatures(std::vector<MinHashSignature> signatures, const MinHashParams& params, KeepRule keep = KeepRule::first)
      : MinHashDedup(params, keep), signatures_(std::move(signatures)) {}
  void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const override {
    const MinHashSignature& signature = signatures_.at(std::stoul(document.url));
    keys.insert(keys.end(), signature.begin(), signature.end());
  }

 private:
  std::vector<MinHashSignature> signatures_;
};

std::vector<Document> numbered(std::size_t count) {
  std::vector<Document> documents;
  for (std::size_t i = 0; i < count; ++i) documents.push_back(text_document(fmt::format("text {}", i), fmt::format("{}", i)));
  return documents;
}

MinHashParams params_of(MinHashes hashes) {
  MinHashParams params;
  params.hashes = hashes;
  return params;
}

}  // namespace

TEST_CASE("xxhash64: published values") {
  CHECK(xxhash64("") == 0xEF46DB3751D8E999u);
  CHECK(xxhash64("a") == 0xD24EC4F1A98C6E5Bu);
  CHECK(xxhash64("abc") == 0x44BC2CF5AD770999u);
  CHECK(xxhash32("") == 0x02CC5D05u);
  const Json golden = read_json(test::source_folder() / "tests/golden/minhash/minhash.json");
  for (const auto& [text, hash] : golden["xxh32"].items()) CHECK(xxhash32(text) == hash.get<std::uint32_t>());
}

TEST_CASE("minhash: coefficients, words, shingles and signatures equal datatrove's for the texts of golden/minhash.json") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/minhash.json");
  const MinHasher hasher(params_of(MinHashes::datatrove)), narrow(params_of(MinHashes::datatrove_32)),
      sha1(params_of(MinHashes::datatrove_sha1));
  for (std::size_t i = 0; i < 112; ++i) {
    REQUIRE(hasher.a()[i] == golden["a"][i].get<std::uint64_t>());
    REQUIRE(hasher.b()[i] == golden["b"][i].get<std::uint64_t>());
  }
  for (const Json& text : golden["texts"]) {
    const std::string simple = simplify(text["text"].get<std::string>());
    CHECK(simple == text["simplified"].get<std::string>());
    std::vector<std::string_view> words;
    split_words(simple, words);
    CHECK(Json(std::vector<std::string>(words.begin(), words.end())) == text["words"]);
    CHECK(hasher.shingles(text["text"].get<std::string>()) == text["shingles_xxhash64"].get<std::vector<std::uint64_t>>());
    const auto signature = hasher.signature(text["text"].get<std::string>());
    REQUIRE(signature.has_value());
    CHECK(*signature == flat(text["signature_64"]));
    CHECK(*narrow.signature(text["text"].get<std::string>()) == flat(text["signature_32_xxhash"]));
    CHECK(*sha1.signature(text["text"].get<std::string>()) == flat(text["signature_64_sha1"]));
  }
}

TEST_CASE("minhash: signatures of our own hashes are those of golden/minhash/minhash.json") {
  const Json golden = read_json(test::source_folder() / "tests/golden/minhash/minhash.json");
  for (const Json& text : golden["texts"]) {
    MinHashParams params;
    params.seed = text["seed"].get<std::uint32_t>();
    const auto signature = MinHasher(params).signature(text["text"].get<std::string>());
    REQUIRE(signature.has_value());
    CHECK(*signature == text["signature"].get<MinHashSignature>());
  }
  const std::string page = read_file(test::source_folder() / "docs/format/minhash.md");
  const std::size_t begin = page.find("```json\n") + 8;
  MinHashSignature first = golden["texts"][0]["signature"].get<MinHashSignature>();
  first.resize(3);
  CHECK(parse_json(page.substr(begin, page.find("```", begin) - begin), "example").get<MinHashSignature>() == first);
}

TEST_CASE("minhash: the share of equal values estimates the share of shingles in common, with every kind of hashes") {
  // 2400 words of which the middle 1600 are shared: Jaccard 1596 / (2 * 1996 - 1596) = 0.666.
  std::string x, y;
  for (int i = 0; i < 2400; ++i) {
    std::string word;
    for (std::uint64_t n = static_cast<std::uint64_t>(i) * 0x9E3779B97F4A7C15u; word.size() < 8; n /= 26)
      word += static_cast<char>('a' + n % 26);
    if (i < 2000) x += word + " ";
    if (i >= 400) y += word + " ";
  }
  for (const MinHashes hashes : {MinHashes::cairn, MinHashes::datatrove, MinHashes::datatrove_32, MinHashes::datatrove_sha1}) {
    int equal = 0, all = 0;
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
      MinHashParams params = params_of(hashes);
      params.seed = seed;
      const MinHasher hasher(params);
      const MinHashSignature a = *hasher.signature(x), b = *hasher.signature(y);
      for (std::size_t i = 0; i < a.size(); ++i, ++all) equal += a[i] == b[i];
    }
    CHECK(static_cast<double>(equal) / all == doctest::Approx(1596.0 / 2396.0).epsilon(0.08));  // four standard deviations
  }
}

TEST_CASE("minhash: the two near-duplicates of the golden are found, others are not") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/minhash.json");
  std::vector<Document> documents;
  for (const Json& text : golden["texts"]) documents.push_back(text_document(text["text"].get<std::string>()));
  CHECK(Deduplicated(MinHashDedup(params_of(MinHashes::datatrove), KeepRule::first), documents).removed() == "5<4");
}

TEST_CASE("minhash: a text of fewer words than a shingle has no signature") {
  const MinHasher hasher{MinHashParams{}};
  CHECK_FALSE(hasher.signature("one two three four").has_value());
  CHECK(hasher.signature("one two three four five").has_value());
  CHECK_FALSE(hasher.signature("").has_value());
  CHECK_FALSE(hasher.signature("... !!! ???").has_value());
}

TEST_CASE("minhash: one of a cluster is kept, by rule, also when others link two documents") {
  MinHashParams params;
  params.bands = 3;
  params.rows_per_band = 2;
  // 0 and 3 share nothing, but 3 - 1 share band 0 and 1 - 0 share band 2. 2 has no signature, 4 is alone: the same pair stands in
  // another band.
  const std::vector<MinHashSignature> signatures = {
      {1, 1, 2, 2, 9, 9}, {5, 5, 6, 6, 9, 9}, {}, {5, 5, 7, 7, 8, 8}, {1, 2, 1, 1, 9, 8}};
  const Deduplicated found(GivenSignatures(signatures, params), numbered(5));
  CHECK(found.removed() == "1<0 3<0");
  CHECK(found.story() ==
        "0: \n1: near_duplicate, near-duplicate of 0: 2 of 6 hash values agree\n2: \n3: near_duplicate, linked by "
        "near-duplicates to "
        "0, 0 of 6 hash values agree\n4: \n");
  CHECK(Deduplicated(GivenSignatures(signatures, params), numbered(5), 2, 1000, {1}).removed() == "");

  std::vector<Document> documents = numbered(5);
  documents[1].text += " and more";
  documents[3].retrieved = "2024-01-01";
  documents[0].retrieved = "2025-01-01";
  CHECK(Deduplicated(GivenSignatures(signatures, params, KeepRule::longest), documents).removed() == "0<1 3<1");
  CHECK(Deduplicated(GivenSignatures(signatures, params, KeepRule::oldest), documents).removed() == "0<3 1<3");
  CHECK(Deduplicated(GivenSignatures(signatures, params, KeepRule::newest), documents).removed() == "1<0 3<0");
}

TEST_CASE("minhash: the same clusters with any memory and any number of threads") {
  MinHashParams params;
  params.bands = 5;
  params.rows_per_band = 1;
  // Random pairs of 3000 documents are linked, so that clusters of many sizes come about.
  std::vector<MinHashSignature> signatures(3000);
  for (std::uint64_t i = 0; i < signatures.size(); ++i) {
    for (std::uint64_t k = 0; k < 5; ++k) signatures[i].push_back(k < 3 ? i : xxhash64(fmt::format("{} {}", i, k)) >> 52);
  }
  const std::string expected = Deduplicated(GivenSignatures(signatures, params), numbered(3000), 1).story();
  CHECK(expected.find("linked by") != std::string::npos);
  CHECK(expected.find("near-duplicate of") != std::string::npos);
  for (const int threads : {1, 3}) {
    for (const std::uint64_t memory : {0, 3000, 100'000})  // down to 64 records of 15,000: files are merged twice
      CHECK(Deduplicated(GivenSignatures(signatures, params), numbered(3000), threads, memory).story() == expected);
  }
}
