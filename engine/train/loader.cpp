#include "engine/train/loader.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"

namespace cairn::train {

void MemoryTokens::read(std::int64_t begin, std::span<std::int32_t> out) const {
  std::copy_n(tokens_.begin() + begin, out.size(), out.begin());
}

void TokenStream::sample(std::int64_t token, std::int64_t T, Window& out) const {
  out.pieces.clear();
  out.tokens.resize(static_cast<std::size_t>(T + 1));
  read(token, out.tokens);
}

Json masks_json(const MaskOptions& masks) {
  Json json = {{"eod", masks.eod},
               {"pad", masks.pad},
               {"eod_loss", masks.mask_eod},
               {"reset_positions", masks.reset_positions},
               {"document_attention", masks.document_attention}};
  if (masks.goldfish) json["goldfish"] = {{"k", masks.goldfish->k}, {"h", masks.goldfish->h}};
  return json;
}

MaskOptions masks_from_json(const Json& json) {
  static const Schema schema = object({
      field("eod", integer().min(0).max(0x7FFFFFFF), "ends each document"),
      field("pad", integer().min(-1).max(0x7FFFFFFF), "no label; -1 = none"),
      field("eod_loss", boolean(), "no loss where the input is EOD"),
      field("reset_positions", boolean(), "positions restart with each document"),
      field("document_attention", boolean(), "no attention across documents"),
      field("goldfish", object({field("k", integer().min(1), ""), field("h", integer().min(1), "")}).def(nullptr), ""),
  });
  const Config config(schema.complete(json, "masks"), "masks");
  MaskOptions masks;
  masks.eod = static_cast<std::int32_t>(config.integer("eod"));
  masks.pad = static_cast<std::int32_t>(config.integer("pad"));
  masks.mask_eod = config.boolean("eod_loss");
  masks.reset_positions = config.boolean("reset_positions");
  masks.document_attention = config.boolean("document_attention");
  if (config.has("goldfish")) {
    const Config goldfish = config.object("goldfish");
    masks.goldfish = GoldfishParams{goldfish.integer("k"), goldfish.integer("h")};
  }
  return masks;
}

TokenBatch::TokenBatch(std::int64_t rows, std::int64_t length) : B(rows), T(length) {
  const auto count = static_cast<std::size_t>(rows * length);
  tokens.resize(count);
  labels.resize(count);
  positions.resize(count);
  first_key.resize(count);
  weights.assign(count, 1.0f);
}

RowBuilder::RowBuilder(const MaskOptions& options) : options_(options) {
  if (options.goldfish) goldfish_.emplace(*options.goldfish);
}

void RowBuilder::fill(TokenBatch& batch, std::int64_t row, std::span<const std::int32_t> window) const {
  fill(batch, row, window, {});
}

void RowBuilder::fill(TokenBatch& batch, std::int64_t row, const Window& window) const {
  fill(batch, row, window.tokens, window.pieces);
}

void RowBuilder::fill(TokenBatch& batch, std::int64_t row, std::span<const std::int32_t> window,
                      std::span<const std::int32_t> pieces) const {
  const std::int64_t T = batch.T;
  const auto first = static_cast<std::size_t>(row * T);
  const std::span<std::int32_t> tokens(&batch.tokens[first], static_cast<std::size_t>(T));
  const std::span<std::int32_t> labels(&batch.labels[first], static_cast<std::size_t>(T));
  const std::span<float> weights(&batch.weights[first], static_cast<std::size_t>(T));
  const std::size_t held = std::min(window.size(), tokens.size()), labelled = window.empty() ? 0 : window.size() - 1;
  const std::int32_t padding = options_.pad >= 0 ? options_.pad : options_.eod;
  std::copy_n(window.begin(), held, tokens.begin());
  std::fill(tokens.begin() + static_cast<std::ptrdiff_t>(held), tokens.end(), padding);
  std::copy_n(window.begin() + (window.empty() ? 0 : 1), labelled, labels.begin());
  std::fill(labels.begin() + static_cast<std::ptrdiff_t>(labelled), labels.end(), padding);
  std::fill(weights.begin(), weights.end(), 1.0f);

  std::int64_t document = 0;  // where the current document begins in this row
  std::int64_t piece_end = pieces.empty() ? T + 1 : pieces[0];
  std::size_t piece = 0;
  for (std::int64_t t = 0; t < T; ++t) {
    const auto i = static_cast<std::size_t>(t);
    const bool padded = i >= held;
    if (padded) document = t;
    batch.positions[first + i] = static_cast<std::int32_t>(options_.reset_positions ? t - document : t);
    batch.first_key[first + i] = static_cast<std::int32_t>(options_.document_attention ? document : 0);
    const bool eod = !padded && window[i] == options_.eod, cut = t + 1 == piece_end;
    if ((options_.mask_eod && eod) || (cut && !eod) || i >= labelled || (options_.pad >= 0 && labels[i] == options_.pad)) {
      weights[i] = 0.0f;
    }
    if (eod || cut) document = t + 1;
    if (cut && ++piece < pieces.size()) piece_end += pieces[piece];
  }
  if (goldfish_) goldfish_->mask(labels, options_.pad, weights);
  batch.weighted += std::count_if(weights.begin(), weights.end(), [](float weight) { return weight != 0; });
}

Loader::Loader(std::vector<const SampleSource*> sources, ReadSet read, const MaskOptions& masks)
    : sources_(std::move(sources)), read_(std::move(read)), rows_(masks) {
  if (sources_.size() != read_.data().size()) {
    fail("a read set of {} inputs, and {} to read from", read_.data().size(), sources_.size());
  }
}

void Loader::window(SampleRef sample, std::int64_t sequence_length, Window& out) const {
  sources_[static_cast<std::size_t>(sample.data)]->sample(sample.token, sequence_length, out);
}

TokenBatch Loader::batch(const StepPlan& plan) const {
  TokenBatch batch(plan.batch, plan.sequence_length);
  Window tokens;
  for (std::int64_t row = 0; row < plan.batch; ++row) {
    window(read_.sample_at(plan.stage, plan.position + row), plan.sequence_length, tokens);
    rows_.fill(batch, row, tokens);
  }
  return batch;
}

}  // namespace cairn::train
