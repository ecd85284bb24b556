#include "engine/data/filters/percentile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/order_statistic.h"

namespace cairn::data {

namespace {

float score_of(std::uint64_t key) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(key));
}

}  // namespace

void PercentileRule::append_keys(const Document& document, std::vector<std::uint64_t>& keys) const {
  for (const Score& score : document.scores) {
    const auto value = static_cast<float>(score.value);
    if (score.name == params_.score && !std::isnan(value)) keys.push_back(std::bit_cast<std::uint32_t>(value));
  }
}

void PercentileRule::compare(Comparison& c) const {
  struct Group {
    OrderStatistic scores;
    std::uint64_t dropped = 0;  // at most
    float border = 0;           // the last that stays
  };
  std::map<std::string, Group> groups;
  const auto for_each = [&](auto&& fn) {
    c.for_each([&](DocumentNumber document, const CuratedRow& row, std::span<const std::uint64_t> keys) {
      if (keys.empty()) return;
      fn(document, groups[params_.by_language ? std::string(row.language) : std::string()], score_of(keys[0]));
    });
  };
  // What all ranks have counted.
  const auto merge = [&](const std::string& name) {
    Json own = Json::object();
    for (const auto& [language, group] : groups) own[language] = group.scores.state();
    const std::vector<std::string> all = c.bench.share(name, own.dump());
    if (all.size() == 1) return;
    for (auto& [language, group] : groups) group.scores.forget();
    for (const std::string& counts : all) {
      const Json seen = parse_json(counts, "counts");
      for (const auto& [language, state] : seen.items()) groups[language].scores.add_state(state);
    }
  };
  for_each([](DocumentNumber, Group& group, float score) { group.scores.see(score); });
  merge("upper");
  for (auto& [language, group] : groups) {
    const std::uint64_t count = group.scores.count();
    group.dropped = std::min(static_cast<std::uint64_t>(params_.share * static_cast<double>(count)), count - 1);
    group.scores.aim(params_.highest ? count - 1 - group.dropped : group.dropped);
  }
  for_each([](DocumentNumber, Group& group, float score) { group.scores.see_again(score); });
  merge("lower");
  for (auto& [language, group] : groups) group.border = group.scores.value();
  for_each([&](DocumentNumber document, const Group& group, float score) {
    if (group.dropped == 0 || !(params_.highest ? score > group.border : score < group.border)) return;
    const std::uint64_t detail =
        std::uint64_t{std::bit_cast<std::uint32_t>(score)} << 32 | std::bit_cast<std::uint32_t>(group.border);
    c.found({document, Finding::kOut, detail, kNoDocument});
  });
}

std::string PercentileRule::rule(const Removal&) const {
  return params_.score + (params_.highest ? "_highest" : "_lowest");
}

std::string PercentileRule::reason(const Removal& removal, std::string_view) const {
  return fmt::format("{} {:.6g} is among the {} {:.3g}% of {}, limit {:.6g}", params_.score, score_of(removal.detail >> 32),
                     params_.highest ? "highest" : "lowest", 100 * params_.share,
                     params_.by_language ? "its language" : "all documents", score_of(removal.detail));
}

std::vector<MeasuredStatistic> PercentileRule::measured(const Outcome& outcome) const {
  Statistic score{0, params_.score, "score '" + params_.score + "'", Statistic::Scale::share, 1, {}, {rule({})}};
  const auto for_each = [&](auto&& fn) {
    outcome.for_each([&](const DedupRow& row, std::span<const std::uint64_t> keys) {
      if (!keys.empty()) fn(row.removal, static_cast<double>(score_of(keys[0])));
    });
  };
  // The scale first. Borders as bits: one may be infinite.
  std::set<std::uint32_t> borders;
  for_each([&](const Removal& removal, double value) {
    if (std::isfinite(value)) score.most = std::max(score.most, value);
    if (removal) borders.insert(static_cast<std::uint32_t>(removal.detail));
  });
  for (const std::string& said : outcome.bench.share("scale", Json::array({score.most, borders}).dump())) {
    const Json scale = parse_json(said, "scale");
    score.most = std::max(score.most, scale.at(0).get<double>());
    for (const Json& border : scale.at(1)) borders.insert(border.get<std::uint32_t>());
  }
  for (const std::uint32_t border : borders) score.limits.push_back(static_cast<double>(score_of(border)));
  std::sort(score.limits.begin(), score.limits.end());
  StatisticTally tally;
  for_each([&](const Removal& removal, double value) { tally.add(0, score, value, static_cast<bool>(removal)); });
  const std::optional<Histogram> histogram = outcome.of_all_ranks(tally);
  if (!histogram) return {};
  return {{name(), score, *histogram}};
}

Variant PercentileRule::variant() {
  const PercentileParams d;
  return {
      "percentile",
      {
          field("score", string().min(1),
                "which score: \"toxicity\", as a filter before it or the documents' makers recorded it"),
          field("drop", string().one_of({"highest", "lowest"}).def("highest"), "the end to drop from"),
          field("share", number().above(0).max(1).def(d.share), "of the documents with that score, at most"),
          field("of", string().one_of({"language", "all"}).def("language"), "each language by itself, or all documents together"),
      },
      "drop the highest or lowest share of a score, language by language"};
}

std::unique_ptr<Deduplicator> PercentileRule::make(const Config& config) {
  return std::make_unique<PercentileRule>(PercentileParams{config.string("score"), config.string("drop") == "highest",
                                                           config.number("share"), config.string("of") == "language"});
}

}  // namespace cairn::data
