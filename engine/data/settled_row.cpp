#include "engine/data/settled_row.h"

#include <fmt/format.h>

#include "engine/data/judge.h"
#include "engine/data/sample_text.h"

namespace cairn::data {

SettledRow::SettledRow(const DedupRow& dedup, const KnownDocuments& known, std::uint64_t removed_by)
    : number(dedup.number), row(*dedup.row) {
  row.keys = {};
  if (row.dropped) return;
  if (const Removal& removal = dedup.removal) {
    if (const auto found = known.find(removal.kept); found != known.end()) kept = found->second;
    sample = sample_text(row.text, kSampleBytes);
    rule = removal.by->rule(removal);
    reason = removal.by->reason(removal, kept.url);
    row.dropped = true;
    row.text = {};
    row.words = row.tokens = 0;
    row.filter = removal.by->name();
    row.rule = rule;
    row.reason = reason;
    row.sample = sample;
    row.kept = removal.kept;
    row.kept_id = kept.id;
    row.kept_source = kept.source;
    row.kept_url = kept.url;
    if (!removal.by->cuts()) row.removed_by = removed_by;  // parts in common make no cluster
  } else if (dedup.cut_by != nullptr) {
    cut = true;
    reason = joined(row.reason, "; ", fmt::format("{}: {}", dedup.cut_by->name(), dedup.cut_by->cut_reason(dedup.cuts)));
    edited_by = joined(row.edited_by, " ", dedup.cut_by->name());
    evidence = joined(row.evidence, "; ", evidence_part(cut_evidence(dedup, known)));
    text = text_after(dedup);
    row.words = row.tokens = 0;
    row.text = text;
    row.reason = reason;
    row.edited_by = edited_by;
    row.evidence = evidence;
  }
}

}  // namespace cairn::data
