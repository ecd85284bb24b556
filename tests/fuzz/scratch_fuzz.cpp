// What curate and the sorts of engine/data keep in scratch files: a file that another process wrote, or that a disk damaged, may
// be refused, and what is read from it is what was written.
#include <fstream>
#include <numeric>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/clusters.h"
#include "engine/data/curated_piece.h"
#include "engine/data/piece_file.h"
#include "engine/data/record_runs.h"
#include "engine/data/sort_key.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

namespace {

CuratedRow row_of(std::string_view text, std::span<const std::uint64_t> keys, std::string_view scores) {
  CuratedRow row;
  row.id = "0123456789abcdef";
  row.text = text;
  row.url = "https://example.org/a";
  row.scores = scores;
  row.keys = keys;
  row.words = 3;
  return row;
}

void overwrite(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::remove(path);  // a file that is cut to nothing and written again waits for the disk
  std::ofstream(path, std::ios::binary) << bytes;
}

// All that can be read of a row.
std::uint64_t sum_of(const CuratedRow& row) {
  const Document document = document_of(row);
  return std::accumulate(row.keys.begin(), row.keys.end(), std::uint64_t{document.text.size() + document.scores.size()});
}

}  // namespace

TEST_CASE("fuzz: keys of sorted records") {
  std::string record;
  append_key(record, std::uint64_t{7});
  append_key(record, std::string_view("a\0b\0\0c", 6));
  append_key(record, std::string_view(""));
  append_key(record, ~std::uint64_t{0});
  feed("sort keys", {record}, fuzz_rounds(20000), [](const std::string& bytes) {
    std::string_view left = bytes;
    const std::uint64_t first = take_number_key(left);
    const std::string text = take_string_key(left);
    std::string again;
    append_key(again, first);
    append_key(again, text);
    CHECK(again.size() <= bytes.size());
    skip_string_key(left);
    take_number_key(left);
  });
}

TEST_CASE("fuzz: rows of curated documents, and members of clusters") {
  const std::vector<std::uint64_t> keys = {1, 2, 3};
  const std::string scores = pack_scores({{"quality", 0.5}, {"", -1}});
  std::string row, two;
  pack_row(row, row_of("a text", keys, scores));
  pack_row(two, row_of("", {}, ""));
  pack_row(two, row_of("another", keys, ""));
  feed("curated rows", {row, two}, fuzz_rounds(20000), [](const std::string& bytes) {
    for (std::string_view left = bytes; !left.empty();) sum_of(unpack_row(left));
  });
  ClusterMember member;
  member.id = "id";
  member.reason = std::string("a\0b", 3);
  member.kept_document.url = "https://example.org/";
  feed("cluster members", {pack_member(member)}, fuzz_rounds(20000), [](const std::string& bytes) { unpack_member(bytes); });
}

TEST_CASE("fuzz: files of records, by piece, and pieces of a curation") {
  const test::TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "records", index = folder.path() / "records.index";
  std::vector<std::string> records;
  for (std::size_t i = 0; i < 60; ++i) records.push_back(std::string(i % 23, 'x') + std::to_string(i));
  {
    RecordFile<std::string> file(real_disk(), path, 100);
    for (const std::string& record : records) file.write(record);
    file.finish(false);
  }
  // An insertion moves what is behind it, so a run may also end with the records before; never with others.
  feed("record run", {read_file(path)}, fuzz_rounds(4000), [&](const std::string& bytes) {
    overwrite(path, bytes);
    std::size_t at = 0;
    for (RecordRun<std::string> run(path, 0, bytes.size()); !run.done(); run.next()) CHECK(run.record() == records.at(at++));
  });

  std::filesystem::create_directories(folder.path() / "own");
  PieceFileWriter<std::string> writer(real_disk(), path, folder.path() / "own");
  for (std::size_t i = 0; i < records.size(); ++i) writer.add(i / 10 * 2, records[i]);
  writer.finish();
  const std::string good = read_file(path), good_index = read_file(index);
  const auto look = [&] {
    const PieceFile<std::string> file(real_disk(), path);
    for (PieceNumber piece = 0; piece < 12; ++piece) {
      const std::vector<std::string> of = file.of(piece);
      CHECK(of.size() == (piece % 2 == 0 ? 10 : 0));
      for (std::size_t i = 0; i < of.size(); ++i) CHECK(of[i] == records[piece / 2 * 10 + i]);
    }
  };
  feed("piece file's index", {good_index}, fuzz_rounds(4000), [&](const std::string& bytes) {
    overwrite(index, bytes);
    look();
  });
  overwrite(index, good_index);
  feed("piece file", {good}, fuzz_rounds(4000), [&](const std::string& bytes) {
    overwrite(path, bytes);
    look();
  });

  const std::vector<std::uint64_t> keys = {5, 6};
  CuratedPieceWriter piece;
  piece.append(row_of("a text", keys, ""));
  piece.append(row_of("another text", {}, pack_scores({{"quality", 0.25}})));
  piece.write(real_disk(), path, "statistics");
  feed("curated piece", {read_file(path)}, fuzz_rounds(4000), [&](const std::string& bytes) {
    overwrite(path, bytes);
    const CuratedPiece read(path);
    CHECK(read.rows().size() == 2);
    CHECK(read.rows()[1].text == "another text");
    for (const CuratedRow& row : read.rows()) sum_of(row);
  });
}
