// The steps train-tokenizer and pack on small corpora.
#include "engine/data/pack.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/data/document.h"
#include "engine/data/row_index.h"
#include "engine/data/token_shards.h"
#include "engine/text/bpe_trainer.h"
#include "engine/text/tokenizer.h"
#include "lineage/docmap.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

namespace cairn::data {

extern const steps::StepSpec kTrainTokenizer;

namespace {

Document document(const std::string& text, const std::string& source, const std::string& language) {
  return {document_id(text), text, source, "https://" + source + "/x", "CC0-1.0", language, "2026-11-24T00:00:00Z"};
}

std::vector<Document> corpus() {
  std::vector<Document> documents;
  for (int i = 0; i < 40; ++i) {
    const std::string number = std::to_string(i);
    if (i < 25)
      documents.push_back(
          document("The cairn marks the path, stone " + number + " of many. Write to <email-pii>.\n", "a.example", "en"));
    else
      documents.push_back(document("Der Steinmann zeigt den Weg, Stein " + number + " von vielen; früher </s> war <s> Text.\n",
                                   "b.example", "de"));
  }
  return documents;
}

void write_documents(const std::filesystem::path& folder, const std::vector<Document>& documents,
                     std::uint64_t shard_bytes = 64'000'000) {
  std::filesystem::create_directories(folder);
  DocumentWriter writer(real_disk(), folder, shard_bytes);
  for (const Document& one : documents) writer.append(one);
  writer.finish();
}

struct Prepared {
  test::TemporaryFolder folder;
  std::filesystem::path documents = folder.path() / "documents", tokenizer;
  test::StepRun trained{kTrainTokenizer, R"({"vocab_size": 320})"};
  explicit Prepared(std::uint64_t shard_bytes = 64'000'000) {
    write_documents(documents, corpus(), shard_bytes);
    trained.input("documents", documents).run();
    tokenizer = trained.output("tokenizer");
  }
};

}  // namespace

TEST_CASE("train-tokenizer: a tokenizer with the control tokens in front, the same for any number of threads") {
  const Prepared prepared;
  const auto tokenizer = text::Tokenizer::load(prepared.tokenizer);
  CHECK(tokenizer.vocab_size() == 320);
  CHECK(tokenizer.require("</s>") == 2);
  CHECK(tokenizer.encode("The cairn").size() < 5);
  CHECK(prepared.trained.facts("tokenizer")["vocab_size"] == 320);
  CHECK(read_json(prepared.tokenizer / "tokenizer_config.json")["bos_token"] == "<s>");
  test::StepRun again(kTrainTokenizer, R"({"vocab_size": 320})");
  CHECK(again.threads(1).input("documents", prepared.documents).run().digest("tokenizer") ==
        prepared.trained.digest("tokenizer"));
  // The golden of this step's bytes: raise the step's version when they change.
  CHECK(prepared.trained.digest("tokenizer") == "f227753388dd89b9c7948878f84d72a87394026317b3b1cf057c531ae2db6cc5");
}

TEST_CASE("train-tokenizer: a sample is smaller, a function of the seed, and wrong configs are refused") {
  const Prepared prepared;
  const auto sampled = [&](std::uint64_t seed) {
    test::StepRun run(kTrainTokenizer, R"({"vocab_size": 300, "max_bytes": 1000})");
    run.seed(seed).input("documents", prepared.documents).run();
    return std::pair(run.facts("tokenizer")["trained_on_bytes"].get<std::int64_t>(), run.digest("tokenizer"));
  };
  CHECK(sampled(1).first < 2000);
  CHECK(sampled(1) == sampled(1));
  CHECK(sampled(1).first != sampled(2).first);
  const auto error = [&](const char* config) {
    return test::error_of([&] { test::StepRun(kTrainTokenizer, config).input("documents", prepared.documents).run(); });
  };
  CHECK(error(R"({"vocab_size": 260})").find("vocab_size 260 is too small") != std::string::npos);
  CHECK(error(R"({"vocab_sise": 300})").find("Did you mean 'vocab_size'") != std::string::npos);
  CHECK(error(R"({"pattern": "["})").find("not a regular expression") != std::string::npos);
}

TEST_CASE("pack: each document is <s> text </s>, its markers tokens and its control tokens only text") {
  const Prepared prepared;
  test::StepRun run(kPack);
  run.input("documents", prepared.documents).input("tokenizer", prepared.tokenizer).run();
  const auto tokenizer = text::Tokenizer::load(prepared.tokenizer);
  const auto documents = corpus();
  const TokenShard shard = TokenShard::open(run.output("data") / "shard-00000");
  CHECK(shard.type() == TokenType::u16);
  REQUIRE(shard.documents() == static_cast<std::int64_t>(documents.size()));
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    std::vector<TokenId> ids(static_cast<std::size_t>(shard.first_token(at + 1) - shard.first_token(at)));
    shard.read(shard.first_token(at), ids, tokenizer.vocab_size());
    CHECK(ids.front() == 1);
    CHECK(ids.back() == 2);
    CHECK(std::count_if(ids.begin(), ids.end(), [&](TokenId id) { return tokenizer.is_special(id); }) == 2);
    CHECK(tokenizer.decode(ids) == documents[i].text);
    if (i < 25) CHECK(std::count(ids.begin(), ids.end(), tokenizer.require("<email-pii>")) == 1);
  }
  CHECK(run.facts("data")["documents"] == 40);
  CHECK(run.facts("data")["tokens"] == shard.tokens());
  const Json report = read_json(run.output("data") / "pack.json");
  CHECK(report["languages"]["en"]["documents"] == 25);
  CHECK(report["languages"]["en"]["tokens"].get<std::int64_t>() + report["languages"]["de"]["tokens"].get<std::int64_t>() ==
        shard.tokens());
  CHECK(report["sources"]["listed"]["b.example"]["documents"] == 15);
  CHECK(report["bytes_per_token"].get<double>() > 1.0);
  // As above. The docmap is left out: it names its parent files by digest, and those depend on the version of zstd.
  const auto members = lineage::hash_members(run.output("data"), {"pack.json", "shard-00000.bin", "shard-00000.idx"});
  CHECK(members.digest.hex() == "951a842e62f8b918ecb71a556edfcec0960bb01b220cda2f97f5d13a03fc2d86");
}

TEST_CASE("pack: small shards, their docmaps and postings agree; threads do not matter") {
  const Prepared prepared(600);  // several files of documents too
  const auto packed = [&](int threads) {
    auto run = std::make_unique<test::StepRun>(kPack, R"({"shard_tokens": 300, "type": "i32"})");
    run->threads(threads)
        .input("documents", prepared.documents)
        .input("documents", prepared.documents)
        .input("tokenizer", prepared.tokenizer)
        .run();
    return run;
  };
  const auto run = packed(2);
  CHECK(packed(1)->digest("data") == run->digest("data"));
  const auto documents = corpus();
  std::size_t next = 0, posting = 0;
  const auto stems = list_token_shards(run->output("data"));
  CHECK(stems.size() > 3);
  for (const auto& stem : stems) {
    const TokenShard shard = TokenShard::open(stem);
    CHECK((shard.tokens() <= 300 || shard.documents() == 1));
    const auto map = lineage::Docmap::open(stem.string() + ".docmap");
    REQUIRE(map.documents() == shard.documents());
    CHECK(map.tokens() == shard.tokens());
    std::int64_t posted = 0;
    for (; posting < run->postings().size() && run->postings()[posting].file == stem.filename().string() + ".bin"; ++posting) {
      const steps::SourcePosting& one = run->postings()[posting];
      CHECK(one.output == "data");
      CHECK(one.first == posted);
      posted += one.documents;
      std::int64_t tokens = 0;
      for (std::int64_t d = one.first; d < one.first + one.documents; ++d) {
        CHECK(map.sources()[map.document(d).source].name == one.source);
        tokens += map.document(d).tokens;
      }
      CHECK(tokens == one.tokens);
    }
    CHECK(posted == shard.documents());
    map.for_each([&](const lineage::DocmapDocument& found) {
      const Document& expected = documents[next++ % documents.size()];
      CHECK(found.first_token == shard.first_token(found.ordinal));
      CHECK(found.key == lineage::document_key(expected.id));
      CHECK(map.sources()[found.source].name == expected.source);
      // The pointer leads back to the line it came from.
      const lineage::DocmapParent& parent = map.parents()[found.parent];
      CHECK(sha256_file(prepared.documents / parent.name) == parent.digest);
      DocumentReader reader(prepared.documents);
      Document read;
      while (reader.next(read) &&
             !(reader.shard_name(reader.shard()) == parent.name && reader.ordinal() == found.parent_ordinal)) {
      }
      CHECK(read.id == expected.id);
    });
  }
  CHECK(next == 2 * documents.size());
  CHECK(posting == run->postings().size());
}

TEST_CASE("pack: no documents, missing tokens and a vocabulary too large for u16") {
  const Prepared prepared;
  const test::TemporaryFolder folder;
  write_documents(folder.path() / "none", {});
  test::StepRun empty(kPack);
  empty.input("documents", folder.path() / "none").input("tokenizer", prepared.tokenizer).run();
  CHECK(TokenShard::open(empty.output("data") / "shard-00000").documents() == 0);
  const auto error = [&](const char* config) {
    return test::error_of([&] {
      test::StepRun(kPack, config).input("documents", prepared.documents).input("tokenizer", prepared.tokenizer).run();
    });
  };
  CHECK(error(R"({"eos": "<eod>"})").find("the vocabulary has no token \"<eod>\"") != std::string::npos);
  CHECK(error(R"({"type": "i64"})").find("type") != std::string::npos);
}

TEST_CASE("pack: stops between batches when asked") {
  const Prepared prepared;
  StopToken stop;
  stop.request_stop();
  test::StepRun run(kPack);
  run.stop_token(stop).input("documents", prepared.documents).input("tokenizer", prepared.tokenizer);
  CHECK_THROWS_AS(run.run(), const Error&);
}

TEST_CASE("pack: best_fit adds rows to the same shards, and tells what they saved") {
  const Prepared prepared;
  test::StepRun plain(kPack, "{}"), rows(kPack, R"({"packing": "best_fit", "sequence_length": 30, "shard_tokens": 300})");
  for (test::StepRun* run : {&plain, &rows})
    run->input("documents", prepared.documents).input("tokenizer", prepared.tokenizer).run();
  const Json packing = rows.facts("data").at("packing");
  std::int64_t counted = 0, held = 0, shards = 0;
  for (const std::filesystem::path& stem : list_token_shards(rows.output("data"))) {
    const TokenShard shard = TokenShard::open(stem);
    const RowIndex index = RowIndex::open(stem.string() + ".rows");
    CHECK(index.shard_tokens() == shard.tokens());
    std::vector<Piece> pieces;
    for (std::int64_t row = 0; row < index.rows(); ++row) {
      index.pieces(row, pieces);
      for (const Piece& piece : pieces) {
        held += piece.tokens;
        // Pieces begin where documents do, or where a long one was cut.
        const std::int64_t document = shard.document_of(piece.first);
        CHECK((piece.first - shard.first_token(document)) % 30 == 0);
      }
    }
    counted += index.rows();
    ++shards;
  }
  CHECK(shards > 1);
  CHECK(packing.at("rows") == counted);
  CHECK(packing.at("padding_share").get<double>() ==
        doctest::Approx(1 - static_cast<double>(held) / static_cast<double>(counted * 31)));
  CHECK(packing.at("documents_saved_from_a_cut").get<std::int64_t>() > 0);
  CHECK(rows.facts("data").at("tokens") == plain.facts("data").at("tokens"));
  CHECK_FALSE(std::filesystem::exists(plain.output("data") / "shard-00000.rows"));
  CHECK_FALSE(plain.facts("data").contains("packing"));

  const auto error_with = [&](const char* config) {
    return test::error_of([&] {
      test::StepRun(kPack, config).input("documents", prepared.documents).input("tokenizer", prepared.tokenizer).run();
    });
  };
  CHECK(error_with(R"({"packing": "best_fit"})").find("needs sequence_length") != std::string::npos);
  CHECK(error_with(R"({"sequence_length": 8})").find("only packing \"best_fit\"") != std::string::npos);
  CHECK(error_with(R"({"packing": "best_fit", "sequence_length": 1})").find("config.sequence_length") != std::string::npos);
}

}  // namespace cairn::data
