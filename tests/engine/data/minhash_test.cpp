#include "engine/data/filters/minhash.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/words.h"
#include "engine/data/xxhash64.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

MinHashSignature flat(const Json& bands) {
  MinHashSignature values;
  for (const Json& band : bands) {
    for (const Json& value : band) values.push_back(value.get<std::uint64_t>());
  }
  return values;
}

// Documents with the given signatures, clustered with the given parameters.
std::vector<NearDuplicate> cluster(const std::vector<MinHashSignature>& signatures, const MinHashParams& params) {
  std::vector<std::uint64_t> all;
  std::vector<bool> has;
  for (const MinHashSignature& signature : signatures) {
    has.push_back(!signature.empty());
    MinHashSignature padded = signature;
    padded.resize(static_cast<std::size_t>(params.values()));
    all.insert(all.end(), padded.begin(), padded.end());
  }
  ThreadPool threads(2);
  return find_near_duplicates(all, has, params, threads);
}

}  // namespace

TEST_CASE("xxhash64: published values") {
  CHECK(xxhash64("") == 0xEF46DB3751D8E999u);
  CHECK(xxhash64("a") == 0xD24EC4F1A98C6E5Bu);
  CHECK(xxhash64("abc") == 0x44BC2CF5AD770999u);
}

TEST_CASE("minhash: coefficients, words, shingles and signatures equal datatrove's for the texts of golden/minhash.json") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/minhash.json");
  const MinHasher hasher{MinHashParams{}};
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
  }
}

TEST_CASE("minhash: the two near-duplicates of the golden are found on the band that datatrove finds, others are not") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(shared / "data/golden/minhash.json");
  const MinHashParams params;
  const MinHasher hasher(params);
  std::vector<MinHashSignature> signatures;
  for (const Json& text : golden["texts"]) signatures.push_back(*hasher.signature(text["text"].get<std::string>()));
  const std::vector<NearDuplicate> found = cluster(signatures, params);
  REQUIRE(found.size() == 1);
  CHECK(found[0].document == 5);
  CHECK(found[0].kept == 4);
  CHECK(found[0].band == golden["equal_buckets"]["4,5"][0].get<int>());
}

TEST_CASE("minhash: a text of fewer words than a shingle has no signature") {
  const MinHasher hasher{MinHashParams{}};
  CHECK_FALSE(hasher.signature("one two three four").has_value());
  CHECK(hasher.signature("one two three four five").has_value());
  CHECK_FALSE(hasher.signature("").has_value());
  CHECK_FALSE(hasher.signature("... !!! ???").has_value());
}

TEST_CASE("minhash: the first of a cluster is kept, also when others link two documents") {
  MinHashParams params;
  params.bands = 3;
  params.rows_per_band = 2;
  // 0 and 3 share nothing, but 3 - 1 share band 0 and 1 - 0 share band 2. 2 has no signature, 4 is alone.
  const std::vector<NearDuplicate> found =
      cluster({{1, 1, 2, 2, 9, 9}, {5, 5, 6, 6, 9, 9}, {}, {5, 5, 7, 7, 8, 8}, {1, 2, 2, 1, 9, 8}}, params);
  REQUIRE(found.size() == 2);
  CHECK(found[0].document == 1);
  CHECK(found[0].kept == 0);
  CHECK(found[0].band == 2);
  CHECK(found[0].equal_values == 2);
  CHECK(found[1].document == 3);
  CHECK(found[1].kept == 0);
  CHECK(found[1].band == -1);
}
