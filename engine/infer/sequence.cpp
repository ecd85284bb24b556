#include "engine/infer/sequence.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "engine/model/activations.h"
#include "engine/model/decode.h"
#include "engine/model/forward.h"
#include "kernels/arena.h"

namespace cairn::infer {
namespace {

constexpr std::int64_t kPiece = 256;     // tokens of a long prompt in one pass
constexpr std::int64_t kLogitRows = 32;  // rows of logits at a time: a few MB for a vocabulary of 131072

}  // namespace

struct Sequence::State {
  State(Context& used, const model::Parameters& given, std::int64_t longest)
      : context(used),
        parameters(given),
        max_length(longest),
        activations(given.config(), given.dtype(), std::min(kPiece, longest), model::Purpose::forward_only, longest, {},
                    used.memory()) {
    const model::ModelConfig& config = parameters.config();
    const std::int64_t piece = activations.max_tokens();
    ArenaPlan plan;
    for (std::int64_t i = 0; i < 2 * config.layers; ++i) {
      plan.add("keys or values", parameters.dtype(), {1, max_length, config.kv_heads, config.head_width});
    }
    const ArenaSlot ids_at = plan.add("tokens", Dtype::i32, {piece}), positions_at = plan.add("positions", Dtype::i32, {piece});
    const ArenaSlot first_at = plan.add("first keys", Dtype::i32, {piece});
    const ArenaSlot logits_at = plan.add("logits", Dtype::f32, {kLogitRows, config.vocab});
    memory = Arena(plan, used.memory());
    for (std::int64_t i = 0; i < 2 * config.layers; ++i) (i % 2 == 0 ? kv.k : kv.v).push_back(memory.tensor({i}));
    kv.first_key = memory.tensor(first_at);
    ids = memory.tensor(ids_at);
    positions = memory.tensor(positions_at);
    logits = memory.tensor(logits_at);
    if (!logits.on_host()) host_logits.resize(static_cast<std::size_t>(logits.size()));
  }

  Context& context;
  const model::Parameters& parameters;
  std::int64_t max_length;
  model::Activations activations;
  model::KvView kv;
  Arena memory;
  Tensor ids, positions;           // i32 [tokens of a pass]
  Tensor logits;                   // f32 [kLogitRows, V]
  std::vector<float> host_logits;  // where those are on a device
};

Sequence::Sequence(Context& context, const model::Parameters& parameters, std::int64_t max_length) {
  const std::int64_t most = parameters.config().max_positions;
  if (max_length < 1 || max_length > most) fail("a sequence of {} tokens: the model reads 1 to {}", max_length, most);
  state_ = std::make_unique<State>(context, parameters, max_length);
}

Sequence::~Sequence() = default;

std::int64_t Sequence::length() const {
  return state_->kv.length;
}
std::int64_t Sequence::max_length() const {
  return state_->max_length;
}
std::int64_t Sequence::vocab() const {
  return state_->parameters.config().vocab;
}

void Sequence::truncate(std::int64_t length) {
  if (length < 0 || length > state_->kv.length) fail("cannot truncate a sequence of {} tokens to {}", state_->kv.length, length);
  state_->kv.length = length;
}

void Sequence::extend(std::span<const std::int32_t> tokens, std::int64_t first_wanted,
                      const std::function<void(std::int64_t, std::span<const float>)>& visit) {
  State& s = *state_;
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (s.kv.length + count > s.max_length) fail("{} tokens do not fit behind {} of at most {}", count, s.kv.length, s.max_length);
  const std::int64_t V = s.parameters.config().vocab;
  std::vector<std::int32_t> ids(tokens.begin(), tokens.end());
  std::vector<std::int32_t> positions(tokens.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int32_t id = ids[static_cast<std::size_t>(i)];
    if (id < 0 || id >= V) fail("token {} is outside the vocabulary of {}", id, V);
    positions[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(s.kv.length + i);
  }

  const std::int64_t piece = s.activations.max_tokens();
  for (std::int64_t begin = 0; begin < count; begin += piece) {
    const std::int64_t T = std::min(piece, count - begin);
    const Tensor ids_there = s.ids.rows(0, T), positions_there = s.positions.rows(0, T);
    copy(ids_there, Tensor(ids.data() + begin, Dtype::i32, {T}));
    copy(positions_there, Tensor(positions.data() + begin, Dtype::i32, {T}));
    const Tensor hidden = model::decode_forward(s.context, s.parameters, s.activations, s.kv, ids_there, positions_there);
    for (std::int64_t row = std::max<std::int64_t>(0, first_wanted - begin); row < T; row += kLogitRows) {
      const std::int64_t rows = std::min(kLogitRows, T - row);
      const Tensor there = s.logits.rows(0, rows);
      model::head_logits(s.context, s.parameters, hidden.rows(row, row + rows), there);
      const Tensor here = there.on_host() ? there : Tensor(s.host_logits.data(), Dtype::f32, {rows, V});
      if (!there.on_host()) copy(here, there);
      for (std::int64_t i = 0; i < rows; ++i) {
        visit(begin + row + i, std::span<const float>(here.as<float>() + i * V, static_cast<std::size_t>(V)));
      }
    }
  }
}

}  // namespace cairn::infer
