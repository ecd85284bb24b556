#include "engine/data/document.h"

#include <zlib.h>

#include <fstream>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/compressed.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;

namespace {

Document document_of(std::string text, std::string url = "a.html") {
  return {document_id(text), std::move(text), "source", std::move(url), "MIT", "en", "2024-01-02T03:04:05Z"};
}

void write_all(const fs::path& folder, const std::vector<Document>& documents, std::uint64_t shard_bytes = 64'000'000) {
  DocumentWriter writer(real_disk(), folder, shard_bytes);
  for (const Document& document : documents) writer.append(document);
  writer.finish();
}

std::vector<Document> read_all(const fs::path& folder) {
  std::vector<Document> documents;
  DocumentReader reader(folder);
  for (Document document; reader.next(document);) documents.push_back(document);
  return documents;
}

void put(const fs::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

std::string gzip(const std::string& text) {
  std::string out(text.size() + 1000, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("documents come back as they were written, in shards and in pieces") {
  TemporaryFolder folder;
  std::vector<Document> documents;
  for (int i = 0; i < 500; ++i) {
    documents.push_back(document_of(fmt::format("text {} \"quoted\" \\ \n\t\x01 \xe2\x82\xac {}", i, std::string(10'000, 'x')),
                                    fmt::format("{}.html", i)));
  }
  write_all(folder.path() / "d", documents, 1'500'000);
  const std::vector<Document> back = read_all(folder.path() / "d");
  REQUIRE(back.size() == documents.size());
  for (std::size_t i = 0; i < back.size(); ++i) {
    CHECK(back[i].text == documents[i].text);
    CHECK(back[i].id == documents[i].id);
    CHECK(back[i].url == documents[i].url);
    CHECK(back[i].retrieved == documents[i].retrieved);
  }
  DocumentReader reader(folder.path() / "d");
  CHECK(reader.shard_count() == 4);
  CHECK(reader.shard_name(3) == "documents-00003.jsonl.zst");

  const DocumentPieces pieces(folder.path() / "d", 1);
  CHECK(pieces.size() > 4);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    for (const Document& document : pieces.read(i)) ids.push_back(document.id);
  }
  REQUIRE(ids.size() == documents.size());
  for (std::size_t i = 0; i < ids.size(); ++i) CHECK(ids[i] == documents[i].id);
}

TEST_CASE("a piece of documents that pack well holds no more than 32 times its size") {
  TemporaryFolder folder;
  std::vector<Document> documents;
  for (int i = 0; i < 40; ++i) documents.push_back(document_of(std::string(1'000'000, static_cast<char>('a' + i % 26)), ""));
  write_all(folder.path() / "d", documents, 1'000'000'000);
  const DocumentPieces pieces(folder.path() / "d", 100'000);  // all of it packs into less
  REQUIRE(fs::file_size(folder.path() / "d/documents-00000.jsonl.zst") < 100'000);
  std::size_t all = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::size_t text = 0;
    for (const Document& document : pieces.read(i)) text += document.text.size();
    CHECK(text <= 32 * 100'000 + 1'100'000);  // a frame more
    all += text;
  }
  CHECK(all == 40'000'000);
}

TEST_CASE("shards are read in the order of their numbers, also where these have a digit more") {
  TemporaryFolder folder;
  DocumentWriter writer(real_disk(), folder.path() / "d", 1, 99'998);
  for (int i = 0; i < 4; ++i) writer.append(document_of(fmt::format("text {}", i), ""));
  writer.finish();
  CHECK(fs::exists(folder.path() / "d/documents-100001.jsonl.zst"));
  const std::vector<Document> back = read_all(folder.path() / "d");
  REQUIRE(back.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(back[i].text == fmt::format("text {}", i));
}

TEST_CASE("no documents make one empty shard") {
  TemporaryFolder folder;
  write_all(folder.path() / "d", {});
  CHECK(fs::exists(folder.path() / "d/documents-00000.jsonl.zst"));
  CHECK(read_all(folder.path() / "d").empty());
}

TEST_CASE("a folder without shards, a missing folder and text that is not UTF-8 are errors") {
  TemporaryFolder folder;
  CHECK(error_of([&] { DocumentReader reader(folder.path()); }).find("no *.jsonl.zst") != std::string::npos);
  CHECK(error_of([&] { DocumentReader reader(folder.path() / "x"); }).find("not a folder of documents") != std::string::npos);
  DocumentWriter writer(real_disk(), folder.path() / "d");
  CHECK(error_of([&] { writer.append(document_of("a\xff", "bad.html")); }) ==
        "document bad.html: byte 1 of its text is not UTF-8");
}

TEST_CASE("lines of other makers are read, wrong ones named with column, line and shard") {
  Document d;
  parse_document_line(
      R"({"id": 17, "text": "a\ud83d\ude00\ud800b", "meta": [1, {"x": null}], "url": "u", "metadata": {"language": "de", "n": 1e5, "signals": {"quality": 1}}})",
      d);
  CHECK(d.signals.empty());
  CHECK(d.text ==
        "a\xf0\x9f\x98\x80\xef\xbf\xbd"
        "b");
  CHECK(d.url == "u");
  CHECK(d.language == "de");
  const auto error = [](std::string_view line) {
    return error_of([&] {
      Document x;
      parse_document_line(line, x);
    });
  };
  CHECK(error(R"({"text": 5})") == "\"text\": expected a string, found a number");
  CHECK(error(R"({"text": "a", "url": [1]})") == "\"url\": expected a string, found a list");
  CHECK(error(R"({"id": "x"})") == "expected a member \"text\"");
  CHECK(error(R"([1])") == "column 1: expected an object, found a list");
  CHECK(error("") == "column 1: expected an object, found nothing");
  CHECK(error(R"({"text": "a)") == "column 12: the string does not end");
  CHECK(error(R"({"text": "a"} x)") == "column 15: expected the end of the line, found something that is not JSON");
  CHECK(error("{\"text\": \"a\xff\"}") == "column 12: not UTF-8");
  CHECK(error(R"({"text": "\q"})") == "column 12: unknown escape in a string");
  CHECK(error(R"({"text": "a" "b": 1})") == "column 14: expected ',' or '}', found a string");
  CHECK(error(R"({"x": )" + std::string(5000, '[') + "1" + std::string(5000, ']') + "}").find("nested deeper than 100") !=
        std::string::npos);

  TemporaryFolder folder;
  put(folder.path() / "a.jsonl.zst", "{\"text\": \"a\"}\n{\"text\": null}\n");
  CHECK(error_of([&] { read_all(folder.path()); }) == "a.jsonl.zst: line 2: \"text\": expected a string, found null");
  CHECK(error_of([&] { DocumentPieces(folder.path()).read(0); }) ==
        "a.jsonl.zst: line 2: \"text\": expected a string, found null");
}

TEST_CASE("truncated and damaged gzip and zstd name the file and the offset") {
  const std::string text(100'000, 'a');
  std::string noise;
  for (int i = 0; i < 100'000; ++i) noise += static_cast<char>('a' + (static_cast<std::uint64_t>(i) * i * 7919 >> 7) % 26);
  const std::string packed = gzip(noise);
  CHECK(decompress_all(packed, "x.gz", 1 << 20) == noise);
  CHECK(decompress_all(packed + packed + std::string(512, '\0'), "x.gz", 1 << 20) == noise + noise);
  CHECK(error_of([&] { decompress_all(packed.substr(0, 1000), "x.gz", 1 << 20); }) ==
        "x.gz: byte 1000: the gzip stream is cut short");
  std::string damaged = packed;
  damaged[packed.size() - 6] ^= 1;
  CHECK(error_of([&] { decompress_all(damaged, "x.gz", 1 << 20); }).find("damaged gzip stream") != std::string::npos);
  CHECK(error_of([&] { decompress_all(packed, "x.gz", 1000); }) == "x.gz: larger than 1000 bytes once unpacked");

  TemporaryFolder folder;
  write_all(folder.path() / "d", {document_of(noise), document_of(text)});
  const std::string zst = read_file(folder.path() / "d/documents-00000.jsonl.zst");
  CHECK(error_of([&] { decompress_all(zst.substr(0, zst.size() / 2), "x.zst", 1 << 20); }).find("the zstd stream is cut short") !=
        std::string::npos);
  for (std::size_t at = 5; at < zst.size(); at += 997) {
    std::string flipped = zst;
    flipped[at] ^= 0x10;
    const std::string error = error_of([&] { decompress_all(flipped, "x.zst", 1 << 20); });
    CHECK(error.starts_with("x.zst: byte "));
  }
  put(folder.path() / "d/documents-00000.jsonl.zst", zst.substr(0, zst.size() - 3));
  CHECK(error_of([&] { read_all(folder.path() / "d"); }).find("documents-00000.jsonl.zst: byte ") != std::string::npos);
  CHECK(error_of([&] { DocumentPieces(folder.path() / "d").read(0); }).find("documents-00000.jsonl.zst: byte ") !=
        std::string::npos);
}

TEST_CASE("the bytes of a shard are a function of the documents") {
  TemporaryFolder folder;
  write_all(folder.path() / "a", {document_of("one"), document_of("two")});
  write_all(folder.path() / "b", {document_of("one"), document_of("two")});
  CHECK(read_file(folder.path() / "a/documents-00000.jsonl.zst") == read_file(folder.path() / "b/documents-00000.jsonl.zst"));
}
