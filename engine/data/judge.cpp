#include "engine/data/judge.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "engine/data/deduplicator.h"
#include "engine/data/sample_text.h"
#include "engine/data/text_analysis.h"

namespace cairn::data {

namespace {

// What the filter has noted while it judged, taken out of the analysis.
void add_measures(StatisticTally& statistics, std::uint32_t number, const NamedFilter& filter, TextAnalysis& analysis,
                  const Judgement& judgement) {
  for (const TextAnalysis::Measure& measure : analysis.measures()) {
    for (const Statistic& statistic : filter.statistics) {
      if (statistic.id != measure.statistic) continue;
      const bool dropped = judgement.action == Judgement::Action::drop &&
                           std::find(statistic.rules.begin(), statistic.rules.end(), judgement.rule) != statistic.rules.end();
      statistics.add(number, statistic, measure.value, dropped);
      break;
    }
  }
  analysis.measures().clear();
}

}  // namespace

std::string evidence_part(std::string text) {
  for (std::size_t at = 0; (at = text.find("; ", at)) != std::string::npos; ++at) text[at] = ',';
  return text;
}

std::string joined(std::string_view before, std::string_view separator, std::string_view more) {
  return fmt::format("{}{}{}", before, before.empty() ? "" : separator, more);
}

void judge(Document& document, const CuratedRow* before, const Stage& stage, std::uint32_t first_filter,
           const TokenCounter& tokens, StatisticTally& statistics, CuratedPieceWriter& out) {
  CuratedRow row;
  Judgement last;
  std::string_view dropped_by;
  std::string edits, edited_by, evidence;
  bool edited = false;
  std::optional<TextAnalysis> analysis(std::in_place, document.text);
  if (before != nullptr) {
    row.bytes_in = before->bytes_in;
    row.words_in = before->words_in;
    row.tokens_in = before->tokens_in;
    row.tokens = before->tokens;
    edits = before->reason;
    edited_by = before->edited_by;
    evidence = before->evidence;
  } else {
    row.bytes_in = document.text.size();
    row.words_in = analysis->words().size();
    row.tokens_in = row.tokens = tokens.count(document.text);
  }
  for (std::uint32_t number = 0; number < stage.filters.size(); ++number) {
    const NamedFilter& filter = stage.filters[number];
    last = filter.filter->judge(document, *analysis);
    add_measures(statistics, first_filter + number, filter, *analysis, last);
    if (!last.evidence.empty())
      evidence = joined(evidence, "; ", fmt::format("{}: {}", filter.name, evidence_part(last.evidence)));
    if (!last.language.empty()) document.language = last.language;
    if (!last.licence.empty()) {
      document.licence = last.licence;
      document.licence_evidence = last.licence_evidence;
    }
    for (const Score& score : last.scores) set_score(document.scores, score);
    if (last.action == Judgement::Action::drop) {
      dropped_by = filter.name;
      break;
    }
    if (last.action == Judgement::Action::edit) {
      edits = joined(edits, "; ", fmt::format("{}: {}", filter.name, last.reason));
      edited_by = joined(edited_by, " ", filter.name);
      document.text = std::move(last.text);
      analysis.emplace(document.text);
      edited = true;
    }
  }
  row.id = document.id;
  row.source = document.source;
  row.url = document.url;
  row.licence = document.licence;
  row.language = document.language;
  row.retrieved = document.retrieved;
  row.record_id = document.record_id;
  row.record_place = document.record_place;
  row.content_type = document.content_type;
  row.signals = document.signals;
  row.licence_evidence = document.licence_evidence;
  const std::string scores = pack_scores(document.scores);
  row.scores = scores;
  row.edited_by = edited_by;
  row.evidence = evidence;
  std::string sample;
  std::vector<std::uint64_t> keys;
  if (!dropped_by.empty()) {
    row.dropped = true;
    row.tokens = 0;
    row.filter = dropped_by;
    row.rule = last.rule;
    row.reason = last.reason;
    sample = sample_text(document.text, kSampleBytes);
    row.sample = sample;
  } else {
    row.text = document.text;
    row.words = analysis->words().size();
    if (edited || row.tokens == 0) row.tokens = tokens.count(document.text);
    row.reason = edits;
    keys = stage_keys(document, stage.deduplicators);
    row.keys = keys;
  }
  out.append(row);
}

}  // namespace cairn::data
