#include "engine/data/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/json.h"

namespace cairn::data {

namespace {

constexpr std::size_t kShareClasses = 100;
constexpr int kOctaves = 24;

void put(std::string& out, std::uint64_t number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

std::uint64_t take(std::string_view& bytes) {
  std::uint64_t number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  bytes.remove_prefix(sizeof number);
  return number;
}

}  // namespace

void add_statistic(std::vector<Statistic>& all, const Statistic& statistic) {
  const auto same = std::find_if(all.begin(), all.end(), [&](const Statistic& other) { return other.id == statistic.id; });
  if (same == all.end()) {
    all.push_back(statistic);
    return;
  }
  for (const double limit : statistic.limits) {
    if (std::find(same->limits.begin(), same->limits.end(), limit) == same->limits.end()) same->limits.push_back(limit);
  }
  std::sort(same->limits.begin(), same->limits.end());
}

std::size_t class_count(const Statistic& statistic) {
  switch (statistic.scale) {
    case Statistic::Scale::share:
      return kShareClasses + 1;
    case Statistic::Scale::count:
      return 1 + 4 * kOctaves + 1;
    case Statistic::Scale::named:
      return statistic.names.size();
  }
  return 0;
}

std::size_t class_of(const Statistic& statistic, double value) {
  if (!(value > 0)) return 0;
  const std::size_t last = class_count(statistic) - 1;
  if (statistic.scale == Statistic::Scale::named) return std::min(static_cast<std::size_t>(value), last);
  if (statistic.scale == Statistic::Scale::share) {
    if (value > statistic.most) return last;
    // What equals `most` is the last of the scale, not beyond it: all of a text is not more than all of it.
    return std::min(static_cast<std::size_t>(value / statistic.most * static_cast<double>(kShareClasses)), kShareClasses - 1);
  }
  if (value < 1) return 0;
  if (value >= std::ldexp(1.0, kOctaves)) return last;
  int exponent = 0;
  const double mantissa = std::frexp(value, &exponent);  // in [0.5, 1): exact, so that every machine draws the same borders
  return 1 + 4 * static_cast<std::size_t>(exponent - 1) + static_cast<std::size_t>((mantissa - 0.5) * 8);
}

double class_begin(const Statistic& statistic, std::size_t index) {
  switch (statistic.scale) {
    case Statistic::Scale::share:
      return statistic.most * static_cast<double>(std::min(index, kShareClasses + 1)) / static_cast<double>(kShareClasses);
    case Statistic::Scale::count:
      if (index == 0) return 0;
      return std::ldexp(1.0 + 0.25 * static_cast<double>((index - 1) % 4), static_cast<int>((index - 1) / 4));
    case Statistic::Scale::named:
      return static_cast<double>(index);
  }
  return 0;
}

void StatisticTally::add(std::uint32_t filter, const Statistic& statistic, double value, bool dropped) {
  Histogram& histogram = histograms_[{filter, statistic.id}];
  const std::size_t classes = class_count(statistic);
  if (classes == 0) return;
  histogram.passed.resize(classes);
  histogram.dropped.resize(classes);
  ++(dropped ? histogram.dropped : histogram.passed)[class_of(statistic, value)];
}

const Histogram* StatisticTally::find(std::uint32_t filter, std::uint32_t statistic) const {
  const auto found = histograms_.find({filter, statistic});
  return found == histograms_.end() ? nullptr : &found->second;
}

std::string StatisticTally::pack() const {
  std::string out;
  for (const auto& [key, histogram] : histograms_) {
    put(out, key.first);
    put(out, key.second);
    put(out, histogram.passed.size());
    for (const std::uint64_t count : histogram.passed) put(out, count);
    for (const std::uint64_t count : histogram.dropped) put(out, count);
  }
  return out;
}

void StatisticTally::add_packed(std::string_view packed, std::uint32_t first_filter) {
  while (!packed.empty()) {
    const auto filter = static_cast<std::uint32_t>(take(packed)), statistic = static_cast<std::uint32_t>(take(packed));
    const std::size_t classes = take(packed);
    Histogram& histogram = histograms_[{first_filter + filter, statistic}];
    for (std::vector<std::uint64_t>* counts : {&histogram.passed, &histogram.dropped}) {
      counts->resize(std::max(counts->size(), classes));
      for (std::size_t i = 0; i < classes; ++i) (*counts)[i] += take(packed);
    }
  }
}

Json statistics_json(const std::vector<MeasuredStatistic>& measured) {
  Json all = Json::array();
  for (const MeasuredStatistic& one : measured) {
    const Statistic& s = one.statistic;
    Json entry = {{"filter", one.filter}, {"statistic", s.name}, {"title", s.title}, {"limits", s.limits}, {"rules", s.rules}};
    // Classes with documents alone.
    Json classes = Json::array();
    for (std::size_t i = 0; i < one.histogram.passed.size(); ++i) {
      if (one.histogram.passed[i] + one.histogram.dropped[i] == 0) continue;
      Json row = {{"passed", one.histogram.passed[i]}, {"dropped", one.histogram.dropped[i]}};
      if (s.scale == Statistic::Scale::named)
        row["name"] = s.names[i];
      else
        row["from"] = class_begin(s, i);
      if (s.scale != Statistic::Scale::named && i + 1 < class_count(s)) row["to"] = class_begin(s, i + 1);
      classes.push_back(std::move(row));
    }
    entry["classes"] = std::move(classes);
    all.push_back(std::move(entry));
  }
  return all;
}

}  // namespace cairn::data
