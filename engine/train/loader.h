// From token shards to batches: a batch is a function of (seed, position) alone, so any step of any run can be built again by
// itself.
//
// Samples are windows of T + 1 tokens over all shards, one after another, that overlap by one token (docs/format/permutation.md;
// spec/apertus.md §3.4). Document borders become data: positions that restart, the first key that a query sees, weights of the
// loss.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/train/goldfish.h"
#include "engine/train/sample_order.h"

namespace cairn::train {

// All tokens of a run's inputs, one after another. Reading is safe from any thread.
class TokenStream {
 public:
  virtual ~TokenStream() = default;
  virtual std::int64_t size() const = 0;
  // Copies tokens [begin, begin + out.size()); the range lies inside [0, size()).
  virtual void read(std::int64_t begin, std::span<std::int32_t> out) const = 0;
};

// Tokens in memory, for tests.
class MemoryTokens : public TokenStream {
 public:
  explicit MemoryTokens(std::vector<std::int32_t> tokens) : tokens_(std::move(tokens)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(tokens_.size()); }
  void read(std::int64_t begin, std::span<std::int32_t> out) const override;

 private:
  std::vector<std::int32_t> tokens_;
};

struct MaskOptions {
  std::int32_t eod = 2;            // ends each document
  std::int32_t pad = -1;           // labels with this id take no part in the loss; negative = none
  bool mask_eod = true;            // no loss where the input is EOD, that is for predicting the next document's first token
  bool reset_positions = true;     // positions restart after each EOD
  bool document_attention = true;  // no attention across an EOD
  std::optional<GoldfishParams> goldfish;
};

// B rows of T. What the model reads: row-major arrays of B*T entries.
struct TokenBatch {
  std::int64_t B = 0, T = 0;
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> labels;
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> first_key;  // of its row: the first key that this query attends to
  std::vector<float> weights;           // of the loss: 1, or 0 where masked
  std::int64_t weighted = 0;            // number of weights that are not 0

  TokenBatch() = default;
  TokenBatch(std::int64_t rows, std::int64_t length);
};

// Fills row `row` from a window of T + 1 tokens.
class RowBuilder {
 public:
  explicit RowBuilder(const MaskOptions& options);
  void fill(TokenBatch& batch, std::int64_t row, std::span<const std::int32_t> window) const;

 private:
  MaskOptions options_;
  std::optional<Goldfish> goldfish_;
};

class Loader {
 public:
  // Error when the stream is too short for one sample.
  Loader(const TokenStream& stream, std::uint64_t seed, std::int64_t batch, std::int64_t sequence_length,
         const MaskOptions& masks);

  std::int64_t samples() const { return order_.samples(); }  // in one epoch
  std::int64_t batch_size() const { return batch_; }
  std::int64_t sequence_length() const { return length_; }
  const SampleOrder& order() const { return order_; }

  // The batch that begins at `position` of the order: rows position .. position + B - 1. All weights are 0 or 1.
  TokenBatch batch_at(std::int64_t position) const;
  void window(std::int64_t sample, std::span<std::int32_t> out) const;  // out.size() == T + 1

 private:
  const TokenStream& stream_;
  SampleOrder order_;
  std::int64_t batch_, length_;
  RowBuilder rows_;
};

// How many samples of T tokens a stream of `tokens` holds; 0 when it is too short.
std::int64_t samples_in(std::int64_t tokens, std::int64_t sequence_length);

}  // namespace cairn::train
