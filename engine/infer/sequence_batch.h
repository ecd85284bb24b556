// Several sequences read and written by a model at once. Their keys and values lie in pages of one pool; they come and go between
// passes. A pass reads the weights once, for however many tokens it computes: that is what a batch is for.
//
// What a sequence gives is, bit for bit, what it gives alone in a SequenceBatch of the same limits: prompts are read one by one,
// cut at fixed places, and in a pass of many each row's sums are its own (Context::rows_alone; on a device all passes have one
// number of rows).
//
// On a device a pass is recorded when its shape comes for the second time and then asked for as one thing (kernels/work_graph.h):
// tokens, positions and pages lie where it reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "engine/infer/sampling.h"
#include "engine/model/parameters.h"
#include "kernels/ops.h"

namespace cairn::infer {

struct BatchLimits {
  std::int64_t max_length = 0;  // tokens of a sequence; 0: as many as the model reads
  std::int64_t sequences = 1;   // that are written at once
  // Tokens that all sequences together have room for, up to whole pages (PagePool::kPageTokens); at least max_length. 0: 32768,
  // or what they need at most. n sequences of `length` fit when n * pages_for(length) <= pages_for(cache_tokens).
  std::int64_t cache_tokens = 0;
};

class SequenceBatch {
 public:
  // One token to read, and what is wanted of what follows it.
  struct Row {
    int sequence;
    std::int32_t token;
    bool wanted = true;  // its logits, or with `rule` a token
    // The next token is drawn where the model computes, as Sampler draws its `draw`th: by temperature, top_p, top_k, min_p and
    // seed.
    const SamplingParams* rule = nullptr;
    std::uint64_t draw = 0;
  };
  using Visit = std::function<void(std::size_t row, std::span<const float> logits)>;
  using Chosen = std::function<void(std::size_t row, TokenScore)>;

  // `context` and `parameters` must outlive it. Error (usage) for limits that the model or themselves contradict.
  SequenceBatch(Context& context, const model::Parameters& parameters, const BatchLimits& limits);
  ~SequenceBatch();
  SequenceBatch(const SequenceBatch&) = delete;
  SequenceBatch& operator=(const SequenceBatch&) = delete;

  const BatchLimits& limits() const;  // without zeroes
  std::int64_t vocab() const;
  std::int64_t pages() const;
  std::int64_t free_pages() const;

  // A sequence without tokens, with room for exactly `length`, which it has from now on: pages_for(length) pages. None when fewer
  // are free or it would be one too many. Error (usage) when it would be too many for an empty batch as well: above max_length.
  std::optional<int> open(std::int64_t length);
  // One that begins with the first `shared` tokens of another, whose whole pages it shares: pages_for(length) - shared /
  // kPageTokens pages of its own. None as above.
  std::optional<int> fork(int sequence, std::int64_t shared, std::int64_t length);
  void close(int sequence);  // its pages are free for others
  std::int64_t length(int sequence) const;
  std::int64_t room(int sequence) const;  // tokens that may still be read: what it was opened with, less its length

  // Reads `tokens` behind those of `sequence`, in pieces of kPiece. For each from index `first_wanted` on visit(index, logits [V]
  // of what follows it). Error when they do not fit its room or are outside the vocabulary.
  static constexpr std::int64_t kPiece = 256;
  void read(int sequence, std::span<const std::int32_t> tokens, std::int64_t first_wanted, const Visit& visit);

  // Reads the rows, of any sequences; several of one are read in their order. In passes of limits().sequences rows on a device.
  void step(std::span<const Row> rows, const Visit& visit, const Chosen& chosen = {});

  // True where Row::rule saves copying logits to the host. The log-probability of a token drawn there is computed in float32.
  bool draws_on_device() const;
  // How passes are asked for: "in turn (the processor)", "as a graph", "in turn: REASON".
  std::string launches() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::infer
