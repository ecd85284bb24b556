#include "engine/data/deduplicator.h"

#include <fmt/format.h>

#include "engine/data/characters.h"

namespace cairn::data {

namespace {
constexpr std::size_t kNamedCuts = 8;  // so many say where the same stands first; a text may have thousands
}

std::span<const std::uint64_t> Comparison::keys(std::size_t document) const {
  const std::span<const std::uint64_t> all = rows[document].row->keys;
  std::size_t at = 0;
  for (std::size_t i = 0; i < part; ++i) at += 1 + all[at];
  return all.subspan(at + 1, all[at]);
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

std::uint64_t bytes_of(const std::vector<Cut>& cuts) {
  std::uint64_t bytes = 0;
  for (const Cut& cut : cuts) bytes += cut.end - cut.begin;
  return bytes;
}

MeasuredStatistic measured_cuts(const Comparison& c, const Deduplicator& by, double drop_share) {
  Statistic share{0, "cut_share", "share of bytes that stand elsewhere", Statistic::Scale::share, 1, {}, {}};
  share.limits = {drop_share};
  StatisticTally tally;
  for (std::size_t i = 0; i < c.rows.size(); ++i) {
    if (!c.seen(i, by)) continue;
    const DedupRow& row = c.rows[i];
    double value = 0;
    if (row.removal) {
      value = static_cast<double>(row.removal.detail) / 100;
      share.rules = {by.rule(row.removal)};
    } else if (row.cut_by == &by && row.cuts) {
      value = static_cast<double>(bytes_of(*row.cuts)) / static_cast<double>(row.row->text.size());
    }
    tally.add(0, share, value, static_cast<bool>(row.removal));
  }
  const Histogram* histogram = tally.find(0, 0);
  return {by.name(), share, histogram ? *histogram : Histogram{}};
}

void cut_or_remove(std::vector<DedupRow>& rows, std::uint32_t document, const Deduplicator& by, std::vector<Cut> cuts,
                   double drop_share) {
  std::erase_if(cuts, [](const Cut& cut) { return cut.begin == cut.end; });
  if (cuts.empty()) return;
  DedupRow& row = rows[document];
  const double share = static_cast<double>(bytes_of(cuts)) / static_cast<double>(row.row->text.size());
  const std::uint32_t first = cuts.front().first;
  row.cut_by = &by;
  row.cuts = std::make_unique<std::vector<Cut>>(std::move(cuts));
  if (share < drop_share && !strip(text_after(row)).empty()) return;
  row.cuts.reset();
  row.removal = {&by, first == document ? kNoDocument : first, static_cast<std::uint64_t>(share * 100)};
}

std::string text_after(const DedupRow& row) {
  if (!row.cuts) return std::string(row.row->text);
  std::string text;
  std::size_t copied = 0;
  for (const Cut& cut : *row.cuts) {
    text += row.row->text.substr(copied, cut.begin - copied);
    copied = cut.end;
  }
  text += row.row->text.substr(copied);
  return text;
}

std::string cut_evidence(const DedupRow& row, const std::vector<DedupRow>& rows) {
  std::string text = fmt::format("{}: bytes", row.cut_by->name());
  std::uint32_t named = kNoDocument;
  for (std::size_t i = 0; i < row.cuts->size(); ++i) {
    const Cut& cut = (*row.cuts)[i];
    text += fmt::format("{}{}-{}", i == 0 ? " " : ", ", cut.begin, cut.end);
    if (i < kNamedCuts && cut.first != named && cut.first != kNoDocument)
      text += fmt::format(" (first in {})", rows[cut.first].row->url);
    named = cut.first;
  }
  return text;
}

}  // namespace cairn::data
