#include "engine/train/read_set.h"

#include <algorithm>

#include "base/json.h"
#include "engine/data/token_shards.h"
#include "engine/train/loader.h"
#include "engine/train/reading.h"
#include "engine/train/shard_stream.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

// The loader is asked for every batch, and each token that it hands out remembers the step: the arithmetic must agree.
TEST_CASE("read set: first steps agree with what the loader really read") {
  const std::int64_t T = 9, tokens = 400, batch = 4;
  std::vector<std::int32_t> ids(static_cast<std::size_t>(tokens));
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(i);
  const MemoryTokens stream(ids);
  const Loader loader(stream, 77, batch, T, {});
  for (const std::int64_t steps : {1, 5, 11, 25}) {  // 44 samples: 25 steps are more than two epochs
    std::vector<std::int64_t> first(ids.size(), 0);
    for (std::int64_t step = steps; step >= 1; --step) {
      const TokenBatch read = loader.batch_at((step - 1) * batch);
      for (const auto* side : {&read.tokens, &read.labels}) {
        for (const std::int32_t id : *side) first[static_cast<std::size_t>(id)] = step;
      }
    }
    const ReadSet set(77, loader.samples(), T, batch, 0, steps * batch);
    CHECK(set.steps() == steps);
    for (std::int64_t begin = 0; begin < tokens;) {
      const std::int64_t length = std::min<std::int64_t>(1 + (begin * 7) % 23, tokens - begin);
      std::int64_t expected = 0;
      for (std::int64_t i = begin; i < begin + length; ++i) {
        const std::int64_t step = first[static_cast<std::size_t>(i)];
        if (step > 0 && (expected == 0 || step < expected)) expected = step;
      }
      CHECK(set.first_step({begin, begin + length}).value_or(0) == expected);
      begin += length;
    }
  }
}

TEST_CASE("read set: nothing read, nothing asked, and tokens that fill no sample") {
  const ReadSet none(7, 10, 8, 2, 0, 0);
  CHECK_FALSE(none.first_step({0, 50}).has_value());
  const ReadSet all(7, 10, 8, 2, 0, 10);
  CHECK_FALSE(all.first_step({5, 5}).has_value());
  CHECK_FALSE(all.first_step({81, 90}).has_value());  // the last sample covers tokens 72..80
  CHECK(all.first_step({80, 90}).has_value());
}

TEST_CASE("read set: goes through JSON, bad facts are refused by name") {
  const ReadSet set(18446744073709551615ULL, 1000, 8, 4, 0, 400);
  const Json facts = set.to_json();
  const ReadSet back = ReadSet::from_json(facts);
  CHECK(back.to_json() == facts);
  CHECK(back.first_step({100, 120}) == set.first_step({100, 120}));
  for (const auto& [key, value] : facts.items()) {
    Json without = facts;
    without.erase(key);
    CHECK_MESSAGE(test::error_of([&] { ReadSet::from_json(without); }).find(key) != std::string::npos, key);
  }
  Json wrong = facts;
  wrong["seed"] = "12x";
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("'12x' is not a seed") != std::string::npos);
  wrong = facts;
  wrong["first_position"] = 500;
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("do not fit together") != std::string::npos);
}

TEST_CASE("reading: by source and by document, through docmaps of several shards and inputs") {
  const test::TemporaryFolder folder;
  // Two folders of two shards; document d of all has 10 tokens and belongs to source "a" or "b".
  std::vector<fs::path> folders;
  int document = 0;
  for (const char* name : {"one", "two"}) {
    folders.push_back(folder.path() / name);
    fs::create_directories(folders.back());
    for (const char* shard : {"s0", "s1"}) {
      data::TokenShardWriter tokens(real_disk(), folders.back() / shard, data::TokenType::u16);
      lineage::DocmapWriter docmap;
      const std::uint32_t parent = docmap.parent("documents", sha256("documents"));
      for (int i = 0; i < 8; ++i, ++document) {
        tokens.append(std::vector<std::int32_t>(10, document));
        docmap.append(10, i < 5 ? "a" : "b", parent, document, lineage::document_key("document " + std::to_string(document)));
      }
      tokens.finish();
      docmap.write(real_disk(), folders.back() / (std::string(shard) + ".docmap"));
    }
  }
  const ShardStream stream(folders, 100);
  const std::int64_t T = 6, batch = 2, steps = 7;
  const Loader loader(stream, 5, batch, T, {});
  std::vector<std::int64_t> first(32, 0);
  for (std::int64_t step = steps; step >= 1; --step) {
    const TokenBatch read = loader.batch_at((step - 1) * batch);
    for (const auto* side : {&read.tokens, &read.labels}) {
      for (const std::int32_t id : *side) first[static_cast<std::size_t>(id)] = step;
    }
  }
  const auto shards = map_shards(folders);
  REQUIRE(shards.size() == 4);
  const ReadSet set(5, loader.samples(), T, batch, 0, steps * batch);
  Reading expected[2];
  for (std::size_t d = 0; d < first.size(); ++d) {
    Reading& source = expected[d % 8 < 5 ? 0 : 1];
    ++source.stored;
    const Reading one = reading_of_document(set, shards, "document " + std::to_string(d));
    CHECK(one.stored == 1);
    CHECK(one.first_step.value_or(0) == first[d]);
    if (first[d] == 0) continue;
    ++source.read;
    source.first_step = std::min(source.first_step.value_or(first[d]), first[d]);
  }
  for (int s = 0; s < 2; ++s) {
    const Reading reading = reading_of_source(set, shards, s == 0 ? "a" : "b");
    CHECK(reading.stored == expected[s].stored);
    CHECK(reading.read == expected[s].read);
    CHECK(reading.first_step == expected[s].first_step);
    CHECK(reading.read < reading.stored);
  }
  // Ids of the tokens are the documents' numbers.
  for (std::int64_t sample = 0; sample < loader.samples(); ++sample) {
    std::vector<std::int32_t> window(static_cast<std::size_t>(T + 1));
    loader.window(sample, window);
    window.erase(std::unique(window.begin(), window.end()), window.end());
    std::vector<std::int32_t> found;
    for (const ReadDocument& one : documents_of_sample(shards, sample, T)) {
      found.push_back(static_cast<std::int32_t>(8 * one.shard) + static_cast<std::int32_t>(one.document.ordinal));
    }
    CHECK(found == window);
  }
  CHECK(reading_of_source(set, shards, "c").stored == 0);
  CHECK(reading_of_document(set, shards, "document 99").stored == 0);
  fs::remove(folders[1] / "s1.docmap");
  CHECK(test::error_of([&] { map_shards(folders); }).find("s1.docmap") != std::string::npos);
}
