#include "engine/data/curate_outputs.h"

#include <array>
#include <functional>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/clusters.h"
#include "engine/data/contamination_report.h"
#include "engine/data/curate_report.h"
#include "engine/data/decisions.h"
#include "engine/data/held_out.h"
#include "engine/data/judge.h"
#include "engine/data/output_shards.h"
#include "engine/data/sample_text.h"
#include "engine/data/sort_key.h"
#include "engine/data/text_analysis.h"
#include "lineage/docmap.h"

namespace cairn::data {

namespace {

constexpr std::size_t kSamplesPerRule = 3;

// ---- what the first rank gets from all

// A document with its verdict, in the order of the outputs: source, address, number. Without its text.
std::string output_record(DocumentNumber number, CuratedRow row, Verdict verdict, bool sampled) {
  std::string record;
  append_key(record, row.source);
  append_key(record, row.url);
  append_key(record, number);
  append_key(record, row.text.size());
  record += static_cast<char>(verdict);
  record += static_cast<char>(sampled);
  row.text = {};
  pack_row(record, row);
  return record;
}

struct OutputRow {
  DocumentNumber number = 0;
  std::uint64_t text_bytes = 0;
  Verdict verdict = Verdict::kept;
  bool sampled = false;  // may be among the samples of kept documents
  CuratedRow row{};
};
OutputRow output_row(std::string_view record) {
  skip_string_key(record);
  skip_string_key(record);
  OutputRow out;
  out.number = take_number_key(record);
  out.text_bytes = take_number_key(record);
  if (record.size() < 2) fail("a sorted record ends before its verdict");
  out.verdict = static_cast<Verdict>(record[0]);
  out.sampled = record[1] != 0;
  record.remove_prefix(2);
  out.row = unpack_row(record);
  return out;
}

std::string contamination_record(DocumentNumber number, CuratedRow row) {
  std::string record;
  append_key(record, number);
  row.text = row.sample = {};
  pack_row(record, row);
  return record;
}

ClusterMember member_of(DocumentNumber number, const CuratedRow& row) {
  return {row.removed_by,
          row.kept,
          number,
          std::string(row.id),
          std::string(row.source),
          std::string(row.url),
          std::string(row.reason),
          {std::string(row.kept_id), std::string(row.kept_source), std::string(row.kept_url)}};
}

Decision decision_of(const OutputRow& output) {
  const CuratedRow& row = output.row;
  Decision d;
  d.id = lineage::document_digest(row.id);
  d.url = row.url;
  d.source = row.source;
  d.language = row.language;
  d.verdict = output.verdict;
  d.edited = !row.edited_by.empty();
  d.filter = row.filter;
  d.rule = row.rule;
  d.reason = row.reason;
  d.evidence = row.evidence;
  if (!row.kept_id.empty()) d.duplicate_of = lineage::document_digest(row.kept_id);
  return d;
}

// ---- counts

void tally(GroupTally& group, const OutputRow& output, const Decision& decision) {
  const CuratedRow& row = output.row;
  const Amount in{1, static_cast<std::int64_t>(row.bytes_in), static_cast<std::int64_t>(row.words_in),
                  static_cast<std::int64_t>(row.tokens_in)};
  group.in += in;
  if (decision.verdict == Verdict::dropped) {
    group.dropped_by[decision.filter] += in;
    return;
  }
  const Amount out{1, static_cast<std::int64_t>(output.text_bytes), static_cast<std::int64_t>(row.words),
                   static_cast<std::int64_t>(row.tokens)};
  (decision.verdict == Verdict::kept ? group.kept : group.held_out) += out;
  if (decision.edited) group.edited += {1, in.bytes - out.bytes, in.words - out.words, in.tokens - out.tokens};
}

void tally(CurateReport& report, const OutputRow& output, const Decision& decision) {
  tally(report.total, output, decision);
  tally(report.by_language[decision.language], output, decision);
  if (output.sampled) report.kept_samples.offer(decision, output.row.sample);
  const std::string edited_by = fmt::format(" {} ", output.row.edited_by);
  for (const std::string& name : report.filters) {
    FilterTally& filter = report.by_filter[name];
    ++filter.seen;
    filter.edited += edited_by.find(" " + name + " ") != std::string::npos;
    if (name != decision.filter) continue;
    ++filter.dropped;
    ++filter.rules[decision.rule];
    std::vector<DroppedSample>& samples = filter.samples[decision.rule];
    if (samples.size() < kSamplesPerRule)
      samples.push_back({decision.url, decision.language, decision.reason, std::string(output.row.sample)});
    break;  // the filters behind it have not seen the document
  }
}

CurateReport empty_report(const std::vector<Stage>& stages) {
  CurateReport report;
  for (const std::string& name : filter_names(stages)) {  // a filter may stand twice in a chain; it is one line of the report
    if (!report.by_filter.contains(name)) report.filters.push_back(name);
    report.by_filter[name];
  }
  for (const Stage& stage : stages) {
    for (const NamedFilter& filter : stage.filters) report.filters_measured.push_back({filter.name, filter.statistics});
  }
  return report;
}

// ---- the first rank

// Documents in the order of the outputs: their places, decisions and counts.
void place_documents(steps::StepContext& ctx, Exchange<std::string>& ordered, std::array<ShardPlan, 2>& plans,
                     Exchange<Placed>& places, DecisionsWriter& decisions, CurateReport& report) {
  Progress& progress = ctx.progress("order", "documents");
  std::string source;
  GroupTally of_source;
  const auto end_source = [&] {
    if (of_source.in.documents > 0) report.by_source.add(source, std::move(of_source));
    of_source = {};
  };
  ordered.for_each([&](const std::string& record) {
    const OutputRow output = output_row(record);
    Decision decision = decision_of(output);
    if (source != decision.source) end_source();
    source = decision.source;
    if (decision.verdict != Verdict::dropped) {
      const Placed placed =
          plans[decision.verdict == Verdict::held_out ? 1 : 0].place(output.number, decision.source, output.text_bytes);
      decision.shard = static_cast<std::uint32_t>(placed.shard);
      decision.ordinal = static_cast<std::uint32_t>(placed.ordinal);
      places.add(placed);
    }
    tally(of_source, output, decision);
    tally(report, output, decision);
    decisions.add(decision);
    progress.add();
    ctx.stop_if_asked();
    ctx.ranks().check();
  });
  end_source();
  for (ShardPlan& plan : plans) plan.finish();
}

void write_report(steps::StepContext& ctx, const std::vector<Stage>& stages, CurateReport& report,
                  Exchange<std::string>& contaminated, Exchange<std::string>& members, const fs::path& own) {
  const fs::path folder = ctx.staging("report");
  ctx.disk().make_directories(folder);
  if (report.by_filter.contains("decontaminate")) {
    const auto for_each = [&contaminated](const std::function<void(const CuratedRow&)>& fn) {
      contaminated.for_each([&fn](std::string_view record) {
        take_number_key(record);
        fn(unpack_row(record));
      });
    };
    report.contamination = write_contamination(for_each, ctx.disk(), folder / "contamination.jsonl");
  }
  std::map<std::uint64_t, std::string> names;
  for (const Deduplicator* deduplicator : deduplicators_of(stages)) names[names.size() + 1] = deduplicator->name();
  const auto for_each_member = [&members](const MemberFn& fn) {
    members.for_each([&fn](std::string_view record) { fn(unpack_member(record)); });
  };
  report.clusters = write_clusters(for_each_member, names, ctx.disk(), folder / "clusters.jsonl", own / "cluster-sizes");
  write_file_atomically(ctx.disk(), folder / "report.json", pretty_json(report_json(report)));
  write_file_atomically(ctx.disk(), folder / "report.html", report_html(report));
}

}  // namespace

void write_outputs(steps::StepContext& ctx, const std::vector<Stage>& stages, const TokenCounter& tokens,
                   const Curation& curation) {
  const Workbench& bench = curation.bench();
  const auto for_each_row = [&curation](Curation::Which which, const Curation::SettledFn& fn) {
    curation.for_each_settled(which, [&fn](PieceNumber) { return fn; });
  };
  std::mutex mutex;
  HeldOut held_out(ctx.config().object("held_out"), ctx.seed());
  if (held_out.any()) {
    for_each_row(Curation::Which::kept, [&](const SettledRow& settled) {
      const std::lock_guard lock(mutex);
      held_out.see(settled.row.language, settled.row.id, settled.number);
    });
    held_out.merge(bench);
  }

  // All but the texts for the first rank.
  const auto first = [](const std::string&) { return 0; };
  std::optional<Exchange<std::string>> ordered(std::in_place, bench.in("outputs", 4), "documents", first);
  Exchange<std::string> members(bench.in("outputs", 16), "members", first),
      contaminated(bench.in("outputs", 16), "contaminated", first);
  std::uint64_t documents = 0;
  LeastDraws samples;
  ctx.progress("settle", "documents");
  for_each_row(Curation::Which::all, [&](const SettledRow& settled) {
    CuratedRow row = settled.row;
    if (settled.cut) {
      row.words = TextAnalysis(row.text).words().size();
      row.tokens = tokens.count(row.text);
    }
    const Verdict verdict = row.dropped                                            ? Verdict::dropped
                            : held_out.holds(row.language, row.id, settled.number) ? Verdict::held_out
                                                                                   : Verdict::kept;
    const bool sampled = verdict == Verdict::kept && samples.takes(KeptSamples::draw(lineage::document_digest(row.id), row.url));
    const std::string sample = sampled ? sample_text(row.text, kSampleBytes) : std::string();
    if (sampled) row.sample = sample;
    std::string record = output_record(settled.number, row, verdict, sampled);
    const std::lock_guard lock(mutex);
    ++documents;
    ordered->add(std::move(record));
    if (has_contamination(row)) contaminated.add(contamination_record(settled.number, row));
    if (row.removed_by > 0 && row.kept != kNoDocument) members.add(pack_member(member_of(settled.number, row)));
  });
  ordered->send();
  for (Exchange<std::string>* exchange : {&members, &contaminated}) exchange->send();
  const std::vector<std::string> counts = bench.share("documents", std::to_string(documents)),
                                 statistics = bench.share("statistics", curation.statistics().pack());

  CurateReport report = empty_report(stages);
  DecisionsWriter decisions(ctx.disk(), bench.own / "decisions", bench.memory / 4, ctx.threads());
  std::array<ShardPlan, 2> plans{ShardPlan(ctx, 0), ShardPlan(ctx, 1)};
  Exchange<Placed> places(bench.in("outputs", 8), "places",
                          [&curation](const Placed& placed) { return curation.owner_of(placed.document); });
  if (ctx.ranks().is_first()) place_documents(ctx, *ordered, plans, places, decisions, report);
  ordered.reset();
  places.send();
  const Json shards = parse_json(bench.share("shards", Json{plans[0].shards(), plans[1].shards()}.dump()).front(), "shards");
  write_shards(ctx, curation, places, {shards.at(0).get<std::uint64_t>(), shards.at(1).get<std::uint64_t>()});
  if (!ctx.ranks().is_first()) return;

  decisions.finish(ctx.staging("decisions"));
  report.tokens = tokens.counts();
  report.compared = curation.compared();
  for (const std::string& packed : statistics) report.statistics.add_packed(packed, 0);
  std::uint64_t all_documents = 0;
  for (const std::string& count : counts) all_documents += std::stoull(count);
  check_funnel(report, all_documents);
  write_report(ctx, stages, report, contaminated, members, bench.own);
  const GroupTally& total = report.total;
  ctx.describe_output("decisions", "documents", total.in.documents);
  ctx.summarise(fmt::format("{} of {} documents kept with {} of text, {} held out, {} dropped", total.kept.documents,
                            total.in.documents, format_bytes(plans[0].text_bytes()), total.held_out.documents,
                            total.dropped().documents));
}

}  // namespace cairn::data
