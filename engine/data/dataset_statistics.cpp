#include "engine/data/dataset_statistics.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"

namespace cairn::data {

DatasetAmount& DatasetAmount::operator+=(const DatasetAmount& other) {
  documents += other.documents;
  bytes += other.bytes;
  characters += other.characters;
  tokens += other.tokens;
  return *this;
}

void LengthHistogram::add(std::int64_t length) {
  ++counts_[static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(length)))];
  least_ = least_ < 0 ? length : std::min(least_, length);
  most_ = std::max(most_, length);
}

void LengthHistogram::add(const LengthHistogram& other) {
  for (std::size_t c = 0; c < counts_.size(); ++c) counts_[c] += other.counts_[c];
  if (other.least_ >= 0) least_ = least_ < 0 ? other.least_ : std::min(least_, other.least_);
  most_ = std::max(most_, other.most_);
}

Json LengthHistogram::json() const {
  Json classes = Json::array();
  std::size_t first = 0, end = counts_.size();
  while (first < end && counts_[first] == 0) ++first;
  while (end > first && counts_[end - 1] == 0) --end;
  for (std::size_t c = first; c < end; ++c) {
    const std::uint64_t from = c == 0 ? 0 : std::uint64_t{1} << (c - 1);
    classes.push_back({{"from", from}, {"to", c == 0 ? 0 : 2 * from - 1}, {"documents", counts_[c]}});
  }
  return {{"least", std::max<std::int64_t>(least_, 0)}, {"most", most_}, {"classes", classes}};
}

void DatasetStatistics::add(const Document& document, std::int64_t tokens, const std::string& site) {
  const auto bytes = static_cast<std::int64_t>(document.text.size());
  const DatasetAmount amount{1, bytes, static_cast<std::int64_t>(count_characters(document.text)),
                             std::max<std::int64_t>(tokens, 0)};
  total_ += amount;
  by_source_[document.source] += amount;
  by_language_[document.language] += amount;
  by_licence_[document.licence] += amount;
  by_site_[site] += amount;
  by_year_[document.retrieved.substr(0, 4)] += amount;
  bytes_.add(bytes);
  if (tokens < 0) return;
  counts_tokens_ = true;
  tokens_.add(tokens);
}

void DatasetStatistics::add(const DatasetStatistics& other) {
  total_ += other.total_;
  counts_tokens_ = counts_tokens_ || other.counts_tokens_;
  for (const auto& [mine, theirs] : {std::pair{&by_source_, &other.by_source_}, std::pair{&by_language_, &other.by_language_},
                                     std::pair{&by_licence_, &other.by_licence_}, std::pair{&by_site_, &other.by_site_},
                                     std::pair{&by_year_, &other.by_year_}}) {
    for (const auto& [name, amount] : *theirs) (*mine)[name] += amount;
  }
  bytes_.add(other.bytes_);
  tokens_.add(other.tokens_);
}

Json DatasetStatistics::groups_json(const char* what, const Groups& groups, std::size_t listed) const {
  const auto amount_json = [this](const DatasetAmount& amount) {
    Json json = {{"documents", amount.documents}, {"bytes", amount.bytes}, {"characters", amount.characters}};
    if (counts_tokens_) json["tokens"] = amount.tokens;
    return json;
  };
  std::vector<std::pair<std::string, DatasetAmount>> sorted(groups.begin(), groups.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  DatasetAmount sum, rest;
  Json list = Json::array();
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    sum += sorted[i].second;
    if (i >= listed) {
      rest += sorted[i].second;
      continue;
    }
    Json one = amount_json(sorted[i].second);
    one["name"] = sorted[i].first;
    list.push_back(std::move(one));
  }
  if (!(sum == total_)) fail("statistics: the documents by {} are {}, all are {}", what, sum.documents, total_.documents);
  return {{"count", groups.size()}, {"listed", list}, {"others", amount_json(rest)}};
}

Json DatasetStatistics::json(std::size_t listed) const {
  Json total = {{"documents", total_.documents}, {"bytes", total_.bytes}, {"characters", total_.characters}};
  if (counts_tokens_) total["tokens"] = total_.tokens;
  Json lengths = {{"bytes", bytes_.json()}};
  if (counts_tokens_) lengths["tokens"] = tokens_.json();
  return {{"total", total},
          {"by_source", groups_json("source", by_source_, listed)},
          {"by_language", groups_json("language", by_language_, listed)},
          {"by_licence", groups_json("licence", by_licence_, listed)},
          {"by_site", groups_json("site", by_site_, listed)},
          {"by_year", groups_json("year", by_year_, listed)},
          {"lengths", lengths}};
}

}  // namespace cairn::data
