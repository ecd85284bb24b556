// What an ingestion makes of its sources: addresses, languages, licences; what is damaged.
#include <fmt/format.h>

#include "engine/data/document.h"
#include "engine/data/ingest.h"
#include "tests/engine/data/curate_documents.h"

using namespace cairn;
using namespace cairn::data;
using namespace cairn::test;

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
