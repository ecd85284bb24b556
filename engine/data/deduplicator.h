// What compares documents with one another: duplicates of whole documents, of paragraphs, of passages; ranks by a score.
//
// It works in three parts. append_keys() is a pure function of one document, called from any thread as documents go by. compare()
// sees the keys of all documents that this rank owns, in input order, brings what has to meet together with the other ranks
// (exchange.h), and tells findings about documents. apply() makes of a document's findings what becomes of it. All of it is a
// function of documents and parameters alone: not of threads or ranks, nor of the memory, beyond which it works on files.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/data/curated_piece.h"
#include "engine/data/document.h"
#include "engine/data/document_number.h"
#include "engine/data/exchange.h"
#include "engine/data/statistics.h"

namespace cairn::data {

class Deduplicator;

// What a deduplicator has found about a document: that it is out, or something about bytes or parts of it.
struct Finding {
  static constexpr std::uint64_t kOut = ~std::uint64_t{0};  // as `begin`: the document is out, and `end` is the detail

  DocumentNumber document = 0;
  std::uint64_t begin = 0, end = 0;
  DocumentNumber other = kNoDocument;  // that stands for it
  auto operator<=>(const Finding&) const = default;
};

// What is said of a document where it stands for another.
struct KnownDocument {
  std::string id, source, url;
};
using KnownDocuments = std::map<DocumentNumber, KnownDocument>;

// Why a document is out. The words are made when somebody asks: most of a large corpus may be duplicates.
struct Removal {
  const Deduplicator* by = nullptr;   // nullptr: the document is still in
  DocumentNumber kept = kNoDocument;  // the document that stands for it
  std::uint64_t detail = 0;           // what `by` needs to say why

  explicit operator bool() const { return by != nullptr; }
};

struct Cut {
  std::uint64_t begin = 0, end = 0;    // bytes of the document's text, whole characters
  DocumentNumber first = kNoDocument;  // where the same stands and stays
};

// A document that a deduplicator looks at, and what becomes of it.
struct DedupRow {
  DocumentNumber number = 0;
  const CuratedRow* row = nullptr;
  Removal removal{};
  const Deduplicator* cut_by = nullptr;
  std::vector<Cut> cuts{};  // in order, apart from one another
};

using RowFn = std::function<void(DocumentNumber, const CuratedRow&, std::span<const std::uint64_t> keys)>;

struct Comparison {
  Workbench bench;
  std::function<void(const RowFn&)> for_each;               // this rank's documents that are in, in order
  std::function<void(DocumentNumber, const RowFn&)> visit;  // one of them; ascending numbers are cheap
  std::function<int(DocumentNumber)> owner;                 // its rank; never smaller for a later document
  std::function<void(const Finding&)> found;                // about any rank's documents, in any order
};

// What a deduplicator made of documents, for its statistics.
struct Outcome {
  using Fn = std::function<void(const DedupRow&, std::span<const std::uint64_t> keys)>;

  Workbench bench;
  std::function<void(const Fn&)> for_each;  // this rank's documents that it looked at, in order

  // `own`, of a filter and statistic 0, with what the other ranks have counted; none when nobody has counted anything.
  std::optional<Histogram> of_all_ranks(const StatisticTally& own) const;
};

class Deduplicator {
 public:
  explicit Deduplicator(std::string name) : name_(std::move(name)) {}
  virtual ~Deduplicator() = default;
  const std::string& name() const { return name_; }

  virtual void append_keys(const Document& document, std::vector<std::uint64_t>& keys) const = 0;
  virtual void compare(Comparison& comparison) const = 0;
  // `findings`: all about this document, in order. Here: that it is out.
  virtual void apply(DedupRow& row, std::span<const Finding> findings) const;
  // Whether it looks at texts and cuts them, so that what comes behind it has to look at them anew.
  virtual bool cuts() const { return false; }
  // Which rule removed a document, and why in words; `kept_url` is the address of removal.kept, or empty.
  virtual std::string rule(const Removal& removal) const = 0;
  virtual std::string reason(const Removal& removal, std::string_view kept_url) const = 0;
  // What it found, as histograms for the report: the same on all ranks, which call it together.
  virtual std::vector<MeasuredStatistic> measured(const Outcome&) const { return {}; }
  // What was cut, in a few words: "3 paragraphs, 412 bytes".
  virtual std::string cut_reason(const std::vector<Cut>&) const { return {}; }

 private:
  std::string name_;
};

// Keys of one document for all deduplicators of a stage; and those of the `part`-th in them.
std::vector<std::uint64_t> stage_keys(const Document& document, const std::vector<std::unique_ptr<Deduplicator>>& deduplicators);
std::span<const std::uint64_t> keys_of(std::span<const std::uint64_t> all, std::size_t part);

// Gives a document its cuts, or removes it when they take `drop_share` of its bytes or leave nothing but white space; the
// removal's detail is the percentage cut. Empty cuts are left out.
void cut_or_remove(DedupRow& row, const Deduplicator& by, std::vector<Cut> cuts, double drop_share);
std::uint64_t bytes_of(const std::vector<Cut>& cuts);
// Of documents that `by` looked at: which share of each it cut, or would have cut of those that it removed.
MeasuredStatistic measured_cuts(const Outcome& outcome, const Deduplicator& by, double drop_share);
// The text without what was cut out of it.
std::string text_after(const DedupRow& row);
// Where, for the first few also of what: "paragraph_dedup: bytes 0-120 (first in a.html), 300-420". `known`: those that stand
// there instead; who is not known is not named.
std::string cut_evidence(const DedupRow& row, const KnownDocuments& known);
// Documents to be known for that, and for a removal: of the findings about one document.
std::vector<DocumentNumber> named_by(std::span<const Finding> findings);

}  // namespace cairn::data
