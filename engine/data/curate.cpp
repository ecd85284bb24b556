// step curate: documents through a chain of filters -> kept documents, held-out documents, a decision for every document, a
// report.
//
// The input is cut into pieces that are filtered in parallel; where the chain compares documents (deduplicator.h) all pieces
// are brought together. curation.h has that, on files and on several ranks; curate_outputs.h writes what comes of it. All outputs
// are functions of the input documents, the config and the seed.
#include "engine/data/curate.h"

#include <filesystem>

#include "base/json.h"
#include "engine/data/curate_outputs.h"
#include "engine/data/curation.h"
#include "engine/data/filter_chain.h"
#include "engine/data/token_counter.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

namespace {

std::vector<steps::External> filter_files(const Config& config) {
  std::vector<steps::External> found;
  for (const fs::path& path : files_of_filters(config.objects("filters"))) found.push_back({"filter_files", path, {}});
  return found;
}

void curate(steps::StepContext& ctx) {
  std::vector<fs::path> files;
  for (const steps::StepInput& input : ctx.inputs("filter_files")) files.push_back(input.path);
  const std::vector<Stage> stages = make_filter_chain(ctx.config().objects("filters"), files);
  const TokenCounter tokens(ctx);
  Curation curation(ctx, stages, tokens);
  curation.run();
  write_outputs(ctx, stages, tokens, curation);
}

}  // namespace

const steps::StepSpec kCurate{
    .name = "curate",
    .version = 16,
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
                       field("memory", integer().min(0).def(1'000'000'000),
                             "bytes for each thread that sorting may take; beyond them it works on files (docs/scale.md)")}),
    .exactness = steps::Exactness::everywhere,
    .shared = true,
    .externals = filter_files,
    .run = curate,
};

}  // namespace cairn::data
