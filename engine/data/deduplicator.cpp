#include "engine/data/deduplicator.h"

#include <algorithm>

#include <fmt/format.h>

#include "engine/data/characters.h"

namespace cairn::data {

namespace {
constexpr std::size_t kNamedCuts = 8;  // so many say where the same stands first; a text may have thousands
}

std::vector<std::uint64_t> stage_keys(const Document& document, const std::vector<std::unique_ptr<Deduplicator>>& deduplicators) {
  std::vector<std::uint64_t> keys;
  for (const auto& deduplicator : deduplicators) {
    const std::size_t count = keys.size();
    keys.push_back(0);
    deduplicator->append_keys(document, keys);
    keys[count] = keys.size() - count - 1;
  }
  return keys;
}

std::span<const std::uint64_t> keys_of(std::span<const std::uint64_t> all, std::size_t part) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < part; ++i) at += 1 + all[at];
  return all.subspan(at + 1, all[at]);
}

void Deduplicator::apply(DedupRow& row, std::span<const Finding> findings) const {
  if (!findings.empty()) row.removal = {this, findings[0].other, findings[0].end};
}

std::uint64_t bytes_of(const std::vector<Cut>& cuts) {
  std::uint64_t bytes = 0;
  for (const Cut& cut : cuts) bytes += cut.end - cut.begin;
  return bytes;
}

std::optional<Histogram> Outcome::of_all_ranks(const StatisticTally& own) const {
  StatisticTally all;
  for (const std::string& packed : bench.share("measured", own.pack())) all.add_packed(packed, 0);
  const Histogram* histogram = all.find(0, 0);
  return histogram == nullptr ? std::nullopt : std::optional(*histogram);
}

MeasuredStatistic measured_cuts(const Outcome& outcome, const Deduplicator& by, double drop_share) {
  Statistic share{0, "cut_share", "share of bytes that stand elsewhere", Statistic::Scale::share, 1, {drop_share}, {}};
  StatisticTally tally;
  outcome.for_each([&](const DedupRow& row, std::span<const std::uint64_t>) {
    double value = 0;
    if (row.removal)
      value = static_cast<double>(row.removal.detail) / 100;
    else if (row.cut_by == &by)
      value = static_cast<double>(bytes_of(row.cuts)) / static_cast<double>(row.row->text.size());
    tally.add(0, share, value, static_cast<bool>(row.removal));
  });
  const Histogram all = outcome.of_all_ranks(tally).value_or(Histogram{});
  const bool any_dropped = std::any_of(all.dropped.begin(), all.dropped.end(), [](std::uint64_t count) { return count > 0; });
  if (any_dropped) share.rules = {by.rule({})};
  return {by.name(), share, all};
}

void cut_or_remove(DedupRow& row, const Deduplicator& by, std::vector<Cut> cuts, double drop_share) {
  std::erase_if(cuts, [](const Cut& cut) { return cut.begin == cut.end; });
  if (cuts.empty()) return;
  const double share = static_cast<double>(bytes_of(cuts)) / static_cast<double>(row.row->text.size());
  const DocumentNumber first = cuts.front().first;
  row.cut_by = &by;
  row.cuts = std::move(cuts);
  if (share < drop_share && !strip(text_after(row)).empty()) return;
  row.cuts.clear();
  row.removal = {&by, first == row.number ? kNoDocument : first, static_cast<std::uint64_t>(share * 100)};
}

std::string text_after(const DedupRow& row) {
  std::string text;
  std::size_t copied = 0;
  for (const Cut& cut : row.cuts) {
    text += row.row->text.substr(copied, cut.begin - copied);
    copied = cut.end;
  }
  text += row.row->text.substr(copied);
  return text;
}

std::string cut_evidence(const DedupRow& row, const KnownDocuments& known) {
  std::string text = fmt::format("{}: bytes", row.cut_by->name());
  DocumentNumber named = kNoDocument;
  for (std::size_t i = 0; i < row.cuts.size(); ++i) {
    const Cut& cut = row.cuts[i];
    text += fmt::format("{}{}-{}", i == 0 ? " " : ", ", cut.begin, cut.end);
    const auto first = known.find(cut.first);
    if (i < kNamedCuts && cut.first != named && first != known.end()) text += fmt::format(" (first in {})", first->second.url);
    named = cut.first;
  }
  return text;
}

std::vector<DocumentNumber> named_by(std::span<const Finding> findings) {
  std::vector<DocumentNumber> named;
  for (std::size_t i = 0; i < findings.size() && i < 2 * kNamedCuts; ++i) {  // some findings make no cut
    if (findings[i].other != kNoDocument && (named.empty() || named.back() != findings[i].other))
      named.push_back(findings[i].other);
  }
  std::sort(named.begin(), named.end());
  named.erase(std::unique(named.begin(), named.end()), named.end());
  return named;
}

}  // namespace cairn::data
