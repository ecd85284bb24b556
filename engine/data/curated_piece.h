// What one stage of a curation made of one piece of its input: a file in the step's scratch folder, so that a killed curation
// goes on where it was. Private to curate; the format may change with the program (a file that does not check is made again).
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/mapped_file.h"
#include "engine/data/document.h"
#include "engine/data/document_number.h"

namespace cairn::data {

// A document on its way through the chain. Views into whatever holds the row.
struct CuratedRow {
  std::string_view id, text, source, url, licence, language, retrieved;  // text is empty once dropped
  std::string_view record_id, record_place, content_type, signals, licence_evidence;
  std::string_view filter, rule, reason;            // of a dropped document; of a kept one `reason` tells the edits
  std::string_view edited_by;                       // names of the filters that edited, separated by spaces
  std::string_view scores;                          // as pack_scores() makes them
  std::string_view evidence;                        // what filters kept with their judgements
  std::string_view sample;                          // of a dropped document: how its text begins
  std::string_view kept_id, kept_source, kept_url;  // of one that a deduplicator dropped: the document that stands for it
  std::span<const std::uint64_t> keys;              // what the stage's deduplicators compare, one after the other
  std::uint64_t bytes_in = 0, words_in = 0;         // of its text as it came in
  std::uint64_t words = 0;                          // of its text as it stands; 0 once dropped
  std::uint64_t tokens_in = 0, tokens = 0;          // likewise; 0 without a tokenizer
  DocumentNumber kept = kNoDocument;                // number of the document that stands for it
  std::uint64_t removed_by = 0;  // number of that deduplicator in the chain, from 1 on; 0: none, or one that cuts
  bool dropped = false;
};

// A row as bytes, in a length that is a multiple of 8, and back: `bytes` loses them. The views are into `bytes`; the keys are
// read where they lie, so whoever wants them keeps rows at multiples of 8. Bytes that are no row are an Error.
void pack_row(std::string& bytes, const CuratedRow& row);
CuratedRow unpack_row(std::string_view& bytes);

Document document_of(const CuratedRow& row);

std::string pack_scores(const std::vector<Score>& scores);
std::vector<Score> unpack_scores(std::string_view packed);

class CuratedPieceWriter {
 public:
  CuratedPieceWriter();
  void append(const CuratedRow& row);
  // Atomically: a reader sees the whole file or none. `statistics`: of all rows, as StatisticTally::pack() makes them.
  void write(Disk& disk, const std::filesystem::path& path, std::string_view statistics);

 private:
  std::string head_, texts_;
  std::uint64_t rows_ = 0;
};

class CuratedPiece {
 public:
  // Whether `path` holds a whole piece.
  static bool is_whole(const std::filesystem::path& path);
  // Error when it is not; without `texts`, which most who compare documents do not look at, their bytes are not checked.
  explicit CuratedPiece(const std::filesystem::path& path, bool texts = true);
  const std::vector<CuratedRow>& rows() const { return rows_; }
  std::string_view statistics() const { return statistics_; }

 private:
  MappedFile file_;
  std::vector<CuratedRow> rows_;
  std::string_view statistics_;
};

}  // namespace cairn::data
