#include "engine/data/curate.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <set>
#include <thread>

#include <fmt/format.h>

#include "engine/data/curate_report.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/ingest.h"
#include "engine/data/text_analysis.h"
#include "engine/text/tokenizer.h"
#include "tests/support/run_step.h"

namespace cairn::data {
extern const steps::StepSpec kTrainTokenizer;
}

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

const std::vector<std::string> kWords = {"the",   "boat",  "that",   "came",   "with",  "evening", "and",    "harbour", "of",
                                         "salt",  "to",    "wind",   "have",   "be",    "letter",  "master", "basket",  "morning",
                                         "stone", "river", "window", "garden", "bread", "candle",  "winter"};

// Prose-like text of its own for each number.
std::string prose(int number, int words = 160) {
  std::string text;
  std::uint64_t state = static_cast<std::uint64_t>(number) * 0x9E3779B97F4A7C15u + 1;
  for (int i = 0; i < words; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text += kWords[(state >> 33) % kWords.size()] + fmt::format("{}", (state >> 40) % 3 == 0 ? "s" : "");
    text += i % 9 == 8 ? ". " : " ";
  }
  return text + "end.";
}

Document document_of(std::string text, std::string url, std::string source = "s", std::string language = "en") {
  return {document_id(text),   std::move(text),       std::move(source), std::move(url), "MIT",
          std::move(language), "2024-01-01T00:00:00Z"};
}

void write_documents(const fs::path& folder, const std::vector<Document>& documents) {
  DocumentWriter writer(real_disk(), folder);
  for (const Document& document : documents) writer.append(document);
  writer.finish();
}

std::vector<Document> documents_of(const fs::path& folder) {
  std::vector<Document> documents;
  DocumentReader reader(folder);
  for (Document document; reader.next(document);) documents.push_back(document);
  return documents;
}

constexpr const char* kChain =
    R"({"filters": [{"filter": "licence", "allow": ["MIT"]}, {"filter": "pii"}, {"filter": "gopher_quality"},
    {"filter": "exact_dedup"}, {"filter": "minhash"}, {"filter": "c4", "terminal_punctuation": false}],
    "held_out": {"fraction": 0.1}, "runtime": {"piece_bytes": 1}})";

// 400 documents of two sources with every fate.
std::vector<Document> mixed_documents() {
  std::vector<Document> documents;
  for (int i = 0; i < 400; ++i) {
    std::string text = prose(i);
    if (i % 10 == 3) text += " Write to someone@example.org now.";
    if (i % 10 == 4) text = "too short";
    if (i % 10 == 5) text = prose(i - 1 - i % 20);                 // same as another document
    if (i % 10 == 6) text = prose(i - 5) + " and one more line.";  // near-duplicate
    if (i % 20 == 17) text += "\nint main() { return 0; } is code of some kind.";
    documents.push_back(document_of(text, fmt::format("page-{:03d}.html", i), i % 2 ? "odd" : "even"));
    if (i % 50 == 49) documents.back().licence = "Proprietary";
  }
  return documents;
}

std::string all_digests(const StepRun& run) {
  return run.digest("documents") + run.digest("held_out") + run.digest("decisions") + run.digest("report");
}

}  // namespace

TEST_CASE("curate: every document has its decision, outputs are sorted, and the parts add up") {
  TemporaryFolder folder;
  const std::vector<Document> in = mixed_documents();
  write_documents(folder.path() / "in", in);
  StepRun run(kCurate, kChain);
  run.input("documents", folder.path() / "in").run();
  const std::vector<Document> kept = documents_of(run.output("documents")), held_out = documents_of(run.output("held_out"));
  const Decisions decisions(run.output("decisions"));
  REQUIRE(decisions.size() == in.size());
  std::size_t dropped = 0;
  std::map<std::string, int> by_filter;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision d = decisions.at(i);
    if (d.verdict != Verdict::dropped) {
      const Document& there = (d.verdict == Verdict::kept ? kept : held_out).at(d.ordinal);
      CHECK(there.id == std::string(kIdPrefix) + d.id.hex());
      CHECK(there.url == d.url);
      CHECK(d.filter.empty());
      continue;
    }
    ++dropped;
    ++by_filter[d.filter];
    CHECK_FALSE(d.reason.empty());
    CHECK(d.duplicate_of.has_value() == (d.filter == "exact_dedup" || d.filter == "minhash"));
  }
  CHECK(kept.size() + held_out.size() + dropped == in.size());
  CHECK(by_filter["licence"] == 8);
  CHECK(by_filter["gopher_quality"] == 40);
  CHECK(by_filter["c4"] == 20);
  CHECK(by_filter["exact_dedup"] > 10);
  CHECK(by_filter["minhash"] > 10);
  CHECK(held_out.size() > 10);
  for (std::size_t i = 1; i < kept.size(); ++i)
    CHECK(std::tie(kept[i - 1].source, kept[i - 1].url) < std::tie(kept[i].source, kept[i].url));
  for (const Document& document : kept) CHECK(document.text.find('@') == std::string::npos);
  std::int64_t posted = 0;
  for (const steps::SourcePosting& posting : run.postings()) posted += posting.documents;
  CHECK(posted == static_cast<std::int64_t>(kept.size() + held_out.size()));

  const Json report = read_json(run.output("report") / "report.json");
  CHECK(report["total"]["in"] == in.size());
  CHECK(report["total"]["kept"] == kept.size());
  CHECK(report["filters"][2]["rules"]["short_doc"] == 40);
  CHECK(report["filters"][1]["edited"] == 40);
  REQUIRE(report["clusters"].size() == 2);
  CHECK(report["clusters"][0]["filter"] == "exact_dedup");
  CHECK(report["clusters"][0]["documents"].get<int>() == by_filter["exact_dedup"] + report["clusters"][0]["clusters"].get<int>());
  CHECK(report["clusters"][1]["documents"].get<int>() == by_filter["minhash"] + report["clusters"][1]["clusters"].get<int>());
  CHECK(read_file(run.output("report") / "report.html").find("Curation report") != std::string::npos);
  CHECK(run.summary().find("of 400 documents kept") != std::string::npos);
}

TEST_CASE("curate: no trace of a duplicate: what is kept first stands for what is dropped, and was kept") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  StepRun run(kCurate, R"({"filters": [{"filter": "exact_dedup"}, {"filter": "minhash"}]})");
  run.input("documents", folder.path() / "in").run();
  const Decisions decisions(run.output("decisions"));
  std::set<Digest> alive;
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions.at(i).verdict == Verdict::kept) CHECK(alive.insert(decisions.at(i).id).second);
  }
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    const Decision d = decisions.at(i);
    if (d.filter == "minhash") CHECK(alive.contains(*d.duplicate_of));
  }
}

TEST_CASE("curate: paragraphs that are cut are told with their spans; what comes behind looks at what is left") {
  TemporaryFolder folder;
  const std::string shared = prose(1, 40), own = prose(2), near = prose(2) + " once more.";
  write_documents(folder.path() / "in", {document_of(shared + "\n\n" + prose(3), "a"), document_of(shared, "b"),
                                         document_of(own + "\n\n" + shared, "c"), document_of(shared + "\n\n" + near, "d")});
  for (const bool behind : {false, true}) {
    Json config = {{"filters", {{{"filter", "pii"}}, {{"filter", "paragraph_dedup"}}}}};
    if (behind) config["filters"].push_back({{"filter", "minhash"}});
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in").run();
    const Decisions decisions(run.output("decisions"));
    std::map<std::string, Decision> by_url;
    for (std::size_t i = 0; i < decisions.size(); ++i) by_url[decisions.at(i).url] = decisions.at(i);
    CHECK_FALSE(by_url["a"].edited);
    CHECK(by_url["b"].filter == "paragraph_dedup");
    CHECK(by_url["b"].rule == "repeated");
    CHECK(by_url["b"].reason == "100% of its bytes are paragraphs that stand elsewhere, first in a");
    CHECK(by_url["b"].duplicate_of == by_url["a"].id);
    CHECK(by_url["c"].edited);
    CHECK(by_url["c"].reason == fmt::format("paragraph_dedup: 1 paragraph, {} bytes", shared.size() + 2));
    CHECK(by_url["c"].evidence ==
          fmt::format("paragraph_dedup: bytes {}-{} (first in a)", own.size(), own.size() + 2 + shared.size()));
    const std::vector<Document> kept = documents_of(run.output("documents"));
    const Json report = read_json(run.output("report") / "report.json");
    CHECK(report["filters"][1]["edited"] == 2);
    CHECK(report["filters"][1]["dropped"] == 1);
    if (!behind) {
      REQUIRE(kept.size() == 3);
      CHECK(kept[1].text == own);
      CHECK(kept[2].text == near);
      CHECK(report["total"]["text_bytes"] == shared.size() + 2 + prose(3).size() + own.size() + near.size());
      continue;
    }
    REQUIRE(kept.size() == 2);
    CHECK(kept[1].text == own);
    CHECK(by_url["d"].filter == "minhash");
    CHECK(by_url["d"].duplicate_of == by_url["c"].id);
    CHECK(by_url["d"].evidence == fmt::format("paragraph_dedup: bytes 0-{} (first in a)", shared.size() + 2));
  }
}

TEST_CASE(
    "curate: thousands of copies of one document, and empty ones, through each comparison: one stays, and the parts add up") {
  TemporaryFolder folder;
  std::vector<Document> documents = {document_of("", "empty-1"), document_of("", "empty-2")};
  for (int i = 0; i < 3000; ++i) documents.push_back(document_of(prose(1), fmt::format("{:04d}", i)));
  write_documents(folder.path() / "in", documents);
  for (const char* filter : {"exact_dedup", "minhash", "paragraph_dedup", "substring_dedup"}) {
    StepRun run(kCurate, Json{{"filters", {{{"filter", filter}}}}, {"runtime", {{"memory", 10'000}}}});
    run.input("documents", folder.path() / "in").run();
    const Json report = read_json(run.output("report") / "report.json");
    const int empty = std::string(filter) == "exact_dedup" ? 1 : 2;  // only exact_dedup finds that they are the same
    CHECK(report["total"]["in"] == 3002);
    CHECK(report["total"]["kept"] == 1 + empty);
    CHECK(report["total"]["dropped_by"][filter] == 3001 - empty);
    const std::vector<Document> kept = documents_of(run.output("documents"));
    CHECK(kept.front().url == "0000");
    CHECK(kept.front().text == prose(1));
  }
}

TEST_CASE("curate: the same bits for any number of threads, any size of piece and any memory") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  std::string first;
  Json chain = parse_json(kChain, "config");
  chain["filters"].push_back({{"filter", "paragraph_dedup"}, {"of", "lines"}, {"min_bytes", 10}});
  for (const int threads : {1, 2, 5}) {
    for (const int piece_bytes : {1, 1'000'000}) {
      Json config = chain;
      config["runtime"]["piece_bytes"] = piece_bytes;
      config["runtime"]["memory"] = threads == 2 ? 0 : 1'000'000;  // with files, and without
      StepRun run(kCurate, config);
      run.threads(threads).input("documents", folder.path() / "in").run();
      if (first.empty()) first = all_digests(run);
      CHECK(all_digests(run) == first);
    }
  }
}

TEST_CASE("curate: the golden output of these documents (raise the step's version when it changes)") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  for (const auto& [hashes, golden] : {std::pair{"cairn", "8cac5d4d83dc7207"}, std::pair{"datatrove", "c56d577db886ab84"}}) {
    Json config = parse_json(kChain, "config");
    config["filters"][4]["hashes"] = hashes;
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in").run();
    // Over the documents' lines, not the shards: how they are compressed is libzstd's affair.
    std::string lines;
    for (const char* role : {"documents", "held_out"}) {
      for (const Document& document : documents_of(run.output(role))) append_document_line(lines, document);
    }
    CHECK(sha256(lines + run.digest("decisions")).hex().substr(0, 16) == golden);
  }
}

TEST_CASE("curate: samples in the report show no personal identifiers, wherever in a chain without pii a document is dropped") {
  TemporaryFolder folder;
  const auto with_mail = [](int number) { return fmt::format("Ask number{}@example.org. ", number) + prose(number); };
  write_documents(folder.path() / "in", {document_of("Ask number0@example.org.", "short"), document_of(with_mail(1), "one"),
                                         document_of(with_mail(1), "one-again"), document_of(with_mail(2), "two"),
                                         document_of(with_mail(2) + " Once more.", "two-again")});
  // By a filter; by a comparison before another stage, and by one in the last stage.
  StepRun run(kCurate, R"({"filters": [{"filter": "gopher_quality"}, {"filter": "exact_dedup"}, {"filter": "gopher_repetition"},
                           {"filter": "minhash"}]})");
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const Json& filters = report["filters"];
  CHECK(filters[0]["samples"]["short_doc"][0]["begins"] == "Ask <email-pii>.");
  CHECK(filters[1]["samples"]["same_text"][0]["begins"].get<std::string>().starts_with("Ask <email-pii>. "));
  CHECK(filters[3]["samples"]["near_duplicate"][0]["begins"].get<std::string>().starts_with("Ask <email-pii>. "));
  for (const char* file : {"report.json", "report.html"})
    CHECK(read_file(run.output("report") / file).find("@example") == std::string::npos);
  CHECK(documents_of(run.output("documents")).front().text.find('@') != std::string::npos);
}

TEST_CASE("curate: names of scores and ids of other makers may hold anything") {
  TemporaryFolder folder;
  std::vector<Document> documents = {document_of(prose(1), "a"), document_of(prose(2), "b"), document_of(prose(3), "c")};
  documents[0].scores = {{std::string("\0", 1), 1}, {std::string("a\0b", 3), 0.5}, {"quality", 0.25}};
  documents[1].id = std::string(kIdPrefix) + std::string(64, 'z');
  documents[2].id = "7";
  write_documents(folder.path() / "in", documents);
  StepRun run(kCurate, R"({"filters": [{"filter": "exact_dedup"}, {"filter": "pii"}]})");
  run.input("documents", folder.path() / "in").run();
  const std::vector<Document> kept = documents_of(run.output("documents"));
  REQUIRE(kept.size() == 3);
  CHECK(kept[0].scores == documents[0].scores);
  CHECK(kept[1].id == documents[1].id);
  const Decisions decisions(run.output("decisions"));
  for (const Document& document : {documents[1], documents[2]}) CHECK(decisions.by_id(sha256(document.id).hex(), 2).size() == 1);
}

TEST_CASE("curate: an empty chain keeps everything; the seed moves what is held out; wrong config is told") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  StepRun all(kCurate, R"({"filters": []})");
  CHECK(documents_of(all.input("documents", folder.path() / "in").run().output("documents")).size() == 400);
  StepRun one(kCurate, R"({"filters": [], "held_out": {"fraction": 0.1}})"),
      two(kCurate, R"({"filters": [], "held_out": {"fraction": 0.1}})");
  one.seed(1).input("documents", folder.path() / "in").run();
  two.seed(2).input("documents", folder.path() / "in").run();
  CHECK(one.digest("held_out") != two.digest("held_out"));
  CHECK(error_of([] { StepRun(kCurate, R"({"filters": [{"filter": "gofer"}]})"); }).find("gofer") != std::string::npos);
  CHECK(error_of([] {
          StepRun(kCurate, R"({"filters": [{"filter": "c4", "min_sentence": 1}]})");
        }).find("Did you mean 'min_sentences'") != std::string::npos);
}

TEST_CASE("curate: damaged scratch files are made again") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  StepRun run(kCurate, kChain);
  const std::string whole = all_digests(run.input("documents", folder.path() / "in").run());
  int files = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(run.scratch())) {
    if (!entry.is_regular_file()) continue;
    std::string bytes = read_file(entry.path());
    if (bytes.size() < 32) continue;
    if (++files % 2)
      bytes.resize(bytes.size() / 2);
    else
      bytes[bytes.size() - 20] ^= 1;
    write_file_atomically(entry.path(), bytes);
  }
  CHECK(files >= 2);
  CHECK(all_digests(run.run()) == whole);
}

TEST_CASE("curate: killed at twenty points, it goes on and ends in the same bits") {
  TemporaryFolder folder;
  std::vector<Document> documents;
  for (int i = 0; i < 3000; ++i) documents.push_back(document_of(prose(i, 400), fmt::format("{:05d}", i)));
  write_documents(folder.path() / "in", documents);
  Json config = parse_json(kChain, "config");
  config["runtime"]["piece_bytes"] = 1;
  StepRun reference(kCurate, config);
  reference.input("documents", folder.path() / "in");
  const auto start = std::chrono::steady_clock::now();
  reference.run();
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
  const std::string expected = all_digests(reference);

  int killed = 0;
  for (int round = 0; round < 20; ++round) {
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in");
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      run.run();
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::microseconds(whole * (2 * round + 1) / 50));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
    fs::remove_all(run.folder() / "staging-1");  // as the executor does: staging of a lost run is swept, scratch stays
    run.run();
    CHECK(all_digests(run) == expected);
  }
  CHECK(killed >= 10);
}

TEST_CASE("ingest: sources with their licences, languages and addresses; the same bits for any number of threads") {
  TemporaryFolder folder;
  const fs::path docs = folder.path() / "docs";
  fs::create_directories(docs / "sub");
  const std::string paragraph = "<p>" + prose(1) + "</p>";
  write_file_atomically(docs / "a.de.html", "<html lang=en>" + paragraph);
  write_file_atomically(docs / "sub/b.html", "<html lang=pt_BR>" + paragraph);
  write_file_atomically(docs / "c.html", "<html></html>");
  write_file_atomically(docs / "notes.txt", "plain notes");
  write_file_atomically(folder.path() / "copyright", "Format: x\n\nFiles: *\nLicense: GFDL-1.2+\n");
  write_file_atomically(folder.path() / "rows.jsonl",
                        "{\"text\": \"one\", \"url\": \"u1\", \"licence\": \"MIT\"}\n{\"text\": \"two\"}\n{\"text\": \" \"}\n");
  const Json config = {
      {"sources",
       {{{"name", "docs"},
         {"path", docs.string()},
         {"glob", {"**/*.html"}},
         {"licence_file", (folder.path() / "copyright").string()},
         {"language_from", "\\.([a-z]{2})\\.html$"},
         {"url_prefix", "https://x/"},
         {"retrieved", "2024-05-06T00:00:00Z"}},
        {{"name", "rows"}, {"path", (folder.path() / "rows.jsonl").string()}, {"licence", "CC0-1.0"}, {"language", "en"}}}}};
  StepRun run(kIngest, config);
  run.run();
  const std::vector<Document> documents = documents_of(run.output("documents"));
  REQUIRE(documents.size() == 4);
  CHECK(documents[0].url == "https://x/a.de.html");
  CHECK(documents[0].language == "de");
  CHECK(documents[0].licence == "GFDL-1.2-or-later");
  CHECK(documents[0].retrieved == "2024-05-06T00:00:00Z");
  CHECK(documents[0].id == document_id(documents[0].text));
  CHECK(documents[1].url == "https://x/sub/b.html");
  CHECK(documents[1].language == "pt-br");
  CHECK(documents[2].url == "u1");
  CHECK(documents[2].licence == "MIT");
  CHECK(documents[3].url == "rows.jsonl#1");
  CHECK(documents[3].licence == "CC0-1.0");
  CHECK(documents[3].source == "rows");
  const Json report = read_json(run.output("report"));
  CHECK(report["records"]["without_text"] == 2);
  CHECK(report["files_without_text"][0] == "docs/c.html");
  CHECK(report["by_language"]["en"]["documents"] == 2);

  StepRun again(kIngest, config);
  CHECK(again.threads(5).run().digest("documents") == run.digest("documents"));
}

TEST_CASE("ingest: documents with and without addresses, damaged and blank lines, in shards of any size") {
  TemporaryFolder folder;
  fs::create_directories(folder.path() / "in");
  for (int file = 0; file < 3; ++file) {
    std::string lines;
    for (int i = 0; i < 200; ++i) {
      Document document;
      document.text = prose(1000 * file + i) + (i % 7 == 0 ? " \u2028 \"quoted\" \\ and \t tabs" : "");
      document.scores = {{"quality", 0.1 + i}};
      if (i % 3 == 0) document.url = fmt::format("https://example.org/{}", i);
      append_document_line(lines, document);
      lines += i % 50 == 9 ? "\n{\"text\": 1}\n{\"text\": \" \"}\n" : "\n";
    }
    write_file_atomically(folder.path() / "in" / fmt::format("{}.jsonl", file), lines);
  }
  write_file_atomically(folder.path() / "in" / "one.txt", "one document alone");
  const Json config = {{"sources", {{{"name", "rows"}, {"path", (folder.path() / "in").string()}, {"retrieved", "2024-05-06"}}}}};
  StepRun all(kIngest, config);
  all.run();
  CHECK(read_json(all.output("report"))["records"]["in"] == 3 * 208 + 1);
  const std::vector<Document> expected = documents_of(all.output("documents"));
  for (const int shard_bytes : {1000, 50'000}) {
    Json some = config;
    some["shard_bytes"] = shard_bytes;
    StepRun run(kIngest, some);
    run.threads(2).run();
    const std::vector<Document> found = documents_of(run.output("documents"));
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK((found[i].id == expected[i].id && found[i].url == expected[i].url));
    CHECK(run.digest("report") == all.digest("report"));
  }
}

TEST_CASE("ingest: a damaged file fails the step, or is skipped and listed") {
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "a.jsonl", "{\"text\": \"one\"}\n");
  write_file_atomically(folder.path() / "b.jsonl.gz", "\x1f\x8b\x08 not really");
  Json config = {{"sources", {{{"name", "rows"}, {"path", folder.path().string()}, {"glob", {"*"}}}}}, {"damaged", "fail"}};
  CHECK(error_of([&] { StepRun(kIngest, config).run(); }).starts_with("rows/b.jsonl.gz: byte "));
  config["damaged"] = "skip";
  StepRun run(kIngest, config);
  CHECK(documents_of(run.run().output("documents")).size() == 1);
  CHECK(read_json(run.output("report"))["records"]["damaged"]["file"] == 1);
  CHECK(error_of([] {
          StepRun(kIngest, R"({"sources": [{"name": "x", "path": "/nonexistent", "language_from": "(["}]})").run();
        }) != "");
}

TEST_CASE(
    "curate: in documents, bytes and words, all that comes in is kept, held out, dropped or edited away, for each group too") {
  TemporaryFolder folder;
  std::vector<Document> in = mixed_documents();
  for (std::size_t i = 0; i < in.size(); i += 3) in[i].language = "de";
  std::uint64_t bytes = 0, words = 0;
  for (const Document& document : in) {
    bytes += document.text.size();
    words += TextAnalysis(document.text).words().size();
  }
  write_documents(folder.path() / "in", in);
  Json config = Json::parse(kChain);
  config["filters"].push_back({{"filter", "paragraph_dedup"}, {"of", "lines"}});
  StepRun run(kCurate, config);
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const Json& total = report["total"]["funnel"];
  CHECK(total["in"] == Json({{"documents", in.size()}, {"text_bytes", bytes}, {"words", words}}));
  std::uint64_t kept_bytes = 0, kept_words = 0;
  for (const Document& document : documents_of(run.output("documents"))) {
    kept_bytes += document.text.size();
    kept_words += TextAnalysis(document.text).words().size();
  }
  CHECK(total["kept"]["text_bytes"] == kept_bytes);
  CHECK(total["kept"]["words"] == kept_words);
  CHECK(total["edited_away"]["documents"].get<int>() > 20);
  const auto check = [](const Json& funnel) {
    for (const char* measure : {"documents", "text_bytes", "words"}) {
      std::int64_t out = funnel["kept"][measure].get<std::int64_t>() + funnel["held_out"][measure].get<std::int64_t>();
      if (std::string(measure) != "documents") out += funnel["edited_away"][measure].get<std::int64_t>();
      for (const Json& amount : funnel["dropped_by"]) out += amount[measure].get<std::int64_t>();
      CHECK_MESSAGE(out == funnel["in"][measure].get<std::int64_t>(), measure);
    }
  };
  check(total);
  for (const char* by : {"by_language", "by_source"}) {
    CHECK(report[by].size() == 2);
    for (const Json& group : report[by]) check(group["funnel"]);
  }
  CHECK(report["kept_samples"].size() == 10);
  for (const Json& sample : report["kept_samples"]) CHECK(sample["begins"].get<std::string>().find('@') == std::string::npos);
}

TEST_CASE("curate: histograms count each document that came as far as a rule, and are the same for any pieces and threads") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  std::string first;
  for (const int piece_bytes : {1, 1'000'000}) {
    Json config = Json::parse(kChain);
    config["runtime"]["piece_bytes"] = piece_bytes;
    StepRun run(kCurate, config);
    run.input("documents", folder.path() / "in").run();
    const Json report = read_json(run.output("report") / "report.json");
    if (first.empty()) first = report.dump();
    CHECK(first == report.dump());
    const auto of = [&](const std::string& name, const char* what) {
      std::int64_t all = 0;
      for (const Json& statistic : report["statistics"]) {
        if (statistic["statistic"] != name) continue;
        for (const Json& row : statistic["classes"]) all += row[what].get<std::int64_t>();
      }
      return all;
    };
    CHECK(of("words", "passed") == 400 - 8 - 40);
    CHECK(of("words", "dropped") == 40);
    CHECK(of("mean_word_length", "passed") == 400 - 8 - 40);
    CHECK(of("sentences", "dropped") == 0);
    CHECK(of("sentences", "passed") == report["filters"][5]["seen"].get<int>() - 20);  // a curly bracket drops before it
    CHECK(report["statistics"][0]["limits"] == Json::array({50.0, 100000.0}));
  }
}

TEST_CASE("curate: with a tokenizer the funnel is told in tokens, too, and adds up") {
  TemporaryFolder folder;
  write_documents(folder.path() / "in", mixed_documents());
  StepRun trained(kTrainTokenizer, R"({"vocab_size": 400})");
  trained.input("documents", folder.path() / "in").run();
  const auto tokenizer = text::Tokenizer::load(trained.output("tokenizer"));
  Json config = Json::parse(kChain);
  config["filters"].push_back({{"filter", "paragraph_dedup"}, {"of", "lines"}});
  StepRun run(kCurate, config), without(kCurate, config);
  run.input("documents", folder.path() / "in").input("tokenizer", trained.output("tokenizer")).run();
  without.input("documents", folder.path() / "in").run();
  CHECK(run.digest("documents") + run.digest("decisions") == without.digest("documents") + without.digest("decisions"));
  CHECK_FALSE(read_json(without.output("report") / "report.json")["total"]["funnel"]["kept"].contains("tokens"));
  const Json funnel = read_json(run.output("report") / "report.json")["total"]["funnel"];
  const auto tokens_of = [&](const std::vector<Document>& documents) {
    std::size_t tokens = 0;
    for (const Document& document : documents) tokens += tokenizer.encode(document.text).size();
    return tokens;
  };
  CHECK(funnel["in"]["tokens"] == tokens_of(mixed_documents()));
  CHECK(funnel["kept"]["tokens"] == tokens_of(documents_of(run.output("documents"))));
  CHECK(funnel["held_out"]["tokens"] == tokens_of(documents_of(run.output("held_out"))));
  std::int64_t out = 0;
  for (const char* part : {"kept", "held_out", "edited_away"}) out += funnel[part]["tokens"].get<std::int64_t>();
  for (const Json& amount : funnel["dropped_by"]) out += amount["tokens"].get<std::int64_t>();
  CHECK(funnel["in"]["tokens"] == out);
  const std::string page = read_file(run.output("report") / "report.html");
  CHECK(page.find("In tokens") != std::string::npos);
  CHECK(page.find("no tokenizer was given") == std::string::npos);
}

TEST_CASE("curate: what compares documents has histograms with its limits, too") {
  TemporaryFolder folder;
  std::vector<Document> in = mixed_documents();
  for (std::size_t i = 0; i < in.size(); ++i) {
    in[i].scores = {{"toxicity", static_cast<double>(i) / 400}};
    in[i].language = i % 2 ? "de" : "en";
    if (i % 8 == 0) in[i].text = "One line of some words that stands in many texts.\n" + in[i].text;
  }
  write_documents(folder.path() / "in", in);
  StepRun run(kCurate, R"({"filters": [{"filter": "percentile", "score": "toxicity", "share": 0.1}, {"filter": "minhash"},
                           {"filter": "paragraph_dedup", "of": "lines", "drop_share": 0.9}]})");
  run.input("documents", folder.path() / "in").run();
  const Json report = read_json(run.output("report") / "report.json");
  const auto find = [&](const std::string& filter) {
    for (const Json& statistic : report["statistics"]) {
      if (statistic["filter"] == filter) return statistic;
    }
    return Json();
  };
  const auto count = [](const Json& statistic, const char* what) {
    std::int64_t all = 0;
    for (const Json& row : statistic["classes"]) all += row[what].get<std::int64_t>();
    return all;
  };
  const Json percentile = find("percentile"), similar = find("minhash"), cuts = find("paragraph_dedup");
  CHECK(percentile["statistic"] == "toxicity");
  CHECK(percentile["limits"].size() == 2);  // a border for each language
  CHECK(count(percentile, "dropped") == report["filters"][0]["dropped"]);
  CHECK(count(percentile, "passed") + count(percentile, "dropped") == 400);
  CHECK(count(similar, "dropped") == report["filters"][1]["dropped"]);
  CHECK(count(similar, "dropped") > 10);
  CHECK(similar["limits"][0].get<double>() == doctest::Approx(0.719).epsilon(0.001));
  for (const Json& row : similar["classes"]) CHECK(row["from"].get<double>() > 0.3);
  CHECK(cuts["limits"] == Json::array({0.9}));
  CHECK(count(cuts, "passed") + count(cuts, "dropped") == report["filters"][2]["seen"]);
  CHECK(count(cuts, "dropped") == report["filters"][2]["dropped"]);
}

TEST_CASE("statistics: classes meet without a gap, and a value lies between the ends of its class") {
  for (const Statistic& statistic :
       {Statistic{0, "a", "a", Statistic::Scale::share, 1}, Statistic{0, "b", "b", Statistic::Scale::share, 20},
        Statistic{0, "c", "c", Statistic::Scale::count, 0}}) {
    for (const double value : {0.0, 1e-9, 0.0101, 0.2, 0.999, 1.0, 1.01, 1.3, 2.0, 7.0, 19.99, 21.0, 1023.0, 1e6, 3e7, 1e300}) {
      const std::size_t at = class_of(statistic, value);
      REQUIRE(at < class_count(statistic));
      CHECK(class_begin(statistic, at) <= value + 1e-12);
      const bool last_of_scale = statistic.scale == Statistic::Scale::share && value == statistic.most;
      if (at + 1 < class_count(statistic)) CHECK((value < class_begin(statistic, at + 1) || last_of_scale));
    }
    CHECK(class_of(statistic, std::nan("")) == 0);
    CHECK(class_of(statistic, -1) == 0);
  }
  CHECK(class_begin({0, "", "", Statistic::Scale::count, 0}, 1) == 1);
  CHECK(class_of({0, "", "", Statistic::Scale::count, 0}, 1) == 1);
}

TEST_CASE("curate: a funnel that does not add up is an error that names where") {
  CurateReport report;
  report.filters = {"pii"};
  report.by_filter["pii"].seen = 2;
  report.by_filter["pii"].dropped = 1;
  GroupTally source;
  for (GroupTally* group : {&report.total, &report.by_language["en"], &source}) {
    group->in = {2, 30, 5};
    group->kept = {1, 8, 2};
    group->edited = {1, 2, 0};
    group->dropped_by["pii"] = {1, 20, 3};
  }
  CurateReport lost = report;
  report.by_source.add("s", source);
  check_funnel(report, 2);
  CHECK(error_of([&] { check_funnel(report, 3); }) == "curate: the funnel does not add up: 3 documents came in, 2 have a fate");
  source.kept.words = 1;
  lost.by_source.add("s", source);
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("the funnel of source 's' does not add up") != std::string::npos);
  lost = report;
  lost.by_language["de"].in = lost.by_language["de"].kept = {1, 1, 1};
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("a document has no language, or two") != std::string::npos);
  lost = report;
  lost.by_filter["pii"].seen = 3;
  CHECK(error_of([&] { check_funnel(lost, 2); }).find("at pii: 2 documents came so far, it saw 3") != std::string::npos);
}

TEST_CASE("curate: of more sources than the report shows, the largest stand there, and all others together") {
  CurateReport report;
  for (int i = 0; i < 10'500; ++i) {
    GroupTally tally;
    tally.in = tally.kept = {i % 1000 + 1, 10, 2};
    report.total += tally;
    report.by_language["en"] += tally;
    report.by_source.add(fmt::format("{:05d}", i), tally);
  }
  CHECK(report.by_source.largest().size() == 10'000);
  CHECK(report.by_source.count_of_others() == 500);
  CHECK_FALSE(report.by_source.largest().contains("00000"));
  CHECK(report.by_source.largest().contains("00999"));
  check_funnel(report, static_cast<std::size_t>(report.total.in.documents));
}
