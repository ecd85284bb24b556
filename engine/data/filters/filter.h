// A filter: a pure function from a document to keep, edit or drop, with the reason in words and numbers.
//
// Same document and parameters, same judgement: filters hold parameters only, and may be called from any thread. What compares
// documents with one another (exact_dedup.h, minhash.h) is not a filter of this kind.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/schema.h"
#include "engine/data/document.h"
#include "engine/data/statistics.h"
#include "engine/data/text_analysis.h"

namespace cairn::data {

struct Judgement {
  enum class Action { keep, edit, drop };
  Action action = Action::keep;
  std::string rule;           // which of the filter's rules: "top_2_gram"; stable, for counting
  std::string reason;         // "top 2-gram covers 0.31 of characters, limit 0.20"
  std::string text;           // edit: the new text
  std::string evidence = {};  // what the judgement rests on, to be kept with it: "line 7 of robots.txt sha256:..., 2025-01-15"
  std::string licence = {};   // what its licence turned out to be, and by which mark; empty: as it was
  std::string licence_evidence = {};
  std::string language = {};       // what the document's language turned out to be; empty: as it was
  std::vector<Score> scores = {};  // what it scored, to be kept with the document whatever the action
};

inline Judgement keep() {
  return {};
}
inline Judgement drop(std::string rule, std::string reason) {
  return {Judgement::Action::drop, std::move(rule), std::move(reason), {}};
}
inline Judgement edit(std::string rule, std::string reason, std::string text) {
  return {Judgement::Action::edit, std::move(rule), std::move(reason), std::move(text)};
}

class Filter {
 public:
  virtual ~Filter() = default;
  // `analysis` is of document.text.
  virtual Judgement judge(const Document& document, TextAnalysis& analysis) const = 0;
  // What it measures, noting it in the analysis; in the order of its rules.
  virtual std::vector<Statistic> statistics() const { return {}; }
};

// The config field of filters that count words: what they are in scripts without spaces.
Field unspaced_field();
Unspaced read_unspaced(const Config& config);

}  // namespace cairn::data
