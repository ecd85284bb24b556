#include "engine/data/token_shards.h"

#include "base/error.h"
#include "tests/support/hex_page.h"
#include "tests/support/test.h"

namespace cairn::data {
namespace {

using Documents = std::vector<std::vector<TokenId>>;

void write_shard(const std::filesystem::path& stem, TokenType type, const Documents& documents) {
  TokenShardWriter writer(real_disk(), stem, type);
  for (const auto& document : documents) writer.append(document);
  writer.finish();
}

std::vector<TokenId> read_all(const TokenShard& shard) {
  std::vector<TokenId> ids(static_cast<std::size_t>(shard.tokens()));
  shard.read(0, ids);
  return ids;
}

void put(std::string& bytes, std::size_t at, std::uint64_t value, int width) {
  for (int i = 0; i < width; ++i) bytes[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
}

}  // namespace

TEST_CASE("token shards: bytes of the example in docs/format/token_shards.md, written and read") {
  const auto blocks = test::hex_blocks("token_shards.md");
  REQUIRE(blocks.size() == 2);
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "s", TokenType::i32, {{1, 10, 2}, {1, 2}});
  CHECK(read_file(folder.path() / "s.bin") == blocks[0]);
  CHECK(read_file(folder.path() / "s.idx") == blocks[1]);
  for (const char* name : {"s", "s.bin", "s.idx"}) {
    const TokenShard shard = TokenShard::open(folder.path() / name);
    CHECK(shard.documents() == 2);
    CHECK(shard.tokens() == 5);
    CHECK(shard.first_token(1) == 3);
    CHECK(read_all(shard) == std::vector<TokenId>{1, 10, 2, 1, 2});
  }
}

TEST_CASE("token shards: both types, empty documents, parts, documents of tokens") {
  const Documents documents = {{}, {5, 65535, 0}, {}, {}, {7}, {}};
  for (const TokenType type : {TokenType::i32, TokenType::u16}) {
    const test::TemporaryFolder folder;
    write_shard(folder.path() / "x", type, documents);
    const TokenShard shard = TokenShard::open(folder.path() / "x");
    CHECK(shard.type() == type);
    CHECK(shard.documents() == 6);
    CHECK(read_all(shard) == std::vector<TokenId>{5, 65535, 0, 7});
    std::vector<TokenId> two(2);
    shard.read(1, two);
    CHECK(two == std::vector<TokenId>{65535, 0});
    CHECK(shard.document_of(0) == 1);
    CHECK(shard.document_of(2) == 1);
    CHECK(shard.document_of(3) == 4);
    CHECK(test::error_of([&] { shard.read(3, two); }).find("tokens 3 to 5 asked for, the shard has 4") != std::string::npos);
    CHECK(test::error_of([&] { shard.read(-1, two); }).find("tokens -1") != std::string::npos);
    CHECK(test::error_of([&] { shard.read(0, two, 100); }).find("token 1 is id 65535; the vocabulary has 100") !=
          std::string::npos);
    CHECK_THROWS_AS(shard.document_of(4), const Error&);
  }
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "none", TokenType::i32, {});
  CHECK(TokenShard::open(folder.path() / "none").documents() == 0);
}

TEST_CASE("token shards: ids that the type cannot hold are refused") {
  const test::TemporaryFolder folder;
  TokenShardWriter narrow(real_disk(), folder.path() / "n", TokenType::u16);
  CHECK(test::error_of([&] { narrow.append(std::vector<TokenId>{65536}); }).find("id 65536 does not fit") != std::string::npos);
  CHECK(test::error_of([&] { narrow.append(std::vector<TokenId>{-1}); }).find("id -1 does not fit") != std::string::npos);
  CHECK(smallest_token_type(65499) == TokenType::u16);
  CHECK(smallest_token_type(65500) == TokenType::i32);
}

TEST_CASE("token shards: several sequences in one document, and mode bytes, as others write them") {
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "m", TokenType::i32, {{1, 2}, {3}, {4, 5, 6}});
  std::string index = read_file(folder.path() / "m.idx");
  put(index, 26, 3, 8);  // boundaries 0, 2, 3: two documents
  index.resize(34 + 12 * 3 + 8 * 3);
  put(index, 34 + 36 + 8, 2, 8), put(index, 34 + 36 + 16, 3, 8);
  write_file_atomically(folder.path() / "m.idx", index);
  TokenShard shard = TokenShard::open(folder.path() / "m");
  CHECK(shard.documents() == 2);
  CHECK(shard.first_token(1) == 3);
  write_file_atomically(folder.path() / "m.idx", index + std::string(3, '\0'));
  CHECK(TokenShard::open(folder.path() / "m").documents() == 2);
}

TEST_CASE("token shards: lying headers and damaged indices are refused by file, field and place") {
  const test::TemporaryFolder folder;
  write_shard(folder.path() / "s", TokenType::i32, {{1, 10, 2}, {1, 2}});
  const std::string good = read_file(folder.path() / "s.idx");
  const auto error_of_index = [&](const std::string& index) {
    write_file_atomically(folder.path() / "s.idx", index);
    return test::error_of([&] { TokenShard::open(folder.path() / "s"); });
  };
  const auto error_with = [&](std::size_t at, std::uint64_t value, int width) {
    std::string bad = good;
    put(bad, at, value, width);
    return error_of_index(bad);
  };
  const auto says = [](const std::string& error, const std::string& part) {
    CAPTURE(error);
    CHECK(error.find(part) != std::string::npos);
    CHECK(error.find("s.idx") != std::string::npos);
  };
  says(error_of_index(""), "expected a header of 34 bytes, the file has 0");
  says(error_with(0, 'X', 1), "does not begin with MMIDIDX");
  says(error_with(9, 2, 8), "version 2");
  says(error_with(17, 5, 1), "dtype code 5 is not supported");
  says(error_with(18, 1ull << 60, 8), "claims 1152921504606846976 sequences");
  says(error_with(18, ~0ull, 8), "claims 18446744073709551615 sequences");
  says(error_with(26, 1ull << 61, 8), "2305843009213693952 document boundaries");
  says(error_with(26, 2, 8), "bytes expected for 2 sequences and 2 document boundaries");
  says(error_with(34, 0xFFFFFFFF, 4), "sequence 0 has length -1");
  says(error_with(34, 0x7FFFFFFF, 4), "sequence 0 claims tokens up to 2147483647");
  says(error_with(38, 1, 4), "4 tokens in all");
  says(error_with(50, 8, 8), "sequence 1 begins at byte 8; expected 12");
  says(error_with(50, 0x8000000000000000ull, 8), "sequence 1 begins at byte -9223372036854775808");
  says(error_with(58, 1, 8), "document boundary 0 is 1; expected 0 first");
  says(error_with(66, 3, 8), "document boundary 1 is 3");
  says(error_with(74, 1, 8), "the last document boundary is 1; expected the number of sequences, 2");
  for (std::size_t size = 0; size < good.size(); ++size)
    CHECK(error_of_index(good.substr(0, size)).find("s.idx") != std::string::npos);
  error_of_index(good);
  write_file_atomically(folder.path() / "s.bin", "12345678");
  CHECK(test::error_of([&] { TokenShard::open(folder.path() / "s"); }).find("has 2") != std::string::npos);
}

TEST_CASE("token shards: the shards of a folder come in name order, and halves are named") {
  const test::TemporaryFolder folder;
  CHECK(test::error_of([&] { list_token_shards(folder.path()); }).find("found none") != std::string::npos);
  for (const char* name : {"shard-00001", "shard-00000"}) write_shard(folder.path() / name, TokenType::u16, {{1}});
  const auto stems = list_token_shards(folder.path());
  REQUIRE(stems.size() == 2);
  CHECK(stems[0].filename() == "shard-00000");
  std::filesystem::remove(folder.path() / "shard-00001.idx");
  CHECK(test::error_of([&] { list_token_shards(folder.path()); }).find("shard-00001.idx is missing") != std::string::npos);
}

}  // namespace cairn::data
