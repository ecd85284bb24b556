// What an ingestion counts: records, documents and bytes, in all and by source, language and licence. Counts only add, so parts
// of an ingestion are counted by themselves, kept as JSON between attempts, and summed in order.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/document.h"

namespace cairn::data {

using CountsByReason = std::map<std::string, std::int64_t>;
std::int64_t sum(const CountsByReason& by_reason);

struct IngestTally {
  std::int64_t files = 0, documents = 0;
  std::int64_t records = 0, read = 0, empty = 0;  // that came in; of them documents, and without text
  CountsByReason skipped, damaged;                // records
  std::uint64_t bytes = 0, text_bytes = 0;
};

class IngestCounts {
 public:
  void file(const std::string& source, std::uint64_t bytes);
  // Of each record one of these four; a document that is read is told by written() once it is complete.
  void read(const std::string& source);
  void without_text(const std::string& source, const std::string& file);
  void skipped(const std::string& source, std::string_view reason);
  void damaged(const std::string& source, std::string_view reason, const std::string& message);
  void written(const Document& document);

  void add(const IngestCounts& behind);
  const IngestTally& total() const { return total_; }
  std::size_t languages() const { return by_language_.size(); }
  std::size_t sources() const { return by_source_.size(); }

  Json state() const;
  static IngestCounts of_state(const Json& state);  // Error when it is not one
  Json report() const;                              // Error when the funnel does not add up

 private:
  IngestTally total_;
  std::map<std::string, IngestTally> by_source_, by_language_, by_licence_;
  // Documents with signal lines of a place and name ("meta robots"), and with a licence by a kind of mark ("rel=license").
  std::map<std::string, std::int64_t> signals_, licence_marks_;
  std::vector<std::string> without_text_, damaged_;  // the first ones, named
};

}  // namespace cairn::data
