// From token shards to batches: a batch is a function of the read set and the step alone, so any step of any run can be built
// again by itself.
//
// Samples are windows of T + 1 tokens over all shards of an input, one after another, that overlap by one token
// (docs/format/permutation.md; spec/apertus.md §3.4), or rows that were packed ahead of time. Document borders become data:
// positions that restart, the first key that a query sees, weights of the loss.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/json_fwd.h"
#include "engine/train/goldfish.h"
#include "engine/train/read_set.h"

namespace cairn::train {

// The tokens of one sample: at most T + 1, in pieces of documents that lie side by side.
struct Window {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> pieces;  // their lengths; empty: documents end where an EOD stands, and nowhere else
};

// What samples are read from. Reading is safe from any thread.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // The sample that begins at `token` (SampleRef), of sequence length T.
  virtual void sample(std::int64_t token, std::int64_t T, Window& out) const = 0;
};

// All tokens of an input, one after another.
class TokenStream : public SampleSource {
 public:
  virtual std::int64_t size() const = 0;
  // Copies tokens [begin, begin + out.size()); the range lies inside [0, size()).
  virtual void read(std::int64_t begin, std::span<std::int32_t> out) const = 0;
  void sample(std::int64_t token, std::int64_t T, Window& out) const override;
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
Json masks_json(const MaskOptions& masks);
MaskOptions masks_from_json(const Json& json);

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
  // The same of fewer tokens and of pieces: what follows the tokens is padding, which sees nothing and counts for nothing; nor
  // does the label where a piece ends that is not the end of its document.
  void fill(TokenBatch& batch, std::int64_t row, const Window& window) const;

 private:
  void fill(TokenBatch& batch, std::int64_t row, std::span<const std::int32_t> window,
            std::span<const std::int32_t> pieces) const;

  MaskOptions options_;
  std::optional<Goldfish> goldfish_;
};

class Loader {
 public:
  // One source for each input of the read set; they must outlive the loader.
  Loader(std::vector<const SampleSource*> sources, ReadSet read, const MaskOptions& masks);

  const ReadSet& read_set() const { return read_; }
  // The batch of a step: rows plan.position .. plan.position + B - 1 of its stage. All weights are 0 or 1. Any thread may ask.
  TokenBatch batch(const StepPlan& plan) const;
  void window(SampleRef sample, std::int64_t sequence_length, Window& out) const;

 private:
  std::vector<const SampleSource*> sources_;
  ReadSet read_;
  RowBuilder rows_;
};

}  // namespace cairn::train
