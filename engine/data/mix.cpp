// step mix: documents of several inputs -> the documents of each stage of a training, in stated amounts, and what became of each
// document.
#include "engine/data/mix.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/cluster_weights.h"
#include "engine/data/clustered_copies.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/document_encoder.h"
#include "engine/data/mix_config.h"
#include "engine/data/mix_plan.h"
#include "engine/data/mix_report.h"
#include "engine/data/public_suffix.h"
#include "engine/steps/step_context.h"
#include "lineage/docmap.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kDocumentOverhead = 300;  // bytes of a document in memory beside its text

std::vector<steps::OutputSpec> stage_outputs(const Config& config) {
  std::vector<steps::OutputSpec> outputs;
  for (const std::string& name : mix_stage_names(config)) outputs.push_back({name, "documents", "what this stage reads"});
  return outputs;
}

// Which documents belong to a source of the mixture; where it says nothing, all do.
struct DocumentRule {
  std::set<std::size_t> inputs;
  std::set<std::string> sources, languages, licences, domains;

  static bool within(const std::set<std::string>& names, const std::string& value, char separator, bool ends) {
    if (names.empty() || names.contains(value)) return true;
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      if (value.size() <= name.size()) return false;
      return ends ? value.ends_with(name) && value[value.size() - name.size() - 1] == separator
                  : value.starts_with(name) && value[name.size()] == separator;
    });
  }
  bool matches(const Document& document, std::size_t input, const std::string& host) const {
    return (inputs.empty() || inputs.contains(input)) && (sources.empty() || sources.contains(document.source)) &&
           within(languages, document.language, '-', false) && (licences.empty() || licences.contains(document.licence)) &&
           within(domains, host, '.', true);
  }
};

std::vector<DocumentRule> read_rules(const Config& config, const MixConfig& mixture) {
  std::vector<DocumentRule> rules;
  for (const Config& source : config.objects("sources")) {
    DocumentRule rule{
        mixture.inputs[rules.size()], set_of(source, "sources"), set_of(source, "languages"), set_of(source, "licences"), {}};
    for (const std::string& domain : source.strings("domains")) {
      rule.domains.insert(canonical_host(domain));
      if (rule.domains.contains("")) fail_usage("source '{}': '{}' is no host", source.string("name"), domain);
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

// ---- reading

// All documents of all inputs, in order: `prepare` of each by any thread, `take` of each, with what that made, in order.
template <typename Prepared>
void for_each_document(steps::StepContext& ctx, const std::function<Prepared(const Document&, std::size_t input)>& prepare,
                       const std::function<void(const Document&, std::size_t input, Prepared&&)>& take) {
  const auto piece_bytes = static_cast<std::uint64_t>(ctx.runtime().integer("piece_bytes"));
  const auto at_once = static_cast<std::size_t>(ctx.threads().threads()) * 4;
  std::size_t input = 0;
  for (const steps::StepInput& given : ctx.inputs("documents")) {
    const DocumentPieces pieces(given.path, piece_bytes);
    for (std::size_t begin = 0; begin < pieces.size(); begin += at_once) {
      const std::size_t count = std::min(at_once, pieces.size() - begin);
      std::vector<std::vector<Document>> read(count);
      std::vector<std::vector<Prepared>> prepared(count);
      ctx.threads().parallel_for(static_cast<std::int64_t>(count), [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        read[at] = pieces.read(begin + at);
        for (const Document& document : read[at]) prepared[at].push_back(prepare(document, input));
      });
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t d = 0; d < read[i].size(); ++d) take(read[i][d], input, std::move(prepared[i][d]));
      }
      ctx.stop_if_asked();
    }
    ++input;
  }
}

// What is kept of each document between the two readings.
struct Inventory {
  std::vector<MixDocument> documents;
  std::vector<Decision> decisions;   // in the same order
  std::vector<std::uint32_t> bytes;  // of the text, and what else a document takes in memory
  std::vector<std::uint32_t> ranks;  // of the domain, in the order of names
  MixAmount came_in;
};

Inventory take_inventory(steps::StepContext& ctx, const std::vector<DocumentRule>& rules) {
  std::unique_ptr<PublicSuffixList> suffixes;
  if (ctx.has_input("suffixes")) suffixes = std::make_unique<PublicSuffixList>(MappedFile(ctx.input("suffixes").path).text());
  const std::string unit = ctx.config().string("unit");
  std::optional<text::Tokenizer> tokenizer;
  std::optional<DocumentEncoder> encoder;
  if (unit == "tokens") {
    if (!ctx.has_input("tokenizer")) fail_usage("config.unit: counting tokens needs the input 'tokenizer'; or say bytes");
    tokenizer.emplace(text::Tokenizer::load(ctx.input("tokenizer").path));
    encoder.emplace(*tokenizer, ctx.config());
  }
  std::optional<ClusterWeights> weights;
  if (ctx.config().has("rehydrate"))
    weights.emplace(ctx.config().object("rehydrate"), ctx.inputs("clusters"));
  else if (ctx.has_input("clusters"))
    fail_usage("config.rehydrate: the input 'clusters' is given, and nothing says how to weigh it");

  struct Counted {
    MixDocument document;
    std::string site;
  };
  Inventory inventory;
  std::unordered_map<std::string, std::uint32_t> sites;
  Progress& progress = ctx.progress("count", "documents");
  for_each_document<Counted>(
      ctx,
      [&](const Document& document, std::size_t input) {
        Counted counted{{mix_key(document.id, document.url, ctx.seed()), 1, kNoMixSource, 0, 1},
                        site_of(document.url, document.source, suffixes.get())};
        MixDocument& mixed = counted.document;
        if (encoder) mixed.size = static_cast<std::int64_t>(encoder->encode(document.text).size());
        if (unit == "bytes") mixed.size = static_cast<std::int64_t>(document.text.size());
        const std::string host = document.url.find("://") == std::string::npos ? "" : canonical_host(document.url);
        for (std::size_t s = 0; s < rules.size() && mixed.source == kNoMixSource; ++s) {
          if (rules[s].matches(document, input, host)) mixed.source = static_cast<std::uint32_t>(s);
        }
        if (weights) mixed.weight = weights->of(document.id, document.url);
        return counted;
      },
      [&](const Document& document, std::size_t, Counted&& counted) {
        counted.document.domain = sites.try_emplace(counted.site, static_cast<std::uint32_t>(sites.size())).first->second;
        inventory.documents.push_back(counted.document);
        inventory.came_in += {1, counted.document.size};
        inventory.bytes.push_back(
            static_cast<std::uint32_t>(std::min<std::uint64_t>(document.text.size() + kDocumentOverhead, 0xFFFFFFFF)));
        Decision& decision = inventory.decisions.emplace_back();
        decision.id = lineage::document_digest(document.id);
        decision.url = document.url;
        decision.source = document.source;
        decision.language = document.language;
        progress.add();
      });
  if (inventory.documents.size() >= kNoMixSource) fail("mix: more than 2^32 documents");
  std::vector<const std::pair<const std::string, std::uint32_t>*> sorted;
  for (const auto& site : sites) sorted.push_back(&site);
  std::sort(sorted.begin(), sorted.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
  inventory.ranks.resize(sorted.size());
  for (std::size_t r = 0; r < sorted.size(); ++r) inventory.ranks[sorted[r]->second] = static_cast<std::uint32_t>(r);
  return inventory;
}

// ---- what became of each document

std::string times(std::uint32_t copies) {
  return copies == 1 ? "once" : copies == 2 ? "twice" : fmt::format("{} times", copies);
}

void decide(Inventory& inventory, const MixConfig& mixture, const MixPlan& plan, const std::string& unit) {
  for (std::size_t d = 0; d < inventory.documents.size(); ++d) {
    Decision& decision = inventory.decisions[d];
    const MixDocument& document = inventory.documents[d];
    decision.filter = "mix";
    if (document.source == kNoMixSource) {
      decision.verdict = Verdict::dropped;
      decision.rule = "no_source";
      decision.reason = "no source of the mixture takes it";
      continue;
    }
    const MixSource& source = mixture.sources[document.source];
    std::string taken;
    for (std::size_t stage = 0; stage < mixture.stages.size(); ++stage) {
      const std::uint32_t copies = plan.copies[stage][d];
      if (copies == 0) continue;
      if (taken.empty()) decision.filter = mixture.stages[stage].name;
      taken += fmt::format("{}{} in {}", taken.empty() ? "" : ", ", times(copies), mixture.stages[stage].name);
    }
    if (!taken.empty()) {
      decision.evidence = fmt::format("mix: source {}, {}", source.name, taken);
      continue;
    }
    decision.verdict = Verdict::dropped;
    if (plan.capped[d]) {
      decision.rule = "domain_cap";
      decision.reason = fmt::format("source {} takes {} {} of a site, at most", source.name, *source.domain_cap, unit);
    } else if (plan.ring_copies[d] == 0) {
      decision.rule = "weight";
      decision.reason = fmt::format("its weight of {:g} came to no copy", document.weight);
    } else {
      const MixSourceTally& tally = plan.sources[document.source];
      std::int64_t used = 0;
      for (const std::vector<MixShare>& shares : plan.shares) used += shares[document.source].taken.size;
      decision.rule = "not_drawn";
      decision.reason =
          fmt::format("source {}: {} of {} {} were taken, and others were drawn", source.name, used, tally.available.size, unit);
    }
  }
}

// ---- writing

// The documents of one stage.
class StageWriter {
 public:
  StageWriter(steps::StepContext& ctx, std::string role, std::vector<CopyPlace> places, const std::vector<std::uint32_t>& bytes,
              std::uint64_t memory)
      : ctx_(ctx),
        role_(std::move(role)),
        copies_(ctx.disk(), ctx.scratch() / ("mix-" + role_), memory, std::move(places), bytes) {}

  ClusteredCopies& copies() { return copies_; }

  void write(const Inventory& inventory, std::vector<Decision>& decisions) {
    DocumentWriter writer(ctx_.disk(), ctx_.staging(role_), static_cast<std::uint64_t>(ctx_.config().integer("shard_bytes")));
    MixAmount written;
    copies_.write([&](const CopyPlace& place, const Document& document) {
      writer.append(document);
      written += {1, inventory.documents[place.document].size};
      Decision& decision = decisions[place.document];
      if (place.round == 0 && decision.filter == role_) {
        decision.shard = static_cast<std::uint32_t>(writer.shard());
        decision.ordinal = static_cast<std::uint32_t>(writer.ordinal());
      }
      post(document.source, DocumentWriter::shard_name(writer.shard()), writer.ordinal());
      ctx_.stop_if_asked();
    });
    post("", "", 0);
    writer.finish();
    ctx_.describe_output(role_, "documents", written.documents);
    ctx_.describe_output(role_, ctx_.config().string("unit"), written.size);
  }

 private:
  void post(const std::string& source, const std::string& shard, std::int64_t ordinal) {
    if (posting_.source != source || posting_.file != shard) {
      if (posting_.documents > 0) ctx_.post_source(posting_);
      posting_ = {source, role_, shard, ordinal, 0, 0};
    }
    ++posting_.documents;
  }

  steps::StepContext& ctx_;
  std::string role_;
  ClusteredCopies copies_;
  steps::SourcePosting posting_;
};

void write_stages(steps::StepContext& ctx, Inventory& inventory, const MixConfig& mixture, const MixPlan& plan) {
  const bool by_site = ctx.config().string("order") == "site";
  const auto memory = static_cast<std::uint64_t>(ctx.runtime().integer("memory")) / mixture.stages.size();
  std::vector<std::unique_ptr<StageWriter>> writers;
  for (std::size_t stage = 0; stage < mixture.stages.size(); ++stage) {
    std::vector<CopyPlace> places;
    for (std::uint32_t d = 0; d < inventory.documents.size(); ++d) {
      for (std::uint32_t copy = 0; copy < plan.copies[stage][d]; ++copy)
        places.push_back({copy, by_site ? inventory.ranks[inventory.documents[d].domain] : 0, d});
    }
    writers.push_back(std::make_unique<StageWriter>(ctx, mixture.stages[stage].name, std::move(places), inventory.bytes, memory));
  }
  Progress& progress = ctx.progress("write", "documents");
  std::uint32_t next = 0;
  for_each_document<char>(
      ctx, [](const Document&, std::size_t) { return '\0'; },
      [&](const Document& document, std::size_t, char) {
        for (const auto& writer : writers) writer->copies().offer(next, document);
        ++next;
        progress.add();
      });
  for (const auto& writer : writers) writer->write(inventory, inventory.decisions);
}

void write_decisions(steps::StepContext& ctx, const std::vector<Decision>& decisions) {
  constexpr std::uint64_t kMemory = 1'000'000'000;
  DecisionsWriter writer(ctx.disk(), ctx.scratch() / "decisions", kMemory, ctx.threads());
  for (const Decision& decision : decisions) writer.add(decision);
  writer.finish(ctx.staging("decisions"));
}

void mix(steps::StepContext& ctx) {
  const MixConfig mixture = read_mix_config(ctx.config(), ctx.inputs("documents").size());
  const std::vector<DocumentRule> rules = read_rules(ctx.config(), mixture);
  const std::string unit = ctx.config().string("unit");
  Inventory inventory = take_inventory(ctx, rules);
  const MixPlan plan = plan_mix(inventory.documents, mixture.sources, mixture.stages, mixture.reuse, unit);
  const MixReport report{unit, mixture.sources, mixture.stages, &plan, inventory.came_in};
  check_mix_sums(report, inventory.documents);

  decide(inventory, mixture, plan, unit);
  write_stages(ctx, inventory, mixture, plan);
  write_decisions(ctx, inventory.decisions);
  ctx.describe_output("decisions", "documents", inventory.came_in.documents);
  ctx.disk().make_directories(ctx.staging("report"));
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.json", pretty_json(mix_report_json(report)));
  write_file_atomically(ctx.disk(), ctx.staging("report") / "report.html", mix_report_html(report));

  std::string stages;
  for (std::size_t stage = 0; stage < mixture.stages.size(); ++stage) {
    MixAmount taken;
    for (const MixShare& share : plan.shares[stage]) taken += share.taken;
    stages += fmt::format("{}{}: {} {}", stages.empty() ? "" : ", ", mixture.stages[stage].name,
                          format_count(static_cast<double>(taken.size)), unit);
  }
  ctx.summarise(fmt::format("{} of {} documents", stages, inventory.came_in.documents));
}

std::vector<Field> mix_fields() {
  std::vector<Field> fields = mix_config_fields({
      field("languages", list(string()).def(Json::array()), "\"de\" means de-ch too; empty = all"),
      field("licences", list(string()).def(Json::array()), "as documents state them; empty = all"),
      field("domains", list(string()).def(Json::array()), "hosts, and those below them; empty = all"),
  });
  for (Field& own : std::vector<Field>{
           field("unit", string().one_of({"tokens", "bytes", "documents"}).def("tokens"), "of sizes, budgets and caps"),
           field("rehydrate", cluster_weights_schema().def(nullptr),
                 "copies of a document by the size of its cluster of duplicates"),
           field("order", string().one_of({"site", "input"}).def("site"), "of what is written; copies of a document lie apart"),
           field("suffixes", string().def(nullptr), "public_suffix_list.dat: a site is a registrable domain, else a host"),
           field("shard_bytes", integer().min(1).def(64'000'000), "text in one shard, at most"),
       })
    fields.push_back(std::move(own));
  for (Field& shared : document_encoder_fields()) fields.push_back(std::move(shared));
  return fields;
}

}  // namespace

const steps::StepSpec kMix{
    .name = "mix",
    .version = 2,
    .summary = "draw documents in stated amounts, for each stage of a training",
    .inputs = {{"documents", "documents", "what to draw from, in this order", false, true},
               {"tokenizer", "tokenizer", "counts the tokens, as pack would write them", true},
               {"clusters", "report", "reports of curations whose clusters rehydrate counts", true, true},
               {"suffixes", "raw", "the public suffix list that config.suffixes names", true, false}},
    .outputs = {{"decisions", "decisions", "what became of every document (docs/format/decisions.md)"},
                {"report", "report", "report.json and report.html: available, taken and repeats, by stage and source"}},
    .config = object(mix_fields()),
    .runtime = object({field("piece_bytes", integer().min(1).def(1'000'000), "compressed bytes that one thread takes at a time"),
                       field("memory", integer().min(0).def(2'000'000'000),
                             "bytes of documents that are held while they are put in order; beyond them, on files")}),
    .exactness = steps::Exactness::everywhere,
    .externals = suffix_file,
    .more_outputs = stage_outputs,
    .run = mix,
};

}  // namespace cairn::data
