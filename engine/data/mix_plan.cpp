#include "engine/data/mix_plan.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

namespace {

struct RingEntry {
  std::uint64_t order = 0;
  std::uint32_t document = 0, copy = 0;
  auto operator<=>(const RingEntry&) const = default;
};

// Another order for each copy of a document, the same whatever else there is (SplitMix64's finaliser, Steele et al. 2014).
std::uint64_t order_of(std::uint64_t key, std::uint64_t copy) {
  std::uint64_t x = key + copy * 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

// 2.5 is 2, or 3 when the document's own draw is below one half.
std::uint32_t copies_of(const MixDocument& document) {
  const double whole = std::floor(document.weight);
  const double draw = static_cast<double>(order_of(document.key, 0xFFFFFFFF) >> 11) * 0x1p-53;
  return static_cast<std::uint32_t>(whole) + (draw < document.weight - whole ? 1 : 0);
}

class Ring {
 public:
  Ring(const std::vector<MixDocument>& documents, std::uint32_t source, const MixSource& rules, MixPlan& plan)
      : documents_(documents) {
    std::vector<RingEntry> order;
    MixSourceTally& tally = plan.sources[source];
    for (std::uint32_t d = 0; d < documents.size(); ++d) {
      if (documents[d].source != source) continue;
      order.push_back({order_of(documents[d].key, 0), d, 0});
      tally.matched += {1, documents[d].size};
    }
    std::sort(order.begin(), order.end());
    std::vector<std::int64_t> of_domain;
    for (const RingEntry& entry : order) {
      const MixDocument& document = documents[entry.document];
      if (rules.domain_cap) {
        if (of_domain.size() <= document.domain) of_domain.resize(document.domain + std::size_t{1}, 0);
        if (document.size > *rules.domain_cap - of_domain[document.domain]) {
          tally.capped += {1, document.size};
          plan.capped[entry.document] = true;
          continue;
        }
        of_domain[document.domain] += document.size;
      }
      const std::uint32_t copies = copies_of(document);
      plan.ring_copies[entry.document] = copies;
      if (copies == 0) tally.weightless += {1, document.size};
      for (std::uint32_t c = 0; c < copies; ++c) entries_.push_back({order_of(document.key, c), entry.document, c});
      tally.available += {copies, copies * document.size};
    }
    std::sort(entries_.begin(), entries_.end());
    round_ = tally.available.size;
  }

  void restart() { next_ = 0; }

  MixShare take(std::int64_t asked, std::vector<std::uint32_t>& copies) {
    MixShare share;
    share.asked = asked;
    if (round_ > 0 && asked >= round_) {
      const std::int64_t rounds = asked / round_;
      for (const RingEntry& entry : entries_) copies[entry.document] += static_cast<std::uint32_t>(rounds);
      share.taken += {rounds * static_cast<std::int64_t>(entries_.size()), rounds * round_};
    }
    for (std::size_t walked = 0; walked < entries_.size(); ++walked) {
      const RingEntry& entry = entries_[next_];
      if (share.taken.size + documents_[entry.document].size > asked) break;
      ++copies[entry.document];
      share.taken += {1, documents_[entry.document].size};
      next_ = next_ + 1 == entries_.size() ? 0 : next_ + 1;
    }
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].copy == 0 && copies[entries_[i].document] > 0) ++share.distinct;
    }
    return share;
  }

  std::int64_t round() const { return round_; }
  MixAmount never(const std::vector<std::vector<std::uint32_t>>& copies) const {
    MixAmount never;
    for (const RingEntry& entry : entries_) {
      if (entry.copy > 0) continue;
      const bool taken = std::any_of(copies.begin(), copies.end(), [&](const auto& stage) { return stage[entry.document] > 0; });
      if (!taken) never += {1, documents_[entry.document].size};
    }
    return never;
  }

 private:
  const std::vector<MixDocument>& documents_;
  std::vector<RingEntry> entries_;
  std::int64_t round_ = 0;
  std::size_t next_ = 0;
};

std::string as_written(const MixRequest& request, const MixStage& stage) {
  switch (request.kind) {
    case MixRequest::Kind::weight:
      return fmt::format(" (its weight's share of {})", *stage.size);
    case MixRequest::Kind::passes:
      return fmt::format(" ({} passes)", request.value);
    default:
      return "";
  }
}

// In the unit, of each source.
std::vector<std::int64_t> amounts_of(const MixStage& stage, const std::vector<Ring>& rings) {
  double weights = 0;
  for (const MixRequest& request : stage.requests) weights += request.kind == MixRequest::Kind::weight ? request.value : 0;
  std::vector<std::int64_t> amounts;
  for (std::size_t s = 0; s < rings.size(); ++s) {
    const MixRequest& request = stage.requests[s];
    double amount = 0;
    if (request.kind == MixRequest::Kind::weight && weights > 0)
      amount = std::floor(static_cast<double>(*stage.size) * (request.value / weights));
    if (request.kind == MixRequest::Kind::budget) amount = request.value;
    if (request.kind == MixRequest::Kind::passes) amount = std::round(request.value * static_cast<double>(rings[s].round()));
    amounts.push_back(static_cast<std::int64_t>(std::min(amount, 9e18)));  // more than there is, in any case
  }
  return amounts;
}

void check_possible(const std::vector<std::vector<std::int64_t>>& asked, const std::vector<Ring>& rings,
                    const std::vector<MixSource>& sources, const std::vector<MixStage>& stages, std::string_view unit) {
  std::string problems;
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const double most = sources[s].max_repeats * static_cast<double>(rings[s].round());
    std::int64_t before = 0;
    for (std::size_t stage = 0; stage < stages.size(); ++stage) {
      const std::int64_t wanted = asked[stage][s];
      if (static_cast<double>(before) + static_cast<double>(wanted) > most + 0.5) {
        problems += fmt::format("{}stage '{}' asks source '{}' for {} {}{}, which holds {} and may be read {} time{}{}",
                                problems.empty() ? "" : "; ", stages[stage].name, sources[s].name, wanted, unit,
                                as_written(stages[stage].requests[s], stages[stage]), rings[s].round(), sources[s].max_repeats,
                                sources[s].max_repeats == 1 ? "" : "s",
                                before > 0 ? fmt::format(", {} of it for earlier stages", before) : "");
        break;
      }
      before += wanted;
    }
  }
  if (!problems.empty()) fail_usage("mix: {}. Ask for less, or raise the source's max_repeats", problems);
}

}  // namespace

std::uint64_t mix_key(std::string_view id, std::string_view url, std::uint64_t seed) {
  return xxhash64(url, xxhash64(id, seed));
}

MixAmount& MixAmount::operator+=(const MixAmount& other) {
  documents += other.documents;
  size += other.size;
  return *this;
}

MixPlan plan_mix(const std::vector<MixDocument>& documents, const std::vector<MixSource>& sources,
                 const std::vector<MixStage>& stages, MixReuse reuse, std::string_view unit) {
  MixPlan plan;
  plan.sources.resize(sources.size());
  plan.ring_copies.assign(documents.size(), 0);
  plan.capped.assign(documents.size(), false);
  for (const MixDocument& document : documents) {
    if (document.source == kNoMixSource) plan.unmatched += {1, document.size};
  }
  std::vector<Ring> rings;
  rings.reserve(sources.size());
  for (std::uint32_t s = 0; s < sources.size(); ++s) rings.emplace_back(documents, s, sources[s], plan);

  std::vector<std::vector<std::int64_t>> asked;
  for (const MixStage& stage : stages) asked.push_back(amounts_of(stage, rings));
  check_possible(asked, rings, sources, stages, unit);
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    std::vector<std::uint32_t>& copies = plan.copies.emplace_back(documents.size(), 0);
    std::vector<MixShare>& shares = plan.shares.emplace_back();
    for (std::size_t s = 0; s < rings.size(); ++s) {
      if (reuse == MixReuse::restart) rings[s].restart();
      shares.push_back(rings[s].take(asked[stage][s], copies));
    }
  }
  for (std::size_t s = 0; s < rings.size(); ++s) plan.sources[s].never = rings[s].never(plan.copies);
  return plan;
}

}  // namespace cairn::data
