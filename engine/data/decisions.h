// What became of every document that a curation looked at, in one file that is mapped and searched by halving: by id, by address,
// by the beginning of either, or by the end of an address. docs/format/decisions.md describes the bytes, with an example that a
// test checks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/thread_pool.h"

namespace cairn::data {

enum class Verdict : std::uint8_t { kept = 0, held_out = 1, dropped = 2 };
const char* verdict_name(Verdict verdict);

struct Decision {
  Digest id;  // of the document's text as ingested
  std::string url, source, language;
  Verdict verdict = Verdict::kept;
  bool edited = false;
  std::string filter;    // of a dropped document: which dropped it, "gopher_repetition"; of a kept one: the output that it
                         // stands in, where that is not "documents"
  std::string rule;      // and by which of its rules, "top_2_gram"
  std::string reason;    // in words with numbers; of a kept and edited one: the edits
  std::string evidence;  // what filters kept with their judgements: "robots: allowed by ..."
  std::optional<Digest> duplicate_of;
  std::uint32_t shard = 0, ordinal = 0;  // kept and held out: place in the output
};

// The output that a document which was not dropped stands in: "documents", "held_out", or the first stage of a mixture that takes
// it.
std::string output_role(const Decision& decision);

// What most questions about a document turn on, as views into the file: cheap for those who look at all of them.
struct DecisionGlance {
  std::string_view url, source, language, filter, rule;
  Verdict verdict = Verdict::kept;
  bool edited = false;
};

// Writes a decisions file of decisions that come in any order, within `memory` bytes and files in `scratch`, a folder of its own.
class DecisionsWriter {
 public:
  DecisionsWriter(Disk& disk, std::filesystem::path scratch, std::uint64_t memory, ThreadPool& threads);
  ~DecisionsWriter();
  void add(const Decision& decision);
  void finish(const std::filesystem::path& file);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Decisions {
 public:
  // Error naming the file when its format is another version, or header, sizes or offsets are wrong.
  explicit Decisions(const std::filesystem::path& path);

  std::size_t size() const { return count_; }
  Decision at(std::size_t index) const;  // in order of id, then url; Error on a damaged record

  DecisionGlance glance(std::size_t index) const;  // likewise
  // xxHash64 of id and address: the same for the same document, whatever other documents there are.
  std::uint64_t draw(std::size_t index, std::uint64_t seed) const;

  // Indices, ascending; found by halving. `most` bounds how many are returned.
  std::vector<std::size_t> by_id(std::string_view hex_prefix, std::size_t most) const;  // hexadecimal, any length
  std::vector<std::size_t> by_url(std::string_view prefix, bool whole, std::size_t most) const;
  // Addresses that end in `suffix` at a '/' or as a whole.
  std::vector<std::size_t> by_url_suffix(std::string_view suffix, std::size_t most) const;

 private:
  std::string_view record(std::size_t index) const;
  std::string_view string_at(std::uint64_t offset) const;
  std::string_view url(std::size_t index) const;
  // Of `order`, record numbers sorted by address in some way: those of the first address that does not come `before`, and of the
  // addresses behind it for as long as they match.
  template <typename Before, typename Matches>
  std::vector<std::size_t> run_in(std::string_view order, std::size_t most, Before before, Matches matches) const;

  Verdict verdict(std::size_t index) const;

  std::string name_;
  MappedFile file_;
  std::size_t count_ = 0;
  std::string_view records_, urls_, ends_, strings_;
};

}  // namespace cairn::data
