// step score-documents: documents + a classifier's head (+ an encoder) -> the same documents with a score, which filters of
// curate then go by: limits (`score`) or shares of each language (`percentile`).
//
// Apertus' classifiers are heads over the means of XLM-RoBERTa's hidden states: quality by the first window of 512 tokens,
// toxicity by the worst of all windows (spec/data.md §1.4).
#include "engine/score/score_documents.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/document.h"
#include "engine/score/encoder.h"
#include "engine/score/hashed_features.h"
#include "engine/score/head.h"
#include "engine/steps/step_context.h"
#include "kernels/backend.h"

namespace cairn::score {

namespace {

using data::Document;

// From a text to its score, by either kind of features.
class Scorer {
 public:
  explicit Scorer(steps::StepContext& ctx)
      : head_(ctx.input("head").path, ctx.config().integer("class")),
        context_{backend_by_name(ctx.runtime().string("backend")), ctx.threads()},
        first_window_(ctx.config().string("windows") == "first"),
        ngrams_(static_cast<int>(ctx.config().integer("ngrams"))) {
    if (!ctx.has_input("encoder")) return;
    encoder_.emplace(ctx.input("encoder").path);
    if (encoder_->width() != head_.inputs())
      fail("{}: the head takes {} numbers, the encoder {} gives {}", ctx.input("head").label, head_.inputs(),
           ctx.input("encoder").label, encoder_->width());
  }
  bool encodes() const { return encoder_.has_value(); }

  double score(const Document& document) {
    if (!encoder_) return head_.score(hashed_features(document.text, ngrams_, head_.inputs()));
    double highest = 0;
    for (const std::vector<text::TokenId>& window : encoder_->windows(document.text, first_window_ ? 1 : 0)) {
      const double score = head_.score(encoder_->embed(context_, window));
      if (!(score <= highest)) highest = score;  // also when it is no number
      if (std::isnan(score)) break;
    }
    return highest;
  }

 private:
  Head head_;
  Context context_;
  bool first_window_;
  int ngrams_;
  std::optional<Encoder> encoder_;
};

void score_documents(steps::StepContext& ctx) {
  Scorer scorer(ctx);
  const std::string name = ctx.config().string("score");
  data::DocumentWriter out(ctx.disk(), ctx.staging("documents"), static_cast<std::uint64_t>(ctx.config().integer("shard_bytes")));
  Progress& progress = ctx.progress("score", "documents");
  double sum = 0;
  for (const steps::StepInput& input : ctx.inputs("documents")) {
    data::DocumentReader reader(input.path);
    // Hashed features are scored side by side; an encoder uses all threads for one window.
    std::vector<Document> batch;
    const auto finish = [&] {
      std::vector<double> scores(batch.size());
      if (scorer.encodes()) {
        for (std::size_t i = 0; i < batch.size(); ++i) {
          scores[i] = scorer.score(batch[i]);
          ctx.stop_if_asked();
        }
      } else {
        ctx.threads().parallel_for(static_cast<std::int64_t>(batch.size()), [&](std::int64_t i) {
          scores[static_cast<std::size_t>(i)] = scorer.score(batch[static_cast<std::size_t>(i)]);
        });
      }
      for (std::size_t i = 0; i < batch.size(); ++i) {
        const double score = data::rounded_score(scores[i]);
        if (std::isnan(score)) fail("{}: gives no number for document {}", ctx.input("head").label, batch[i].url);
        data::set_score(batch[i].scores, {name, score});
        sum += score;
        out.append(batch[i]);
        progress.add();
      }
      batch.clear();
      ctx.stop_if_asked();
    };
    constexpr std::size_t kBatch = 256;
    for (Document document; reader.next(document);) {
      batch.push_back(std::move(document));
      if (batch.size() == kBatch) finish();
    }
    finish();
  }
  out.finish();
  ctx.describe_output("documents", "documents", out.documents());
  ctx.summarise(fmt::format("{} documents, {} {:.3f} on average", out.documents(), name,
                            sum / static_cast<double>(std::max<std::int64_t>(out.documents(), 1))));
}

}  // namespace

const steps::StepSpec kScoreDocuments{
    .name = "score-documents",
    .version = 2,
    .summary = "score documents by a classifier's head over hashed words or over an encoder",
    .inputs = {{"documents", "documents", "what to score", false, true},
               {"head", "raw", "linear layers as a safetensors file (engine/score/head.h)"},
               {"encoder", "any", "XLM-RoBERTa or RoBERTa as a Hugging Face folder; without it the head takes hashed words",
                true}},
    .outputs = {{"documents", "documents", "the same documents, each with NAME_score"}},
    .config = object({
        field("score", string().min(1), "name of the score: \"quality\", \"toxicity\""),
        field("class", integer().min(0).def(1), "whose probability it is, when the head has several outputs"),
        field("windows", string().one_of({"first", "all"}).def("first"),
              "of an encoder: the text's first 512 tokens, or the highest score of all"),
        field("ngrams", integer().min(1).max(5).def(2), "of hashed words: the longest run that counts"),
        field("shard_bytes", integer().min(1).def(64'000'000), "text in one shard, at most"),
    }),
    .runtime = object({field("backend", string().one_of({"cpu", "ref"}).def("cpu"), "what computes an encoder")}),
    .class_fields = {"backend"},
    .exactness = steps::Exactness::within_class,
    .run = score_documents,
};

}  // namespace cairn::score
