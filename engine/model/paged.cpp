#include "engine/model/paged.h"

#include "base/error.h"

namespace cairn::model {
namespace {

void check_cache(const ModelConfig& config, const PagedCache& cache) {
  if (cache.k.size() != std::size_t(config.layers) || cache.v.size() != cache.k.size()) {
    fail("a cache of {} layers for a model of {}", cache.k.size(), config.layers);
  }
}

// Embedding, blocks and the last norm; `keys` is what the blocks share but for the cache of each.
Tensor through_blocks(Context& ctx, const Parameters& params, Activations& act, const PagedCache& cache, Tensor tokens,
                      const TokenPlaces& places, PagedKeys keys) {
  const ModelConfig& config = params.config();
  ops::embedding_forward(ctx, act.block(0).x, params.embedding(), tokens);  // [N, D]
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    keys.k = cache.k[std::size_t(layer)];
    keys.v = cache.v[std::size_t(layer)];
    block_forward(ctx, config, params.layer(layer), places, act.block(layer), keys, act.output_of(layer));  // [N, D]
  }
  ops::rmsnorm_forward(ctx, act.hidden, act.final_inv_rms, act.final_x, params.final_norm(), config.norm_eps);  // [N, D]
  return act.hidden;
}

}  // namespace

Tensor paged_forward(Context& ctx, const Parameters& params, Activations& act, const PagedCache& cache, const PagedTokens& rows) {
  check_cache(params.config(), cache);
  act.shape(rows.tokens.size(), 1);
  PagedKeys keys{.slots = rows.slots, .table = rows.table, .lengths = rows.lengths};
  return through_blocks(ctx, params, act, cache, rows.tokens, {rows.positions, {}, act.cos, act.sin}, keys);
}

Tensor paged_piece_forward(Context& ctx, const Parameters& params, Activations& act, const PagedCache& cache,
                           const PagedPiece& piece) {
  check_cache(params.config(), cache);
  const std::int64_t T = piece.tokens.size(), S = piece.history.size();
  if (S < T) fail("{} tokens of a sequence of {}", T, S);
  act.shape(1, T);
  PagedKeys keys{.slots = piece.slots, .history = piece.history};
  keys.history_keys = piece.keys.rows(0, S);
  keys.history_values = piece.values.rows(0, S);
  return through_blocks(ctx, params, act, cache, piece.tokens,
                        {piece.positions, piece.first_key.reshape({1, T}), act.cos, act.sin}, keys);
}

}  // namespace cairn::model
