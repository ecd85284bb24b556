#include "engine/data/curate_outputs.h"

#include <functional>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/clusters.h"
#include "engine/data/contamination_report.h"
#include "engine/data/curate_report.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/held_out.h"
#include "engine/data/sort_key.h"
#include "engine/data/text_analysis.h"
#include "lineage/docmap.h"

namespace cairn::data {

namespace {

constexpr std::size_t kSamplesPerRule = 3;

// ---- what the first rank gets from all

// A document with its verdict, in the order of the outputs: source, address, number.
std::string output_record(DocumentNumber number, const CuratedRow& row, Verdict verdict) {
  std::string record;
  append_key(record, row.source);
  append_key(record, row.url);
  append_key(record, number);
  record += static_cast<char>(verdict);
  pack_row(record, row);
  return record;
}

struct OutputRow {
  CuratedRow row;
  Verdict verdict = Verdict::kept;
};
OutputRow output_row(std::string_view record) {
  skip_string_key(record);
  skip_string_key(record);
  take_number_key(record);
  OutputRow out;
  out.verdict = static_cast<Verdict>(record[0]);
  record.remove_prefix(1);
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

// ---- documents

class OutputWriter {
 public:
  OutputWriter(steps::StepContext& ctx, const std::string& role)
      : ctx_(ctx),
        role_(role),
        writer_(ctx.disk(), ctx.staging(role), static_cast<std::uint64_t>(ctx.config().integer("shard_bytes"))) {}

  void append(const CuratedRow& row, Decision& decision) {
    text_bytes_ += row.text.size();
    writer_.append({std::string(row.id), std::string(row.text), std::string(row.source), std::string(row.url),
                    std::string(row.licence), std::string(row.language), std::string(row.retrieved), std::string(row.record_id),
                    std::string(row.record_place), std::string(row.content_type), std::string(row.signals),
                    std::string(row.licence_evidence), unpack_scores(row.scores)});
    decision.shard = static_cast<std::uint32_t>(writer_.shard());
    decision.ordinal = static_cast<std::uint32_t>(writer_.ordinal());
    const std::string shard = DocumentWriter::shard_name(writer_.shard());
    if (posting_.source != row.source || posting_.file != shard) {
      post();
      posting_ = {std::string(row.source), role_, shard, writer_.ordinal(), 0, 0};
    }
    ++posting_.documents;
  }
  void finish() {
    post();
    writer_.finish();
    ctx_.describe_output(role_, "documents", writer_.documents());
    ctx_.describe_output(role_, "text_bytes", text_bytes_);
  }
  std::uint64_t text_bytes() const { return text_bytes_; }

 private:
  void post() {
    if (posting_.documents > 0) ctx_.post_source(posting_);
    posting_.documents = 0;
  }

  steps::StepContext& ctx_;
  std::string role_;
  DocumentWriter writer_;
  steps::SourcePosting posting_;
  std::uint64_t text_bytes_ = 0;
};

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

void tally(GroupTally& group, const CuratedRow& row, const Decision& decision) {
  const Amount in{1, static_cast<std::int64_t>(row.bytes_in), static_cast<std::int64_t>(row.words_in),
                  static_cast<std::int64_t>(row.tokens_in)};
  group.in += in;
  if (decision.verdict == Verdict::dropped) {
    group.dropped_by[decision.filter] += in;
    return;
  }
  const Amount out{1, static_cast<std::int64_t>(row.text.size()), static_cast<std::int64_t>(row.words),
                   static_cast<std::int64_t>(row.tokens)};
  (decision.verdict == Verdict::kept ? group.kept : group.held_out) += out;
  if (decision.edited) group.edited += {1, in.bytes - out.bytes, in.words - out.words, in.tokens - out.tokens};
}

void tally(CurateReport& report, const CuratedRow& row, const Decision& decision) {
  tally(report.total, row, decision);
  tally(report.by_language[decision.language], row, decision);
  if (decision.verdict == Verdict::kept) report.kept_samples.offer(decision, row.text);
  const std::string edited_by = fmt::format(" {} ", row.edited_by);
  for (const std::string& name : report.filters) {
    FilterTally& filter = report.by_filter[name];
    ++filter.seen;
    filter.edited += edited_by.find(" " + name + " ") != std::string::npos;
    if (name != decision.filter) continue;
    ++filter.dropped;
    ++filter.rules[decision.rule];
    std::vector<DroppedSample>& samples = filter.samples[decision.rule];
    if (samples.size() < kSamplesPerRule)
      samples.push_back({decision.url, decision.language, decision.reason, std::string(row.sample)});
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

// Documents in the order of the outputs: into shards, decisions and counts.
void write_documents(steps::StepContext& ctx, Exchange<std::string>& ordered, std::uint64_t memory, CurateReport& report) {
  OutputWriter kept(ctx, "documents"), held_out(ctx, "held_out");
  DecisionsWriter decisions(ctx.disk(), ctx.scratch() / "decisions", memory, ctx.threads());
  Progress& progress = ctx.progress("write", "documents");
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
    if (decision.verdict != Verdict::dropped) (decision.verdict == Verdict::kept ? kept : held_out).append(output.row, decision);
    tally(of_source, output.row, decision);
    tally(report, output.row, decision);
    decisions.add(decision);
    progress.add();
    ctx.stop_if_asked();
    ctx.ranks().beat();
  });
  end_source();
  kept.finish();
  held_out.finish();
  decisions.finish(ctx.staging("decisions"));
  const GroupTally& total = report.total;
  ctx.describe_output("decisions", "documents", total.in.documents);
  ctx.summarise(fmt::format("{} of {} documents kept with {} of text, {} held out, {} dropped", total.kept.documents,
                            total.in.documents, format_bytes(kept.text_bytes()), total.held_out.documents,
                            total.dropped().documents));
}

void write_report(steps::StepContext& ctx, const std::vector<Stage>& stages, CurateReport& report,
                  Exchange<std::string>& contaminated, Exchange<std::string>& members) {
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
  report.clusters =
      write_clusters(for_each_member, names, ctx.disk(), folder / "clusters.jsonl", ctx.scratch() / "cluster-sizes");
  write_file_atomically(ctx.disk(), folder / "report.json", pretty_json(report_json(report)));
  write_file_atomically(ctx.disk(), folder / "report.html", report_html(report));
}

}  // namespace

void write_outputs(steps::StepContext& ctx, const std::vector<Stage>& stages, const TokenCounter& tokens,
                   const Curation& curation) {
  const Workbench& bench = curation.bench();
  std::mutex mutex;
  HeldOut held_out(ctx.config().object("held_out"), ctx.seed());
  if (held_out.any()) {
    curation.for_each_settled([&](const SettledRow& settled) {
      if (settled.row.dropped) return;
      const std::lock_guard lock(mutex);
      held_out.see(settled.row.language, settled.row.id, settled.number);
    });
    held_out.merge(bench);
  }

  // All for the first rank.
  const auto first = [](const std::string&) { return 0; };
  Exchange<std::string> ordered(bench.in("outputs", 2), "documents", first), members(bench.in("outputs", 8), "members", first),
      contaminated(bench.in("outputs", 8), "contaminated", first);
  std::uint64_t documents = 0;
  ctx.progress("settle", "documents");
  curation.for_each_settled([&](const SettledRow& settled) {
    CuratedRow row = settled.row;
    if (settled.cut) {
      row.words = TextAnalysis(row.text).words().size();
      row.tokens = tokens.count(row.text);
    }
    const Verdict verdict = row.dropped                                            ? Verdict::dropped
                            : held_out.holds(row.language, row.id, settled.number) ? Verdict::held_out
                                                                                   : Verdict::kept;
    std::string record = output_record(settled.number, row, verdict);
    const std::lock_guard lock(mutex);
    ++documents;
    ordered.add(std::move(record));
    if (has_contamination(row)) contaminated.add(contamination_record(settled.number, row));
    if (row.removed_by > 0 && row.kept != kNoDocument) members.add(pack_member(member_of(settled.number, row)));
  });
  for (Exchange<std::string>* exchange : {&ordered, &members, &contaminated}) exchange->send();
  const std::vector<std::string> counts = bench.share("documents", std::to_string(documents)),
                                 statistics = bench.share("statistics", curation.statistics().pack());
  if (!ctx.ranks().is_first()) return;

  CurateReport report = empty_report(stages);
  report.tokens = tokens.counts();
  report.compared = curation.compared();
  for (const std::string& packed : statistics) report.statistics.add_packed(packed, 0);
  write_documents(ctx, ordered, bench.memory / 4, report);
  std::uint64_t all_documents = 0;
  for (const std::string& count : counts) all_documents += std::stoull(count);
  check_funnel(report, all_documents);
  write_report(ctx, stages, report, contaminated, members);
}

}  // namespace cairn::data
