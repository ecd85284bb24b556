#include "engine/data/ingest_tally.h"

#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/signals/signals.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::size_t kListed = 1000;  // files without text and damaged records that the report names, at most

void note(std::vector<std::string>& list, const std::string& what) {
  if (list.size() < kListed) list.push_back(text::utf8_lossy(what));
}

void add(CountsByReason& to, const CountsByReason& from) {
  for (const auto& [reason, count] : from) to[reason] += count;
}

void add(IngestTally& to, const IngestTally& from) {
  to.files += from.files;
  to.documents += from.documents;
  to.records += from.records;
  to.read += from.read;
  to.empty += from.empty;
  add(to.skipped, from.skipped);
  add(to.damaged, from.damaged);
  to.bytes += from.bytes;
  to.text_bytes += from.text_bytes;
}

Json state_of(const IngestTally& t) {
  return {t.files, t.documents, t.records, t.read, t.empty, t.skipped, t.damaged, t.bytes, t.text_bytes};
}

IngestTally tally_of(const Json& state) {
  IngestTally t;
  t.files = state.at(0);
  t.documents = state.at(1);
  t.records = state.at(2);
  t.read = state.at(3);
  t.empty = state.at(4);
  t.skipped = state.at(5).get<CountsByReason>();
  t.damaged = state.at(6).get<CountsByReason>();
  t.bytes = state.at(7);
  t.text_bytes = state.at(8);
  return t;
}

Json state_of(const std::map<std::string, IngestTally>& tallies) {
  Json out = Json::object();
  for (const auto& [name, tally] : tallies) out[name] = state_of(tally);
  return out;
}

std::map<std::string, IngestTally> tallies_of(const Json& state) {
  std::map<std::string, IngestTally> out;
  for (const auto& [name, tally] : state.items()) out[name] = tally_of(tally);
  return out;
}

Json records(const IngestTally& tally) {
  if (tally.records != tally.read + tally.empty + sum(tally.skipped) + sum(tally.damaged))
    fail("ingest: the funnel does not add up");
  return {{"in", tally.records},
          {"documents", tally.read},
          {"without_text", tally.empty},
          {"skipped", tally.skipped},
          {"damaged", tally.damaged}};
}

Json report_of(const std::map<std::string, IngestTally>& of) {
  Json out = Json::object();
  for (const auto& [name, tally] : of) {
    out[name] = {{"documents", tally.documents}, {"text_bytes", tally.text_bytes}};
    if (tally.files > 0) out[name].update({{"files", tally.files}, {"file_bytes", tally.bytes}, {"records", records(tally)}});
  }
  return out;
}

}  // namespace

std::int64_t sum(const CountsByReason& by_reason) {
  std::int64_t all = 0;
  for (const auto& [reason, count] : by_reason) all += count;
  return all;
}

void IngestCounts::file(const std::string& source, std::uint64_t bytes) {
  for (IngestTally* t : {&by_source_[source], &total_}) {
    ++t->files;
    t->bytes += bytes;
  }
}

void IngestCounts::read(const std::string& source) {
  for (IngestTally* t : {&by_source_[source], &total_}) {
    ++t->records;
    ++t->read;
  }
}

void IngestCounts::without_text(const std::string& source, const std::string& file) {
  for (IngestTally* t : {&by_source_[source], &total_}) {
    ++t->records;
    ++t->empty;
  }
  if (without_text_.empty() || without_text_.back() != text::utf8_lossy(file)) note(without_text_, file);
}

void IngestCounts::skipped(const std::string& source, std::string_view reason) {
  for (IngestTally* t : {&by_source_[source], &total_}) {
    ++t->records;
    ++t->skipped[std::string(reason)];
  }
}

void IngestCounts::damaged(const std::string& source, std::string_view reason, const std::string& message) {
  for (IngestTally* t : {&by_source_[source], &total_}) {
    ++t->records;
    ++t->damaged[std::string(reason)];
  }
  note(damaged_, message);
}

void IngestCounts::written(const Document& document) {
  for (IngestTally* t :
       {&by_source_[document.source], &by_language_[document.language], &by_licence_[document.licence], &total_}) {
    ++t->documents;
    t->text_bytes += document.text.size();
  }
  std::set<std::string> names;
  for (const SignalLine& line : split_signal_lines(document.signals, "\n"))
    names.insert(fmt::format("{} {}", signal_place_name(line.place), line.name));
  for (const std::string& name : names) ++signals_[name];
  const std::string& evidence = document.licence_evidence;
  if (evidence.empty()) return;
  const std::optional<LicenceMarkKind> kind = licence_mark_of(evidence);  // a document may bring along any text
  ++licence_marks_[evidence.starts_with("declared for ") ? "declared" : kind ? licence_mark_name(*kind) : "other"];
}

void IngestCounts::add(const IngestCounts& behind) {
  data::add(total_, behind.total_);
  for (const auto& [to, from] : {std::pair{&by_source_, &behind.by_source_}, std::pair{&by_language_, &behind.by_language_},
                                 std::pair{&by_licence_, &behind.by_licence_}}) {
    for (const auto& [name, tally] : *from) data::add((*to)[name], tally);
  }
  data::add(signals_, behind.signals_);
  data::add(licence_marks_, behind.licence_marks_);
  for (const std::string& file : behind.without_text_) note(without_text_, file);
  for (const std::string& what : behind.damaged_) note(damaged_, what);
}

Json IngestCounts::state() const {
  return {{"total", state_of(total_)},
          {"by_source", state_of(by_source_)},
          {"by_language", state_of(by_language_)},
          {"by_licence", state_of(by_licence_)},
          {"signals", signals_},
          {"licence_marks", licence_marks_},
          {"without_text", without_text_},
          {"damaged", damaged_}};
}

IngestCounts IngestCounts::of_state(const Json& state) {
  IngestCounts counts;
  counts.total_ = tally_of(state.at("total"));
  counts.by_source_ = tallies_of(state.at("by_source"));
  counts.by_language_ = tallies_of(state.at("by_language"));
  counts.by_licence_ = tallies_of(state.at("by_licence"));
  counts.signals_ = state.at("signals").get<CountsByReason>();
  counts.licence_marks_ = state.at("licence_marks").get<CountsByReason>();
  counts.without_text_ = state.at("without_text").get<std::vector<std::string>>();
  counts.damaged_ = state.at("damaged").get<std::vector<std::string>>();
  return counts;
}

Json IngestCounts::report() const {
  return {{"files", total_.files},
          {"documents", total_.documents},
          {"text_bytes", total_.text_bytes},
          {"records", records(total_)},
          {"by_source", report_of(by_source_)},
          {"by_language", report_of(by_language_)},
          {"by_licence", report_of(by_licence_)},
          {"licence_marks", licence_marks_},
          {"signals", signals_},
          {"files_without_text", without_text_},
          {"damaged_records", damaged_}};
}

}  // namespace cairn::data
