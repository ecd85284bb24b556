#include "engine/data/curation.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/judge.h"
#include "engine/data/sort_key.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

// Whether all ranks say yes.
bool all_agree(const Workbench& bench, const std::string& name, bool own) {
  const std::vector<std::string> all = bench.share(name, own ? "yes" : "no");
  return std::count(all.begin(), all.end(), "yes") == static_cast<std::ptrdiff_t>(all.size());
}

// Calls fn(findings) with all findings about one document, document after document.
template <typename Fn>
void by_document(const std::vector<Finding>& findings, Fn&& fn) {
  for (std::size_t begin = 0, end; begin < findings.size(); begin = end) {
    for (end = begin; end < findings.size() && findings[end].document == findings[begin].document;) ++end;
    fn(std::span(findings).subspan(begin, end - begin));
  }
}

// Of this process alone. What processes that were this rank before have left there is removed.
fs::path own_folder(const steps::StepContext& ctx) {
  const fs::path of_rank = ctx.scratch() / "own" / std::to_string(ctx.ranks().rank());
  ctx.disk().remove_tree(of_rank);
  ctx.disk().make_directories(of_rank / ctx.ranks().attempt());
  return of_rank / ctx.ranks().attempt();
}

}  // namespace

Curation::Curation(steps::StepContext& ctx, const std::vector<Stage>& stages, const TokenCounter& tokens)
    : ctx_(ctx),
      stages_(stages),
      tokens_(tokens),
      piece_bytes_(static_cast<std::uint64_t>(ctx.runtime().integer("piece_bytes"))),
      input_(ctx.inputs("documents"), piece_bytes_, ctx.ranks()),
      bench_{ctx.ranks(), ctx.disk(),
             // Documents are numbered by pieces, and who owns what depends on the number of ranks.
             ctx.scratch() / fmt::format("ranks-{}-{}", ctx.ranks().size(), piece_bytes_), own_folder(ctx),
             static_cast<std::uint64_t>(ctx.runtime().integer("memory")) * static_cast<std::uint64_t>(ctx.threads().threads()),
             ctx.threads(), ctx.stop_token()},
      findings_(stages.size()),
      known_(stages.size()) {
  ctx.disk().make_directories(bench_.folder);
  std::uint32_t filters = 0, deduplicators = 0;
  for (const Stage& stage : stages) {
    first_filters_.push_back(filters);
    first_deduplicators_.push_back(deduplicators);
    filters += static_cast<std::uint32_t>(stage.filters.size());
    deduplicators += static_cast<std::uint32_t>(stage.deduplicators.size());
  }
}

fs::path Curation::piece_path(std::size_t stage, PieceNumber piece) const {
  return ctx_.scratch() / fmt::format("stage-{}-{}", stage, piece_bytes_) / fmt::format("{:06d}", piece / kMostPieces) /
         fmt::format("piece-{:05d}", piece % kMostPieces);
}
fs::path Curation::findings_path(std::size_t stage, std::size_t deduplicator) const {
  return bench_.folder / fmt::format("findings-{}-{}-{}", stage, deduplicator, bench_.ranks.rank());
}

void Curation::run() {
  for (std::size_t stage = 0; stage < stages_.size(); ++stage) {
    filter(stage);
    for (std::size_t d = 0; d < stages_[stage].deduplicators.size(); ++d) compare(stage, d);
    if (!stages_[stage].deduplicators.empty()) get_to_know(stage);
  }
}

// ---- filtering

void Curation::filter(std::size_t stage) {
  Progress& progress = ctx_.progress("curate", "pieces");
  progress.set_total(input_.size());
  for (std::size_t i = 0; i < input_.size(); ++i) ctx_.disk().make_directories(piece_path(stage, input_.number(i)).parent_path());
  ctx_.threads().parallel_for(static_cast<std::int64_t>(input_.size()), [&](std::int64_t i) {
    const auto index = static_cast<std::size_t>(i);
    if (ctx_.stop_token().stop_requested()) return;
    if (!CuratedPiece::is_whole(piece_path(stage, input_.number(index)))) filter_piece(stage, index);
    progress.add();
    bench_.ranks.check();
  });
  ctx_.stop_if_asked();
}

// The statistics of a piece are of all stages so far.
void Curation::filter_piece(std::size_t stage, std::size_t index) const {
  const PieceNumber number = input_.number(index);
  CuratedPieceWriter out;
  StatisticTally statistics;
  if (stage == 0) {
    for (Document& document : input_.read(index)) judge(document, nullptr, stages_[0], 0, tokens_, statistics, out);
  } else {
    const CuratedPiece before(piece_path(stage - 1, number));
    statistics.add_packed(before.statistics(), 0);
    for_each_settled_of(stage - 1, number, before, Which::all, [&](const SettledRow& settled) {
      if (settled.row.dropped) return out.append(settled.row);
      Document document = document_of(settled.row);
      judge(document, &settled.row, stages_[stage], first_filters_[stage], tokens_, statistics, out);
    });
  }
  out.write(ctx_.disk(), piece_path(stage, number), statistics.pack());
}

// ---- comparing

// What a rank has whole of an earlier attempt, another may have to make again; then all have to meet again, and each gives again
// what it had given. So ranks go the same way.
void Curation::compare(std::size_t stage, std::size_t d) {
  const fs::path path = findings_path(stage, d);
  ctx_.progress(stages_[stage].deduplicators[d]->name(), "documents");
  const Workbench bench = bench_.in(fmt::format("compare-{}-{}", stage, d));
  if (!all_agree(bench, "found", PieceFile<Finding>::is_whole(ctx_.disk(), path))) find(stage, d, bench);
  findings_[stage].emplace_back(ctx_.disk(), path);
  measure(stage, d, bench);
  ctx_.stop_if_asked();
}

std::vector<bool> Curation::out_behind(std::size_t stage, std::size_t deduplicators, PieceNumber number,
                                       const CuratedPiece& piece) const {
  std::vector<bool> out;
  for (const CuratedRow& row : piece.rows()) out.push_back(row.dropped);
  for (std::size_t d = 0; d < deduplicators; ++d) {  // of which none cuts: only the last of a stage may
    for (const Finding& finding : findings_[stage][d].of(number)) out[row_of(finding.document)] = true;
  }
  return out;
}

void Curation::find(std::size_t stage, std::size_t d, const Workbench& bench) const {
  const Deduplicator& deduplicator = *stages_[stage].deduplicators[d];
  struct Open {
    PieceNumber number = ~PieceNumber{0};
    std::optional<CuratedPiece> piece;
    std::vector<bool> out;
  } open;
  const auto open_piece = [&](PieceNumber number) {
    if (open.number == number) return;
    open.piece.emplace(piece_path(stage, number), deduplicator.cuts());
    open.number = number;
    open.out = out_behind(stage, d, number, *open.piece);
    ctx_.stop_if_asked();
    bench.ranks.check();
  };
  const auto show = [&](std::size_t row, const RowFn& fn) {
    const CuratedRow& shown = open.piece->rows().at(row);
    fn(document_number(open.number, row), shown, keys_of(shown.keys, d));
  };
  const auto owner = [this](DocumentNumber document) { return input_.owner_of(document); };

  Exchange<Finding> findings(bench.in("findings", 4), "findings", [&owner](const Finding& f) { return owner(f.document); });
  Comparison comparison{
      bench.in("work"),
      [&](const RowFn& fn) {
        for (std::size_t i = 0; i < input_.size(); ++i) {
          open_piece(input_.number(i));
          for (std::size_t row = 0; row < open.out.size(); ++row) {
            if (!open.out[row]) show(row, fn);
          }
        }
      },
      [&](DocumentNumber document, const RowFn& fn) {
        open_piece(piece_of(document));
        show(row_of(document), fn);
      },
      owner,
      [&](const Finding& finding) { findings.add(finding); },
  };
  comparison.bench.memory = bench.memory / 4 * 3;
  if (!all_agree(bench, "sent", findings.is_sent())) deduplicator.compare(comparison);
  findings.send();
  PieceFileWriter<Finding> file(ctx_.disk(), findings_path(stage, d), bench.own);
  findings.for_each([&](const Finding& finding) { file.add(piece_of(finding.document), finding); });
  file.finish();
}

void Curation::measure(std::size_t stage, std::size_t d, const Workbench& bench) {
  const Deduplicator& deduplicator = *stages_[stage].deduplicators[d];
  const Outcome outcome{bench, [&](const Outcome::Fn& fn) {
                          for (std::size_t i = 0; i < input_.size(); ++i) {
                            const PieceNumber number = input_.number(i);
                            const CuratedPiece piece(piece_path(stage, number), deduplicator.cuts());
                            const std::vector<bool> out = out_behind(stage, d, number, piece);
                            std::vector<DedupRow> rows(out.size());
                            for (std::size_t row = 0; row < out.size(); ++row)
                              rows[row] = {document_number(number, row), &piece.rows()[row]};
                            by_document(findings_[stage][d].of(number), [&](std::span<const Finding> findings) {
                              deduplicator.apply(rows.at(row_of(findings[0].document)), findings);
                            });
                            for (std::size_t row = 0; row < out.size(); ++row) {
                              if (!out[row]) fn(rows[row], keys_of(rows[row].row->keys, d));
                            }
                            bench.ranks.check();
                          }
                        }};
  for (MeasuredStatistic& statistic : deduplicator.measured(outcome)) compared_.push_back(std::move(statistic));
}

// Asks the owners of the documents that findings name, and keeps their answers by the document that is told about.
void Curation::get_to_know(std::size_t stage) {
  const fs::path path = bench_.folder / fmt::format("known-{}-{}", stage, bench_.ranks.rank());
  const Workbench bench = bench_.in(fmt::format("known-{}", stage));
  if (!all_agree(bench, "known", PieceFile<std::string>::is_whole(ctx_.disk(), path))) ask(stage, bench, path);
  known_[stage].emplace(ctx_.disk(), path);
}

void Curation::ask(std::size_t stage, const Workbench& bench, const fs::path& path) const {
  struct Question {
    DocumentNumber other = 0, document = 0;
    auto operator<=>(const Question&) const = default;
  };
  Exchange<Question> questions(bench.in("questions", 2), "questions",
                               [this](const Question& q) { return input_.owner_of(q.other); });
  Exchange<std::string> answers(bench.in("answers", 2), "answers", [this](const std::string& answer) {
    std::string_view bytes = answer;
    return input_.owner_of(take_number_key(bytes));
  });
  if (!questions.is_sent()) {
    for (std::size_t i = 0; i < input_.size(); ++i) {
      for (const PieceFile<Finding>& file : findings_[stage]) {
        by_document(file.of(input_.number(i)), [&](std::span<const Finding> findings) {
          for (const DocumentNumber other : named_by(findings)) questions.add({other, findings[0].document});
        });
      }
    }
  }
  questions.send();
  if (!answers.is_sent()) {
    std::optional<CuratedPiece> piece;
    PieceNumber open = ~PieceNumber{0};
    questions.for_each([&](const Question& question) {
      if (piece_of(question.other) != open) piece.emplace(piece_path(stage, open = piece_of(question.other)), false);
      const CuratedRow& row = piece->rows().at(row_of(question.other));
      std::string answer;
      append_key(answer, question.document);
      append_key(answer, question.other);
      for (const std::string_view text : {row.id, row.source, row.url}) append_key(answer, text);
      answers.add(std::move(answer));
    });
  }
  answers.send();
  PieceFileWriter<std::string> file(ctx_.disk(), path, bench.own);
  answers.for_each([&](const std::string& answer) {
    std::string_view bytes = answer;
    file.add(piece_of(take_number_key(bytes)), answer);
  });
  file.finish();
}

// ---- what becomes of documents

void Curation::for_each_settled_of(std::size_t stage, PieceNumber number, const CuratedPiece& piece, Which which,
                                   const SettledFn& fn) const {
  const std::vector<CuratedRow>& all = piece.rows();
  std::vector<DedupRow> rows(all.size());
  std::vector<KnownDocuments> known(all.size());
  std::vector<std::uint64_t> removed_by(all.size());
  for (std::size_t i = 0; i < all.size(); ++i) rows[i] = {document_number(number, i), &all[i]};
  const auto& deduplicators = stages_[stage].deduplicators;
  for (std::size_t d = 0; d < deduplicators.size(); ++d) {
    by_document(findings_[stage][d].of(number), [&](std::span<const Finding> findings) {
      const std::size_t i = row_of(findings[0].document);
      deduplicators[d]->apply(rows.at(i), findings);
      removed_by[i] = first_deduplicators_[stage] + d + 1;
    });
  }
  if (!deduplicators.empty()) {
    for (const std::string& answer : known_[stage]->of(number)) {
      std::string_view bytes = answer;
      const std::uint64_t row = row_of(take_number_key(bytes));
      KnownDocument& other = known.at(row)[take_number_key(bytes)];
      for (std::string* text : {&other.id, &other.source, &other.url}) *text = take_string_key(bytes);
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (which == Which::all || !(all[i].dropped || rows[i].removal)) fn(SettledRow(rows[i], known[i], removed_by[i]));
  }
}

void Curation::for_each_settled(Which which, const PieceFn& of_piece) const {
  ctx_.threads().parallel_for(static_cast<std::int64_t>(input_.size()), [&](std::int64_t i) {
    if (ctx_.stop_token().stop_requested()) return;
    const PieceNumber number = input_.number(static_cast<std::size_t>(i));
    for_each_settled_of(stages_.size() - 1, number, CuratedPiece(piece_path(stages_.size() - 1, number)), which,
                        of_piece(number));
    bench_.ranks.check();
  });
  ctx_.stop_if_asked();
}

int Curation::owner_of(DocumentNumber document) const {
  return input_.owner_of(document);
}

StatisticTally Curation::statistics() const {
  StatisticTally all;
  for (std::size_t i = 0; i < input_.size(); ++i)
    all.add_packed(CuratedPiece(piece_path(stages_.size() - 1, input_.number(i)), false).statistics(), 0);
  return all;
}

}  // namespace cairn::data
