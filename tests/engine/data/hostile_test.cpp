// Inputs that were made to do harm, and files that were damaged on their way: each costs itself, memory stays bounded, and what
// came in is accounted for.
#include <zlib.h>
#include <zstd.h>

#include <chrono>
#include <fstream>

#include <fmt/format.h>

#include "base/memory_use.h"
#include "base/random.h"
#include "engine/data/document.h"
#include "engine/data/html/html_text.h"
#include "engine/data/ingest.h"
#include "engine/data/parquet_writer.h"
#include "engine/data/robots/robots.h"
#include "engine/data/robots/robots_files.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

// A zstd file of `head`, `count` times `block`, `tail`, packed as it is made.
void write_zstd(const fs::path& path, std::string_view head, std::string_view block, int count, std::string_view tail) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, 1);
  std::ofstream file(path, std::ios::binary);
  std::string room(ZSTD_CStreamOutSize(), '\0');
  const auto put = [&](std::string_view bytes, ZSTD_EndDirective directive) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    for (std::size_t left = 1; left != 0 || in.pos < in.size;) {
      ZSTD_outBuffer out{room.data(), room.size(), 0};
      left = ZSTD_compressStream2(context.get(), &out, &in, directive);
      REQUIRE(!ZSTD_isError(left));
      file.write(room.data(), static_cast<std::streamsize>(out.pos));
      if (directive == ZSTD_e_continue && in.pos == in.size) break;
    }
  };
  put(head, ZSTD_e_continue);
  for (int i = 0; i < count; ++i) put(block, ZSTD_e_continue);
  put(tail, ZSTD_e_end);
}

std::string zstd_of(std::string_view bytes) {
  std::string packed(ZSTD_compressBound(bytes.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), bytes.data(), bytes.size(), 3));
  return packed;
}

std::string gzip_of(std::string_view bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(compressBound(bytes.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// The report of an ingest of a folder, whose funnel must add up, in all and file by file.
Json ingested(const fs::path& folder, int threads = 1) {
  StepRun run(kIngest, Json{{"sources", {{{"name", "x"}, {"path", folder.string()}, {"retrieved", "2024-01-01"}}}}});
  run.threads(threads).run();
  Json records = read_json(run.output("report"))["records"];
  std::int64_t out = records["documents"].get<std::int64_t>() + records["without_text"].get<std::int64_t>();
  for (const char* part : {"skipped", "damaged"}) {
    for (const auto& [reason, count] : records[part].items()) out += count.get<std::int64_t>();
  }
  CHECK(records["in"] == out);
  return records;
}

}  // namespace

TEST_CASE("hostile: a line of 2 GB and files that unpack to gigabytes cost themselves, in bounded memory") {
  TemporaryFolder folder;
  const std::string block(1 << 20, 'x');
  write_zstd(folder.path() / "line.jsonl.zst", "{\"text\": \"first\"}\n{\"text\": \"", block, 2048,
             "\"}\n{\"text\": \"last\"}\n");
  write_zstd(folder.path() / "bomb.txt.zst", "", block, 4096, "");
  write_zstd(folder.path() / "bomb.html.zst", "<html><body>", "<p>" + block, 1024, "");
  CHECK(fs::file_size(folder.path() / "bomb.txt.zst") < 1'000'000);
  const std::uint64_t before = peak_resident_bytes();
  const Json records = ingested(folder.path());
  CHECK(records["documents"] == 2);
  CHECK(records["damaged"] == Json{{"file", 2}, {"too_large", 1}});
  CHECK(peak_resident_bytes() - before < 900'000'000);
}

TEST_CASE("hostile: what is no UTF-8, lone surrogates, pages nested without end") {
  TemporaryFolder folder;
  write_file_atomically(folder.path() / "a.jsonl",
                        "{\"text\": \"lone \\ud800 surrogate\"}\n{\"text\": \"\xed\xa0\x80\"}\n{\"text\": \"\xc0\xaf\"}\n"
                        "{\"text\": \"low first \\udc00\\ud800\"}\n{\"text\": \"\\ud800\\u0041\"}\n");
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += i % 2 ? "<div>" : "<b>";
  write_file_atomically(folder.path() / "deep.html", "<html><body>" + deep + "some text");
  std::string lists;
  for (int i = 0; i < 100'000; ++i) lists += "[";
  write_file_atomically(folder.path() / "deep.jsonl", "{\"x\": " + lists + "\n{\"text\": \"after\"}\n");
  write_file_atomically(folder.path() / "bytes.txt", std::string("\xff\xfe\x00\xd8\x41\x00", 6) + "\x80\x81");
  const auto start = std::chrono::steady_clock::now();
  const Json records = ingested(folder.path());
  CHECK(records["damaged"] == Json{{"line", 3}});
  CHECK(records["in"] == 5 + 1 + 2 + 1);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE("hostile: files of each kind, cut short and with bits flipped: each record is counted once") {
  TemporaryFolder folder;
  std::string lines, page = "<html><body>", warc;
  for (int i = 0; i < 30; ++i) {
    const std::string text = fmt::format("Text number {} stands here, with some words of its own.", i * 7919);
    lines += fmt::format("{{\"text\": \"{}\", \"url\": \"https://example.org/{}\"}}\n", text, i);
    page += "<p>" + text + "</p>";
    const std::string http = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>" + text + "</p>";
    warc += fmt::format(
        "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.org/{}\r\nWARC-Date: 2020-01-02T03:04:05Z\r\n"
        "WARC-Record-ID: <urn:uuid:{}>\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: "
        "{}\r\n\r\n{}\r\n\r\n",
        i, i, http.size(), http);
  }
  {
    ParquetOptions options;
    options.row_group_bytes = 300;
    ParquetWriter writer(real_disk().create(folder.path() / "rows.parquet"), {{"text", ParquetField::Type::text, false}},
                         options);
    for (int i = 0; i < 30; ++i) writer.append({fmt::format("Row {} of a table, some words.", i)});
    writer.finish();
  }
  const std::string parquet = read_file(folder.path() / "rows.parquet");
  fs::remove(folder.path() / "rows.parquet");
  const std::vector<std::pair<const char*, std::string>> files = {
      {"jsonl", lines},
      {"jsonl.gz", gzip_of(lines)},
      {"jsonl.zst", zstd_of(lines)},
      {"html", page},
      {"html.gz", gzip_of(page)},
      {"warc", warc},
      {"warc.gz", gzip_of(warc)},
      {"warc.zst", zstd_of(warc)},
      {"parquet", parquet},
      {"txt.zst", zstd_of(lines)},
  };
  Random random(1, "hostile");
  std::uint64_t drawn = 0;
  std::int64_t made = 0;
  for (const auto& [kind, bytes] : files) {
    const fs::path of_kind = folder.path() / kind;
    fs::create_directories(of_kind);
    for (int i = 0; i < 60; ++i, ++made) {
      std::string damaged = bytes;
      if (i % 2 == 0) damaged.resize(random.below(drawn++, damaged.size()));
      for (int flip = 0; i % 2 == 1 && flip <= i % 3; ++flip) {
        const std::size_t at = random.below(drawn++, damaged.size());
        damaged[at] = static_cast<char>(damaged[at] ^ (1 << random.below(drawn++, 8)));
      }
      write_file_atomically(of_kind / fmt::format("{:02d}.{}", i, kind), damaged);
    }
  }
  const Json records = ingested(folder.path(), 2);
  CHECK(records["in"].get<std::int64_t>() >= made / 2);
  CHECK(records["documents"].get<std::int64_t>() > made);
  CHECK_FALSE(records["damaged"].empty());
}

TEST_CASE("hostile: a robots.txt of a gigabyte says what its beginning says, at once") {
  TemporaryFolder folder;
  const fs::path path = folder.path() / "example.org";
  std::ofstream(path) << "User-agent: GPTBot\nDisallow: /private\n";
  fs::resize_file(path, 1'000'000'000);
  const std::vector<std::string> agents = robots_agents({"apertus-code@1"});
  const std::uint64_t before = peak_resident_bytes();
  const auto start = std::chrono::steady_clock::now();
  int files = 0;
  for_each_robots_file(folder.path(), "2025-01-15", [&](const RobotsSnapshot& file) {
    ++files;
    for (const RobotsReading reading : {RobotsReading::rfc, RobotsReading::protego}) {
      const RobotsRules rules(file.body, agents, reading);
      const auto blocked = rules.decide("https://example.org/private/x").blocked;
      REQUIRE(blocked.size() == 1);
      CHECK(agents[blocked[0]] == "GPTBot");
      CHECK(rules.decide("https://example.org/open").blocked.empty());
    }
  });
  CHECK(files == 1);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
  CHECK(peak_resident_bytes() - before < 200'000'000);
}
