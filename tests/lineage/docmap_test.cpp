#include "lineage/docmap.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/random.h"
#include "tests/support/hex_page.h"
#include "tests/support/test.h"

namespace cairn::lineage {
namespace {

DocumentKey key_of_byte(std::uint8_t byte) {
  DocumentKey key;
  key.fill(byte);
  return key;
}

// The example of docs/format/docmap.md.
DocmapWriter page_example() {
  DocmapWriter writer;
  const std::uint32_t parent = writer.parent("documents-00000.jsonl.zst", sha256(std::string_view()));
  writer.append(3, "a.example", parent, 0, key_of_byte(0x22));
  writer.append(300, "a.example", parent, 1, key_of_byte(0x11));
  writer.append(5, "b.example", parent, 4, key_of_byte(0x33));
  return writer;
}

struct Written {
  test::TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "shard-00000.docmap";
  explicit Written(const std::string& bytes) { write_file_atomically(path, bytes); }
  Docmap open() const { return Docmap::open(path); }
};

bool same(const DocmapDocument& a, const DocmapDocument& b) {
  return a.ordinal == b.ordinal && a.first_token == b.first_token && a.tokens == b.tokens && a.source == b.source &&
         a.parent == b.parent && a.parent_ordinal == b.parent_ordinal && a.key == b.key;
}

}  // namespace

TEST_CASE("docmap: bytes and meaning of the example in docs/format/docmap.md") {
  const auto blocks = test::hex_blocks("docmap.md");
  REQUIRE(blocks.size() == 1);
  CHECK(page_example().bytes() == blocks[0]);
  const Written written(blocks[0]);
  const Docmap map = written.open();
  CHECK(map.documents() == 3);
  CHECK(map.tokens() == 308);
  CHECK(map.sources().at(0).name == "a.example");
  CHECK(map.parents().at(0) == DocmapParent{"documents-00000.jsonl.zst", sha256(std::string_view())});
  CHECK(map.document_at(0).ordinal == 0);
  CHECK(map.document_at(2).ordinal == 0);
  CHECK(map.document_at(3).ordinal == 1);
  CHECK(map.document_at(302).ordinal == 1);
  CHECK(map.document_at(303).ordinal == 2);
  CHECK(map.document_at(307).parent_ordinal == 4);
  CHECK(map.find(key_of_byte(0x11)).at(0).ordinal == 1);
  CHECK(map.find(key_of_byte(0x44)).empty());
  CHECK(map.documents_of(*map.source("a.example")).size() == 2);
  CHECK(map.documents_of(*map.source("b.example")).at(0).tokens == 5);
  CHECK(!map.source("c.example"));
}

TEST_CASE("docmap: every query agrees with the documents written, over several blocks") {
  DocmapWriter writer;
  const Random random(3, "docmap");
  std::vector<DocmapDocument> expected;
  std::int64_t token = 0;
  std::uint32_t parents[3];
  for (int i = 0; i < 3; ++i) parents[i] = writer.parent("file-" + std::to_string(i), sha256(std::to_string(i)));
  CHECK(writer.parent("file-1", sha256("1")) == parents[1]);
  const std::int64_t count = 140'000;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto draw = static_cast<std::uint64_t>(8 * i);
    DocmapDocument document;
    document.ordinal = i;
    document.first_token = token;
    document.tokens = static_cast<std::int64_t>(random.below(draw, i % 100 == 0 ? 3'000'000 : 900));  // some are empty
    // The first half is clustered by source, the rest is in random order.
    document.source =
        i < count / 2 ? static_cast<std::uint32_t>(i / 7000) : static_cast<std::uint32_t>(random.below(draw + 1, 10));
    document.parent = parents[i * 3 / count];
    document.parent_ordinal = i < count / 2 ? 2 * i / 3 : static_cast<std::int64_t>(random.below(draw + 2, 1'000'000'000'000));
    for (std::size_t b = 0; b < 16; ++b)
      document.key[b] = static_cast<std::uint8_t>(random.bits(draw + 3 + b / 8) >> (8 * (b % 8)));
    if (i % 1000 == 1) document.key = expected.back().key;  // the same document twice
    writer.append(document.tokens, "source-" + std::to_string(document.source), document.parent, document.parent_ordinal,
                  document.key);
    token += document.tokens;
    expected.push_back(document);
  }
  const std::string bytes = writer.bytes();
  CHECK(bytes.size() < 140'000 * 32);
  const Written written(bytes);
  const Docmap map = written.open();
  CHECK(map.documents() == count);
  CHECK(map.tokens() == token);
  std::size_t next = 0;
  bool all_same = true;
  map.for_each([&](const DocmapDocument& document) { all_same = all_same && same(document, expected[next++]); });
  CHECK(all_same);
  CHECK(next == expected.size());
  for (std::uint64_t i = 0; i < 60; ++i) {
    const DocmapDocument& document = expected[random.below(1'000'000'000 + i, expected.size())];
    CHECK(same(map.document(document.ordinal), document));
    if (document.tokens > 0) {
      CHECK(map.document_at(document.first_token).ordinal == document.ordinal);
      CHECK(map.document_at(document.first_token + document.tokens - 1).ordinal == document.ordinal);
    }
    const auto found = map.find(document.key);
    CHECK(std::any_of(found.begin(), found.end(), [&](const DocmapDocument& other) { return same(other, document); }));
  }
  CHECK(map.find(expected[1].key).size() == 2);
  std::map<std::uint32_t, std::vector<std::int64_t>> by_source;
  for (const DocmapDocument& document : expected) by_source[document.source].push_back(document.ordinal);
  REQUIRE(map.sources().size() == by_source.size());
  for (const auto& [source, ordinals] : by_source) {
    const auto index = map.source("source-" + std::to_string(source));
    REQUIRE(index);
    const auto documents = map.documents_of(*index);
    REQUIRE(documents.size() == ordinals.size());
    std::int64_t tokens = 0;
    bool equal = true;
    for (std::size_t i = 0; i < ordinals.size(); ++i)
      equal = equal && documents[i].ordinal == ordinals[i], tokens += documents[i].tokens;
    CHECK(equal);
    CHECK(map.sources()[*index].tokens == tokens);
    CHECK(map.sources()[*index].documents == static_cast<std::int64_t>(ordinals.size()));
  }
}

TEST_CASE("docmap: no documents, and questions outside of it") {
  const Written written(DocmapWriter().bytes());
  const Docmap map = written.open();
  CHECK(map.documents() == 0);
  CHECK(map.find({}).empty());
  CHECK(test::error_of([&] { map.document(0); }).find("document 0 asked for, there are 0") != std::string::npos);
  CHECK(test::error_of([&] { map.document_at(0); }).find("token 0 asked for, there are 0") != std::string::npos);
  CHECK(test::error_of([&] { map.documents_of(0); }).find("source 0 asked for") != std::string::npos);
  CHECK(test::error_of([] { DocmapWriter().append(1, "s", 0, 0, {}); }).find("parent 0 was not registered") != std::string::npos);
}

TEST_CASE("docmap: keys of ids") {
  const Digest digest = sha256("text");
  DocumentKey expected;
  std::copy_n(digest.bytes.begin(), 16, expected.begin());
  CHECK(document_key("sha256:" + digest.hex()) == expected);
  CHECK(document_key("text") == expected);
  CHECK(document_key("sha256:nonsense") != expected);
}

TEST_CASE("docmap: a damaged file is refused, or its blocks are, and never read past its end") {
  const std::string good = page_example().bytes();
  const auto ask_everything = [](const std::string& bytes) {
    const Written written(bytes);
    const Docmap map = written.open();
    std::int64_t tokens = 0;
    map.for_each([&](const DocmapDocument& document) { tokens += document.tokens; });
    for (std::uint32_t source = 0; source < map.sources().size(); ++source) map.documents_of(source);
    map.find(key_of_byte(0x22));
    if (map.tokens() > 0) map.document_at(map.tokens() - 1);
  };
  CHECK_NOTHROW(ask_everything(good));
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_THROWS_AS(ask_everything(good.substr(0, size)), const Error&);
  CHECK_THROWS_AS(ask_everything(good + "x"), const Error&);
  // Every byte set to other values: an Error that names the file, or an answer; nothing else.
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      const std::string error = test::error_of([&] { ask_everything(bad); });
      CHECK((error.empty() || error.find("docmap") != std::string::npos));
    }
  }
  const auto error_with = [&](std::size_t at, char value) {
    std::string bad = good;
    bad[at] = value;
    return test::error_of([&] { ask_everything(bad); });
  };
  CHECK(error_with(0, 'X').find("not a docmap") != std::string::npos);
  CHECK(error_with(7, '2').find("not a docmap") != std::string::npos);
  CHECK(error_with(23, '\x7F').find("the header does not fit") != std::string::npos);
  CHECK(error_with(92, 2).find("a block's lengths do not add up") != std::string::npos);
}

}  // namespace cairn::lineage
