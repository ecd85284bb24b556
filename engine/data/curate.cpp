// step curate: documents through a chain of filters -> kept documents, held-out documents, a decision for every document, a
// report.
//
// The input is cut into pieces that are filtered in parallel; where the chain compares documents (deduplicator.h) all pieces
// are brought together. Each finished piece is kept in the scratch folder and used again after a kill. All outputs are
// functions of the input documents, the config and the seed.
#include "engine/data/curate.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/clusters.h"
#include "engine/data/contamination_report.h"
#include "engine/data/curate_report.h"
#include "engine/data/curated_piece.h"
#include "engine/data/decisions.h"
#include "engine/data/deduplicator.h"
#include "engine/data/document.h"
#include "engine/data/filter_chain.h"
#include "engine/data/sample_text.h"
#include "engine/data/text_analysis.h"
#include "engine/data/token_counter.h"
#include "engine/data/xxhash64.h"
#include "engine/steps/step_context.h"
#include "lineage/docmap.h"

namespace cairn::data {

namespace {

constexpr std::size_t kSampleBytes = 300;
constexpr std::size_t kSamplesPerRule = 3;

// What filters keep with their judgements stands in one text, in parts that "; " separates: addresses and languages that
// documents bring along cannot make more of them.
std::string evidence_part(std::string text) {
  for (std::size_t at = 0; (at = text.find("; ", at)) != std::string::npos; ++at) text[at] = ',';
  return text;
}

// ---- one piece through one stage

// What the filter has noted while it judged, taken out of the analysis.
void add_measures(StatisticTally& statistics, std::uint32_t number, const NamedFilter& filter, TextAnalysis& analysis,
                  const Judgement& judgement) {
  for (const TextAnalysis::Measure& measure : analysis.measures()) {
    for (const Statistic& statistic : filter.statistics) {
      if (statistic.id != measure.statistic) continue;
      const bool dropped = judgement.action == Judgement::Action::drop &&
                           std::find(statistic.rules.begin(), statistic.rules.end(), judgement.rule) != statistic.rules.end();
      statistics.add(number, statistic, measure.value, dropped);
      break;
    }
  }
  analysis.measures().clear();
}

// Runs the filters of a stage over a document that is still in, and appends what becomes of it.
// `before`: nullptr where nobody has looked at it; what it came in with otherwise.
void judge(Document& document, const CuratedRow* before, std::string edits, std::string edited_by, std::string evidence,
           const Stage& stage, const TokenCounter& tokens, StatisticTally& statistics, CuratedPieceWriter& out) {
  CuratedRow row;
  Judgement last;
  std::string_view dropped_by;
  bool edited = false;
  std::optional<TextAnalysis> analysis(std::in_place, document.text);
  row.bytes_in = before != nullptr ? before->bytes_in : document.text.size();
  row.words_in = before != nullptr ? before->words_in : analysis->words().size();
  row.tokens = before != nullptr && document.text == before->text ? before->tokens : tokens.count(document.text);
  row.tokens_in = before != nullptr ? before->tokens_in : row.tokens;
  for (std::uint32_t number = 0; number < stage.filters.size(); ++number) {
    const NamedFilter& filter = stage.filters[number];
    last = filter.filter->judge(document, *analysis);
    add_measures(statistics, number, filter, *analysis, last);
    if (!last.evidence.empty())
      evidence += fmt::format("{}{}: {}", evidence.empty() ? "" : "; ", filter.name, evidence_part(last.evidence));
    if (!last.language.empty()) document.language = last.language;
    if (!last.licence.empty()) {
      document.licence = last.licence;
      document.licence_evidence = last.licence_evidence;
    }
    for (const Score& score : last.scores) set_score(document.scores, score);
    if (last.action == Judgement::Action::drop) {
      dropped_by = filter.name;
      break;
    }
    if (last.action == Judgement::Action::edit) {
      edits += fmt::format("{}{}: {}", edits.empty() ? "" : "; ", filter.name, last.reason);
      edited_by += (edited_by.empty() ? "" : " ") + filter.name;
      document.text = std::move(last.text);
      analysis.emplace(document.text);
      edited = true;
    }
  }
  row.id = document.id;
  row.source = document.source;
  row.url = document.url;
  row.licence = document.licence;
  row.language = document.language;
  row.retrieved = document.retrieved;
  row.record_id = document.record_id;
  row.record_place = document.record_place;
  row.content_type = document.content_type;
  row.signals = document.signals;
  row.licence_evidence = document.licence_evidence;
  const std::string scores = pack_scores(document.scores);
  row.scores = scores;
  row.edited_by = edited_by;
  row.evidence = evidence;
  std::string sample;
  std::vector<std::uint64_t> keys;
  if (!dropped_by.empty()) {
    row.dropped = true;
    row.tokens = 0;
    row.filter = dropped_by;
    row.rule = last.rule;
    row.reason = last.reason;
    sample = sample_text(document.text, kSampleBytes);
    row.sample = sample;
  } else {
    row.text = document.text;
    row.words = analysis->words().size();
    if (edited) row.tokens = tokens.count(document.text);
    row.reason = edits;
    keys = stage_keys(document, stage.deduplicators);
    row.keys = keys;
  }
  out.append(row);
}

// ---- what the deduplicators of a stage drop and cut

void deduplicate(steps::StepContext& ctx, std::vector<DedupRow>& rows,
                 const std::vector<std::unique_ptr<Deduplicator>>& deduplicators, std::vector<MeasuredStatistic>& measured) {
  if (rows.size() >= kNoDocument)
    fail("curate: {} documents; at most {} can be compared in one run", rows.size(), kNoDocument - 1);
  for (std::size_t part = 0; part < deduplicators.size(); ++part) {
    ctx.progress(deduplicators[part]->name(), "documents").set_total(rows.size());
    Comparison comparison{rows,
                          part,
                          ctx.threads(),
                          ctx.disk(),
                          ctx.scratch() / "compare",
                          static_cast<std::uint64_t>(ctx.runtime().integer("dedup_memory")),
                          ctx.stop_token()};
    deduplicators[part]->compare(comparison);
    for (MeasuredStatistic& statistic : deduplicators[part]->measured(comparison)) measured.push_back(std::move(statistic));
    ctx.stop_if_asked();
  }
}

// ---- held-out documents

// Chosen by a hash of id and seed: a share of each language, at least `least` documents of every language that has ten times as
// many.
std::vector<bool> choose_held_out(const std::vector<DedupRow>& rows, double fraction, std::int64_t least, std::uint64_t seed) {
  std::vector<bool> held_out(rows.size(), false);
  if (fraction <= 0) return held_out;
  std::map<std::string_view, std::vector<std::pair<std::uint64_t, std::size_t>>> by_language;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!rows[i].row->dropped && !rows[i].removal)
      by_language[rows[i].row->language].emplace_back(xxhash64(rows[i].row->id, seed), i);
  }
  for (auto& [language, documents] : by_language) {
    std::sort(documents.begin(), documents.end());
    const auto count = static_cast<std::int64_t>(documents.size());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto& [hash, index] = documents[static_cast<std::size_t>(i)];
      const bool chosen = static_cast<double>(hash) < fraction * 18446744073709551616.0;
      held_out[index] = chosen || (i < least && count >= 10 * least);
    }
  }
  return held_out;
}

// ---- outputs

class OutputWriter {
 public:
  OutputWriter(steps::StepContext& ctx, const std::string& role)
      : ctx_(ctx),
        role_(role),
        writer_(ctx.disk(), ctx.staging(role), static_cast<std::uint64_t>(ctx.config().integer("shard_bytes"))) {}

  void append(const CuratedRow& row, std::string text, Decision& decision) {
    text_bytes_ += text.size();
    writer_.append({std::string(row.id), std::move(text), std::string(row.source), std::string(row.url), std::string(row.licence),
                    std::string(row.language), std::string(row.retrieved), std::string(row.record_id),
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

// What happened to a text, with what the last deduplicator cut.
std::string with_cuts(std::string_view before, const DedupRow& row, std::string_view separator, const std::string& more) {
  if (!row.cuts) return std::string(before);
  return fmt::format("{}{}{}", before, before.empty() ? "" : separator, more);
}
std::string edited_by_of(const DedupRow& row) {
  return with_cuts(row.row->edited_by, row, " ", row.cuts ? row.cut_by->name() : "");
}
std::string edits_of(const DedupRow& row) {
  if (!row.cuts) return std::string(row.row->reason);
  return with_cuts(row.row->reason, row, "; ", fmt::format("{}: {}", row.cut_by->name(), row.cut_by->cut_reason(*row.cuts)));
}
std::string evidence_of(const DedupRow& row, const std::vector<DedupRow>& rows) {
  return with_cuts(row.row->evidence, row, "; ", row.cuts ? evidence_part(cut_evidence(row, rows)) : "");
}

Decision decision_of(const DedupRow& row, bool held_out, const std::vector<DedupRow>& rows) {
  const CuratedRow& r = *row.row;
  Decision d;
  d.id = lineage::document_digest(r.id);
  d.url = r.url;
  d.source = r.source;
  d.language = r.language;
  d.edited = !edited_by_of(row).empty();
  d.reason = edits_of(row);
  d.evidence = evidence_of(row, rows);
  if (const Removal& removal = row.removal) {
    d.verdict = Verdict::dropped;
    d.filter = removal.by->name();
    d.rule = removal.by->rule(removal);
    d.reason = removal.by->reason(removal, removal.kept == kNoDocument ? std::string_view() : rows[removal.kept].row->url);
    if (removal.kept != kNoDocument) d.duplicate_of = lineage::document_digest(rows[removal.kept].row->id);
  } else if (r.dropped) {
    d.verdict = Verdict::dropped;
    d.filter = r.filter;
    d.rule = r.rule;
  } else if (held_out) {
    d.verdict = Verdict::held_out;
  }
  return d;
}

// `text`: as it is written; of a dropped document nothing.
void tally(CurateReport& report, const DedupRow& row, std::string_view text, const Decision& decision,
           const TokenCounter& counter) {
  const Amount in{1, static_cast<std::int64_t>(row.row->bytes_in), static_cast<std::int64_t>(row.row->words_in),
                  static_cast<std::int64_t>(row.row->tokens_in)};
  Amount out;
  if (decision.verdict != Verdict::dropped) {
    std::uint64_t words = row.row->words, tokens = row.row->tokens;
    if (row.cuts) words = TextAnalysis(text).words().size(), tokens = counter.count(text);
    out = {1, static_cast<std::int64_t>(text.size()), static_cast<std::int64_t>(words), static_cast<std::int64_t>(tokens)};
  }
  for (GroupTally* group : {&report.total, &report.by_language[decision.language], &report.by_source[decision.source]}) {
    group->in += in;
    if (decision.verdict == Verdict::dropped) {
      group->dropped_by[decision.filter] += in;
      continue;
    }
    (decision.verdict == Verdict::kept ? group->kept : group->held_out) += out;
    if (decision.edited) group->edited += {1, in.bytes - out.bytes, in.words - out.words, in.tokens - out.tokens};
  }
  if (decision.verdict == Verdict::kept) report.kept_samples.offer(decision, text);
  for (const std::string& name : report.filters) {
    FilterTally& filter = report.by_filter[name];
    ++filter.seen;
    filter.edited += (" " + edited_by_of(row) + " ").find(" " + name + " ") != std::string::npos;
    if (name != decision.filter) continue;
    ++filter.dropped;
    ++filter.rules[decision.rule];
    std::vector<DroppedSample>& samples = filter.samples[decision.rule];
    if (samples.size() < kSamplesPerRule) {
      std::string begins(row.row->sample);
      if (begins.empty()) begins = sample_text(row.row->text, kSampleBytes);
      samples.push_back({decision.url, decision.language, decision.reason, std::move(begins)});
    }
    break;  // the filters behind it have not seen the document
  }
}

// ---- the step

// Cuts all inputs into pieces that can be read alone.
class InputPieces {
 public:
  InputPieces(const std::vector<steps::StepInput>& inputs, std::uint64_t piece_bytes) {
    for (const steps::StepInput& input : inputs) {
      folders_.emplace_back(input.path, piece_bytes);
      for (std::size_t i = 0; i < folders_.back().size(); ++i) pieces_.emplace_back(folders_.size() - 1, i);
    }
  }
  std::size_t size() const { return pieces_.size(); }
  std::vector<Document> read(std::size_t index) const { return folders_[pieces_[index].first].read(pieces_[index].second); }

 private:
  std::vector<DocumentPieces> folders_;
  std::vector<std::pair<std::size_t, std::size_t>> pieces_;
};

// The rows of the stage before, cut into pieces: those of piece p begin at begins[p].
struct StageBefore {
  std::vector<DedupRow> rows;
  std::vector<std::size_t> begins;
};

// All pieces of one stage, filtered, from scratch files or anew. `before`: without pieces in the first stage.
std::vector<CuratedPiece> run_stage(steps::StepContext& ctx, const fs::path& folder, const Stage& stage,
                                    const InputPieces& pieces, const StageBefore& before, const TokenCounter& tokens) {
  ctx.disk().make_directories(folder);
  const auto path_of = [&folder](std::size_t piece) { return folder / fmt::format("piece-{:06d}", piece); };
  Progress& progress = ctx.progress("curate", "pieces");
  progress.set_total(pieces.size());
  ctx.threads().parallel_for(static_cast<std::int64_t>(pieces.size()), [&](std::int64_t index) {
    const auto piece = static_cast<std::size_t>(index);
    if (!ctx.stop_token().stop_requested() && !CuratedPiece::is_whole(path_of(piece))) {
      CuratedPieceWriter out;
      StatisticTally statistics;
      if (before.begins.empty()) {
        for (Document& document : pieces.read(piece)) judge(document, nullptr, "", "", "", stage, tokens, statistics, out);
      } else {
        for (std::size_t i = before.begins[piece]; i < before.begins[piece + 1]; ++i) {
          const DedupRow& row = before.rows[i];
          CuratedRow carried = *row.row;
          if (carried.dropped || row.removal) {
            carried.keys = {};
            std::string sample;
            if (row.removal && carried.sample.empty()) carried.sample = sample = sample_text(carried.text, kSampleBytes);
            carried.text = {};
            out.append(carried);
            continue;
          }
          Document document{std::string(carried.id),           text_after(row),
                            std::string(carried.source),       std::string(carried.url),
                            std::string(carried.licence),      std::string(carried.language),
                            std::string(carried.retrieved),    std::string(carried.record_id),
                            std::string(carried.record_place), std::string(carried.content_type),
                            std::string(carried.signals),      std::string(carried.licence_evidence),
                            unpack_scores(carried.scores)};
          judge(document, &carried, edits_of(row), edited_by_of(row), evidence_of(row, before.rows), stage, tokens, statistics,
                out);
        }
      }
      out.set_statistics(statistics.pack());
      out.write(ctx.disk(), path_of(piece));
    }
    progress.add();
  });
  ctx.stop_if_asked();
  std::vector<CuratedPiece> done;
  for (std::size_t piece = 0; piece < pieces.size(); ++piece) done.emplace_back(path_of(piece));
  return done;
}

std::vector<steps::External> filter_files(const Config& config) {
  std::vector<steps::External> found;
  for (const fs::path& path : files_of_filters(config.objects("filters"))) found.push_back({"filter_files", path, {}});
  return found;
}

void curate(steps::StepContext& ctx) {
  std::vector<fs::path> files;
  for (const steps::StepInput& input : ctx.inputs("filter_files")) files.push_back(input.path);
  const std::vector<Stage> stages = make_filter_chain(ctx.config().objects("filters"), files);
  const auto piece_bytes = static_cast<std::uint64_t>(ctx.runtime().integer("piece_bytes"));
  const InputPieces pieces(ctx.inputs("documents"), piece_bytes);
  const TokenCounter tokens(ctx);

  // Rows stay numbered as the input is; a row that a deduplicator removes keeps its removal through the stages behind.
  StageBefore last;
  std::vector<std::vector<CuratedPiece>> done;
  std::vector<MeasuredStatistic> compared;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    done.push_back(run_stage(ctx, ctx.scratch() / fmt::format("stage-{}-{}", s, piece_bytes), stages[s], pieces, last, tokens));
    StageBefore now;
    for (const CuratedPiece& piece : done.back()) {
      now.begins.push_back(now.rows.size());
      for (const CuratedRow& row : piece.rows()) {
        now.rows.push_back({&row});
        if (s > 0) now.rows.back().removal = last.rows[now.rows.size() - 1].removal;
      }
    }
    now.begins.push_back(now.rows.size());
    last = std::move(now);
    deduplicate(ctx, last.rows, stages[s].deduplicators, compared);
  }
  const std::vector<DedupRow>& rows = last.rows;

  const Config held = ctx.config().object("held_out");
  const std::vector<bool> held_out = choose_held_out(rows, held.number("fraction"), held.integer("least"), ctx.seed());
  std::vector<std::size_t> order(rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&rows](std::size_t a, std::size_t b) {
    const CuratedRow &x = *rows[a].row, &y = *rows[b].row;
    if (x.source != y.source) return x.source < y.source;
    if (x.url != y.url) return x.url < y.url;
    return a < b;
  });

  OutputWriter kept(ctx, "documents"), held_out_writer(ctx, "held_out");
  CurateReport report;
  report.tokens = tokens.counts();
  report.compared = std::move(compared);
  for (const std::string& name : filter_names(stages)) {  // a filter may stand twice in a chain; it is one line of the report
    if (!report.by_filter.contains(name)) report.filters.push_back(name);
    report.by_filter[name];
  }
  std::vector<Decision> decisions;
  decisions.reserve(rows.size());
  Progress& progress = ctx.progress("write", "documents");
  progress.set_total(rows.size());
  for (const std::size_t i : order) {
    Decision decision = decision_of(rows[i], held_out[i], rows);
    std::string text;
    if (decision.verdict != Verdict::dropped) {
      text = text_after(rows[i]);
      (decision.verdict == Verdict::kept ? kept : held_out_writer).append(*rows[i].row, text, decision);
    }
    tally(report, rows[i], text, decision, tokens);
    decisions.push_back(std::move(decision));
    progress.add();
  }
  kept.finish();
  held_out_writer.finish();
  check_funnel(report, rows.size());
  for (std::size_t s = 0, first = 0; s < stages.size(); first += stages[s++].filters.size()) {
    for (const CuratedPiece& piece : done[s]) report.statistics.add_packed(piece.statistics(), static_cast<std::uint32_t>(first));
  }
  for (const Stage& stage : stages) {
    for (const NamedFilter& filter : stage.filters) report.filters_measured.push_back({filter.name, filter.statistics});
  }
  write_file_atomically(ctx.disk(), ctx.staging("decisions"), decisions_file(std::move(decisions)));
  ctx.disk().make_directories(ctx.staging("report"));
  if (report.by_filter.contains("decontaminate"))
    report.contamination = write_contamination(rows, ctx.disk(), ctx.staging("report") / "contamination.jsonl");
  report.clusters = write_clusters(rows, deduplicators_of(stages), ctx.disk(), ctx.staging("report") / "clusters.jsonl");
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.json", pretty_json(report_json(report)));
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.html", report_html(report));
  const GroupTally& total = report.total;
  ctx.describe_output("decisions", "documents", total.in.documents);
  ctx.summarise(fmt::format("{} of {} documents kept with {} of text, {} held out, {} dropped", total.kept.documents,
                            total.in.documents, format_bytes(kept.text_bytes()), total.held_out.documents,
                            total.dropped().documents));
}

}  // namespace

const steps::StepSpec kCurate{
    .name = "curate",
    .version = 13,
    .summary = "filter, scrub and deduplicate documents; tell why for each",
    .inputs = {{"documents", "documents", "what to curate, in this order", false, true},
               {"filter_files", "raw",
                "files that filters name: robots.txt files, a public suffix list, an opt-out register, models", true, true},
               {"tokenizer", "tokenizer", "to count tokens with, in the report alone", true, false}},
    .outputs = {{"documents", "documents", "kept documents, clustered by source, sorted by address"},
                {"held_out", "documents", "documents set aside for evaluation, never to be trained on"},
                {"decisions", "decisions", "what became of every document, and why (docs/format/decisions.md)"},
                {"report", "report",
                 "report.json and report.html: counts and samples; clusters.jsonl: which documents are duplicates "
                 "(docs/format/clusters.md)"}},
    .config = object({
        field("filters", filter_chain_schema(), "in order; each {\"filter\": NAME, its parameters}"),
        field("held_out",
              object({
                         field("fraction", number().min(0).max(0.5).def(0.0),
                               "share of the kept documents of each language, chosen by a hash of id and seed"),
                         field("least", integer().min(0).def(2), "documents of each language that has ten times as many"),
                     })
                  .def(Json::object()),
              "documents set aside for evaluation"),
        field("shard_bytes", integer().min(1).def(64'000'000), "text in one shard, at most"),
    }),
    .runtime = object({field("piece_bytes", integer().min(1).def(1'000'000), "compressed bytes that one thread takes at a time"),
                       field("dedup_memory", integer().min(0).def(2'000'000'000),
                             "bytes that the sorting of what is compared may take; beyond them it works on files")}),
    .exactness = steps::Exactness::everywhere,
    .externals = filter_files,
    .run = curate,
};

}  // namespace cairn::data
