#include "engine/train/read_set.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <sstream>

#include "base/json.h"
#include "base/random.h"
#include "engine/data/token_shards.h"
#include "engine/train/data_inputs.h"
#include "engine/train/loader.h"
#include "engine/train/reading.h"
#include "engine/train/shard_stream.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

// Tokens of input d are d * 100000, d * 100000 + 1, ...
std::vector<MemoryTokens> numbered(const std::vector<DataSize>& data) {
  std::vector<MemoryTokens> streams;
  for (std::size_t d = 0; d < data.size(); ++d) {
    std::vector<std::int32_t> ids(static_cast<std::size_t>(data[d].tokens));
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int32_t>(100000 * d + i);
    streams.emplace_back(std::move(ids));
  }
  return streams;
}

struct Case {
  ReadSet read;
  std::vector<MemoryTokens> streams;

  Loader loader() const {
    std::vector<const SampleSource*> sources;
    for (const MemoryTokens& stream : streams) sources.push_back(&stream);
    return Loader(sources, read, MaskOptions());
  }
};

// Some stages of several lengths and batch sizes over some inputs, read between a little and several times.
Case random_case(std::uint64_t n) {
  const Random random(n, "read sets of a test");
  std::uint64_t draw = 0;
  const auto between = [&](std::uint64_t low, std::uint64_t high) {
    return static_cast<std::int64_t>(low + random.below(draw++, high - low + 1));
  };
  std::vector<DataSize> data(static_cast<std::size_t>(between(1, 5)));
  for (std::size_t d = 0; d < data.size(); ++d) data[d] = {"data" + std::to_string(d), between(70, 900), 0, 0};
  std::vector<Stage> stages(static_cast<std::size_t>(between(1, 4)));
  const bool one_length = between(0, 2) == 0;
  const std::int64_t length = between(1, 20);
  const std::vector<std::int64_t> lengths{4, 8, 16, 32, 6, 9};
  for (Stage& stage : stages) {
    stage.sequence_length = one_length ? length : lengths[static_cast<std::size_t>(between(0, 5))];
    stage.batches.resize(static_cast<std::size_t>(between(1, 3)));
    for (BatchPiece& piece : stage.batches) piece = {between(1, 7), between(1, 12)};
    if (data.size() == 1 || between(0, 3) == 0) continue;
    for (std::size_t d = 0; d < data.size(); ++d) stage.weights.push_back(static_cast<double>(between(0, 5)));
    stage.weights[static_cast<std::size_t>(between(0, data.size() - 1))] += 0.5;
  }
  return {ReadSet(n * 7919, Curriculum(std::move(stages)), data), numbered(data)};
}

}  // namespace

TEST_CASE("read set: within an epoch no token is read twice, in any curriculum over any inputs") {
  for (std::uint64_t n = 0; n < 300; ++n) {
    const Case c = random_case(n);
    const Loader loader = c.loader();
    const Curriculum& curriculum = c.read.curriculum();
    std::vector<std::vector<int>> reads;
    std::vector<std::int64_t> tokens_read(c.read.data().size());
    for (const DataSize& input : c.read.data()) reads.emplace_back(static_cast<std::size_t>(input.tokens));
    for (std::int64_t step = 0; step < curriculum.steps(); ++step) {
      for (const std::int32_t id : loader.batch(curriculum.at(step)).tokens) {
        const auto input = static_cast<std::size_t>(id / 100000);
        ++reads[input][static_cast<std::size_t>(id % 100000)];
        ++tokens_read[input];
      }
    }
    for (std::size_t d = 0; d < reads.size(); ++d) {
      std::int64_t wanted = 0, longest = 0, changes = 0;
      for (std::size_t s = 0; s < curriculum.stages().size(); ++s) {
        const std::int64_t samples = c.read.samples_of(static_cast<std::int64_t>(s), static_cast<std::int64_t>(d));
        const std::int64_t T = curriculum.stages()[s].sequence_length;
        wanted += samples * T;
        if (samples > 0) longest = std::max(longest, T), ++changes;
      }
      CHECK(tokens_read[d] == wanted);
      const double passes = c.read.passes(static_cast<std::int64_t>(d));
      const int most = *std::max_element(reads[d].begin(), reads[d].end());
      REQUIRE(most <= static_cast<int>(std::ceil(passes)));
      // What an epoch leaves out: less than a sample at its end, and less than one at each change of length.
      if (longest == 0) continue;
      const auto left_out = std::count_if(reads[d].begin(), reads[d].end(),
                                          [&](int count) { return count < static_cast<int>(std::floor(passes + 1e-9)); });
      REQUIRE(left_out <= (static_cast<std::int64_t>(passes) + changes) * longest);
    }
  }
}

TEST_CASE("read set: one length, and each token is read as often as any other, give or take one epoch under way") {
  for (const std::int64_t tokens : {100, 101, 257}) {
    const std::int64_t T = 4, batch = 3;
    const ReadSet read(5, Curriculum({{"", T, {{batch, 50}}, 0, {}, {}}, {"", T, {{2, 33}}, 0, {}, {}}}),
                       {{"data", tokens, 0, 0}});
    const std::int64_t n = (tokens - 1) / T;
    std::vector<int> reads(static_cast<std::size_t>(n));
    std::int64_t read_so_far = 0;
    for (std::int64_t stage = 0; stage < 2; ++stage) {
      for (std::int64_t position = 0; position < read.samples_of(stage, 0); ++position, ++read_so_far) {
        const SampleRef sample = read.sample_at(stage, position);
        REQUIRE(sample.token % T == 0);
        REQUIRE(reads[static_cast<std::size_t>(sample.token / T)]++ == read_so_far / n);  // an epoch ends before the next begins
        // A stage that begins where no epoch does goes on in the epoch's order: the plain order of all samples.
        REQUIRE(sample.token == SampleOrder(5, n).sample_at(read_so_far) * T);
      }
    }
  }
}

TEST_CASE("read set: each input has its share of a stage to within a sample, and of any part of it nearly so") {
  for (std::uint64_t n = 0; n < 300; ++n) {
    const Case c = random_case(n);
    const std::vector<Stage>& stages = c.read.curriculum().stages();
    const auto inputs = static_cast<double>(c.read.data().size());
    for (std::size_t s = 0; s < stages.size(); ++s) {
      const auto stage = static_cast<std::int64_t>(s);
      std::vector<double> weights = stages[s].weights;
      if (weights.empty()) {
        for (const DataSize& input : c.read.data()) weights.push_back(static_cast<double>(input.tokens));
      }
      const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
      std::vector<std::int64_t> counts(weights.size());
      for (std::int64_t position = 0; position < stages[s].samples(); ++position) {
        ++counts[static_cast<std::size_t>(c.read.sample_at(stage, position).data)];
        for (std::size_t d = 0; d < counts.size(); ++d) {
          const double share = static_cast<double>(c.read.samples_of(stage, static_cast<std::int64_t>(d))) /
                               static_cast<double>(stages[s].samples()) * static_cast<double>(position + 1);
          REQUIRE(std::abs(static_cast<double>(counts[d]) - share) <= 0.5 + 0.5 * std::ceil(std::log2(inputs)));
        }
      }
      for (std::size_t d = 0; d < counts.size(); ++d) {
        CHECK(counts[d] == c.read.samples_of(stage, static_cast<std::int64_t>(d)));
        CHECK(std::abs(static_cast<double>(counts[d]) - weights[d] / sum * static_cast<double>(stages[s].samples())) < 1);
      }
    }
  }
}

// The loader is asked for every batch, and each token that it hands out remembers where: the arithmetic must agree.
TEST_CASE("read set: steps and rows of any range of tokens agree with what the loader really read") {
  for (std::uint64_t n = 0; n < 120; ++n) {
    const Case c = random_case(n);
    const Loader loader = c.loader();
    std::map<std::int32_t, std::set<ReadEvent>> read;  // by token
    for (std::int64_t step = 0; step < c.read.steps(); ++step) {
      const TokenBatch batch = loader.batch(c.read.curriculum().at(step));
      for (const auto* side : {&batch.tokens, &batch.labels}) {
        for (std::size_t i = 0; i < side->size(); ++i)
          read[(*side)[i]].insert({step + 1, static_cast<std::int64_t>(i) / batch.T});
      }
    }
    for (std::size_t d = 0; d < c.read.data().size(); ++d) {
      const std::int64_t tokens = c.read.data()[d].tokens;
      for (std::int64_t begin = 0; begin < tokens;) {
        const std::int64_t length = std::min<std::int64_t>(1 + (begin * 7) % 23, tokens - begin);
        std::set<ReadEvent> expected;
        for (std::int64_t i = begin; i < begin + length; ++i) {
          const auto found = read.find(static_cast<std::int32_t>(100000 * d) + static_cast<std::int32_t>(i));
          if (found != read.end()) expected.insert(found->second.begin(), found->second.end());
        }
        const TokenRange range{begin, begin + length};
        const std::vector<ReadEvent> events = c.read.events(static_cast<std::int64_t>(d), range);
        REQUIRE(events == std::vector<ReadEvent>(expected.begin(), expected.end()));
        REQUIRE(c.read.first_step(static_cast<std::int64_t>(d), range).value_or(0) ==
                (expected.empty() ? 0 : expected.begin()->step));
        begin += length;
      }
    }
  }
}

TEST_CASE("read set: a stage that goes on does not repeat, also when samples grow longer") {
  const ReadSet read(11, Curriculum({{"short", 4, {{5, 30}}, 0, {}, {}}, {"long", 16, {{2, 20}}, 0, 1e6, {}}}),
                     {{"data", 2000, 0, 0}});
  CHECK(read.passes(0) < 1);
  std::set<std::int64_t> short_ones;
  for (std::int64_t i = 0; i < 150; ++i) short_ones.insert(read.sample_at(0, i).token);
  CHECK(short_ones.size() == 150);
  std::set<std::int64_t> blocks;
  for (std::int64_t i = 0; i < 40; ++i) {
    const std::int64_t token = read.sample_at(1, i).token;
    CHECK(token % 16 == 0);
    blocks.insert(token);
    for (std::int64_t t = token; t < token + 16; t += 4) CHECK(short_ones.count(t) == 0);
  }
  CHECK(blocks.size() == 40);
}

// Storage is clustered by source, here 20 of 500 tokens. Where samples grow longer the blocks are shuffled and then the samples
// of each stage, so that the mix of sources in a stage's batches is nearly that of a draw.
TEST_CASE("read set: the mix of sources in batches is as random as a draw, also in stages of several lengths") {
  const std::int64_t sources = 20, batch = 40;
  const ReadSet read(3, Curriculum({{"short", 8, {{batch, 500}}, 0, {}, {}}, {"long", 32, {{batch, 120}}, 0, {}, {}}}),
                     {{"data", 400001, 0, 0}});
  for (std::int64_t stage = 0; stage < 2; ++stage) {
    double sum = 0;
    std::int64_t terms = 0, position = 0;
    const std::int64_t n = read.samples_of(stage, 0);
    while (position + batch <= n) {
      std::vector<double> found(static_cast<std::size_t>(sources));
      for (std::int64_t row = 0; row < batch; ++row, ++position)
        ++found[static_cast<std::size_t>(read.sample_at(stage, position).token / 20001)];
      const double share = 1.0 / static_cast<double>(sources), expected = static_cast<double>(batch) * share;
      for (const double f : found) sum += (f - expected) * (f - expected) / (expected * (1 - share)), ++terms;
    }
    CHECK(std::abs(sum / static_cast<double>(terms) - 1) < 0.1);  // 10,000 and 2,400 terms
  }
}

TEST_CASE("read set: nothing asked, and tokens that fill no sample") {
  const ReadSet all = ReadSet::plain(7, 90, 8, 2, 5);
  CHECK_FALSE(all.first_step(0, {5, 5}).has_value());
  const ReadSet ten = ReadSet::plain(7, 85, 8, 2, 5);
  CHECK_FALSE(ten.first_step(0, {81, 85}).has_value());  // the last sample covers tokens 72..80
  CHECK(ten.first_step(0, {80, 85}).has_value());
  CHECK(ten.events(0, {80, 85}).size() == 1);
}

TEST_CASE("read set: goes through JSON, bad facts are refused by name") {
  const ReadSet set(18446744073709551615ULL,
                    Curriculum({{"a", 8, {{4, 100}}, 2, {}, {0.25, 0.75}}, {"b", 16, {{1, 7}, {4, 100}}, 0, 1e6, {}}}),
                    {{"web", 9000, 0, 0}, {"code", 700, 0, 0}});
  const Json facts = set.to_json();
  const ReadSet back = ReadSet::from_json(facts);
  CHECK(back.to_json() == facts);
  CHECK(back.events(1, {100, 120}) == set.events(1, {100, 120}));
  for (const auto& fact : facts.items()) {
    const std::string& key = fact.key();
    Json without = facts;
    without.erase(key);
    CHECK_MESSAGE(test::error_of([&] { ReadSet::from_json(without); }).find(key) != std::string::npos, key);
  }
  Json wrong = facts;
  wrong["seed"] = "12x";
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("'12x' is not a seed") != std::string::npos);
  wrong = facts;
  wrong["stages"][0]["batches"][0]["batch"] = 0;
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("read_set.stages[0].batches[0].batch") != std::string::npos);
  wrong = facts;
  wrong["data"].erase(1);
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("2 weights for 1 data inputs") != std::string::npos);
  wrong = facts;
  wrong["data"][1]["tokens"] = 8;
  CHECK(test::error_of([&] { ReadSet::from_json(wrong); }).find("the data hold 8 tokens") != std::string::npos);
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
  const ReadSet set = ReadSet::plain(5, stream.size(), T, batch, steps);
  const Loader loader({&stream}, set, {});
  std::vector<std::int64_t> first(32, 0);
  for (std::int64_t step = steps; step >= 1; --step) {
    const TokenBatch read = loader.batch(set.curriculum().at(step - 1));
    for (const auto* side : {&read.tokens, &read.labels}) {
      for (const std::int32_t id : *side) first[static_cast<std::size_t>(id)] = step;
    }
  }
  const auto shards = map_shards(set, folders);
  REQUIRE(shards.size() == 4);
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
  for (std::int64_t token = 0; token + T < stream.size(); token += T) {
    Window sample;
    loader.window({0, token}, T, sample);
    std::vector<std::int32_t> window = sample.tokens;
    window.erase(std::unique(window.begin(), window.end()), window.end());
    std::vector<std::int32_t> found;
    for (const ReadDocument& one : documents_of_sample(shards, {0, token}, T)) {
      found.push_back(static_cast<std::int32_t>(8 * one.shard) + static_cast<std::int32_t>(one.document.ordinal));
    }
    CHECK(found == window);
  }
  CHECK(reading_of_source(set, shards, "c").stored == 0);
  CHECK(reading_of_document(set, shards, "document 99").stored == 0);
  fs::remove(folders[1] / "s1.docmap");
  CHECK(test::error_of([&] { map_shards(set, folders); }).find("s1.docmap") != std::string::npos);
}

// Two shards of documents of 1 to 30 tokens, packed into rows; the id of each token is its document's number.
TEST_CASE("reading: inputs packed into rows beside one that is not, documents to rows and rows to documents") {
  const test::TemporaryFolder folder;
  const std::int64_t T = 12;
  std::vector<fs::path> folders{folder.path() / "rows", folder.path() / "stream"};
  int document = 0;
  for (const fs::path& one : folders) {
    fs::create_directories(one);
    for (const char* shard : {"s0", "s1"}) {
      data::TokenShardWriter tokens(real_disk(), one / shard, data::TokenType::u16);
      lineage::DocmapWriter docmap;
      const std::uint32_t parent = docmap.parent("documents", sha256("documents"));
      std::vector<std::int64_t> first{0};
      for (int i = 0; i < 40; ++i, ++document) {
        const int length = 1 + document * 7 % 30;
        tokens.append(std::vector<std::int32_t>(static_cast<std::size_t>(length), document));
        docmap.append(length, i % 2 == 0 ? "a" : "b", parent, i, lineage::document_key("document " + std::to_string(document)));
        first.push_back(first.back() + length);
      }
      tokens.finish();
      docmap.write(real_disk(), one / (std::string(shard) + ".docmap"));
      if (one == folders[0])
        data::write_row_index(real_disk(), one / (std::string(shard) + ".rows"), data::pack_best_fit(first, T), first.back());
    }
  }
  const Schema schema = object(curriculum_fields());
  const auto config = [&](const char* text) { return Config(schema.complete(parse_json(text, "config"), "config")); };
  const PlannedReading plan =
      plan_reading(config(R"({"sequence_length": 12, "batch": 3, "data_names": ["rows", "stream"], "stages": [
    {"steps": 20, "mix": {"rows": 1, "stream": 1}}, {"steps": 6, "sequence_length": 24, "mix": {"stream": 1}},
    {"steps": 40, "mix": {"rows": 2, "stream": 1}}]})"),
                   folders, 5, 1000);
  const ReadSet& read = plan.read;
  CHECK(read.data()[0].rows > 0);
  CHECK(read.data()[1].rows == 0);
  CHECK(read.passes(0) > 1);
  // Weights are of tokens: a row that is not full counts for what it holds.
  const double full = static_cast<double>(read.data()[0].tokens) / static_cast<double>(read.data()[0].rows);
  const double in_rows = static_cast<double>(read.samples_of(0, 0)) * full,
               in_stream = static_cast<double>(read.samples_of(0, 1)) * 12;
  CHECK(std::abs(in_rows - in_stream) < 13);

  MaskOptions masks;
  masks.eod = masks.pad = 999;
  const Loader loader(pointers(plan.sources), read, masks);
  const auto shards = map_shards(read, folders);
  std::map<std::int32_t, std::set<ReadEvent>> events;
  for (std::int64_t step = 0; step < read.steps(); ++step) {
    const StepPlan at = read.curriculum().at(step);
    const TokenBatch batch = loader.batch(at);
    for (std::int64_t row = 0; row < batch.B; ++row) {
      std::vector<std::int32_t> held;
      for (std::int64_t t = 0; t < batch.T; ++t) {
        const auto i = static_cast<std::size_t>(row * batch.T + t);
        for (const std::int32_t id : {batch.tokens[i], batch.labels[i]}) {
          if (id != 999) events[id].insert({step + 1, row});
        }
        if (batch.tokens[i] != 999) held.push_back(batch.tokens[i]);
        // No label of another document counts in a packed row, and no query looks into one.
        const SampleRef sample = read.sample_at(at.stage, at.position + row);
        if (sample.data == 0 && batch.weights[i] != 0) CHECK(batch.labels[i] == batch.tokens[i]);
        const auto key = static_cast<std::size_t>(row * batch.T + batch.first_key[i]);
        if (sample.data == 0) CHECK(batch.tokens[key] == batch.tokens[i]);
      }
      held.erase(std::unique(held.begin(), held.end()), held.end());
      std::vector<std::int32_t> found;
      for (const ReadDocument& one : documents_of_sample(shards, read.sample_at(at.stage, at.position + row), batch.T))
        found.push_back(static_cast<std::int32_t>(40 * one.shard) + static_cast<std::int32_t>(one.document.ordinal));
      if (found.size() > held.size()) found.pop_back();  // only its label is in the row
      REQUIRE(found == held);
    }
  }
  for (std::int32_t d = 0; d < 160; ++d) {
    const std::string id = "document " + std::to_string(d);
    const std::vector<ReadEvent> all = events_of_document(read, shards, id);
    CHECK(all == std::vector<ReadEvent>(events[d].begin(), events[d].end()));
    CHECK(reading_of_document(read, shards, id).first_step.value_or(0) == (all.empty() ? 0 : all.front().step));
  }
  CHECK(test::error_of([&] {
          plan_reading(config(R"({"sequence_length": 24, "batch": 3, "steps": 2, "mix": {"0": 1}})"), folders, 5, 1000);
        }) == "stages[0]: data input '0' is packed into rows for sequence_length 12, this stage has 24");
  CHECK(test::error_of([&] {
          plan_reading(config(R"({"sequence_length": 12, "batch": 3, "steps": 2})"), folders, 5, 1000);
        }).find("some of the data inputs are packed into rows and some are not") != std::string::npos);
  fs::remove(folders[0] / "s1.rows");
  CHECK(test::error_of([&] {
          plan_reading(config(R"({"sequence_length": 12, "batch": 3, "steps": 2, "mix": {"0": 1}})"), folders, 5, 1000);
        }).find("s1.rows is missing") != std::string::npos);
}

TEST_CASE("plan reading: a tokenizer with more tokens than the model is refused before any is read") {
  const test::TemporaryFolder folder;
  data::TokenShardWriter tokens(real_disk(), folder.path() / "s0", data::TokenType::u16);
  tokens.append(std::vector<std::int32_t>(100, 50));
  tokens.finish();
  const Schema schema = object(curriculum_fields());
  const Config config(schema.complete(parse_json(R"({"sequence_length": 12, "steps": 2})", "config"), "config"));
  const PlannedReading plan = plan_reading(config, {folder.path()}, 5, 40);
  CHECK(test::error_of([&] {
          Loader(pointers(plan.sources), plan.read, {}).batch(plan.read.curriculum().at(0));
        }).find("is id 50; the vocabulary has 40") != std::string::npos);
  write_file_atomically(folder.path() / "pack.json", R"({"vocab_size": 64})");
  CHECK(test::error_of([&] {
          plan_reading(config, {folder.path()}, 5, 40);
        }).find("packed with a vocabulary of 64 tokens, the model has 40") != std::string::npos);
  CHECK(test::error_of([&] { plan_reading(config, {folder.path()}, 5, 64); }).empty());
}

TEST_CASE("read set: the vectors of docs/format/permutation.md, stages and inputs") {
  const std::string page = read_file(test::source_folder() / "docs/format/permutation.md");
  const std::size_t fence = page.find("```\nstage ");
  REQUIRE(fence != std::string::npos);
  std::istringstream lines(page.substr(fence + 4, page.find("```", fence + 4) - fence - 4));
  const ReadSet read(28,
                     Curriculum({{"", 8, {{4, 10}}, 0, {}, {0.5, 0.3, 0.2}},
                                 {"", 16, {{5, 5}}, 0, {}, {0.7, 0.3, 0}},
                                 {"", 8, {{1, 60}}, 0, {}, {1, 1, 1}}}),
                     {{"a", 1000, 0, 0}, {"b", 300, 0, 0}, {"c", 77, 0, 0}});
  std::string line;
  std::getline(lines, line);
  int vectors = 0;
  for (; std::getline(lines, line); ++vectors) {
    std::istringstream fields(line);
    std::int64_t stage = 0, position = 0, input = 0, rank = 0, token = 0;
    REQUIRE(static_cast<bool>(fields >> stage >> position >> input >> rank >> token));
    const SampleRef sample = read.sample_at(stage, position);
    CHECK(sample.data == input);
    CHECK(sample.token == token);
  }
  CHECK(vectors == 33);
}

TEST_CASE("loader: masks are the same in every input of a blend: end of document, padding and goldfish") {
  std::vector<std::int32_t> first = tiny_tokens(600), second = tiny_tokens(900);
  for (std::int32_t& id : second) id = id > 3 ? 39 - (id - 4) : id;
  second[17] = 3;  // a label of padding inside of a stream
  const MemoryTokens a(first), b(second);
  const ReadSet read(9, Curriculum({{"", 16, {{4, 20}}, 0, {}, {2, 1}}, {"", 32, {{2, 20}}, 0, {}, {1, 3}}}),
                     {{"a", 600, 0, 0}, {"b", 900, 0, 0}});
  MaskOptions masks;
  masks.pad = 3;
  masks.goldfish = GoldfishParams{4, 3};
  const Loader loader({&a, &b}, read, masks);
  std::vector<std::int64_t> dropped(2), eod(2);
  for (std::int64_t step = 0; step < read.steps(); ++step) {
    const StepPlan plan = read.curriculum().at(step);
    const TokenBatch batch = loader.batch(plan);
    std::int64_t weighted = 0;
    for (std::int64_t row = 0; row < batch.B; ++row) {
      const SampleRef sample = read.sample_at(plan.stage, plan.position + row);
      const std::vector<std::int32_t>& tokens = sample.data == 0 ? first : second;
      std::vector<float> expected(static_cast<std::size_t>(batch.T), 1.0f);
      const std::vector<std::int32_t> labels(tokens.begin() + sample.token + 1, tokens.begin() + sample.token + 1 + batch.T);
      Goldfish(*masks.goldfish).mask(labels, masks.pad, expected);
      for (std::size_t t = 0; t < expected.size(); ++t) {
        dropped[static_cast<std::size_t>(sample.data)] += expected[t] == 0;
        if (tokens[static_cast<std::size_t>(sample.token) + t] == 2)
          expected[t] = 0, ++eod[static_cast<std::size_t>(sample.data)];
        if (labels[t] == 3) expected[t] = 0;
        weighted += expected[t] != 0;
        REQUIRE(batch.weights[static_cast<std::size_t>(row * batch.T) + t] == expected[t]);
      }
    }
    CHECK(batch.weighted == weighted);
  }
  for (const std::size_t input : {0, 1}) {
    CHECK(dropped[input] > 0);
    CHECK(eod[input] > 0);
  }
}
