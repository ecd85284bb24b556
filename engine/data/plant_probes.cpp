// step plant-probes: texts -> token shards that hold sequences of them, and canaries, a known number of times each, and the table
// by which an evaluation of what was remembered finds them (docs/memorisation.md).
#include "engine/data/plant_probes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/data/canaries.h"
#include "engine/data/document.h"
#include "engine/data/evaluation_texts.h"
#include "engine/data/mapped_shards.h"
#include "engine/data/mix_plan.h"
#include "engine/data/near_copies.h"
#include "engine/data/probe_table.h"
#include "engine/steps/step_context.h"
#include "engine/text/tokenizer.h"
#include "engine/text/unicode.h"
#include "lineage/docmap.h"

namespace cairn::data {
namespace {

using text::TokenId;
using text::Tokenizer;

constexpr std::size_t kReserve = 4;  // candidates that are compared with the corpus, for each probe that is wanted

struct Bucket {
  std::string name;
  std::int64_t frequency = 0;
};

std::vector<Bucket> read_buckets(const Config& config) {
  std::vector<Bucket> buckets;
  std::set<std::string> names;
  for (const Config& given : config.objects("buckets")) {
    Bucket bucket{"", given.integer("frequency")};
    bucket.name = given.has("name") ? given.string("name") : std::to_string(bucket.frequency);
    if (!names.insert(bucket.name).second) fail_usage("config.buckets: two are called '{}'; give them names", bucket.name);
    buckets.push_back(std::move(bucket));
  }
  return buckets;
}

// ---- sequences of texts

struct Candidate {
  std::uint64_t draw = 0;
  std::size_t window = 0;  // of all
  std::string document, url;
  std::int64_t offset = 0;
  std::vector<TokenId> tokens;
};

// Windows of the texts that do not overlap, the first `most` in a drawn order. Of the others no more than as many are held.
std::vector<Candidate> candidates_of(steps::StepContext& ctx, const Tokenizer& tokenizer, std::int64_t length, std::size_t most,
                                     std::size_t& windows) {
  std::vector<Candidate> candidates;
  const auto drawn_before = [](const Candidate& a, const Candidate& b) {
    return std::tie(a.draw, a.window) < std::tie(b.draw, b.window);
  };
  const auto size = static_cast<std::size_t>(length);
  for (const steps::StepInput& input : ctx.inputs("texts")) {
    DocumentReader reader(input.path);
    for (Document document; reader.next(document);) {
      const std::vector<TokenId> ids = tokenizer.encode(document.text, text::SpecialTokens::as_text);
      for (std::size_t begin = 0; begin + size <= ids.size(); begin += size) {
        const std::string place = fmt::format("{}\t{}", document.url, begin);
        candidates.push_back(
            {mix_key(document.id, place, ctx.seed()),
             windows++,
             document.id,
             document.url,
             static_cast<std::int64_t>(begin),
             {ids.begin() + static_cast<std::ptrdiff_t>(begin), ids.begin() + static_cast<std::ptrdiff_t>(begin + size)}});
        if (candidates.size() < 2 * most) continue;
        std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(most), candidates.end(),
                         drawn_before);
        candidates.resize(most);
      }
      ctx.stop_if_asked();
    }
  }
  std::sort(candidates.begin(), candidates.end(), drawn_before);
  candidates.resize(std::min(candidates.size(), most));
  return candidates;
}

// Counts in `near` what the documents of the corpus have in common with its items.
void compare_with_corpus(steps::StepContext& ctx, NearCopies& near) {
  Progress& progress = ctx.progress("near copies", "documents");
  for (const steps::StepInput& input : ctx.inputs("corpus")) {
    const DocumentPieces pieces(input.path);
    const auto at_once = static_cast<std::size_t>(ctx.threads().threads()) * 4;
    for (std::size_t begin = 0; begin < pieces.size(); begin += at_once) {
      const std::size_t count = std::min(at_once, pieces.size() - begin);
      std::vector<std::vector<std::pair<std::string, std::vector<std::uint32_t>>>> runs(count);
      ctx.threads().parallel_for(static_cast<std::int64_t>(count), [&](std::int64_t i) {
        const auto at = static_cast<std::size_t>(i);
        for (const Document& document : pieces.read(begin + at)) runs[at].emplace_back(document.url, near.runs_in(document.text));
      });
      for (const auto& piece : runs) {
        for (const auto& [url, found] : piece) near.add(found, url);
        progress.add(piece.size());
      }
      ctx.stop_if_asked();
    }
  }
}

// What was chosen of the texts, and why not of the rest.
struct Chosen {
  std::vector<Candidate> probes;
  std::vector<double> near_copies;  // of each; -1 without a corpus
  std::size_t windows = 0, like_corpus = 0, like_another = 0;
  Json listed = Json::array();  // what the corpus has near copies of
};

Chosen choose(steps::StepContext& ctx, const Tokenizer& tokenizer, std::size_t wanted) {
  Chosen chosen;
  if (wanted == 0) return chosen;
  const Config rules = ctx.config().object("near_copies");
  const auto ngram = static_cast<std::size_t>(rules.integer("ngram_words"));
  const std::string action = rules.string("action");
  const double most = rules.number("most");
  std::vector<Candidate> candidates =
      candidates_of(ctx, tokenizer, ctx.config().integer("length"), kReserve * wanted, chosen.windows);
  std::vector<std::vector<std::uint64_t>> words(candidates.size());
  ctx.threads().parallel_for(static_cast<std::int64_t>(candidates.size()), [&](std::int64_t i) {
    words[static_cast<std::size_t>(i)] =
        word_hashes(text::utf8_lossy(tokenizer.decode(candidates[static_cast<std::size_t>(i)].tokens)));
  });
  const bool corpus = ctx.has_input("corpus");
  NearCopies near(words, ngram);
  if (corpus) compare_with_corpus(ctx, near);

  std::unordered_set<std::uint64_t> taken;  // runs of words of the probes that are chosen
  for (std::size_t c = 0; c < candidates.size() && chosen.probes.size() < wanted; ++c) {
    const std::vector<std::uint64_t> runs = run_hashes(words[c], ngram);
    const auto common = std::count_if(runs.begin(), runs.end(), [&](std::uint64_t run) { return taken.contains(run); });
    if (static_cast<double>(common) > most * static_cast<double>(runs.size())) {
      ++chosen.like_another;
      continue;
    }
    const NearCopies::Found found = near.found(c);
    if (corpus && found.share > most) {
      ++chosen.like_corpus;
      chosen.listed.push_back({{"document", candidates[c].document},
                               {"url", candidates[c].url},
                               {"offset", candidates[c].offset},
                               {"share", found.share},
                               {"share_in_one", found.most},
                               {"found_in", found.url}});
      if (action == "fail") {
        fail(
            "{}: token {}: {:.0f}% of its runs of {} words stand in the corpus, most of them in {}; leave it out or report it "
            "(near_copies.action)",
            candidates[c].url, candidates[c].offset, 100 * found.share, ngram, found.url);
      }
      if (action == "leave_out") continue;
    }
    taken.insert(runs.begin(), runs.end());
    chosen.near_copies.push_back(corpus ? found.share : -1);
    chosen.probes.push_back(std::move(candidates[c]));
  }
  if (chosen.probes.size() < wanted) {
    fail_usage(
        "plant-probes: {} sequences of {} tokens are wanted, the texts have {}: {} windows, {} of the {} looked at have near "
        "copies "
        "in the corpus, {} in another probe",
        wanted, ctx.config().integer("length"), chosen.probes.size(), chosen.windows,
        action == "leave_out" ? chosen.like_corpus : 0, candidates.size(), chosen.like_another);
  }
  return chosen;
}

// ---- all probes

struct Planted {
  std::vector<Probe> probes;
  std::vector<std::vector<TokenId>> sequences;
  std::vector<std::int64_t> numbers;  // of a canary, of its kind
};

Planted all_probes(steps::StepContext& ctx, const Canaries& canaries, const std::vector<Bucket>& buckets, Chosen& chosen,
                   std::size_t per_bucket) {
  Planted all;
  const auto add = [&all](Probe probe, std::vector<TokenId> tokens, std::int64_t number) {
    probe.id = probe_id(tokens);
    probe.tokens = static_cast<std::int64_t>(tokens.size());
    all.probes.push_back(std::move(probe));
    all.sequences.push_back(std::move(tokens));
    all.numbers.push_back(number);
  };
  for (std::size_t i = 0; i < chosen.probes.size(); ++i) {
    Candidate& candidate = chosen.probes[i];
    const Bucket& bucket = buckets[i / per_bucket];
    add({"", "book", bucket.name, bucket.frequency, candidate.document, candidate.url, candidate.offset, 0, 0,
         chosen.near_copies[i]},
        std::move(candidate.tokens), 0);
  }
  const Config config = ctx.config().object("canaries");
  const std::int64_t each = config.integer("per_bucket"), length = config.integer("length");
  for (const std::string& kind : config.strings("kinds")) {
    std::int64_t number = 0;
    for (const Bucket& bucket : buckets) {
      for (std::int64_t i = 0; i < each; ++i, ++number) {
        const std::int64_t prefix = kind == "varying_prefix" ? config.integer("prefix_length") : 0;
        add({"", kind, bucket.name, bucket.frequency, "", "", 0, 0, prefix, -1}, canaries.make(kind, number, length), number);
      }
    }
  }
  std::set<std::string> ids;
  for (const Probe& probe : all.probes) {
    if (!ids.insert(probe.id).second)
      fail("plant-probes: two probes have the same {} tokens; make them longer, or give other texts", probe.tokens);
  }
  return all;
}

// ---- the shards

// All copies of all probes, in a drawn order, so that those of one do not lie side by side.
void write_copies(steps::StepContext& ctx, const Tokenizer& tokenizer, const Canaries& canaries, const Planted& all,
                  const lineage::DocmapParent& table, MappedShardWriter& writer) {
  struct Copy {
    std::uint64_t draw = 0;
    std::size_t probe = 0;
    std::int64_t copy = 0;
    auto operator<=>(const Copy&) const = default;
  };
  std::vector<Copy> copies;
  const Random random(ctx.seed(), "order of probes");
  for (std::size_t p = 0; p < all.probes.size(); ++p) {
    for (std::int64_t c = 0; c < all.probes[p].frequency; ++c) copies.push_back({random.bits(copies.size()), p, c});
  }
  std::sort(copies.begin(), copies.end());
  const TokenId bos = tokenizer.require(ctx.config().string("bos")), eos = tokenizer.require(ctx.config().string("eos"));
  for (const Copy& copy : copies) {
    const Probe& probe = all.probes[copy.probe];
    std::vector<TokenId> ids{bos};
    const std::vector<TokenId> before = canaries.prefix(all.numbers[copy.probe], copy.copy, probe.prefix);
    ids.insert(ids.end(), before.begin(), before.end());
    ids.insert(ids.end(), all.sequences[copy.probe].begin(), all.sequences[copy.probe].end());
    ids.push_back(eos);
    writer.append(ids,
                  {ctx.config().string("source"), table, static_cast<std::int64_t>(copy.probe), lineage::document_key(probe.id)});
    ctx.stop_if_asked();
  }
}

void plant_probes(steps::StepContext& ctx) {
  const std::vector<Bucket> buckets = read_buckets(ctx.config());
  const auto per_bucket = static_cast<std::size_t>(ctx.config().integer("per_bucket"));
  if (per_bucket > 0 && !ctx.has_input("texts"))
    fail_usage("config.per_bucket: sequences of texts need the input 'texts'; or say 0");
  const Tokenizer tokenizer = Tokenizer::load(ctx.input("tokenizer").path);
  const Canaries canaries(tokenizer, ctx.seed());
  Chosen chosen = choose(ctx, tokenizer, per_bucket * buckets.size());
  const Planted all = all_probes(ctx, canaries, buckets, chosen, per_bucket);
  if (all.probes.empty()) fail_usage("plant-probes: neither sequences of texts nor canaries are asked for");

  const TokenType type = smallest_token_type(tokenizer.vocab_size());
  write_probe_table(ctx.disk(), ctx.staging("probes"), all.probes, all.sequences, type);
  MappedShardWriter writer(ctx, "data", type, ctx.config().integer("shard_tokens"));
  write_copies(ctx, tokenizer, canaries, all, {"probes.jsonl", sha256(probe_lines(all.probes))}, writer);
  writer.finish(tokenizer.vocab_size());

  Json by_bucket = Json::array();
  for (const Bucket& bucket : buckets) {
    const auto probes =
        std::count_if(all.probes.begin(), all.probes.end(), [&](const Probe& p) { return p.bucket == bucket.name; });
    by_bucket.push_back({{"bucket", bucket.name}, {"frequency", bucket.frequency}, {"probes", probes}});
  }
  const Json report = {{"buckets", by_bucket},
                       {"copies", writer.documents()},
                       {"tokens", writer.tokens()},
                       {"near_copies",
                        {{"compared_with_a_corpus", ctx.has_input("corpus")},
                         {"ngram_words", ctx.config().object("near_copies").integer("ngram_words")},
                         {"most", ctx.config().object("near_copies").number("most")},
                         {"action", ctx.config().object("near_copies").string("action")},
                         {"windows", chosen.windows},
                         {"like_the_corpus", chosen.like_corpus},
                         {"like_another_probe", chosen.like_another},
                         {"found", chosen.listed}}}};
  write_file_atomically(ctx.disk(), ctx.staging("report"), pretty_json(report));
  ctx.describe_output("probes", "probes", all.probes.size());
  ctx.describe_output("probes", "buckets", buckets.size());
  ctx.summarise(fmt::format("{} probes in {} buckets, {} copies, {} tokens; {} windows had near copies in the corpus",
                            all.probes.size(), buckets.size(), writer.documents(),
                            format_count(static_cast<double>(writer.tokens())), chosen.like_corpus));
}

Json frequencies(std::initializer_list<int> list) {
  Json buckets = Json::array();
  for (const int frequency : list) buckets.push_back({{"frequency", frequency}});
  return buckets;
}

}  // namespace

const steps::StepSpec kPlantProbes{
    .name = "plant-probes",
    .version = 1,
    .summary = "sequences and canaries, each a known number of times, for measuring what a model remembers",
    .inputs = {{"texts", "documents", "what sequences are cut from; books that stand nowhere else", true, true},
               {"tokenizer", "tokenizer", "of the training"},
               {"corpus", "documents", "what else is trained on: sequences that it holds near copies of are found", true, true}},
    .outputs = {{"data", "token_shards", "the copies, each a document, for pretrain beside other data"},
                {"probes", "task", "probes.jsonl and their tokens (docs/format/probes.md), for evaluate-memorisation"},
                {"report", "report", "JSON: probes by bucket, near copies that were found"}},
    .config = object({
        field("length", integer().min(8).max(1 << 20).def(512), "tokens in a sequence of a text"),
        field("buckets",
              list(object({field("frequency", integer().min(0).max(1'000'000), "copies of each probe; 0: never shown"),
                           field("name", string().min(1).def(nullptr), "default: the frequency")}))
                  .min(1)
                  .def(frequencies({0, 1, 2, 4, 8, 16, 32, 64, 128})),
              "disjoint groups of probes"),
        field("per_bucket", integer().min(0).def(10), "sequences of texts in each bucket"),
        field("canaries",
              object({
                         field("kinds", list(string().one_of(canary_kinds())).def(Json(canary_kinds())), "which"),
                         field("per_bucket", integer().min(0).def(1), "of each kind in each bucket"),
                         field("length", integer().min(8).max(1 << 20).def(64), "tokens"),
                         field("prefix_length", integer().min(1).max(1 << 20).def(64),
                               "random tokens before copies of varying_prefix"),
                     })
                  .def(Json::object()),
              "sequences that nobody could guess"),
        field("near_copies",
              object({
                         field("ngram_words", integer().min(2).max(50).def(8), "words in a run"),
                         field("most", number().min(0).max(1).def(0.1), "share of a sequence's runs that may stand elsewhere"),
                         field("action", string().one_of({"leave_out", "report", "fail"}).def("leave_out"),
                               "with a sequence that stands in the corpus; one like another probe is always left out"),
                     })
                  .def(Json::object()),
              "sequences that the corpus holds already"),
        field("source", string().min(1).def("memorisation-probes"), "of the planted documents"),
        field("bos", string().min(1).def("<s>"), "token before each copy"),
        field("eos", string().min(1).def("</s>"), "token after each copy"),
        field("shard_tokens", integer().min(1).def(100'000'000), "tokens in one shard, at most"),
    }),
    .exactness = steps::Exactness::everywhere,
    .run = plant_probes,
};

}  // namespace cairn::data
