// step export-documents: documents -> Parquet files, a row each, with their scores and, where decisions are given, what the
// curation did to each; and the decisions themselves as a table of all documents that it saw.
#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/parquet_writer.h"
#include "engine/steps/step.h"
#include "engine/steps/step_context.h"
#include "lineage/docmap.h"

namespace cairn::data {

extern const steps::StepSpec kExportDocuments;

namespace {

using Type = ParquetField::Type;

ParquetValue text_or_null(const std::string& text) {
  return text.empty() ? ParquetValue() : ParquetValue(text);
}

// Files NAME-00000.parquet, ... of a bounded size.
class Table {
 public:
  Table(steps::StepContext& ctx, std::string name, std::vector<ParquetField> fields)
      : ctx_(ctx), name_(std::move(name)), fields_(std::move(fields)) {
    options_.row_group_bytes = static_cast<std::uint64_t>(ctx.config().integer("row_group_bytes"));
    most_ = static_cast<std::uint64_t>(ctx.config().integer("file_bytes"));
    open();
  }
  void append(const std::vector<ParquetValue>& row) {
    if (writer_->bytes() >= most_) {
      writer_->finish();
      open();
    }
    writer_->append(row);
    ++rows_;
  }
  void finish() { writer_->finish(); }
  std::int64_t rows() const { return rows_; }
  int files() const { return files_; }

 private:
  void open() {
    const auto path = ctx_.staging("table") / fmt::format("{}-{:05d}.parquet", name_, files_++);
    writer_.emplace(ctx_.disk().create(path), fields_, options_);
  }

  steps::StepContext& ctx_;
  std::string name_;
  std::vector<ParquetField> fields_;
  ParquetOptions options_;
  std::uint64_t most_ = 0;
  std::int64_t rows_ = 0;
  int files_ = 0;
  std::optional<ParquetWriter> writer_;
};

std::optional<Decision> decision_of(const Document& document, const std::vector<Decisions>& all) {
  const Digest id = lineage::document_digest(document.id);
  for (const Decisions& decisions : all) {
    for (const std::size_t index : decisions.by_id(id.hex(), decisions.size())) {
      Decision decision = decisions.at(index);
      if (decision.url == document.url) return decision;
    }
  }
  return std::nullopt;
}

void for_each_document(steps::StepContext& ctx, const char* what, const std::function<void(const Document&)>& see) {
  for (const steps::StepInput& input : ctx.inputs("documents")) {
    DocumentReader reader(input.path);
    Progress& progress = ctx.progress(what, "documents");
    for (Document document; reader.next(document);) {
      see(document);
      progress.add();
      ctx.stop_if_asked();
    }
  }
}

void export_documents(steps::StepContext& ctx) {
  std::vector<Decisions> decisions;
  for (const steps::StepInput& input : ctx.inputs("decisions")) decisions.emplace_back(input.path);
  ctx.disk().make_directories(ctx.staging("table"));

  // A column for each score that occurs.
  std::set<std::string> scores;
  for_each_document(ctx, "look for scores", [&scores](const Document& document) {
    for (const Score& score : document.scores) scores.insert(score.name);
  });
  std::vector<ParquetField> fields = {{"id"}, {"text"}, {"url"}, {"source"}, {"licence"}, {"language"}};
  for (const char* name : {"retrieved", "record_id", "record_place", "content_type", "signals", "licence_evidence"})
    fields.push_back({name, Type::text, true});
  if (!decisions.empty()) {
    fields.push_back({"verdict", Type::text, true});
    fields.push_back({"edited", Type::boolean, true});
    fields.push_back({"edits", Type::text, true});
    fields.push_back({"evidence", Type::text, true});
  }
  for (const std::string& score : scores) fields.push_back({score + "_score", Type::float64, true});

  Table documents(ctx, "documents", fields);
  for_each_document(ctx, "write", [&](const Document& d) {
    std::vector<ParquetValue> row = {d.id, d.text, d.url, d.source, d.licence, d.language};
    for (const std::string* text :
         {&d.retrieved, &d.record_id, &d.record_place, &d.content_type, &d.signals, &d.licence_evidence})
      row.push_back(text_or_null(*text));
    if (!decisions.empty()) {
      const std::optional<Decision> decision = decision_of(d, decisions);
      if (decision) {
        row.insert(row.end(), {std::string(verdict_name(decision->verdict)), decision->edited, text_or_null(decision->reason),
                               text_or_null(decision->evidence)});
      } else {
        row.resize(row.size() + 4);
      }
    }
    for (const std::string& name : scores) {
      const auto score = std::find_if(d.scores.begin(), d.scores.end(), [&name](const Score& s) { return s.name == name; });
      row.push_back(score == d.scores.end() ? ParquetValue() : ParquetValue(score->value));
    }
    documents.append(row);
  });
  documents.finish();

  std::int64_t decided = 0;
  if (!decisions.empty()) {
    Table table(ctx, "decisions",
                {{"id"},
                 {"url"},
                 {"source"},
                 {"language"},
                 {"verdict"},
                 {"filter", Type::text, true},
                 {"rule", Type::text, true},
                 {"reason", Type::text, true},
                 {"evidence", Type::text, true},
                 {"edited", Type::boolean},
                 {"duplicate_of", Type::text, true},
                 {"shard", Type::int64, true},
                 {"document", Type::int64, true}});
    for (const Decisions& all : decisions) {
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Decision d = all.at(i);
        const bool dropped = d.verdict == Verdict::dropped;
        table.append({std::string(kIdPrefix) + d.id.hex(), d.url, d.source, d.language, std::string(verdict_name(d.verdict)),
                      text_or_null(d.filter), text_or_null(d.rule), text_or_null(d.reason), text_or_null(d.evidence), d.edited,
                      d.duplicate_of ? ParquetValue(std::string(kIdPrefix) + d.duplicate_of->hex()) : ParquetValue(),
                      dropped ? ParquetValue() : ParquetValue(std::int64_t{d.shard}),
                      dropped ? ParquetValue() : ParquetValue(std::int64_t{d.ordinal})});
        ctx.stop_if_asked();
      }
    }
    table.finish();
    decided = table.rows();
  }
  ctx.disk().sync_directory(ctx.staging("table"));
  ctx.describe_output("table", "documents", documents.rows());
  ctx.summarise(fmt::format("{} documents in {} Parquet file{}{}", documents.rows(), documents.files(),
                            documents.files() == 1 ? "" : "s", decided > 0 ? fmt::format(", {} decisions", decided) : ""));
}

}  // namespace

const steps::StepSpec kExportDocuments{
    .name = "export-documents",
    .version = 2,
    .summary = "write documents, with scores and decisions, as Parquet files",
    .inputs =
        {{.role = "documents", .kind = "documents", .help = "one after another", .many = true},
         {.role = "decisions", .kind = "decisions", .help = "of the curation that kept them", .optional = true, .many = true}},
    .outputs = {{"table", "file", "documents-00000.parquet, ... and, with decisions, decisions-00000.parquet, ..."}},
    .config = object({
        field("file_bytes", integer().min(1).def(1'000'000'000), "a file is closed once it is this long"),
        field("row_group_bytes", integer().min(1).def(64'000'000),
              "values in one row group, at most; memory is about three times that"),
    }),
    .run = export_documents,
};

}  // namespace cairn::data
