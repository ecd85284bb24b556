#include "engine/data/curate.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <set>
#include <thread>

#include <fmt/format.h>

#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "tests/engine/data/curate_documents.h"

using namespace cairn;
using namespace cairn::data;
using namespace cairn::test;

TEST_CASE("curate: every document has its decision, outputs are sorted, and the parts add up") {
  TemporaryFolder folder;
  const std::vector<Document> in = mixed_documents();
  write_documents(folder.path() / "in", in);
  StepRun run(kCurate, kCurateChain);
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
  Json chain = parse_json(kCurateChain, "config");
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
    Json config = parse_json(kCurateChain, "config");
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
  StepRun run(kCurate, kCurateChain);
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
  Json config = parse_json(kCurateChain, "config");
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
