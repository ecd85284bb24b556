#include "engine/data/curate_report.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/language_words.h"
#include "engine/data/words.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

constexpr std::size_t kMostSources = 10'000;

Json group_json(const GroupTally& group, bool tokens) {
  const auto amount_json = [tokens](const Amount& amount) {
    Json json = {{"documents", amount.documents}, {"text_bytes", amount.bytes}, {"words", amount.words}};
    if (tokens) json["tokens"] = amount.tokens;
    return json;
  };
  Json dropped_by = Json::object(), amounts = Json::object();
  for (const auto& [filter, amount] : group.dropped_by) {
    dropped_by[filter] = amount.documents;
    amounts[filter] = amount_json(amount);
  }
  return {{"in", group.in.documents},
          {"kept", group.kept.documents},
          {"held_out", group.held_out.documents},
          {"text_bytes", group.kept.bytes},
          {"dropped_by", dropped_by},
          {"funnel",
           {{"in", amount_json(group.in)},
            {"dropped_by", amounts},
            {"edited_away", amount_json(group.edited)},
            {"held_out", amount_json(group.held_out)},
            {"kept", amount_json(group.kept)}}}};
}

void check_group(const std::string& name, const GroupTally& group) {
  Amount out = group.kept;
  out += group.held_out;
  out += group.dropped();
  out.bytes += group.edited.bytes;
  out.words += group.edited.words;
  out.tokens += group.edited.tokens;
  if (out == group.in) return;
  if (out.tokens != group.in.tokens)
    fail("curate: the funnel of {} does not add up: {} tokens came in, {} are accounted for", name, group.in.tokens, out.tokens);
  fail("curate: the funnel of {} does not add up: {} documents, {} bytes and {} words came in, {}, {} and {} are accounted for",
       name, group.in.documents, group.in.bytes, group.in.words, out.documents, out.bytes, out.words);
}

}  // namespace

Amount& Amount::operator+=(const Amount& other) {
  documents += other.documents;
  bytes += other.bytes;
  words += other.words;
  tokens += other.tokens;
  return *this;
}

Amount GroupTally::dropped() const {
  Amount all;
  for (const auto& [filter, amount] : dropped_by) all += amount;
  return all;
}

GroupTally& GroupTally::operator+=(const GroupTally& other) {
  in += other.in;
  kept += other.kept;
  held_out += other.held_out;
  edited += other.edited;
  for (const auto& [filter, amount] : other.dropped_by) dropped_by[filter] += amount;
  return *this;
}

void SourceTallies::add(const std::string& name, GroupTally tally) {
  order_.insert({-tally.in.documents, name});
  largest_.emplace(name, std::move(tally));
  if (largest_.size() <= kMostSources) return;
  const auto least = largest_.find(order_.rbegin()->second);
  others_ += least->second;
  ++count_of_others_;
  largest_.erase(least);
  order_.erase(std::prev(order_.end()));
}

std::uint64_t KeptSamples::draw(const Digest& id, std::string_view url) {
  return xxhash64(url, xxhash64({reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}));
}

void KeptSamples::offer(const Decision& decision, std::string_view begins) {
  const std::uint64_t draw = KeptSamples::draw(decision.id, decision.url);
  if (samples_.size() == kMost && draw >= samples_.back().draw) return;
  const auto place = std::find_if(samples_.begin(), samples_.end(), [draw](const Sample& other) { return other.draw > draw; });
  samples_.insert(place, {draw, decision.url, decision.language, decision.reason, std::string(begins)});
  if (samples_.size() > kMost) samples_.pop_back();
}

void check_funnel(const CurateReport& report, std::size_t documents_in) {
  if (report.total.in.documents != static_cast<std::int64_t>(documents_in))
    fail("curate: the funnel does not add up: {} documents came in, {} have a fate", documents_in, report.total.in.documents);
  check_group("all documents", report.total);
  check_group("the smaller sources", report.by_source.others());
  for (const auto& [what, groups] :
       {std::pair{"language", &report.by_language}, std::pair{"source", &report.by_source.largest()}}) {
    Amount in;
    if (groups != &report.by_language) in += report.by_source.others().in;
    for (const auto& [name, group] : *groups) {
      check_group(fmt::format("{} '{}'", what, name), group);
      in += group.in;
    }
    if (!(in == report.total.in)) fail("curate: the funnel does not add up: a document has no {}, or two", what);
  }
  std::int64_t left = report.total.in.documents;
  for (const std::string& name : report.filters) {
    const FilterTally& filter = report.by_filter.at(name);
    const auto dropped = report.total.dropped_by.find(name);
    if (filter.seen != left || filter.dropped != (dropped == report.total.dropped_by.end() ? 0 : dropped->second.documents))
      fail("curate: the funnel does not add up at {}: {} documents came so far, it saw {}", name, left, filter.seen);
    left -= filter.dropped;
  }
  if (left != report.total.kept.documents + report.total.held_out.documents)
    fail("curate: the funnel does not add up: {} documents came through, {} are kept or held out", left,
         report.total.kept.documents + report.total.held_out.documents);
}

std::vector<MeasuredStatistic> measured_statistics(const CurateReport& report) {
  std::vector<MeasuredStatistic> all;
  for (std::uint32_t i = 0; i < report.filters_measured.size(); ++i) {
    const auto& [filter, statistics] = report.filters_measured[i];
    for (const Statistic& statistic : statistics) {
      const Histogram* histogram = report.statistics.find(i, statistic.id);
      if (histogram != nullptr) all.push_back({filter, statistic, *histogram});
    }
  }
  all.insert(all.end(), report.compared.begin(), report.compared.end());
  return all;
}

Json report_json(const CurateReport& report) {
  Json filters = Json::array();
  for (const std::string& name : report.filters) {
    const FilterTally& tally = report.by_filter.at(name);
    Json samples = Json::object();
    for (const auto& [rule, of_rule] : tally.samples) {
      for (const DroppedSample& sample : of_rule) {
        samples[rule].push_back(
            {{"url", sample.url}, {"language", sample.language}, {"reason", sample.reason}, {"begins", sample.begins}});
      }
    }
    filters.push_back({{"filter", name},
                       {"seen", tally.seen},
                       {"dropped", tally.dropped},
                       {"edited", tally.edited},
                       {"rules", tally.rules},
                       {"samples", samples}});
  }
  Json out = {{"total", group_json(report.total, report.tokens)},
              {"text_bytes_in", report.total.in.bytes},
              {"filters", filters},
              {"clusters", clusters_json(report.clusters)},
              {"contamination", contamination_json(report.contamination)},
              {"statistics", statistics_json(measured_statistics(report))},
              {"word_rules", kWordRules}};
  out["kept_samples"] = Json::array();
  for (const KeptSamples::Sample& sample : report.kept_samples.samples())
    out["kept_samples"].push_back(
        {{"url", sample.url}, {"language", sample.language}, {"edits", sample.edits}, {"begins", sample.begins}});
  if (std::find(report.filters.begin(), report.filters.end(), "fineweb2") != report.filters.end())
    out["language_word_rules"] = language_words_version();
  if (report.by_source.count_of_others() > 0) {
    out["smaller_sources"] = group_json(report.by_source.others(), report.tokens);
    out["smaller_sources"]["sources"] = report.by_source.count_of_others();
  }
  for (const auto& [key, groups] :
       {std::pair{"by_language", &report.by_language}, std::pair{"by_source", &report.by_source.largest()}}) {
    out[key] = Json::object();
    for (const auto& [name, group] : *groups) out[key][name] = group_json(group, report.tokens);
  }
  return out;
}

}  // namespace cairn::data
