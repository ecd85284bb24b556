// What compares documents with one another: duplicates of whole documents, of paragraphs, of passages; ranks by a score.
//
// It works in two halves. append_keys() is a pure function of one document, called from any thread as documents go by; compare()
// sees the keys of all documents at once, in input order, and marks which are removed and what is cut out of others. What it
// marks is a function of documents and parameters alone: not of threads, nor of the memory it may use, beyond which it works on
// files in the scratch folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/disk.h"
#include "base/stop.h"
#include "base/thread_pool.h"
#include "engine/data/curated_piece.h"
#include "engine/data/document.h"
#include "engine/data/statistics.h"

namespace cairn::data {

class Deduplicator;

inline constexpr std::uint32_t kNoDocument = 0xFFFFFFFFu;

// Why a document is out. The words are made when somebody asks: most of a large corpus may be duplicates.
struct Removal {
  const Deduplicator* by = nullptr;  // nullptr: the document is still in
  std::uint32_t kept = kNoDocument;  // the document that stands for it, numbered over all documents
  std::uint64_t detail = 0;          // what `by` needs to say why

  explicit operator bool() const { return by != nullptr; }
};

struct Cut {
  std::uint64_t begin = 0, end = 0;   // bytes of the document's text, whole characters
  std::uint32_t first = kNoDocument;  // where the same stands and stays
};

// A document that a deduplicator looks at, and what becomes of it.
struct DedupRow {
  const CuratedRow* row = nullptr;
  Removal removal{};
  const Deduplicator* cut_by = nullptr;
  std::unique_ptr<std::vector<Cut>> cuts{};  // in order, apart from one another
};

struct Comparison {
  std::vector<DedupRow>& rows;
  std::size_t part;  // which of the stage's deduplicators this is
  ThreadPool& threads;
  Disk& disk;
  std::filesystem::path scratch;  // a folder of its own, to be made when needed
  std::uint64_t memory;           // bytes that may be used for what is compared
  StopToken& stop;

  bool in(std::size_t document) const { return !rows[document].row->dropped && !rows[document].removal; }
  // After compare(): whether `by` looked at a document.
  bool seen(std::size_t document, const Deduplicator& by) const { return in(document) || rows[document].removal.by == &by; }
  std::span<const std::uint64_t> keys(std::size_t document) const;  // of a document that is in
};

class Deduplicator {
 public:
  explicit Deduplicator(std::string name) : name_(std::move(name)) {}
  virtual ~Deduplicator() = default;
  const std::string& name() const { return name_; }

  virtual void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const = 0;
  virtual void compare(Comparison& comparison) const = 0;
  // Whether it cuts texts, so that what comes behind it has to look at them anew.
  virtual bool cuts() const { return false; }
  // Which rule removed a document, and why in words; `kept_url` is the address of removal.kept, or empty.
  virtual std::string rule(const Removal& removal) const = 0;
  virtual std::string reason(const Removal& removal, std::string_view kept_url) const = 0;
  // After compare(): what it found, as histograms for the report.
  virtual std::vector<MeasuredStatistic> measured(const Comparison&) const { return {}; }
  // What was cut, in a few words: "3 paragraphs, 412 bytes".
  virtual std::string cut_reason(const std::vector<Cut>&) const { return {}; }

 private:
  std::string name_;
};

// Keys of one document for all deduplicators of a stage, as Comparison::keys() finds them.
std::vector<std::uint64_t> stage_keys(const Document& document, const std::vector<std::unique_ptr<Deduplicator>>& deduplicators);

// Gives a document its cuts, or removes it when they take `drop_share` of its bytes or leave nothing but white space; the
// removal's detail is the percentage cut. Empty cuts are left out.
void cut_or_remove(std::vector<DedupRow>& rows, std::uint32_t document, const Deduplicator& by, std::vector<Cut> cuts,
                   double drop_share);
std::uint64_t bytes_of(const std::vector<Cut>& cuts);
// Of documents that `by` looked at: which share of each it cut, or would have cut of those that it removed.
MeasuredStatistic measured_cuts(const Comparison& comparison, const Deduplicator& by, double drop_share);
// The text without what was cut out of it.
std::string text_after(const DedupRow& row);
// Where, for the first few also of what: "paragraph_dedup: bytes 0-120 (first in a.html), 300-420".
std::string cut_evidence(const DedupRow& row, const std::vector<DedupRow>& rows);

}  // namespace cairn::data
