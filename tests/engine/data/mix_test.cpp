// The step mix: what a stage takes, and that it is the same whatever machine, threads or order of files.
#include "engine/data/mix.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/cluster_weights.h"
#include "engine/data/clustered_copies.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/mix_plan.h"
#include "engine/data/mix_shards.h"
#include "engine/data/pack.h"
#include "engine/data/token_shards.h"
#include "lineage/docmap.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

namespace cairn::data {

extern const steps::StepSpec kTrainTokenizer;

namespace {

Document page(int i, const std::string& host, const std::string& language, std::size_t bytes) {
  std::string text = "Page " + std::to_string(i) + " of " + host + ".";
  while (text.size() < bytes) text += " stone";
  text.resize(bytes);
  return {document_id(text),     text, host, "https://www." + host + "/" + std::to_string(i), "CC0-1.0", language,
          "2026-11-24T00:00:00Z"};
}

// 60 English pages of three sites and 20 German ones, of 100 to 200 bytes.
std::vector<Document> corpus() {
  std::vector<Document> documents;
  for (int i = 0; i < 60; ++i)
    documents.push_back(
        page(i, std::string(1, static_cast<char>('a' + i % 3)) + ".example", "en", 100 + static_cast<std::size_t>(i)));
  for (int i = 0; i < 20; ++i) documents.push_back(page(i, "d.example", i % 2 ? "de" : "de-ch", 150));
  return documents;
}

fs::path write_documents(const fs::path& folder, const std::vector<Document>& documents, std::uint64_t shard_bytes = 64'000'000) {
  DocumentWriter writer(real_disk(), folder, shard_bytes);
  for (const Document& one : documents) writer.append(one);
  writer.finish();
  return folder;
}

std::vector<Document> read_documents(const fs::path& folder) {
  std::vector<Document> documents;
  DocumentReader reader(folder);
  for (Document document; reader.next(document);) documents.push_back(document);
  return documents;
}

std::map<std::string, int> copies_by_url(const fs::path& folder) {
  std::map<std::string, int> copies;
  for (const Document& document : read_documents(folder)) ++copies[document.url];
  return copies;
}

std::int64_t bytes_in(const fs::path& folder) {
  std::int64_t bytes = 0;
  for (const Document& document : read_documents(folder)) bytes += static_cast<std::int64_t>(document.text.size());
  return bytes;
}

struct Corpus {
  test::TemporaryFolder folder;
  fs::path documents = write_documents(folder.path() / "documents", corpus());

  std::unique_ptr<test::StepRun> run(const char* config, int threads = 2) const {
    auto run = std::make_unique<test::StepRun>(kMix, config);
    run->seed(7).threads(threads).input("documents", documents).run();
    return run;
  }
  std::string error(const char* config) const {
    return test::error_of([&] { run(config); });
  }
};

const char* const kTwoStages = R"({"unit": "bytes",
  "sources": [{"name": "german", "languages": ["de"], "max_repeats": 4}, {"name": "english", "languages": ["en"]}],
  "stages": [{"name": "base", "size": 6000, "weights": {"english": 2, "german": 1}},
             {"name": "cooldown", "budgets": {"english": 1000}, "passes": {"german": 1.5}}]})";

}  // namespace

TEST_CASE("mix: each stage gets what it asked for, within one document, and the table adds up") {
  const Corpus corpus;
  const auto run_of_corpus = corpus.run(kTwoStages);
  test::StepRun& run = *run_of_corpus;
  const Json report = read_json(run.output("report") / "report.json");
  CHECK(report["came_in"]["documents"] == 80);
  CHECK(report["of_no_source"]["documents"] == 0);
  CHECK(report["sources"][0]["available"]["bytes"] == 3000);
  std::map<std::string, std::int64_t> taken;
  for (const Json& stage : report["stages"]) {
    std::int64_t sum = 0;
    for (const Json& source : stage["sources"]) {
      const std::int64_t bytes = source["taken"]["bytes"], asked = source["asked"];
      CHECK(bytes <= asked);
      CHECK(bytes > asked - 160);
      sum += bytes;
      taken[source["source"]] += bytes;
    }
    CHECK(sum == stage["taken"]["bytes"]);
    CHECK(sum == bytes_in(run.output(stage["name"])));
  }
  CHECK(report["stages"][0]["sources"][0]["asked"] == 2000);
  CHECK(report["stages"][1]["sources"][0]["asked"] == 4500);
  CHECK(report["stages"][1]["sources"][0]["repeats"] == 1.5);
  CHECK(run.facts("base")["bytes"] == report["stages"][0]["taken"]["bytes"]);
  CHECK(read_file(run.output("report") / "report.html").find("Stage cooldown") != std::string::npos);
  // The golden of this step's bytes: raise the step's version when they change.
  CHECK(run.digest("base") == "bc43ec5acc90320f2b85835af338a1e06246f31d6930b4ce1445a6575b5d3d02");
  CHECK(run.digest("decisions") == "34ce0368a38b75d9a0964e98eef51306108b1776f9d5bafd44d73a821a4c8cb2");
}

TEST_CASE("mix: the same documents on any number of threads, in any order and sharding of the inputs, and in any memory") {
  const Corpus corpus;
  const auto run_of_corpus = corpus.run(kTwoStages, 1);
  test::StepRun& run = *run_of_corpus;
  const auto threads_of_corpus = corpus.run(kTwoStages, 3);
  test::StepRun& threads = *threads_of_corpus;
  CHECK(threads.digest("base") == run.digest("base"));
  CHECK(threads.digest("cooldown") == run.digest("cooldown"));
  CHECK(threads.digest("decisions") == run.digest("decisions"));

  std::vector<Document> documents = ::cairn::data::corpus();
  std::reverse(documents.begin(), documents.end());
  const fs::path reversed = write_documents(corpus.folder.path() / "reversed", documents, 1000);
  test::StepRun other(kMix, kTwoStages);
  other.seed(7).input("documents", reversed).run();
  CHECK(copies_by_url(other.output("base")) == copies_by_url(run.output("base")));
  CHECK(copies_by_url(other.output("cooldown")) == copies_by_url(run.output("cooldown")));

  Json small = parse_json(kTwoStages, "config");
  small["runtime"] = {{"memory", 2000}, {"piece_bytes", 200}};
  test::StepRun files(kMix, small);
  files.seed(7).input("documents", reversed).run();
  CHECK(files.digest("cooldown") == other.digest("cooldown"));
  CHECK(files.digest("base") == other.digest("base"));

  test::StepRun drawn(kMix, kTwoStages);
  drawn.seed(8).input("documents", corpus.documents).run();
  CHECK(copies_by_url(drawn.output("base")) != copies_by_url(run.output("base")));
}

TEST_CASE("mix: a larger budget takes the same documents and more; stages go on, or begin anew") {
  const Corpus corpus;
  const auto urls = [&](const char* config, const char* role) {
    const auto run_of_corpus = corpus.run(config);
    test::StepRun& run = *run_of_corpus;
    std::set<std::string> urls;
    for (const auto& [url, copies] : copies_by_url(run.output(role))) urls.insert(url);
    return urls;
  };
  const auto small =
      urls(R"({"unit": "documents", "sources": [{"name": "all"}], "stages": [{"budgets": {"all": 10}}]})", "documents");
  const auto large =
      urls(R"({"unit": "documents", "sources": [{"name": "all"}], "stages": [{"budgets": {"all": 30}}]})", "documents");
  CHECK(small.size() == 10);
  CHECK(large.size() == 30);
  CHECK(std::includes(large.begin(), large.end(), small.begin(), small.end()));

  const char* const on = R"({"unit": "documents", "sources": [{"name": "all"}],
    "stages": [{"name": "a", "budgets": {"all": 30}}, {"name": "b", "budgets": {"all": 50}}]})";
  const auto first = urls(on, "a"), second = urls(on, "b");
  std::vector<std::string> both;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(), std::back_inserter(both));
  CHECK(both.empty());
  CHECK(first.size() + second.size() == 80);
  const char* const anew = R"({"unit": "documents", "reuse": "restart", "sources": [{"name": "all", "max_repeats": 2}],
    "stages": [{"name": "a", "budgets": {"all": 30}}, {"name": "b", "budgets": {"all": 30}}]})";
  CHECK(urls(anew, "a") == urls(anew, "b"));
}

TEST_CASE("mix: repeats are whole rounds and a drawn part, and copies of a document lie apart") {
  const Corpus corpus;
  const auto run_of_corpus =
      corpus.run(R"({"unit": "documents", "sources": [{"name": "german", "languages": ["de"], "max_repeats": 3}],
    "stages": [{"passes": {"german": 2.25}}]})");
  test::StepRun& run = *run_of_corpus;
  int twice = 0, thrice = 0;
  for (const auto& [url, copies] : copies_by_url(run.output("documents"))) {
    CHECK((copies == 2 || copies == 3));
    (copies == 2 ? twice : thrice)++;
  }
  CHECK(twice == 15);
  CHECK(thrice == 5);
  const auto documents = read_documents(run.output("documents"));
  std::set<std::string> first;
  for (std::size_t i = 0; i < 20; ++i) first.insert(documents[i].url);
  CHECK(first.size() == 20);  // all once before any again
}

TEST_CASE("mix: sites lie together, and no site exceeds its cap") {
  const Corpus corpus;
  const auto run_of_corpus = corpus.run(R"({"unit": "documents", "sources": [{"name": "all", "domain_cap": 7}],
    "stages": [{"passes": {"all": 1}}]})");
  test::StepRun& run = *run_of_corpus;
  std::map<std::string, int> by_site;
  std::vector<std::string> order;
  for (const Document& document : read_documents(run.output("documents"))) {
    ++by_site[document.source];
    if (order.empty() || order.back() != document.source) order.push_back(document.source);
  }
  CHECK(by_site == std::map<std::string, int>{{"a.example", 7}, {"b.example", 7}, {"c.example", 7}, {"d.example", 7}});
  CHECK(order == std::vector<std::string>{"a.example", "b.example", "c.example", "d.example"});
  const Json report = read_json(run.output("report") / "report.json");
  CHECK(report["sources"][0]["beyond_domain_cap"]["documents"] == 52);

  // With a list of public suffixes a site is a registrable domain: the four hosts under .example become one under a suffix.
  const fs::path suffixes = corpus.folder.path() / "suffixes.dat";
  write_file_atomically(real_disk(), suffixes, "com\n");
  Json config = parse_json(R"({"unit": "documents", "sources": [{"name": "all", "domain_cap": 7}],
    "stages": [{"passes": {"all": 1}}]})",
                           "config");
  config["suffixes"] = suffixes.string();
  std::vector<Document> hosts;
  for (int i = 0; i < 12; ++i) hosts.push_back(page(i, "h" + std::to_string(i) + ".site.com", "en", 100));
  test::StepRun domains(kMix, config);
  domains.input("documents", write_documents(corpus.folder.path() / "hosts", hosts)).run();
  CHECK(read_documents(domains.output("documents")).size() == 7);
}

TEST_CASE("mix: sources are told apart by input, source, language, licence and domain; the first that matches has it") {
  const Corpus corpus;
  std::vector<Document> others = {page(0, "x.example", "en", 100), page(1, "y.example", "en", 100)};
  others[1].licence = "MIT";
  test::StepRun run(kMix, R"({"unit": "documents", "input_names": ["web", "books"], "sources": [
      {"name": "mit", "licences": ["MIT"]}, {"name": "books", "inputs": ["books"]}, {"name": "a", "domains": ["a.example"]},
      {"name": "swiss", "languages": ["de-ch"]}, {"name": "b", "sources": ["b.example"]}],
    "stages": [{"passes": {"mit": 1, "books": 1, "a": 1, "swiss": 1, "b": 1}}]})");
  run.input("documents", corpus.documents).input("documents", write_documents(corpus.folder.path() / "books", others)).run();
  const Json report = read_json(run.output("report") / "report.json");
  std::vector<int> matched;
  for (const Json& source : report["sources"]) matched.push_back(source["matched"]["documents"]);
  CHECK(matched == std::vector<int>{1, 1, 20, 10, 20});
  CHECK(report["of_no_source"]["documents"] == 30);
}

TEST_CASE("mix: decisions tell of every document where it went, or why not") {
  const Corpus corpus;
  const auto run_of_corpus =
      corpus.run(R"({"unit": "documents", "sources": [{"name": "en", "languages": ["en"], "domain_cap": 15}],
    "stages": [{"name": "a", "budgets": {"en": 10}}, {"name": "b", "budgets": {"en": 20}}]})");
  test::StepRun& run = *run_of_corpus;
  const Decisions decisions(run.output("decisions"));
  REQUIRE(decisions.size() == 80);
  std::map<std::string, int> counts;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision decision = decisions.at(i);
    ++counts[decision.verdict == Verdict::kept ? output_role(decision) : decision.rule];
    if (decision.rule == "not_drawn") CHECK(decision.reason == "source en: 30 of 45 documents were taken, and others were drawn");
    if (decision.verdict != Verdict::kept) continue;
    const auto written = read_documents(run.output(output_role(decision)));
    CHECK(written.at(decision.ordinal).url == decision.url);
    CHECK(decision.evidence == "mix: source en, once in " + output_role(decision));
  }
  CHECK(counts == std::map<std::string, int>{{"a", 10}, {"b", 20}, {"domain_cap", 15}, {"no_source", 20}, {"not_drawn", 15}});
}

TEST_CASE("mix: tokens are counted as pack writes them") {
  const Corpus corpus;
  test::StepRun trained(kTrainTokenizer, R"({"vocab_size": 300})");
  trained.input("documents", corpus.documents).run();
  test::StepRun run(kMix, R"({"sources": [{"name": "all", "max_repeats": 2}], "stages": [{"passes": {"all": 1.5}}]})");
  run.input("documents", corpus.documents).input("tokenizer", trained.output("tokenizer")).run();
  test::StepRun packed(kPack);
  packed.input("documents", run.output("documents")).input("tokenizer", trained.output("tokenizer")).run();
  CHECK(packed.facts("data")["tokens"] == run.facts("documents")["tokens"]);
  CHECK(test::error_of([&] {
          test::StepRun(kMix, R"({"sources": [{"name": "all"}], "stages": [{"passes": {"all": 1}}]})")
              .input("documents", corpus.documents)
              .run();
        }) == "config.unit: counting tokens needs the input 'tokenizer'; or say bytes");
}

TEST_CASE("mix: rehydration repeats a document by the size of its cluster, as FineWeb-2 does") {
  const Corpus corpus;
  const fs::path report = corpus.folder.path() / "report";
  fs::create_directories(report);
  const auto documents = ::cairn::data::corpus();
  std::string lines;
  const std::vector<std::pair<int, int>> sizes = {{0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 99}, {5, 100}, {6, 999}, {7, 1000}};
  for (const auto& [index, size] : sizes) {
    const Document& one = documents[static_cast<std::size_t>(index)];
    lines += Json{{"cluster", index}, {"filter", "minhash"}, {"id", one.id},  {"kept", true},
                  {"size", size},     {"source", "s"},       {"url", one.url}}
                 .dump() +
             "\n";
  }
  write_file_atomically(real_disk(), report / "clusters.jsonl", lines);
  const auto copies = [&](const char* rehydrate) {
    Json config =
        parse_json(R"({"unit": "documents", "sources": [{"name": "all"}], "stages": [{"passes": {"all": 1}}]})", "config");
    config["rehydrate"] = parse_json(rehydrate, "rehydrate");
    test::StepRun run(kMix, config);
    run.input("documents", corpus.documents).input("clusters", report).run();
    const auto by_url = copies_by_url(run.output("documents"));
    std::vector<int> copies;
    for (std::size_t i = 0; i < 9; ++i) copies.push_back(by_url.contains(documents[i].url) ? by_url.at(documents[i].url) : 0);
    return copies;
  };
  CHECK(copies("{}") == std::vector<int>{2, 3, 3, 5, 5, 8, 8, 1, 1});
  CHECK(copies(R"({"weights": [{"from": 1, "weight": 1}, {"from": 100, "weight": 0}]})") ==
        std::vector<int>{1, 1, 1, 1, 1, 0, 0, 0, 1});
  CHECK(copies(R"({"filter": "exact_dedup"})") == std::vector<int>(9, 1));
  CHECK(test::error_of([&] { copies(R"({"weights": [{"from": 2, "weight": 1}]})"); }) ==
        "config.rehydrate.weights[0].from: 2; sizes begin with 1 and grow");
  write_file_atomically(real_disk(), report / "clusters.jsonl", lines + "{\"filter\": 3}\n");
  CHECK(test::error_of([&] { copies("{}"); }) == "clusters.jsonl: line 9: expected a string in \"id\"");
}

TEST_CASE("mix: a weight of 2.5 is two copies or three, about equally often") {
  std::vector<MixDocument> documents;
  for (int i = 0; i < 1000; ++i) documents.push_back({mix_key(std::to_string(i), "u", 1), 1, 0, 0, 2.5});
  const MixPlan plan = plan_mix(documents, {{"s", std::nullopt, 1}}, {{"a", std::nullopt, {{MixRequest::Kind::passes, 1}}}},
                                MixReuse::go_on, "documents");
  CHECK(plan.sources[0].available.size > 2400);
  CHECK(plan.sources[0].available.size < 2600);
  CHECK(plan.shares[0][0].taken == plan.sources[0].available);
}

TEST_CASE("mix: what cannot be is one clear error before work") {
  const Corpus corpus;
  CHECK(
      corpus.error(R"({"unit": "bytes", "sources": [{"name": "german", "languages": ["de"], "max_repeats": 2}, {"name": "rest"}],
    "stages": [{"name": "a", "budgets": {"german": 1600}}, {"name": "b", "size": 9000, "weights": {"german": 1, "rest": 1}}]})") ==
      "mix: stage 'b' asks source 'german' for 4500 bytes (its weight's share of 9000), which holds 3000 and may be read 2 "
      "times, "
      "1600 of it for earlier stages. Ask for less, or raise the source's max_repeats");
  CHECK(corpus.error(R"({"unit": "bytes", "sources": [{"name": "french", "languages": ["fr"]}, {"name": "all"}],
    "stages": [{"name": "a", "budgets": {"french": 1}, "passes": {"all": 1.01}}]})") ==
        "mix: stage 'a' asks source 'french' for 1 bytes, which holds 0 and may be read 1 time; stage 'a' asks source 'all' for "
        "10878 "
        "bytes (1.01 passes), which holds 10770 and may be read 1 time. Ask for less, or raise the source's max_repeats");
  // More than any number of bytes can be.
  const std::string asks = "mix: stage 'documents' asks source 'all' for 9000000000000000000 bytes";
  const std::string holds = ", which holds 10770 and may be read 1 time. Ask for less, or raise the source's max_repeats";
  CHECK(corpus.error(R"({"unit": "bytes", "sources": [{"name": "all"}], "stages": [{"passes": {"all": 1e30}}]})") ==
        asks + " (1e+30 passes)" + holds);
  CHECK(
      corpus.error(R"({"unit": "bytes", "sources": [{"name": "all"}], "stages": [{"budgets": {"all": 9000000000000000000}}]})") ==
      asks + holds);
  CHECK(corpus
            .error(R"({"unit": "bytes", "sources": [{"name": "all"}],
    "stages": [{"name": "a", "budgets": {"all": 1}}, {"name": "b", "budgets": {"all": 9223372036854775000}}]})")
            .starts_with("mix: stage 'b' asks source 'all' for 9000000000000000000 bytes"));
  CHECK(corpus
            .error(R"({"unit": "bytes", "sources": [{"name": "all", "max_repeats": 1e15}],
    "stages": [{"name": "a", "budgets": {"all": 8000000000000000000}}, {"name": "b", "budgets": {"all": 8000000000000000000}}]})")
            .find("8000000000000000000 of it for earlier stages") != std::string::npos);
  CHECK(corpus.error(R"({"sources": [{"name": "german"}], "stages": [{"weights": {"germn": 1}, "size": 1}]})") ==
        "stage 'documents': weights: there is no source 'germn'. Did you mean 'german'?");
  CHECK(corpus.error(R"({"sources": [{"name": "s"}], "stages": [{"weights": {"s": 1}}]})") ==
        "stage 'documents': weights share a size, which it does not give");
  CHECK(corpus.error(R"({"sources": [{"name": "s"}], "stages": [{"budgets": {"s": 1}, "passes": {"s": 1}}]})") ==
        "stage 'documents': source 's' is asked for twice; give it a weight, a budget or passes");
  CHECK(corpus.error(R"({"sources": [{"name": "s"}], "stages": [{}]})") ==
        "stage 'documents' asks for nothing; give weights, budgets or passes");
  CHECK(corpus.error(R"({"sources": [{"name": "s", "inputs": ["web"]}], "stages": [{"passes": {"s": 1}}]})") ==
        "source 's': there is no input 'web'; known: 0");
  CHECK(corpus.error(R"({"sources": [{"name": "s"}], "stages": [{"name": "Base", "passes": {"s": 1}}]})") ==
        "config.stages: 'Base' cannot name an output; expected small letters, digits, '_' and '-'");
}

TEST_CASE("mix-shards: packed documents are drawn by source, as they are, with their docmaps") {
  const Corpus corpus;
  test::StepRun trained(kTrainTokenizer, R"({"vocab_size": 300})");
  trained.input("documents", corpus.documents).run();
  test::StepRun packed(kPack, R"({"shard_tokens": 1500})"), others(kPack);
  packed.input("documents", corpus.documents).input("tokenizer", trained.output("tokenizer")).run();
  others.input("documents", write_documents(corpus.folder.path() / "others", {page(7, "x.example", "en", 300)}))
      .input("tokenizer", trained.output("tokenizer"))
      .run();
  const char* const config = R"({"input_names": ["web", "more"], "shard_tokens": 1000, "sources": [
      {"name": "a", "sources": ["a.example"], "max_repeats": 2}, {"name": "more", "inputs": ["more"]}, {"name": "rest"}],
    "stages": [{"name": "base", "size": 1000, "weights": {"rest": 1}, "passes": {"more": 1}}, {"name": "later", "passes": {"a": 1.5}}]})";
  test::StepRun run(kMixShards, config);
  run.seed(7).input("data", packed.output("data")).input("data", others.output("data")).run();
  const Json report = read_json(run.output("report") / "report.json");
  CHECK(report["came_in"]["documents"] == 81);
  CHECK(report["came_in"]["tokens"].get<std::int64_t>() ==
        packed.facts("data")["tokens"].get<std::int64_t>() + others.facts("data")["tokens"].get<std::int64_t>());
  CHECK(report["stages"][1]["sources"][0]["repeats"].get<double>() > 1.4);
  CHECK(report["stages"][1]["sources"][0]["repeats"].get<double>() <= 1.5);

  std::map<lineage::DocumentKey, std::vector<TokenId>> tokens;  // as packed
  const auto read =
      [](const fs::path& folder,
         const std::function<void(const lineage::Docmap&, const lineage::DocmapDocument&, std::vector<TokenId>)>& fn) {
        for (const fs::path& stem : list_token_shards(folder)) {
          const TokenShard shard = TokenShard::open(stem);
          const lineage::Docmap docmap = lineage::Docmap::open(fs::path(stem) += ".docmap");
          docmap.for_each([&](const lineage::DocmapDocument& document) {
            std::vector<TokenId> ids(static_cast<std::size_t>(document.tokens));
            shard.read(document.first_token, ids);
            fn(docmap, document, ids);
          });
        }
      };
  for (const fs::path& folder : {packed.output("data"), others.output("data")}) {
    read(folder, [&](const lineage::Docmap&, const lineage::DocmapDocument& document, std::vector<TokenId> ids) {
      tokens[document.key] = std::move(ids);
    });
  }
  for (const char* stage : {"base", "later"}) {
    std::int64_t sum = 0;
    read(run.output(stage),
         [&](const lineage::Docmap& docmap, const lineage::DocmapDocument& document, std::vector<TokenId> ids) {
           sum += document.tokens;
           CHECK(tokens.at(document.key) == ids);
           CHECK((docmap.sources()[document.source].name == "a.example") == (std::string(stage) == "later"));
           CHECK(docmap.parents()[document.parent].name == "documents-00000.jsonl.zst");
         });
    CHECK(sum == run.facts(stage)["tokens"].get<std::int64_t>());
  }
  CHECK(list_token_shards(run.output("base")).size() == 2);
  // The golden of this step's bytes: raise the step's version when they change.
  CHECK(run.digest("base") == "56d94e8b448b90bf03dd551527bd175d1ac6b94cc3d9af26b15a87c9069181bd");
  test::StepRun refused(kMixShards, R"({"sources": [{"name": "all"}], "stages": [{"passes": {"all": 2}}]})");
  CHECK(test::error_of([&] { refused.input("data", packed.output("data")).run(); }).find("which holds") != std::string::npos);
}

}  // namespace cairn::data
