// step mix-shards: token shards of several inputs -> the shards of each stage of a training, in stated amounts of tokens. What
// mix does with documents, for those that are packed already: nothing is encoded again.
#include "engine/data/mix_shards.h"

#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/data/mapped_shards.h"
#include "engine/data/mix_config.h"
#include "engine/data/mix_plan.h"
#include "engine/data/mix_report.h"
#include "engine/data/token_shards.h"
#include "engine/steps/step_context.h"
#include "lineage/docmap.h"

namespace cairn::data {
namespace {

std::vector<steps::OutputSpec> stage_outputs(const Config& config) {
  std::vector<steps::OutputSpec> outputs;
  for (const std::string& name : mix_stage_names(config)) outputs.push_back({name, "token_shards", "what this stage reads"});
  return outputs;
}

struct OpenShard {
  TokenShard tokens;
  lineage::Docmap docmap;
  std::size_t input = 0;
};

// A packed document, and the shard that it lies in.
struct Packed {
  lineage::DocmapDocument document;
  std::uint32_t shard = 0;
};

// Vocabulary of the shards, which all must share; 0 where no input tells.
std::int64_t vocabulary_of(const steps::StepContext& ctx) {
  std::optional<std::int64_t> vocabulary;
  for (const steps::StepInput& input : ctx.inputs("data")) {
    const fs::path report = input.path / "pack.json";
    if (!fs::exists(report)) continue;
    const Json json = read_json(report);
    if (!json.contains("vocab_size") || !json.at("vocab_size").is_number_integer()) continue;
    const auto here = json.at("vocab_size").get<std::int64_t>();
    if (vocabulary && *vocabulary != here)
      fail_usage("{}: packed with a vocabulary of {} tokens, the inputs before it with {}", input.label, here, *vocabulary);
    vocabulary = here;
  }
  return vocabulary.value_or(0);
}

std::vector<OpenShard> open_shards(const steps::StepContext& ctx) {
  std::vector<OpenShard> shards;
  std::int64_t documents = 0;
  std::size_t input = 0;
  for (const steps::StepInput& given : ctx.inputs("data")) {
    for (const fs::path& stem : list_token_shards(given.path)) {
      OpenShard shard{TokenShard::open(stem), lineage::Docmap::open(fs::path(stem) += ".docmap"), input};
      if (shard.docmap.documents() != shard.tokens.documents())
        fail("{}: {} documents, its docmap has {}", stem.string(), shard.tokens.documents(), shard.docmap.documents());
      documents += shard.tokens.documents();
      if (documents >= std::int64_t{kNoMixSource}) fail("mix-shards: more than 2^32 documents");
      shards.push_back(std::move(shard));
    }
    ++input;
  }
  return shards;
}

std::string_view bytes_of(const lineage::DocumentKey& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

// All documents of all shards, in order. Sources of documents are numbered in `names`, which also are the sites that caps are of.
std::vector<MixDocument> take_inventory(steps::StepContext& ctx, const std::vector<OpenShard>& shards, const MixConfig& mixture,
                                        std::map<std::string, std::uint32_t>& names, std::vector<Packed>& packed) {
  std::vector<std::set<std::string>> rules;
  for (const Config& source : ctx.config().objects("sources")) rules.push_back(set_of(source, "sources"));
  std::vector<MixDocument> documents;
  for (std::uint32_t index = 0; index < shards.size(); ++index) {
    const OpenShard& shard = shards[index];
    const std::vector<lineage::DocmapSource>& sources = shard.docmap.sources();
    std::vector<std::uint32_t> number, of_mixture;
    for (const lineage::DocmapSource& source : sources) {
      number.push_back(names.try_emplace(source.name, static_cast<std::uint32_t>(names.size())).first->second);
      std::uint32_t belongs = kNoMixSource;
      for (std::size_t s = 0; s < rules.size() && belongs == kNoMixSource; ++s) {
        const bool input = mixture.inputs[s].empty() || mixture.inputs[s].contains(shard.input);
        if (input && (rules[s].empty() || rules[s].contains(source.name))) belongs = static_cast<std::uint32_t>(s);
      }
      of_mixture.push_back(belongs);
    }
    shard.docmap.for_each([&](const lineage::DocmapDocument& document) {
      documents.push_back({mix_key(bytes_of(document.key), "", ctx.seed()), document.tokens, of_mixture[document.source],
                           number[document.source], 1});
      packed.push_back({document, index});
    });
    ctx.stop_if_asked();
  }
  return documents;
}

// Copies of one stage: all first ones before any second one, and of these source by source.
struct Place {
  std::uint32_t round = 0, rank = 0, document = 0;
  auto operator<=>(const Place&) const = default;
};

MixAmount write_stage(steps::StepContext& ctx, const std::string& role, const std::vector<OpenShard>& shards,
                      const std::vector<Packed>& packed, std::vector<Place> places, TokenType type, std::int64_t vocabulary) {
  std::sort(places.begin(), places.end());
  MappedShardWriter writer(ctx, role, type, ctx.config().integer("shard_tokens"));
  Progress& progress = ctx.progress("write " + role, "documents");
  progress.set_total(places.size());
  std::vector<TokenId> ids;
  for (const Place& place : places) {
    const lineage::DocmapDocument& document = packed[place.document].document;
    const OpenShard& shard = shards[packed[place.document].shard];
    ids.resize(static_cast<std::size_t>(document.tokens));
    shard.tokens.read(document.first_token, ids);
    writer.append(ids, {shard.docmap.sources()[document.source].name, shard.docmap.parents()[document.parent],
                        document.parent_ordinal, document.key});
    progress.add();
    ctx.stop_if_asked();
  }
  writer.finish(vocabulary);
  return {writer.documents(), writer.tokens()};
}

void mix_shards(steps::StepContext& ctx) {
  const MixConfig mixture = read_mix_config(ctx.config(), ctx.inputs("data").size());
  const std::int64_t vocabulary = vocabulary_of(ctx);
  const std::vector<OpenShard> shards = open_shards(ctx);
  std::map<std::string, std::uint32_t> names;
  std::vector<Packed> packed;
  const std::vector<MixDocument> documents = take_inventory(ctx, shards, mixture, names, packed);
  const MixPlan plan = plan_mix(documents, mixture.sources, mixture.stages, mixture.reuse, "tokens");
  MixReport report{"tokens", mixture.sources, mixture.stages, &plan, {}};
  for (const MixDocument& document : documents) report.came_in += {1, document.size};
  check_mix_sums(report, documents);

  TokenType type = TokenType::u16;
  for (const OpenShard& shard : shards) {
    if (shard.tokens.type() == TokenType::i32) type = TokenType::i32;
  }
  std::vector<std::uint32_t> ranks(names.size());
  std::uint32_t rank = 0;
  for (const auto& [name, number] : names) ranks[number] = rank++;  // in the order of their names
  std::string summary;
  for (std::size_t stage = 0; stage < mixture.stages.size(); ++stage) {
    std::vector<Place> places;
    for (std::uint32_t d = 0; d < documents.size(); ++d) {
      for (std::uint32_t copy = 0; copy < plan.copies[stage][d]; ++copy) places.push_back({copy, ranks[documents[d].domain], d});
    }
    const std::string& name = mixture.stages[stage].name;
    const MixAmount written = write_stage(ctx, name, shards, packed, std::move(places), type, vocabulary);
    summary += fmt::format("{}{}: {} tokens", summary.empty() ? "" : ", ", name, format_count(static_cast<double>(written.size)));
  }
  ctx.disk().make_directories(ctx.staging("report"));
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.json", pretty_json(mix_report_json(report)));
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.html", mix_report_html(report));
  ctx.summarise(fmt::format("{} of {} documents", summary, report.came_in.documents));
}

std::vector<Field> mix_shards_fields() {
  std::vector<Field> fields = mix_config_fields({});
  fields.push_back(field("shard_tokens", integer().min(1).def(100'000'000), "tokens in one shard, at most"));
  return fields;
}

}  // namespace

const steps::StepSpec kMixShards{
    .name = "mix-shards",
    .version = 1,
    .summary = "draw packed documents in stated amounts of tokens, for each stage of a training",
    .inputs = {{"data", "token_shards", "what to draw from, in this order; each shard with its docmap", false, true}},
    .outputs = {{"report", "report", "report.json and report.html: available, taken and repeats, by stage and source"}},
    .config = object(mix_shards_fields()),
    .exactness = steps::Exactness::everywhere,
    .more_outputs = stage_outputs,
    .run = mix_shards,
};

}  // namespace cairn::data
