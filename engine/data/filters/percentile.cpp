#include "engine/data/filters/percentile.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
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
  std::map<std::string_view, Group> groups;
  const auto for_each = [&](auto&& fn) {
    for (std::size_t i = 0; i < c.rows.size(); ++i) {
      if (!c.in(i)) continue;
      const std::span<const std::uint64_t> keys = c.keys(i);
      if (!keys.empty()) fn(i, groups[params_.by_language ? c.rows[i].row->language : std::string_view()], score_of(keys[0]));
    }
  };
  for_each([](std::size_t, Group& group, float score) { group.scores.see(score); });
  for (auto& [language, group] : groups) {
    const std::uint64_t count = group.scores.count();
    group.dropped = std::min(static_cast<std::uint64_t>(params_.share * static_cast<double>(count)), count - 1);
    group.scores.aim(params_.highest ? count - 1 - group.dropped : group.dropped);
  }
  for_each([](std::size_t, Group& group, float score) { group.scores.see_again(score); });
  for (auto& [language, group] : groups) group.border = group.scores.value();
  for_each([&](std::size_t i, const Group& group, float score) {
    if (group.dropped == 0 || !(params_.highest ? score > group.border : score < group.border)) return;
    const std::uint64_t detail =
        std::uint64_t{std::bit_cast<std::uint32_t>(score)} << 32 | std::bit_cast<std::uint32_t>(group.border);
    c.rows[i].removal = {this, kNoDocument, detail};
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

std::vector<MeasuredStatistic> PercentileRule::measured(const Comparison& c) const {
  Statistic score{0, params_.score, "score '" + params_.score + "'", Statistic::Scale::share, 1, {}, {rule({})}};
  const auto for_each = [&](auto&& fn) {
    for (std::size_t i = 0; i < c.rows.size(); ++i) {
      if (!c.seen(i, *this)) continue;
      const std::span<const std::uint64_t> keys = c.keys(i);
      if (!keys.empty()) fn(c.rows[i].removal, static_cast<double>(score_of(keys[0])));
    }
  };
  std::set<double> borders;
  for_each([&](const Removal& removal, double value) {
    if (std::isfinite(value)) score.most = std::max(score.most, value);
    if (removal) borders.insert(static_cast<double>(score_of(removal.detail)));
  });
  score.limits.assign(borders.begin(), borders.end());
  StatisticTally tally;
  for_each([&](const Removal& removal, double value) { tally.add(0, score, value, static_cast<bool>(removal)); });
  const Histogram* histogram = tally.find(0, 0);
  if (histogram == nullptr) return {};
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
