// The report of a curation: what each filter dropped and edited, per rule, language and source, with samples; as JSON and as one
// HTML page that opens from disk.
#pragma once

#include <cstdint>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/clusters.h"
#include "engine/data/contamination_report.h"
#include "engine/data/decisions.h"
#include "engine/data/statistics.h"

namespace cairn::data {

struct DroppedSample {
  std::string url, language, reason, begins;
};

struct FilterTally {
  std::int64_t seen = 0, dropped = 0, edited = 0;
  std::map<std::string, std::int64_t> rules;
  std::map<std::string, std::vector<DroppedSample>> samples;  // by rule, the first few
};

struct Amount {
  std::int64_t documents = 0, bytes = 0, words = 0;  // words: as words.h finds them
  std::int64_t tokens = 0;                           // 0 without a tokenizer
  Amount& operator+=(const Amount& other);
  bool operator==(const Amount&) const = default;
};

// Of a language or source. All that comes in is accounted for: in = kept + held out + dropped, and of bytes, words and tokens
// what edits took away (less than nothing where they added).
struct GroupTally {
  Amount in, kept, held_out;
  Amount edited;                             // documents that were edited and stayed; what they lost
  std::map<std::string, Amount> dropped_by;  // filter; as they came in
  Amount dropped() const;
  GroupTally& operator+=(const GroupTally& other);
};

// A few of the kept documents, drawn by their ids: the same ones whatever the order in which they are offered.
class KeptSamples {
 public:
  struct Sample {
    std::uint64_t draw = 0;
    std::string url, language, edits, begins;
  };
  static constexpr std::size_t kMost = 10;
  static std::uint64_t draw(const Digest& id, std::string_view url);
  void offer(const Decision& decision, std::string_view begins);   // how its text begins
  const std::vector<Sample>& samples() const { return samples_; }  // least draw first

 private:
  std::vector<Sample> samples_;
};

// Which of many documents may be among the samples, without knowing those that come later. Any thread may ask.
class LeastDraws {
 public:
  bool takes(std::uint64_t draw) {
    const std::lock_guard lock(mutex_);
    if (least_.size() == KeptSamples::kMost && draw > *least_.rbegin()) return false;
    least_.insert(draw);
    if (least_.size() > KeptSamples::kMost) least_.erase(std::prev(least_.end()));
    return true;
  }

 private:
  std::mutex mutex_;
  std::multiset<std::uint64_t> least_;
};

// The sources with most documents by name, and all others together: a web has more of them than a report can show.
class SourceTallies {
 public:
  void add(const std::string& name, GroupTally tally);  // each name once; of equals the first name is the larger
  const std::map<std::string, GroupTally>& largest() const { return largest_; }
  const GroupTally& others() const { return others_; }
  std::uint64_t count_of_others() const { return count_of_others_; }

 private:
  std::map<std::string, GroupTally> largest_;
  std::set<std::pair<std::int64_t, std::string>> order_;
  GroupTally others_;
  std::uint64_t count_of_others_ = 0;
};

struct CurateReport {
  bool tokens = false;               // whether they were counted
  std::vector<std::string> filters;  // in order of the chain
  std::map<std::string, FilterTally> by_filter;
  std::map<std::string, GroupTally> by_language;
  SourceTallies by_source;
  GroupTally total;
  std::vector<ClusterTally> clusters;
  std::vector<BenchmarkTally> contamination;
  KeptSamples kept_samples;
  StatisticTally statistics;
  std::vector<std::pair<std::string, std::vector<Statistic>>> filters_measured;  // numbered as in `statistics`
  std::vector<MeasuredStatistic> compared;                                       // of what compares documents
};

// Error when something that came in has no fate, or two: in documents, bytes and words, in total and for each language and
// source, and along the chain of filters.
void check_funnel(const CurateReport& report, std::size_t documents_in);

std::vector<MeasuredStatistic> measured_statistics(const CurateReport& report);
Json report_json(const CurateReport& report);
std::string report_html(const CurateReport& report);  // curate_report_html.cpp

}  // namespace cairn::data
