#include "engine/data/best_fit.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/random.h"
#include "engine/data/row_index.h"
#include "tests/support/hex_page.h"
#include "tests/support/test.h"

namespace cairn::data {
namespace {

// Where documents of these lengths begin, and the end.
std::vector<std::int64_t> firsts(const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> first{0};
  for (const std::int64_t length : lengths) first.push_back(first.back() + length);
  return first;
}

std::vector<std::int64_t> random_lengths(std::uint64_t n, std::int64_t documents, std::int64_t most) {
  const Random random(n, "documents of a test");
  std::vector<std::int64_t> lengths;
  for (std::int64_t d = 0; d < documents; ++d) {
    // Most are short, as documents are.
    const auto spread = static_cast<double>(most) * random.uniform(2 * static_cast<std::uint64_t>(d)) *
                        random.uniform(2 * static_cast<std::uint64_t>(d) + 1);
    lengths.push_back(static_cast<std::int64_t>(spread));
  }
  return lengths;
}

std::vector<std::vector<Piece>> rows_of(const PackedRows& packed) {
  std::vector<std::vector<Piece>> rows;
  for (std::size_t r = 0; r + 1 < packed.row_first.size(); ++r) {
    rows.emplace_back(packed.pieces.begin() + packed.row_first[r], packed.pieces.begin() + packed.row_first[r + 1]);
  }
  return rows;
}

}  // namespace

TEST_CASE("best fit: the least room that fits, longest first; long documents are cut and overlap by a token") {
  // Rows of up to 10 tokens: 7, 6, then 4 beside the 6, 3 beside the 7; a document of one token has no label.
  const PackedRows packed = pack_best_fit(firsts({3, 7, 1, 6, 4}), 9);
  CHECK(rows_of(packed) == std::vector<std::vector<Piece>>{{{0, 3}, {3, 7}}, {{11, 6}, {17, 4}}});
  // 23 tokens in rows of up to 10: 0..9, 9..18, 18..22.
  const PackedRows cut = pack_best_fit(firsts({23, 5}), 9);
  CHECK(rows_of(cut) == std::vector<std::vector<Piece>>{{{0, 10}}, {{9, 10}}, {{18, 5}, {23, 5}}});
  CHECK(pack_best_fit(firsts({}), 9).rows() == 0);
  CHECK(pack_best_fit(firsts({0, 1, 1}), 9).rows() == 0);
  CHECK(test::error_of([] { pack_best_fit(firsts({5}), 1); }).find("rows of 1 tokens") != std::string::npos);
}

TEST_CASE("best fit: every label of every document is in one row, no row is over-full, nothing that fits is cut") {
  for (std::uint64_t n = 0; n < 40; ++n) {
    const std::int64_t T = 2 + static_cast<std::int64_t>(n) * 3;
    const auto lengths = random_lengths(n, 200, 4 * T);
    const auto first = firsts(lengths);
    const PackedRows packed = pack_best_fit(first, T);
    CHECK(pack_best_fit(first, T).pieces == packed.pieces);
    std::map<std::int64_t, int> labels;  // by token
    std::set<std::int64_t> begins;
    for (const auto& row : rows_of(packed)) {
      std::int64_t held = 0;
      for (const Piece& piece : row) {
        held += piece.tokens;
        REQUIRE(piece.tokens >= 2);
        begins.insert(piece.first);
        for (std::int64_t t = piece.first + 1; t < piece.first + piece.tokens; ++t) ++labels[t];
      }
      REQUIRE(held <= T + 1);
    }
    for (std::size_t d = 0; d < lengths.size(); ++d) {
      if (lengths[d] >= 2) REQUIRE(begins.count(first[d]) == 1);
      for (std::int64_t t = first[d] + 1; t < first[d + 1]; ++t) REQUIRE(labels[t] == 1);
      if (lengths[d] >= 2 && lengths[d] <= T + 1) {
        const Piece whole{first[d], static_cast<std::int32_t>(lengths[d])};
        REQUIRE(std::find(packed.pieces.begin(), packed.pieces.end(), whole) != packed.pieces.end());
      }
    }
  }
}

TEST_CASE("best fit: little room is left, and many documents are saved from a cut") {
  const auto first = firsts(random_lengths(5, 20000, 3000));
  const PackedRows packed = pack_best_fit(first, 1024);
  std::int64_t held = 0;
  for (const Piece& piece : packed.pieces) held += piece.tokens;
  const double padding = 1 - static_cast<double>(held) / (static_cast<double>(packed.rows()) * 1025);
  CHECK(padding >= 0);
  CHECK(padding < 0.005);
  // Documents 0..8 and 8..16 lie in the samples [0, 8] and [8, 16]; the one of 16..21 too; 21..26 is cut at 24.
  CHECK(cut_by_concatenation(firsts({8, 8, 5, 5}), 0, 8) == 1);
  CHECK(cut_by_concatenation(firsts({8, 8, 5, 5}), 3, 8) == 2);  // 3..11 and 11..19; 19..24 and 24..29 are whole
  CHECK(cut_by_concatenation(first, 0, 1024) > 1000);
}

TEST_CASE("row index: bytes of the example in docs/format/rows.md, and both ways") {
  const auto blocks = test::hex_blocks("rows.md");
  REQUIRE(blocks.size() == 1);
  const test::TemporaryFolder folder;
  const PackedRows packed = pack_best_fit(firsts({3, 7, 1, 6, 4}), 9);
  write_row_index(real_disk(), folder.path() / "s.rows", packed, 21);
  CHECK(read_file(folder.path() / "s.rows") == blocks[0]);
  const RowIndex index = RowIndex::open(folder.path() / "s.rows");
  CHECK(index.rows() == 2);
  CHECK(index.row_length() == 9);
  CHECK(index.shard_tokens() == 21);
  std::vector<Piece> pieces;
  index.pieces(1, pieces);
  CHECK(pieces == std::vector<Piece>{{11, 6}, {17, 4}});
  CHECK(index.rows_of(0, 3) == std::vector<std::int64_t>{0});
  CHECK(index.rows_of(10, 11).empty());
  CHECK(index.rows_of(9, 12) == std::vector<std::int64_t>{0, 1});
  CHECK(index.rows_of(21, 30).empty());
  CHECK(test::error_of([&] { index.pieces(2, pieces); }).find("row 2 asked for, there are 2") != std::string::npos);
}

TEST_CASE("row index: tokens to rows agrees with a search through all rows") {
  const auto first = firsts(random_lengths(8, 300, 90));
  const PackedRows packed = pack_best_fit(first, 20);
  const test::TemporaryFolder folder;
  write_row_index(real_disk(), folder.path() / "s.rows", packed, first.back());
  const RowIndex index = RowIndex::open(folder.path() / "s.rows");
  const auto rows = rows_of(packed);
  for (std::int64_t begin = 0; begin < first.back(); begin += 3) {
    const std::int64_t end = begin + 1 + begin % 40;
    std::vector<std::int64_t> expected;
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const bool touches = std::any_of(rows[r].begin(), rows[r].end(), [&](const Piece& piece) {
        return piece.first < end && piece.first + piece.tokens > begin;
      });
      if (touches) expected.push_back(static_cast<std::int64_t>(r));
    }
    REQUIRE(index.rows_of(begin, end) == expected);
  }
}

TEST_CASE("row index: a changed byte, or a file cut short, is refused or harmless, never followed") {
  const test::TemporaryFolder folder;
  write_row_index(real_disk(), folder.path() / "s.rows", pack_best_fit(firsts({3, 7, 1, 6, 4}), 9), 21);
  const std::string bytes = read_file(folder.path() / "s.rows");
  const auto open_with = [&](const std::string& changed) {
    write_file_atomically(folder.path() / "x.rows", changed);
    return test::error_of([&] {
      const RowIndex index = RowIndex::open(folder.path() / "x.rows");
      std::vector<Piece> pieces;
      for (std::int64_t row = 0; row < index.rows(); ++row) index.pieces(row, pieces);
      index.rows_of(0, 21);
    });
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    CHECK_FALSE(open_with(bytes.substr(0, i)).empty());
    for (const int bit : {0, 3, 7}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ 1 << bit);
      open_with(changed);
    }
  }
  const auto error_with = [&](std::size_t at, char value) {
    std::string changed = bytes;
    changed[at] = value;
    return open_with(changed);
  };
  CHECK(error_with(0, 'X').find("CAIRNROW") != std::string::npos);
  CHECK(error_with(8, 2).find("version 2") != std::string::npos);
  CHECK(error_with(12, 4).find("a row 5") != std::string::npos);
  CHECK(error_with(12, 8).find("row 0 holds 10 tokens, more than 9") != std::string::npos);
  CHECK(error_with(16, 1).find("claims 1 rows") != std::string::npos);
  CHECK(error_with(32, 20).find("the shard has 20") != std::string::npos);
  CHECK(error_with(48, 4).find("row 0 holds") != std::string::npos);
  CHECK(error_with(bytes.size() - 4, 9).find("names piece 9 of 4") != std::string::npos);
}

}  // namespace cairn::data
