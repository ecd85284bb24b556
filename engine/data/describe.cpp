// step describe: documents -> how many, how long, of whom, in which language, under which licence.
#include "engine/data/describe.h"

#include <algorithm>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "base/format.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

namespace {

void describe(steps::StepContext& ctx) {
  std::optional<text::Tokenizer> tokenizer;
  std::optional<DocumentEncoder> encoder;
  if (ctx.has_input("tokenizer")) {
    tokenizer.emplace(text::Tokenizer::load(ctx.input("tokenizer").path));
    encoder.emplace(*tokenizer, ctx.config());
  }
  std::unique_ptr<PublicSuffixList> suffixes;
  if (ctx.has_input("suffixes")) suffixes = std::make_unique<PublicSuffixList>(MappedFile(ctx.input("suffixes").path).text());
  Progress& progress = ctx.progress("describe", "documents");
  const DatasetStatistics statistics = count_documents(ctx.input("documents").path, encoder ? &*encoder : nullptr, suffixes.get(),
                                                       ctx.threads(), [&](std::size_t documents) {
                                                         progress.add(documents);
                                                         ctx.stop_if_asked();
                                                       });
  write_file_atomically(ctx.disk(), ctx.staging("statistics"),
                        pretty_json(statistics.json(static_cast<std::size_t>(ctx.config().integer("listed")))));
  const DatasetAmount& total = statistics.total();
  ctx.describe_output("statistics", "documents", total.documents);
  ctx.summarise(fmt::format("{} documents, {} of text{}", total.documents, format_bytes(static_cast<std::uint64_t>(total.bytes)),
                            encoder ? fmt::format(", {} tokens", format_count(static_cast<double>(total.tokens))) : ""));
}

std::vector<Field> describe_fields() {
  std::vector<Field> fields{
      field("listed", integer().min(1).def(1000), "sources, sites, languages, ... that are named one by one; the rest together"),
      field("suffixes", string().def(nullptr), "public_suffix_list.dat: sites are registrable domains, else hosts"),
  };
  for (Field& shared : document_encoder_fields()) fields.push_back(std::move(shared));
  return fields;
}

}  // namespace

DatasetStatistics count_documents(const std::filesystem::path& folder, const DocumentEncoder* encoder,
                                  const PublicSuffixList* suffixes, ThreadPool& threads,
                                  const std::function<void(std::size_t)>& after_piece) {
  const DocumentPieces pieces(folder);
  DatasetStatistics all;
  const auto at_once = static_cast<std::size_t>(threads.threads()) * 4;
  for (std::size_t begin = 0; begin < pieces.size(); begin += at_once) {
    const std::size_t count = std::min(at_once, pieces.size() - begin);
    std::vector<DatasetStatistics> parts(count);
    threads.parallel_for(static_cast<std::int64_t>(count), [&](std::int64_t i) {
      const auto at = static_cast<std::size_t>(i);
      for (const Document& document : pieces.read(begin + at)) {
        const std::int64_t tokens = encoder != nullptr ? static_cast<std::int64_t>(encoder->encode(document.text).size()) : -1;
        parts[at].add(document, tokens, site_of(document.url, "", suffixes));
      }
    });
    for (const DatasetStatistics& part : parts) {
      all.add(part);
      after_piece(static_cast<std::size_t>(part.total().documents));
    }
  }
  return all;
}

const steps::StepSpec kDescribe{
    .name = "describe",
    .version = 1,
    .summary = "count documents, text and tokens by source, language, licence, site and length",
    .inputs = {{"documents", "documents", "what to count"},
               {"tokenizer", "tokenizer", "counts the tokens, as pack would write them", true},
               {"suffixes", "raw", "the public suffix list that config.suffixes names", true}},
    .outputs = {{"statistics", "report", "JSON, which cairn card shows"}},
    .config = object(describe_fields()),
    .exactness = steps::Exactness::everywhere,
    .externals = suffix_file,
    .run = describe,
};

}  // namespace cairn::data
