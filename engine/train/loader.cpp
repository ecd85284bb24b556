#include "engine/train/loader.h"

#include <algorithm>

#include "base/error.h"

namespace cairn::train {

void MemoryTokens::read(std::int64_t begin, std::span<std::int32_t> out) const {
  std::copy_n(tokens_.begin() + begin, out.size(), out.begin());
}

std::int64_t samples_in(std::int64_t tokens, std::int64_t sequence_length) {
  return tokens < 1 ? 0 : (tokens - 1) / sequence_length;
}

namespace {

std::int64_t checked_samples(std::int64_t tokens, std::int64_t sequence_length) {
  if (sequence_length < 1) fail_usage("sequence_length must be at least 1, found {}", sequence_length);
  const std::int64_t samples = samples_in(tokens, sequence_length);
  if (samples < 1) {
    fail_usage("the data hold {} tokens, and one sample of sequence_length {} needs {}", tokens, sequence_length,
               sequence_length + 1);
  }
  return samples;
}

}  // namespace

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
  const std::int64_t T = batch.T;
  const auto first = static_cast<std::size_t>(row * T);
  const std::span<std::int32_t> labels(&batch.labels[first], static_cast<std::size_t>(T));
  const std::span<float> weights(&batch.weights[first], static_cast<std::size_t>(T));
  std::copy_n(window.begin(), T, &batch.tokens[first]);
  std::copy_n(window.begin() + 1, T, labels.begin());
  std::fill(weights.begin(), weights.end(), 1.0f);

  std::int64_t document = 0;  // where the current document begins in this row
  for (std::int64_t t = 0; t < T; ++t) {
    const auto i = static_cast<std::size_t>(t);
    batch.positions[first + i] = static_cast<std::int32_t>(options_.reset_positions ? t - document : t);
    batch.first_key[first + i] = static_cast<std::int32_t>(options_.document_attention ? document : 0);
    const bool ends = window[i] == options_.eod;
    if ((options_.mask_eod && ends) || (options_.pad >= 0 && labels[i] == options_.pad)) weights[i] = 0.0f;
    if (ends) document = t + 1;
  }
  if (goldfish_) goldfish_->mask(labels, options_.pad, weights);
  batch.weighted += std::count_if(weights.begin(), weights.end(), [](float weight) { return weight != 0; });
}

Loader::Loader(const TokenStream& stream, std::uint64_t seed, std::int64_t batch, std::int64_t sequence_length,
               const MaskOptions& masks)
    : stream_(stream),
      order_(seed, checked_samples(stream.size(), sequence_length)),
      batch_(batch),
      length_(sequence_length),
      rows_(masks) {
  if (batch < 1) fail_usage("batch must be at least 1, found {}", batch);
}

void Loader::window(std::int64_t sample, std::span<std::int32_t> out) const {
  stream_.read(sample * length_, out);
}

TokenBatch Loader::batch_at(std::int64_t position) const {
  TokenBatch batch(batch_, length_);
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(length_ + 1));
  for (std::int64_t row = 0; row < batch_; ++row) {
    window(order_.sample_at(position + row), tokens);
    rows_.fill(batch, row, tokens);
  }
  return batch;
}

}  // namespace cairn::train
