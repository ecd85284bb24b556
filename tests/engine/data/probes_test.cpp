// The step plant-probes: what is planted, how often, and what is left out because the corpus holds it already.
#include "engine/data/plant_probes.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/canaries.h"
#include "engine/data/document.h"
#include "engine/data/evaluation_texts.h"
#include "engine/data/near_copies.h"
#include "engine/data/probe_table.h"
#include "engine/data/token_shards.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "lineage/docmap.h"
#include "tests/support/hex_page.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

namespace cairn::data {

extern const steps::StepSpec kTrainTokenizer;

namespace {

// A book of made-up sentences that hardly repeat; `words` of them in all, in lines of `per_line`.
std::string book(int number, int words, int per_line) {
  std::string text;
  std::uint32_t state = static_cast<std::uint32_t>(number) * 2654435761u + 17;
  for (int w = 0; w < words; ++w) {
    state = state * 1664525u + 1013904223u;
    std::string word = "w";  // of letters alone: near copies take all numbers for the same
    for (std::uint32_t rest = state >> 20; rest > 0; rest /= 16) word += static_cast<char>('a' + rest % 16);
    text += word + (w % per_line == per_line - 1 ? "\n" : " ");
  }
  return text;
}

fs::path write_books(const fs::path& folder, const std::vector<std::string>& texts) {
  DocumentWriter writer(real_disk(), folder);
  for (std::size_t i = 0; i < texts.size(); ++i)
    writer.append({document_id(texts[i]), texts[i], "books", fmt::format("book-{}", i), "CC0-1.0", "en", "2026-11-24T00:00:00Z"});
  writer.finish();
  return folder;
}

struct Library {
  test::TemporaryFolder folder;
  fs::path books = write_books(folder.path() / "books", {book(1, 1500, 10), book(2, 1500, 10), book(3, 1500, 10)});
  test::StepRun trained{kTrainTokenizer, R"({"vocab_size": 400})"};
  fs::path tokenizer;
  Library() {
    trained.input("documents", books).run();
    tokenizer = trained.output("tokenizer");
  }
};

const char* const kSmall = R"({"length": 64, "per_bucket": 5, "buckets": [{"frequency": 0}, {"frequency": 1}, {"frequency": 3}],
  "canaries": {"length": 24, "prefix_length": 6, "per_bucket": 2}})";

}  // namespace

TEST_CASE("plant-probes: each probe is planted as often as its bucket says, and bucket 0 never") {
  const Library library;
  test::StepRun run(kPlantProbes, kSmall);
  run.seed(3).input("texts", library.books).input("tokenizer", library.tokenizer).run();
  const ProbeTable table = ProbeTable::open(run.output("probes"));
  const auto tokenizer = text::Tokenizer::load(library.tokenizer);
  REQUIRE(table.probes().size() == 3 * (5 + 4 * 2));
  const TokenShard shard = TokenShard::open(run.output("data") / "shard-00000");
  const lineage::Docmap docmap = lineage::Docmap::open(run.output("data") / "shard-00000.docmap");
  CHECK(shard.documents() == 13 * (0 + 1 + 3));
  CHECK(docmap.documents() == shard.documents());

  std::map<std::string, std::string> texts;
  DocumentReader reader(library.books);
  for (Document document; reader.next(document);) texts[document.id] = document.text;
  std::set<std::pair<std::string, std::int64_t>> windows;
  for (std::size_t p = 0; p < table.probes().size(); ++p) {
    const Probe& probe = table.probes()[p];
    const std::vector<TokenId> tokens = table.tokens(p);
    const auto planted = docmap.find(lineage::document_key(probe.id));
    CHECK(static_cast<std::int64_t>(planted.size()) == probe.frequency);
    std::set<std::vector<TokenId>> beginnings;
    for (const lineage::DocmapDocument& document : planted) {
      CHECK(document.parent_ordinal == static_cast<std::int64_t>(p));
      std::vector<TokenId> ids(static_cast<std::size_t>(document.tokens));
      shard.read(document.first_token, ids);
      REQUIRE(ids.size() == tokens.size() + static_cast<std::size_t>(probe.prefix) + 2);
      CHECK(ids.front() == 1);
      CHECK(ids.back() == 2);
      CHECK(std::equal(tokens.begin(), tokens.end(), ids.begin() + 1 + probe.prefix));
      beginnings.insert({ids.begin() + 1, ids.begin() + 1 + probe.prefix});
    }
    if (probe.kind == "varying_prefix") {
      CHECK(probe.prefix == 6);
      CHECK(beginnings.size() == planted.size());  // no two copies begin alike
    }
    if (probe.kind != "book") continue;
    CHECK(tokens.size() == 64);
    CHECK(windows.emplace(probe.document, probe.offset).second);
    const std::vector<TokenId> whole = tokenizer.encode(texts.at(probe.document), text::SpecialTokens::as_text);
    CHECK(std::equal(tokens.begin(), tokens.end(), whole.begin() + probe.offset));
  }
  CHECK(run.digest("probes") == "9e64ba5e22c8682ffaf73cd4ca00f945c9d642e42099d23c1c138c007b08931f");
  CHECK(run.digest("data") == "8a662801882cb710eeee50cd56f67f252b420d63b8731361c8db815f45ee0366");
  test::StepRun again(kPlantProbes, kSmall);
  again.seed(3).threads(1).input("texts", library.books).input("tokenizer", library.tokenizer).run();
  CHECK(again.digest("data") == run.digest("data"));
  CHECK(again.digest("probes") == run.digest("probes"));
}

TEST_CASE("plant-probes: sequences of a book that the corpus holds in another edition are found and left out") {
  const Library library;
  // Book 1 again, in other lines and capitals, as a part of something longer.
  std::string edition = "Preface of the editor. " + book(1, 1500, 7) + " Afterword.";
  std::transform(edition.begin(), edition.end(), edition.begin(), [](char c) { return c == 'w' ? 'W' : c; });
  const fs::path corpus = write_books(library.folder.path() / "corpus", {book(9, 800, 10), edition});
  const auto run = [&](const char* action) {
    Json config = parse_json(kSmall, "config");
    config["near_copies"] = {{"action", action}};
    auto run = std::make_unique<test::StepRun>(kPlantProbes, config);
    run->seed(3).input("texts", library.books).input("tokenizer", library.tokenizer).input("corpus", corpus).run();
    return run;
  };
  const auto left_out = run("leave_out"), reported = run("report");
  const Json report = read_json(left_out->output("report"));
  CHECK(report["near_copies"]["like_the_corpus"].get<int>() > 0);
  for (const Json& found : report["near_copies"]["found"]) {
    CHECK(found["url"] == "book-0");
    CHECK(found["share"] > 0.9);
    CHECK(found["found_in"] == "book-1");
  }
  const ProbeTable table = ProbeTable::open(left_out->output("probes")), all = ProbeTable::open(reported->output("probes"));
  for (const Probe& probe : table.probes()) {
    CHECK(probe.url != "book-0");
    if (probe.kind == "book") CHECK(probe.near_copies == 0);
  }
  int known = 0;
  for (const Probe& probe : all.probes()) {
    if (probe.kind == "book") CHECK((probe.near_copies > 0.9) == (probe.url == "book-0"));
    known += probe.url == "book-0";
  }
  CHECK(known > 0);
  CHECK(test::error_of([&] { run("fail"); }).find("of its runs of 8 words stand in the corpus, most of them in book-1") !=
        std::string::npos);
}

TEST_CASE("plant-probes: of sequences that are near copies of each other one is planted") {
  const Library library;
  // Each book twice, the second time in other lines and behind other words.
  std::vector<std::string> texts;
  for (int number = 1; number <= 3; ++number) {
    texts.push_back(book(number, 800, 10));
    texts.push_back("Another edition, which begins with more. " + book(number, 800, 7));
  }
  test::StepRun run(kPlantProbes,
                    R"({"length": 64, "per_bucket": 40, "buckets": [{"frequency": 1}], "canaries": {"per_bucket": 0}})");
  run.seed(3).input("texts", write_books(library.folder.path() / "editions", texts)).input("tokenizer", library.tokenizer).run();
  CHECK(read_json(run.output("report"))["near_copies"]["like_another_probe"].get<int>() > 0);
  const ProbeTable table = ProbeTable::open(run.output("probes"));
  const auto tokenizer = text::Tokenizer::load(library.tokenizer);
  std::set<std::uint64_t> taken;
  for (std::size_t p = 0; p < table.probes().size(); ++p) {
    const auto runs = run_hashes(word_hashes(text::utf8_lossy(tokenizer.decode(table.tokens(p)))), 8);
    const auto common = std::count_if(runs.begin(), runs.end(), [&](std::uint64_t one) { return taken.contains(one); });
    CHECK(static_cast<double>(common) <= 0.1 * static_cast<double>(runs.size()));
    taken.insert(runs.begin(), runs.end());
  }
}

TEST_CASE("plant-probes: the first in the drawn order are taken, however many windows the texts have") {
  const Library library;
  test::StepRun run(kPlantProbes,
                    R"({"length": 8, "per_bucket": 2, "buckets": [{"frequency": 1}], "canaries": {"per_bucket": 0}})");
  run.seed(3).input("texts", library.books).input("tokenizer", library.tokenizer).run();
  CHECK(read_json(run.output("report"))["near_copies"]["windows"].get<int>() > 1000);
  CHECK(run.digest("probes") == "d05cbc2ca86fd93158678986bdad472af75213911b5fe0d5453063bfab235f85");
}

TEST_CASE("plant-probes: the two editions of Pride and Prejudice are near copies of each other; Alice is not") {
  const char* shared = std::getenv("CAIRN_SHARED");
  const fs::path texts = shared ? fs::path(shared) / "data/gutenberg" : fs::path();
  if (!fs::exists(texts / "pride_1342-0.txt")) SKIP_TEST("needs ../shared/data/gutenberg");
  const std::string pride = read_file(texts / "pride_1342-0.txt"), alice = read_file(texts / "alice_11-0.txt");
  std::vector<std::vector<std::uint64_t>> items;
  const std::size_t middle = pride.size() / 2;
  for (std::size_t i = 0; i < 20; ++i) items.push_back(word_hashes(pride.substr(middle + i * 3000, 3000)));
  const std::size_t prides = items.size();
  for (std::size_t i = 0; i < 20; ++i) items.push_back(word_hashes(alice.substr(alice.size() / 4 + i * 3000, 3000)));
  NearCopies near(items, 8);
  near.add(near.runs_in(read_file(texts / "pride_pandp12.txt")), "pandp12");
  for (std::size_t i = 0; i < items.size(); ++i) {
    CAPTURE(i);
    if (i < prides)
      CHECK(near.found(i).share > 0.5);
    else
      CHECK(near.found(i).share < 0.02);
  }
}

TEST_CASE("plant-probes: canaries are what they say, different ones, and functions of the seed") {
  const Library library;
  const auto tokenizer = text::Tokenizer::load(library.tokenizer);
  const Canaries canaries(tokenizer, 5), same(tokenizer, 5), other(tokenizer, 6);
  for (const std::string& kind : canary_kinds()) {
    CAPTURE(kind);
    const auto tokens = canaries.make(kind, 0, 200);
    CHECK(tokens.size() == 200);
    CHECK(tokens == same.make(kind, 0, 200));
    CHECK(tokens != canaries.make(kind, 1, 200));
    CHECK(tokens != other.make(kind, 0, 200));
    CHECK(std::none_of(tokens.begin(), tokens.end(), [&](text::TokenId id) { return tokenizer.is_special(id); }));
  }
  CHECK(canaries.prefix(0, 0, 10) != canaries.prefix(0, 1, 10));
  CHECK(tokenizer.decode(canaries.make("personal_data", 0, 200)).find("@example.org") != std::string::npos);
}

TEST_CASE("plant-probes: what cannot be is one clear error") {
  const Library library;
  const auto error = [&](const char* config) {
    return test::error_of(
        [&] { test::StepRun(kPlantProbes, config).input("texts", library.books).input("tokenizer", library.tokenizer).run(); });
  };
  CHECK(error(R"({"length": 4096, "per_bucket": 2, "buckets": [{"frequency": 1}]})")
            .find("2 sequences of 4096 tokens are wanted") != std::string::npos);
  CHECK(error(R"({"buckets": [{"frequency": 1}, {"frequency": 1}]})") == "config.buckets: two are called '1'; give them names");
  CHECK(test::error_of([&] { test::StepRun(kPlantProbes, "{}").input("tokenizer", library.tokenizer).run(); }) ==
        "config.per_bucket: sequences of texts need the input 'texts'; or say 0");
  CHECK(error(R"({"per_bucket": 0, "canaries": {"per_bucket": 0}})") ==
        "plant-probes: neither sequences of texts nor canaries are asked for");
}

TEST_CASE("probe table: the example of docs/format/probes.md reads back; a damaged one is an error that names the line") {
  test::TemporaryFolder folder;
  const std::string page = read_file(test::source_folder() / "docs/format/probes.md");
  const std::size_t begin = page.find("```json\n") + 8;
  const std::string lines = page.substr(begin, page.find("```", begin) - begin);
  const std::vector<std::vector<TokenId>> sequences = {{17, 4, 290, 5}, {9, 9, 1}};
  std::vector<Probe> probes = {
      {probe_id(sequences[0]), "book", "4", 4, "sha256:" + std::string(64, 'a'), "alice.txt", 1024, 4, 0, 0.25},
      {probe_id(sequences[1]), "varying_prefix", "0", 0, "", "", 0, 3, 2, -1}};
  CHECK(probe_lines(probes) == lines);
  write_probe_table(real_disk(), folder.path(), probes, sequences, TokenType::u16);
  const ProbeTable table = ProbeTable::open(folder.path());
  REQUIRE(table.probes().size() == 2);
  CHECK(table.probes()[0].near_copies == 0.25);
  CHECK(table.probes()[0].offset == 1024);
  CHECK(table.probes()[1].near_copies == -1);
  CHECK(table.probes()[1].prefix == 2);
  CHECK(table.tokens(0) == sequences[0]);

  const auto error = [&](const std::string& text) {
    std::ofstream(folder.path() / "probes.jsonl", std::ios::binary) << text;
    return test::error_of([&] {
      const ProbeTable damaged = ProbeTable::open(folder.path());
      for (std::size_t p = 0; p < damaged.probes().size(); ++p) damaged.tokens(p);
    });
  };
  CHECK(error(lines).empty());
  CHECK(error(lines + "{}\n").find("probes.jsonl: line 3: ") == 0);
  CHECK(error(lines.substr(0, lines.find('\n') + 1)) == "probes.jsonl: 1 probes, sequences.idx has 2 sequences");
  std::string wrong = lines;
  wrong.replace(wrong.find("\"tokens\":4"), 10, "\"tokens\":5");
  CHECK(error(wrong) == "probes.jsonl: line 1: 5 tokens, its sequence has 4");
  probes[1].id = probes[0].id;
  CHECK(error(probe_lines(probes)).find("probes.jsonl: line 2: its tokens have another hash") == 0);
  for (std::size_t at = 0; at < lines.size(); at += 3) {
    std::string damaged = lines;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x15);
    error(damaged);  // an error or other content, but no crash
  }
}

}  // namespace cairn::data
