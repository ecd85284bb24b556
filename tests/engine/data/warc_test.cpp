#include <zlib.h>
#include <zstd.h>

#include <map>

#include <fmt/format.h>

#include "base/disk.h"
#include "engine/data/compressed.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/ingest.h"
#include "engine/data/sources/http_response.h"
#include "engine/data/sources/source_reader.h"
#include "engine/data/sources/warc.h"
#include "engine/data/sources/warc_source.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

namespace {

class Gathered : public Intake {
 public:
  void document(Document&& document) override { documents.push_back(std::move(document)); }
  void skipped(std::string_view reason) override { ++skipped_by[std::string(reason)]; }
  void damaged(std::string_view reason, const std::string& message) override {
    ++damaged_by[std::string(reason)];
    messages.push_back(message);
  }
  // "2 documents, request 3, damaged: digest 1"
  std::string told() const {
    std::string out = fmt::format("{}", documents.size());
    for (const auto& [reason, count] : skipped_by) out += fmt::format(" {} {}", reason, count);
    for (const auto& [reason, count] : damaged_by) out += fmt::format(" damaged:{} {}", reason, count);
    return out;
  }
  std::vector<Document> documents;
  std::map<std::string, int> skipped_by, damaged_by;
  std::vector<std::string> messages;
};

Gathered gather(const std::string& bytes) {
  Gathered gathered;
  WarcReader().read(bytes, "x.warc", gathered);
  return gathered;
}

std::string gzip_member(std::string_view text) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 32, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd_frame(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string record(const std::string& block, const std::string& more = "", const std::string& type = "response") {
  return fmt::format(
      "WARC/1.0\r\nWARC-Type: {}\r\nWARC-Record-ID: <urn:uuid:1>\r\nWARC-Target-URI: http://a.org/p\r\nWARC-Date: "
      "2020-01-02T03:04:05Z\r\n{}Content-Type: application/http; msgtype=response\r\nContent-Length: {}\r\n\r\n{}\r\n\r\n",
      type, more, block.size(), block);
}

std::string page(const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n" + more + "\r\n" + body;
}

}  // namespace

TEST_CASE("warc: every fixture is read as what it is") {
  REQUIRE_SHARED(shared);
  const std::pair<const char*, const char*> kFiles[] = {
      {"warcio/example.warc", "1 request 2 revisit 1 warcinfo 2"},
      {"warcio/example.warc.gz", "1 request 2 revisit 1 warcinfo 2"},
      {"warcio/example-bad-non-chunked.warc.gz", "1 request 2 revisit 1 warcinfo 2"},
      {"warcio/example-trunc.warc", "0 request 1 warcinfo 2 damaged:body 1"},
      {"warcio/example-digest.warc", "0 request 4"},
      {"warcio/example-iana.org-chunked.warc", "1 request 1 warcinfo 1"},
      {"warcio/example-resource.warc.gz", "1 warcinfo 2"},
      {"warcio/example-space-in-target-uri.warc.gz", "0 not_text 1 warcinfo 1"},
      {"warcio/example-wget-bad-target-uri.warc.gz", "1 metadata 3 request 1 warcinfo 1"},
      {"warcio/example-wrong-chunks.warc.gz", "1 request 1"},
      {"warcio/post-test.warc.gz", "0 not_text 3 request 3"},
      {"warcio/example.arc", "1 warcinfo 1"},
      {"warcio/example.arc.gz", "1 warcinfo 1"},
      {"warcio/example-space-in-url.arc", "0 warcinfo 1 damaged:cut_short 1"},
      {"warcio/bad.arc", "1 damaged:length 3"},  // the good record is an empty text
      {"jwarc/cc.warc.gz", "1"},
      {"jwarc/gzip_extra_sl.warc.gz", "0 warcinfo 1"},
      {"resiliparse/block-sized-records.warc", "0 unknown_record 3"},
      {"resiliparse/block-sized-records.warc.gz", "0 unknown_record 3"},
      {"resiliparse/clipped.warc.gz", "0 damaged:stream 1"},
      {"resiliparse/clueweb-quirk.warc.gz", "29 warcinfo 1"},
      {"resiliparse/warcfile.warc.gz", "16 metadata 16 request 17 warcinfo 1"},
      {"dolma_cc_sample-0000.warc.gz", "22 metadata 3 request 22 warcinfo 1"},
  };
  for (const auto& [name, told] : kFiles) {
    const Gathered gathered = gather(read_file(shared / "data/warc" / name));
    const auto& name_ = name;
    INFO(name_);
    CHECK(gathered.told() == std::string(told));
  }
  CHECK(error_of([&] { gather(read_file(shared / "data/warc/resiliparse/block-sized-records.warc.lz4")); }).find("lz4") !=
        std::string::npos);

  const Gathered example = gather(read_file(shared / "data/warc/warcio/example.warc"));
  CHECK(example.documents[0].url == "http://example.com/");
  CHECK(example.documents[0].retrieved == "2017-03-06T04:02:06Z");
  CHECK(example.documents[0].record_id == "urn:uuid:a9c51e3e-0221-11e7-bf66-0242ac120005");
  CHECK(example.documents[0].record_place == "x.warc:1197");
  CHECK(example.documents[0].content_type == "text/html");
  CHECK(example.documents[0].text.find("This domain is established to be used for illustrative examples") != std::string::npos);
  // This one's lines have lost their CR, so its length says more than is there.
  std::string with_spaces = read_file(shared / "data/warc/warcio/example-space-in-url.arc");
  with_spaces.replace(with_spaces.find(" 1591\n"), 6, " 1578\n");
  const Gathered spaces = gather(with_spaces);
  REQUIRE(spaces.documents.size() == 1);
  CHECK(spaces.documents[0].url ==
        "http://example.com/index.cfm?FuseAction=Email&EmailTitle=Examples From The Live Web&IsPopUp=False");
  CHECK(spaces.documents[0].retrieved == "2014-02-16T05:02:21Z");
  const Gathered trunc = gather(read_file(shared / "data/warc/warcio/example-trunc.warc"));
  CHECK(trunc.messages[0].starts_with("x.warc: byte 1197: body: byte "));
  const Gathered clueweb = gather(read_file(shared / "data/warc/resiliparse/clueweb-quirk.warc.gz"));
  CHECK(clueweb.documents[0].retrieved.empty());  // "2008-10-294T05:21:46-0700" is no date
  CHECK(clueweb.documents[0].text.find("\xe5\x95\x86\xe5\x93\x81") != std::string::npos);
}

TEST_CASE("warc: coded bodies: chunked, gzip, deflate, zstd; said but not so; damaged") {
  const std::string html = "<html><p>A line of text that is long enough to be taken for the content of the page.</p></html>";
  const std::string text = "A line of text that is long enough to be taken for the content of the page.";
  const auto text_of = [](const std::string& block) {
    const Gathered gathered = gather(record(block));
    return gathered.documents.empty() ? gathered.told() : gathered.documents[0].text;
  };
  const auto chunked = [](const std::string& body) {
    return fmt::format("{:x};name=value\r\n{}\r\n{:X}\r\n{}\r\n0\r\n\r\n", 10, body.substr(0, 10), body.size() - 10,
                       body.substr(10));
  };
  const std::string transfer = "Transfer-Encoding: chunked\r\n", gzip = "Content-Encoding: gzip\r\n";
  CHECK(text_of(page(html)) == text);
  CHECK(text_of(page(chunked(html), transfer)) == text);
  CHECK(text_of(page(html, transfer)) == text);
  CHECK(text_of(page(gzip_member(html), gzip)) == text);
  CHECK(text_of(page(html, gzip)) == text);
  CHECK(text_of(page(chunked(gzip_member(html)), transfer + gzip)) == text);
  CHECK(text_of(page(zstd_frame(html), "Content-Encoding: zstd\r\n")) == text);
  std::string zlib(compressBound(html.size()), '\0');
  uLongf size = zlib.size();
  compress(reinterpret_cast<Bytef*>(zlib.data()), &size, reinterpret_cast<const Bytef*>(html.data()), html.size());
  zlib.resize(size);
  CHECK(text_of(page(zlib, "Content-Encoding: deflate\r\n")) == text);
  CHECK(text_of(page(zlib.substr(2, zlib.size() - 6), "Content-Encoding: deflate\r\n")) == text);
  CHECK(text_of(page(html, "Content-Encoding: br\r\n")) == text);
  // Control characters are no digits of a chunk's size.
  CHECK(text_of(page("\x15\r\nabcde\r\n0\r\n\r\n", transfer)) != "abcde");

  const std::string member = gzip_member(html);
  CHECK(text_of(page(member.substr(0, member.size() - 12), gzip)) == "0 damaged:body 1");
  CHECK(text_of(page(chunked(html).substr(0, 40), transfer)) == "0 damaged:body 1");
  CHECK(text_of(page(gzip_member(std::string(40'000'000, ' ')), gzip)) == "0 damaged:body 1");  // unpacks to more than it may
  CHECK(text_of("HTTP/1.1 404 Not Found\r\n\r\n" + html) == "0 status 1");
  CHECK(text_of("no status line") == "0 damaged:no_http 1");
  CHECK(text_of("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + html) == "0 not_text 1");
  CHECK(text_of("HTTP/1.1 200 OK\n\n" + html) == text);  // by its looks
  CHECK(text_of("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\r\ncaf\xe9") == "caf\xc3\xa9");
  CHECK(gather(record("HTTP/1.1 200 OK\r\n\r\nUser-agent: *", "", "response")).told() == "0 not_text 1");
  CHECK(gather(record(page(html), "WARC-Identified-Payload-Type: application/pdf\r\n")).told() == "0 not_text 1");
  CHECK(gather(record(page(html), "WARC-Truncated: length\r\n")).told() == "0 damaged:clipped 1");
}

TEST_CASE("warc: digests in base 16, 32 and 64, of SHA-1, SHA-256 and MD5") {
  CHECK(digest_matches("sha1:VL2MMHO4YXUKFWV63YHTWSBM3GXKSQ2N", "a\n") == false);
  CHECK(digest_matches("sha1:Q36SVL6RI7X5A6FSQ5GMAPYX7X6FWDLX", "a") == false);
  for (const char* good :
       {"sha1:86f7e437faa5a7fce15d1ddcb9eaeaea377667b8", "SHA1:Q336IN72UWT7ZYK5DXOLT2XK5I3XMZ5Y",
        "sha1:hvfkN/qlp/zhXR3cuerq6jd2Z7g=", "sha1:hvfkN_qlp_zhXR3cuerq6jd2Z7g", "md5:0cc175b9c0f1b6a831c399e269772661",
        "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb", "crc32:1", "nonsense"}) {
    CHECK(digest_matches(good, "a"));
  }
  for (const char* bad : {"sha1:86f7e437faa5a7fce15d1ddcb9eaeaea377667b9", "sha1:", "md5:0"}) CHECK(!digest_matches(bad, "a"));
  const std::string block = page("<p>text</p>");
  CHECK(gather(record(block, "WARC-Payload-Digest: sha1:86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\r\n")).told() ==
        "0 damaged:digest 1");
}

TEST_CASE("warc: what lies behind damage is read: a member, a frame, a length that lies, bytes between records, the file's end") {
  const std::string good = record(page("<p>text</p>"));
  const auto flipped = [](std::string bytes, std::size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    return bytes;
  };
  const std::string member = gzip_member(good), frame = zstd_frame(good);
  // One bit anywhere costs that record at most, and is told; a member's header has bits that mean nothing.
  for (std::size_t at = 10; at < member.size(); ++at) {
    const Gathered gathered = gather(member + flipped(member, at) + member);
    CHECK_MESSAGE(gathered.documents.size() == 2, at, ": ", gathered.told());
    CHECK(gathered.messages.size() == 1);
  }
  std::string checked(ZSTD_compressBound(good.size()), '\0');
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  checked.resize(ZSTD_compress2(context.get(), checked.data(), checked.size(), good.data(), good.size()));
  for (std::size_t at = 0; at < checked.size(); ++at) {
    if (at == 4) continue;  // that bit of a frame's header means nothing
    const Gathered gathered = gather(frame + flipped(checked, at) + frame);
    CHECK_MESSAGE(gathered.documents.size() == 2, at, gathered.told());
    CHECK(!gathered.damaged_by.empty());
  }
  CHECK(gather(member + "garbage" + member).told() == "2 damaged:stream 1");
  CHECK(gather(member + std::string(1000, '\0')).told() == "1");
  CHECK(gather(member + member.substr(0, 100)).told() == "1 damaged:stream 1");
  CHECK(gather(gzip_member(good + good) + member).told() == "3");
  CHECK(gather(frame + frame).told() == "2");

  std::string lies = good;
  lies.replace(lies.find("Content-Length: ") + 16, 2, "90000000000000000000");
  CHECK(gather(good + lies + good).told() == "2 damaged:length 1");
  lies = good;
  lies.replace(lies.find("Content-Length: ") + 16, 2, "2147483648");  // 2 GB in a small file
  CHECK(gather(good + lies + good).told() == "1 damaged:too_large 1");
  lies = good;
  lies.replace(lies.find("Content-Length: ") + 16, 2, "20");
  CHECK(gather(good + lies + good).told() == "2 damaged:length 1");
  CHECK(gather(good + "not a record\r\n" + good).told() == "1 damaged:length 1");  // whose end it is nobody knows
  CHECK(gather("not a record\r\n" + good).told() == "1 damaged:no_record 1");
  CHECK(gather(good + good.substr(0, good.size() - 10)).told() == "1 damaged:cut_short 1");
  CHECK(gather(good + good.substr(0, 60)).told() == "1 damaged:cut_short 1");
  CHECK(gather(good + "WARC/1.0\r\n" + std::string(100'000, 'a') + "\r\n\r\n" + good).told() == "2 damaged:header 1");
  CHECK(gather("").told() == "0");
  // Beginnings of members whose names never end, behind damage: each is tried, none is read to the end of the file.
  std::string names;
  while (names.size() < 400'000) names += "\x1f\x8b\x08\x08";
  CHECK(gather(member + "garbage" + names + std::string(1, '\0') + member).told() == "2 damaged:stream 1");
  CHECK(gather(std::string(300'000, 'x')).told() == "0 damaged:no_record 1");
}

TEST_CASE("warc: licences of all Link headers of a response count") {
  const auto links = [](const std::string& more) {
    const Gathered gathered = gather(record(page("<p>A text of a page.</p>", more)));
    REQUIRE(gathered.documents.size() == 1);
    return gathered.documents[0].licence + " by " + gathered.documents[0].licence_evidence;
  };
  const std::string cc = "Link: <https://creativecommons.org/licenses/by/4.0/>; rel=license\r\n";
  const std::string mit = "link: <https://opensource.org/licenses/MIT>; rel=\"license\"\r\n";
  const std::string other = "Link: </style.css>; rel=preload\r\n";
  const std::string both =
      " AND MIT by header link: https://creativecommons.org/licenses/by/4.0/ | header link: https://opensource.org/licenses/MIT";
  CHECK(links(cc + mit) == "CC-BY-4.0" + both);
  CHECK(links(cc + other + mit + other) == "CC-BY-4.0" + both);
  CHECK(links(cc + other).starts_with("CC-BY-4.0 by "));
  // Many of one kind do not hide the other.
  std::string signals;
  for (int i = 0; i < 1000; ++i) signals += "X-Robots-Tag: noai\r\n";
  CHECK(links(signals + cc).starts_with("CC-BY-4.0 by "));
  std::string many;
  for (int i = 0; i < 1000; ++i) many += other;
  CHECK(gather(record(page("<p>A text of a page.</p>", many + "X-Robots-Tag: noai\r\n"))).documents.at(0).signals ==
        "header x-robots-tag: noai");
}

TEST_CASE("warc: a record of half a gigabyte in a small file is passed over in bounded memory") {
  // One member that claims and holds it.
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string packed(4'000'000, '\0');
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const std::string head = "WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 536870912\r\n\r\n";
  const std::string zeros(1 << 24, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(head.data()));
  stream.avail_in = static_cast<uInt>(head.size());
  deflate(&stream, Z_NO_FLUSH);
  for (int i = 0; i < 32; ++i) {
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zeros.data()));
    stream.avail_in = static_cast<uInt>(zeros.size());
    deflate(&stream, Z_NO_FLUSH);
  }
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  CHECK(gather(packed + gzip_member(record(page("<p>text</p>")))).told() == "1 damaged:too_large 1");
}

TEST_CASE("warc: WET's text is taken as it is; zstd frames with the file's own dictionary") {
  const std::string text = "Una giada\n\n- two \xc3\xa9";
  const std::string wet = fmt::format(
      "WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://a.org/p\r\nWARC-Date: "
      "2020-01-02T03:04:05Z\r\nWARC-Record-ID: "
      "<urn:uuid:2>\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}\r\n\r\n",
      text.size(), text);
  Gathered gathered = gather("WARC/1.0\r\nWARC-Type: warcinfo\r\nContent-Length: 0\r\n\r\n\r\n\r\n" + wet);
  REQUIRE(gathered.told() == "1 warcinfo 1");
  CHECK(gathered.documents[0].text == text);
  CHECK(gathered.documents[0].record_id == "urn:uuid:2");
  CHECK(gathered.documents[0].content_type == "text/plain");

  const std::string dictionary = wet.substr(0, 150);
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  std::string frame(ZSTD_compressBound(wet.size()), '\0');
  frame.resize(ZSTD_compress_usingDict(context.get(), frame.data(), frame.size(), wet.data(), wet.size(), dictionary.data(),
                                       dictionary.size(), 3));
  const auto with = [&](const std::string& stored) {
    return std::string("\x5d\x2a\x4d\x18", 4) + static_cast<char>(stored.size()) + std::string(3, '\0') + stored + frame + frame;
  };
  CHECK(gather(with(dictionary)).told() == "2");
  CHECK(gather(with(zstd_frame(dictionary))).told() == "2");
  CHECK(gather(frame).documents.empty());  // without it
}

TEST_CASE("lines: one that is too long costs itself, the next is read") {
  const std::string text = "first\n" + std::string(3'000'000, 'x') + "\nthird\n" + std::string(2'000'000, 'y');
  LineReader lines(decompress(text, "x"), "x", 1'000'000);
  std::string_view line;
  REQUIRE(lines.next(line));
  CHECK(error_of([&] { lines.next(line); }) == "x: line 2: longer than 1000000 bytes");
  CHECK(lines.can_go_on());
  REQUIRE(lines.next(line));
  CHECK(line == "third");
  CHECK(lines.line_number() == 3);
  CHECK(error_of([&] { lines.next(line); }) == "x: line 4: longer than 1000000 bytes");
  CHECK(!lines.next(line));
}

TEST_CASE("ingest: archives; the funnel adds up; the same for any number of threads") {
  REQUIRE_SHARED(shared);
  const Json config = {{"sources", {{{"name", "crawl"}, {"path", (shared / "data/warc").string()}, {"glob", {"**/*arc*"}}}}}};
  test::StepRun run(kIngest, config);
  run.run();
  const Json report = read_json(run.output("report"));
  const Json& records = report["records"];
  std::int64_t sum = records["documents"].get<std::int64_t>() + records["without_text"].get<std::int64_t>();
  for (const char* part : {"skipped", "damaged"}) {
    for (const auto& [reason, count] : records[part].items()) sum += count.get<std::int64_t>();
  }
  CHECK(records["in"] == sum);
  CHECK(records["damaged"]["file"] == 1);  // lz4
  CHECK(records["damaged"]["length"] == 3);
  CHECK(report["damaged_records"][0].get<std::string>().starts_with("crawl/"));
  CHECK(report["documents"].get<int>() > 60);
  test::StepRun again(kIngest, config);
  CHECK(again.threads(5).run().digest("documents") == run.digest("documents"));
}

TEST_CASE(
    "ingest, curate: from damaged archives and lines to what is kept, each record is counted once, as a whole and by source") {
  REQUIRE_SHARED(shared);
  test::TemporaryFolder folder;
  const fs::path crawl = folder.path() / "crawl";
  fs::create_directories(crawl);
  std::string archive = read_file(shared / "data/warc/dolma_cc_sample-0000.warc.gz");
  archive[archive.size() / 2] = static_cast<char>(archive[archive.size() / 2] ^ 0x10);  // one bit
  write_file_atomically(crawl / "a.warc.gz", archive);
  const std::string prose =
      "<p>An address that is not UTF-8 is an address all the same, and the page behind it has this text.</p>";
  std::string odd = record(page(prose));
  odd.replace(odd.find("http://a.org/p"), 14, "http://a.org/\xe9");
  write_file_atomically(crawl / "b.warc", odd + record(page(prose)).substr(0, 300));
  const std::string again(prose.substr(3, prose.size() - 7));
  write_file_atomically(
      folder.path() / "rows.jsonl",
      "{\"text\": \"" + again + "\"}\nnot json\n{\"text\": \"\"}\n{\"text\": 3}\n{\"text\": \"\xff\"}\n{\"text\": \"Short.\"}\n");
  const Json sources = {{{"name", "crawl"}, {"path", crawl.string()}},
                        {{"name", "rows"}, {"path", (folder.path() / "rows.jsonl").string()}}};
  test::StepRun ingest(kIngest, Json{{"sources", sources}});
  ingest.run();
  test::StepRun curate(kCurate, Json{{"filters",
                                      {{{"filter", "pii"}},
                                       {{"filter", "gopher_quality"}, {"min_words", 15}, {"min_stop_words", 1}},
                                       {{"filter", "exact_dedup"}},
                                       {{"filter", "c4"}}}},
                                     {"held_out", {{"fraction", 0.1}}}});
  curate.input("documents", ingest.output("documents")).run();
  const Json came = read_json(ingest.output("report")), went = read_json(curate.output("report") / "report.json");
  const auto all = [](const Json& by_reason) {
    std::int64_t sum = 0;
    for (const auto& [reason, count] : by_reason.items()) sum += count.get<std::int64_t>();
    return sum;
  };
  const auto adds_up = [&](const Json& records, const Json& group) {
    CHECK(records["documents"] == group["in"]);
    CHECK(group["in"] == group["kept"].get<std::int64_t>() + group["held_out"].get<std::int64_t>() + all(group["dropped_by"]));
    CHECK(records["in"] == group["kept"].get<std::int64_t>() + group["held_out"].get<std::int64_t>() + all(group["dropped_by"]) +
                               records["without_text"].get<std::int64_t>() + all(records["skipped"]) + all(records["damaged"]));
  };
  adds_up(came["records"], went["total"]);
  for (const char* source : {"crawl", "rows"}) adds_up(came["by_source"][source]["records"], went["by_source"][source]);
  CHECK(came["by_source"]["crawl"]["records"]["damaged"] == Json{{"cut_short", 1}, {"stream", 1}});
  CHECK(came["by_source"]["rows"]["records"] ==
        Json{{"in", 6}, {"documents", 2}, {"without_text", 1}, {"skipped", Json::object()}, {"damaged", {{"line", 3}}}});
  CHECK(went["by_source"]["rows"]["dropped_by"] == Json{{"exact_dedup", 1}, {"gopher_quality", 1}});
  CHECK(went["by_source"]["crawl"]["kept"].get<int>() > 10);
  const Decisions decisions(curate.output("decisions"));
  CHECK(decisions.size() == went["total"]["in"]);
  CHECK(decisions.by_url("http://a.org/\xef\xbf\xbd", true, 2).size() == 1);
}

TEST_CASE("jsonl: a line that is too long or no document costs that line") {
  const std::string lines = "{\"text\": \"a\"}\nnot json\n{\"text\": 3}\n{\"text\": \"b\"}\n";
  Gathered gathered;
  JsonlReader().read(lines, "x", gathered);
  CHECK(gathered.told() == "2 damaged:line 2");
  CHECK(gathered.messages[1] == "x: line 3: \"text\": expected a string, found a number");
}
