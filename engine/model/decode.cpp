#include "engine/model/decode.h"

#include "base/error.h"

namespace cairn::model {

Tensor decode_forward(Context& ctx, const Parameters& params, Activations& act, KvView& kv, Tensor tokens, Tensor positions) {
  const ModelConfig& config = params.config();
  const std::int64_t T = tokens.size(), length = kv.length, K = config.kv_heads, E = config.head_width;
  if (kv.k.size() != std::size_t(config.layers) || kv.v.size() != kv.k.size()) {
    fail("a cache of {} layers for a model of {}", kv.k.size(), config.layers);
  }
  const std::int64_t room = kv.k[0].shape[1];
  if (kv.k[0].dims != 4 || kv.k[0].shape[0] != 1) fail("a cache of one sequence is expected, found {}", kv.k[0].describe());
  if (length + T > room) fail("{} tokens do not fit a cache that holds {} of {}", T, length, room);
  act.shape(1, T);

  std::vector<std::int32_t> zeroes;
  Tensor first_key = kv.first_key;
  if (first_key.empty()) {
    zeroes.resize(std::size_t(T));
    first_key = Tensor(zeroes.data(), Dtype::i32, {T});
  }
  first_key = first_key.rows(0, T).reshape({1, T});
  const TokenPlaces places{positions.reshape({T}), first_key, act.cos, act.sin};

  ops::embedding_forward(ctx, act.block(0).x, params.embedding(), tokens.reshape({T}));  // [T, D]
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    BlockActivations block = act.block(layer);
    const Tensor keys = kv.k[std::size_t(layer)].reshape({room, K * E}), values = kv.v[std::size_t(layer)].reshape({room, K * E});
    block.k = keys.rows(length, length + T);  // the block writes straight into the cache
    block.v = values.rows(length, length + T);
    block_forward(ctx, config, params.layer(layer), places, block, keys.rows(0, length + T).reshape({1, length + T, K, E}),
                  values.rows(0, length + T).reshape({1, length + T, K, E}), act.output_of(layer));  // [T, D]
  }
  ops::rmsnorm_forward(ctx, act.hidden, act.final_inv_rms, act.final_x, params.final_norm(), config.norm_eps);  // [T, D]
  kv.length += T;
  return act.hidden;
}

}  // namespace cairn::model
