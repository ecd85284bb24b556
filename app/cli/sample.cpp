// cairn sample RUN --step N: the very documents and tokens that a step of a training reads, past or to come.
#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "app/cli/cli.h"
#include "app/cli/document_search.h"
#include "app/cli/layout.h"
#include "app/cli/readings.h"
#include "app/cli/verbs.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/text/unicode.h"
#include "engine/train/data_inputs.h"

namespace cairn::app {
namespace {

constexpr std::size_t kCharactersShown = 160;  // of each row's text, where no row is asked for

struct Options {
  std::string run;
  std::int64_t step = 0;
  std::int64_t row = -1;
};

// One row, with all that can be said of it.
struct Row {
  std::int64_t number = 0;
  train::SampleRef sample;
  train::Window window;
  train::TokenBatch batch;  // of this row alone
  std::vector<train::ReadDocument> documents;
};

class StepReader {
 public:
  StepReader(lineage::Workspace& workspace, const Training& training, const train::StepPlan& plan)
      : training_(training),
        plan_(plan),
        sources_(train::open_sources(training.read, training.folders, std::numeric_limits<std::int32_t>::max())),
        loader_(train::pointers(sources_), training.read, training.masks.value_or(train::MaskOptions())),
        tokenizer_(tokenizer_of(workspace, training.run)),
        search_(workspace) {}

  Row row(std::int64_t number) const {
    train::StepPlan one = plan_;
    one.position += number;
    one.batch = 1;
    Row row;
    row.number = number;
    row.sample = training_.read.sample_at(plan_.stage, one.position);
    loader_.window(row.sample, plan_.sequence_length, row.window);
    row.batch = loader_.batch(one);
    row.documents = train::documents_of_sample(training_.shards, row.sample, plan_.sequence_length);
    return row;
  }

  std::string text_of(const Row& row) const {
    return tokenizer_ ? text::utf8_lossy(tokenizer_->decode(row.window.tokens, false)) : "";
  }
  bool decodes() const { return tokenizer_.has_value(); }
  std::string address_of(const train::ReadDocument& one) const { return search_.address_of(one.document.key); }
  const train::MappedShard& shard_of(const train::ReadDocument& one) const { return training_.shards[one.shard]; }
  std::string source_of(const train::ReadDocument& one) const { return shard_of(one).docmap.sources()[one.document.source].name; }

 private:
  const Training& training_;
  train::StepPlan plan_;
  std::vector<std::unique_ptr<train::SampleSource>> sources_;
  train::Loader loader_;
  std::optional<text::Tokenizer> tokenizer_;
  DocumentSearch search_;
};

Json row_json(const StepReader& reader, const Training& training, const Row& row) {
  Json documents = Json::array();
  for (const train::ReadDocument& one : row.documents) {
    documents.push_back({{"id", "sha256:" + to_hex(one.document.key)},  // its first half
                         {"address", reader.address_of(one)},
                         {"source", reader.source_of(one)},
                         {"shard", reader.shard_of(one).shard.filename().string()},
                         {"ordinal", one.document.ordinal},
                         {"offset", one.offset},
                         {"tokens", one.tokens},
                         {"document_tokens", one.document.tokens}});
  }
  Json json = {{"row", row.number},
               {"data", training.read.data()[static_cast<std::size_t>(row.sample.data)].name},
               {"first_token", row.sample.token},
               {"tokens", row.window.tokens},
               {"documents", documents}};
  if (training.masks) json["weights"] = row.batch.weights;
  if (reader.decodes()) json["text"] = reader.text_of(row);
  return json;
}

void print_row(const StepReader& reader, const Training& training, const Row& row, bool whole) {
  const std::string mask = training.masks ? fmt::format(", {} of {} labels count", row.batch.weighted, row.batch.T) : "";
  print_wrapped(fmt::format("row {}: {} tokens of {}{}", row.number, row.window.tokens.size(),
                            training.read.data()[static_cast<std::size_t>(row.sample.data)].name, mask));
  for (const train::ReadDocument& one : row.documents) {
    const std::string address = reader.address_of(one);
    print_wrapped(fmt::format("  {}  {}, its tokens {} to {} of {} ({}, document {})",
                              address.empty() ? to_hex(one.document.key) : address, reader.source_of(one), one.offset,
                              one.offset + one.tokens, one.document.tokens, reader.shard_of(one).shard.filename().string(),
                              one.document.ordinal));
  }
  if (!reader.decodes()) {
    fmt::print("  ids");
    for (const std::int32_t id : row.window.tokens) fmt::print(" {}", id);
    fmt::print("\n");
    return;
  }
  const std::string text = reader.text_of(row);
  if (whole) {
    fmt::print("\n{}\n", text);
    return;
  }
  std::string line;
  for (const char c : text) line += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  const bool cut = line.size() > kCharactersShown;
  print_wrapped("  " + text::utf8_lossy(line.substr(0, kCharactersShown)) + (cut ? " ..." : ""));
}

ExitCode sample(Session& session, const Options& options) {
  lineage::Workspace& workspace = session.workspace_for_reading();
  const Training training = training_of(workspace, options.run);
  if (options.step < 1 || options.step > training.read.steps()) {
    fail_usage("--step {}: {} has the steps 1 to {}", options.step, training.label, training.read.steps());
  }
  const train::StepPlan plan = training.read.curriculum().at(options.step - 1);
  if (options.row != -1 && (options.row < 0 || options.row >= plan.batch)) {
    fail_usage("--row {}: step {} has the rows 0 to {}", options.row, options.step, plan.batch - 1);
  }
  const StepReader reader(workspace, training, plan);
  const std::int64_t first = std::max<std::int64_t>(options.row, 0), last = options.row == -1 ? plan.batch : options.row + 1;
  const std::string& stage = training.read.curriculum().stages()[static_cast<std::size_t>(plan.stage)].name;
  if (session.json()) {
    Json rows = Json::array();
    for (std::int64_t row = first; row < last; ++row) rows.push_back(row_json(reader, training, reader.row(row)));
    print_json({{"training", training.label},
                {"run", training.run.id},
                {"step", options.step},
                {"steps", training.read.steps()},
                {"stage", plan.stage},
                {"stage_name", stage},
                {"batch", plan.batch},
                {"sequence_length", plan.sequence_length},
                {"tokens_before", plan.tokens},
                {"rows", rows}});
    return ExitCode::done;
  }
  const bool stages = training.read.curriculum().stages().size() > 1;
  print_wrapped(fmt::format("step {} of {} of {} (run {}){}: {} row{} of {} tokens, after {} tokens", options.step,
                            training.read.steps(), training.label, training.run.id,
                            stages ? fmt::format(", stage {}{}", plan.stage, stage.empty() ? "" : " '" + stage + "'") : "",
                            plan.batch, plan.batch == 1 ? "" : "s", plan.sequence_length, plan.tokens));
  for (std::int64_t row = first; row < last; ++row) print_row(reader, training, reader.row(row), options.row != -1);
  return ExitCode::done;
}

}  // namespace

void add_sample(CommandLine& line, Session& session) {
  auto options = std::make_shared<Options>();
  line.verb("sample", Phase::look, "the very documents and tokens that a training step reads, past or to come")
      .positional(options->run, "RUN", "a checkpoint, or a run's number, also of one under way")
      .option(options->step, "--step", "N", "from 1")
      .option(options->row, "--row", "R", "only this row of the batch, from 0, with all of its text")
      .example("cairn sample base --step 12", "what the twelfth step of base read")
      .run([&session, options] { return sample(session, *options); });
}

}  // namespace cairn::app
