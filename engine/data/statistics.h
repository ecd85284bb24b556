// The numbers that rules are held against, as histograms: how a corpus lies around each threshold.
//
// A filter lists its statistics and notes each value that it works out (TextAnalysis::measured). It stops at the first rule that
// drops, so a histogram counts the documents that came as far as its rule. Classes are fixed in advance and counts are whole
// numbers: the same for any number of threads and pieces, in memory that does not grow with the documents.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json_fwd.h"

namespace cairn::data {

struct Statistic {
  enum class Scale {
    share,  // a hundred classes from 0 to `most`, and one for what is more
    count,  // 0, then four classes an octave from 1 on, and one for 2^24 and more
    named,  // one class for each of `names`; a value is its number
  };
  std::uint32_t id = 0;  // in its filter
  std::string name;      // "top_2_gram"
  std::string title;     // "share of characters in the most frequent 2-gram"
  Scale scale = Scale::share;
  double most = 1;
  std::vector<double> limits = {};      // several where they differ by language; empty: no rule
  std::vector<std::string> rules = {};  // that drop by it
  std::vector<std::string> names = {};
};

// Of the same id in `all`, a filter with limits of its own for each language: takes their limits together.
void add_statistic(std::vector<Statistic>& all, const Statistic& statistic);

std::size_t class_count(const Statistic& statistic);
std::size_t class_of(const Statistic& statistic, double value);  // not a number counts as 0
// Where a class begins; of the one behind the last, where the scale ends.
double class_begin(const Statistic& statistic, std::size_t index);

struct Histogram {
  std::vector<std::uint64_t> passed, dropped;  // by class
};

// Histograms of the statistics of several filters.
class StatisticTally {
 public:
  void add(std::uint32_t filter, const Statistic& statistic, double value, bool dropped);
  // nullptr: nobody came that far.
  const Histogram* find(std::uint32_t filter, std::uint32_t statistic) const;

  std::string pack() const;
  void add_packed(std::string_view packed, std::uint32_t first_filter);  // whose filters are numbered from there on

 private:
  std::map<std::pair<std::uint32_t, std::uint32_t>, Histogram> histograms_;
};

// One statistic with what was counted, for the report.
struct MeasuredStatistic {
  std::string filter;
  Statistic statistic;
  Histogram histogram;
};

Json statistics_json(const std::vector<MeasuredStatistic>& measured);
std::string statistics_html(const std::vector<MeasuredStatistic>& measured);  // a section of the report; empty without any

}  // namespace cairn::data
