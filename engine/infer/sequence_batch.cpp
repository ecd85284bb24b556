#include "engine/infer/sequence_batch.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "engine/infer/page_pool.h"
#include "engine/model/activations.h"
#include "engine/model/forward.h"
#include "engine/model/paged.h"
#include "kernels/arena.h"
#include "kernels/work_graph.h"

namespace cairn::infer {
namespace {

constexpr std::int64_t kCacheTokens = 32768;
constexpr std::int64_t kHostRows = 64;   // of a pass on the processor, at most
constexpr std::int64_t kLogitRows = 32;  // of a prompt, at a time: a few MB for a vocabulary of 131072

BatchLimits complete(const model::ModelConfig& config, BatchLimits limits) {
  const std::int64_t most = config.max_positions;
  if (limits.max_length == 0) limits.max_length = most;
  if (limits.max_length < 1 || limits.max_length > most) {
    fail_usage("sequences of {} tokens: the model reads 1 to {}", limits.max_length, most);
  }
  if (limits.sequences < 1 || limits.sequences > 1024) {
    fail_usage("{} sequences at once: expected 1 to 1024", limits.sequences);
  }
  if (limits.cache_tokens == 0) {
    const std::int64_t longest = PagePool::pages_for(limits.max_length) * PagePool::kPageTokens;
    limits.cache_tokens = std::max(longest, std::min(limits.sequences * longest, kCacheTokens));
  }
  if (limits.cache_tokens > std::int64_t{1} << 30) {
    fail_usage("a cache of {} tokens: expected at most {}", limits.cache_tokens, std::int64_t{1} << 30);
  }
  if (limits.cache_tokens < 0 || PagePool::pages_for(limits.cache_tokens) < PagePool::pages_for(limits.max_length)) {
    fail_usage("a cache of {} tokens has no room for one sequence of {}", limits.cache_tokens, limits.max_length);
  }
  return limits;
}

std::int64_t power_of_two_above(std::int64_t n) {
  std::int64_t power = 1;
  while (power < n) power *= 2;
  return power;
}

}  // namespace

struct SequenceBatch::State {
  struct Sequence {
    std::vector<std::int32_t> pages;
    std::int64_t length = 0, most = 0;
    bool used = false;
    std::int64_t slot(std::int64_t position) const {
      return std::int64_t{pages[static_cast<std::size_t>(position / PagePool::kPageTokens)]} * PagePool::kPageTokens +
             position % PagePool::kPageTokens;
    }
  };
  State(Context& used, const model::Parameters& given, const BatchLimits& wanted)
      : context(used),
        rows_alone(used),
        parameters(given),
        limits(complete(given.config(), wanted)),
        on_device(used.memory() != nullptr),
        rows(on_device ? limits.sequences : kHostRows),
        pool(given.config(), given.dtype(), PagePool::pages_for(limits.cache_tokens), used.memory()),
        activations(given.config(), given.dtype(), std::max(std::min(kPiece, limits.max_length), rows),
                    model::Purpose::forward_only, limits.max_length, {}, used.memory()),
        passes(used, "decoding") {
    rows_alone.rows_alone = true;
    const model::ModelConfig& config = given.config();
    const std::int64_t width = config.kv_heads * config.head_width, piece = std::min(kPiece, limits.max_length),
                       logit_rows = std::max(rows, kLogitRows);
    ArenaPlan plan;
    const std::int64_t most_pages = power_of_two_above(PagePool::pages_for(limits.max_length));
    const ArenaSlot ints_at =
        plan.add("tokens, positions, pages", Dtype::i32, {std::max(rows * (8 + most_pages), 3 * piece + limits.max_length)});
    const ArenaSlot first_at = plan.add("first keys", Dtype::i32, {piece});
    const ArenaSlot keys_at = plan.add("keys of a sequence", given.dtype(), {limits.max_length, width});
    const ArenaSlot values_at = plan.add("values of a sequence", given.dtype(), {limits.max_length, width});
    const ArenaSlot logits_at = plan.add("logits", Dtype::f32, {logit_rows, config.vocab});
    const ArenaSlot rules_at = plan.add("rules", Dtype::f64, {rows, 4});
    const ArenaSlot chosen_at = plan.add("chosen tokens", Dtype::i32, {rows});
    const ArenaSlot surprise_at = plan.add("their -log p", Dtype::f32, {rows});
    const ArenaSlot ones_at = plan.add("ones", Dtype::f32, {rows});
    memory = Arena(plan, used.memory());
    ints = memory.tensor(ints_at);
    first_key = memory.tensor(first_at);
    keys = memory.tensor(keys_at);
    values = memory.tensor(values_at);
    logits = memory.tensor(logits_at);
    rules = memory.tensor(rules_at);
    chosen = memory.tensor(chosen_at);
    surprise = memory.tensor(surprise_at);
    ones = memory.tensor(ones_at);
    const std::vector<float> all_ones(static_cast<std::size_t>(rows), 1.0f);
    copy(ones, Tensor(const_cast<float*>(all_ones.data()), Dtype::f32, {rows}));
    if (on_device) host_logits.resize(static_cast<std::size_t>(logits.size()));
    sequences.reserve(static_cast<std::size_t>(limits.sequences));
  }

  Sequence& at(int sequence) {
    if (sequence < 0 || static_cast<std::size_t>(sequence) >= sequences.size() ||
        !sequences[static_cast<std::size_t>(sequence)].used) {
      fail("there is no sequence {}", sequence);
    }
    return sequences[static_cast<std::size_t>(sequence)];
  }
  std::optional<int> free_place() {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      if (!sequences[i].used) return static_cast<int>(i);
    }
    if (static_cast<std::int64_t>(sequences.size()) == limits.sequences) return std::nullopt;
    sequences.emplace_back();
    return static_cast<int>(sequences.size()) - 1;
  }
  void check_token(std::int32_t token) const {
    const std::int64_t V = parameters.config().vocab;
    if (token < 0 || token >= V) fail("token {} is outside the vocabulary of {}", token, V);
  }
  // `host` where passes read it; a view from element `begin` on comes by part().
  void upload(std::vector<std::int32_t>& host) {
    const auto count = static_cast<std::int64_t>(host.size());
    copy(ints.rows(0, count), Tensor(host.data(), Dtype::i32, {count}));
  }
  Tensor part(std::int64_t begin, std::int64_t count) const { return ints.rows(begin, begin + count); }

  // Rows [begin, end) of the logits, on the host.
  const float* logits_here(std::int64_t begin, std::int64_t end) {
    const std::int64_t V = parameters.config().vocab;
    if (!on_device) return logits.as<float>() + begin * V;
    const Tensor here(host_logits.data(), Dtype::f32, {end - begin, V});
    copy(here, logits.rows(begin, end));
    return here.as<float>();
  }

  void pass(std::span<const Row> given, std::size_t first, const Visit& visit, const Chosen& take);

  Context& context;
  Context rows_alone;
  const model::Parameters& parameters;
  BatchLimits limits;
  bool on_device;
  std::int64_t rows;  // of a pass: on a device all of them always
  PagePool pool;
  model::Activations activations;
  RepeatedWork passes;  // by their pages, and whether tokens are drawn
  std::vector<Sequence> sequences;
  Arena memory;
  Tensor ints, first_key, keys, values, logits, rules, chosen, surprise, ones;
  std::vector<float> host_logits;
};

SequenceBatch::SequenceBatch(Context& context, const model::Parameters& parameters, const BatchLimits& limits)
    : state_(std::make_unique<State>(context, parameters, limits)) {}

SequenceBatch::~SequenceBatch() = default;

const BatchLimits& SequenceBatch::limits() const {
  return state_->limits;
}
std::int64_t SequenceBatch::vocab() const {
  return state_->parameters.config().vocab;
}
std::int64_t SequenceBatch::pages() const {
  return state_->pool.pages();
}
std::int64_t SequenceBatch::free_pages() const {
  return state_->pool.free();
}

std::optional<int> SequenceBatch::open(std::int64_t length) {
  State& s = *state_;
  if (length < 1 || length > s.limits.max_length) {
    fail_usage("a sequence of {} tokens: there is room for 1 to {}", length, s.limits.max_length);
  }
  const std::int64_t needed = PagePool::pages_for(length);
  if (needed > s.pool.free()) return std::nullopt;
  const std::optional<int> place = s.free_place();
  if (!place) return std::nullopt;
  State::Sequence& sequence = s.sequences[static_cast<std::size_t>(*place)];
  sequence.used = true;
  sequence.length = 0;
  sequence.most = length;
  for (std::int64_t i = 0; i < needed; ++i) sequence.pages.push_back(s.pool.take());
  return place;
}

std::optional<int> SequenceBatch::fork(int of, std::int64_t shared, std::int64_t length) {
  State& s = *state_;
  if (shared < 0 || shared > s.at(of).length) fail("a fork of {} tokens from a sequence of {}", shared, s.at(of).length);
  if (length < std::max<std::int64_t>(1, shared) || length > s.limits.max_length) {
    fail_usage("a sequence of {} tokens behind {} shared ones: there is room for {}", length, shared, s.limits.max_length);
  }
  const std::int64_t whole = shared / PagePool::kPageTokens, needed = PagePool::pages_for(length) - whole;
  if (needed > s.pool.free()) return std::nullopt;
  const std::optional<int> place = s.free_place();
  if (!place) return std::nullopt;
  State::Sequence& sequence = s.sequences[static_cast<std::size_t>(*place)];
  const State::Sequence& from = s.at(of);
  sequence.used = true;
  sequence.length = shared;
  sequence.most = length;
  for (std::int64_t i = 0; i < whole; ++i) {
    sequence.pages.push_back(from.pages[static_cast<std::size_t>(i)]);
    s.pool.share(sequence.pages.back());
  }
  for (std::int64_t i = 0; i < needed; ++i) sequence.pages.push_back(s.pool.take());
  if (shared % PagePool::kPageTokens != 0) {  // both go on in this page, each in its own
    const auto last = static_cast<std::size_t>(whole);
    s.pool.copy_page(sequence.pages[last], from.pages[last]);
  }
  return place;
}

void SequenceBatch::close(int sequence) {
  State::Sequence& closed = state_->at(sequence);
  for (auto page = closed.pages.rbegin(); page != closed.pages.rend(); ++page) state_->pool.give_back(*page);
  closed.pages.clear();
  closed.used = false;
}

std::int64_t SequenceBatch::length(int sequence) const {
  return state_->at(sequence).length;
}
std::int64_t SequenceBatch::room(int sequence) const {
  const State::Sequence& asked = state_->at(sequence);
  return asked.most - asked.length;
}

void SequenceBatch::read(int number, std::span<const std::int32_t> tokens, std::int64_t first_wanted, const Visit& visit) {
  State& s = *state_;
  State::Sequence& sequence = s.at(number);
  const auto count = static_cast<std::int64_t>(tokens.size());
  if (count > sequence.most - sequence.length) {
    fail("{} tokens do not fit behind {} of at most {}", count, sequence.length, sequence.most);
  }
  for (const std::int32_t token : tokens) s.check_token(token);
  const std::int64_t V = vocab();
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t T = std::min(kPiece, count - begin), before = sequence.length, S = before + T;
    std::vector<std::int32_t> host(tokens.begin() + begin, tokens.begin() + begin + T);
    for (std::int64_t p = before; p < S; ++p) host.push_back(static_cast<std::int32_t>(p));
    for (std::int64_t p = before; p < S; ++p) host.push_back(static_cast<std::int32_t>(sequence.slot(p)));
    for (std::int64_t p = 0; p < S; ++p) host.push_back(static_cast<std::int32_t>(sequence.slot(p)));
    s.upload(host);
    const Tensor hidden = model::paged_piece_forward(s.context, s.parameters, s.activations, s.pool.cache(),
                                                     {.tokens = s.part(0, T),
                                                      .positions = s.part(T, T),
                                                      .slots = s.part(2 * T, T),
                                                      .history = s.part(3 * T, S),
                                                      .first_key = s.first_key.rows(0, T),
                                                      .keys = s.keys,
                                                      .values = s.values});
    sequence.length = S;
    for (std::int64_t row = std::max<std::int64_t>(0, first_wanted - begin); row < T; row += kLogitRows) {
      const std::int64_t n = std::min(kLogitRows, T - row);
      model::head_logits(s.context, s.parameters, hidden.rows(row, row + n), s.logits.rows(0, n));
      const float* here = s.logits_here(0, n);
      for (std::int64_t i = 0; i < n; ++i) {
        visit(static_cast<std::size_t>(begin + row + i), std::span<const float>(here + i * V, static_cast<std::size_t>(V)));
      }
    }
  }
}

void SequenceBatch::step(std::span<const Row> rows, const Visit& visit, const Chosen& chosen) {
  State& s = *state_;
  std::map<int, std::int64_t> lengths;
  for (const Row& row : rows) {
    s.check_token(row.token);
    const State::Sequence& sequence = s.at(row.sequence);
    const std::int64_t length = ++lengths.try_emplace(row.sequence, sequence.length).first->second;
    if (length > sequence.most) fail("no room for token {} of a sequence of at most {}", length, sequence.most);
  }
  const auto each = static_cast<std::size_t>(s.rows);
  for (std::size_t first = 0; first < rows.size(); first += each) {
    s.pass(rows.subspan(first, std::min(each, rows.size() - first)), first, visit, chosen);
  }
}

void SequenceBatch::State::pass(std::span<const Row> given, std::size_t first, const Visit& visit, const Chosen& take) {
  const auto count = static_cast<std::int64_t>(given.size()), N = on_device ? rows : count;
  std::int64_t most = 1;
  for (const Row& row : given) most = std::max(most, PagePool::pages_for(at(row.sequence).length + count));
  const std::int64_t L = power_of_two_above(std::min(most, PagePool::pages_for(limits.max_length)));
  // tokens, positions, slots, lengths [N] each, draws [N, 4], table [N, L]
  std::vector<std::int32_t> host(static_cast<std::size_t>(N * (8 + L)), 0);
  std::vector<double> rule(static_cast<std::size_t>(4 * N));
  bool draws = false;
  for (std::int64_t n = 0; n < N; ++n) {
    const auto set = [&](std::int64_t place, std::int64_t value) {
      host[static_cast<std::size_t>(place)] = static_cast<std::int32_t>(value);
    };
    rule[static_cast<std::size_t>(4 * n + 1)] = 1;
    if (n >= count) {
      set(2 * N + n, -1);
      continue;
    }
    const Row& row = given[static_cast<std::size_t>(n)];
    Sequence& sequence = at(row.sequence);
    const std::int64_t position = sequence.length++;
    set(n, row.token);
    set(N + n, position);
    set(2 * N + n, sequence.slot(position));
    set(3 * N + n, position + 1);
    for (std::int64_t i = 0; i < PagePool::pages_for(position + 1); ++i)
      set(8 * N + n * L + i, sequence.pages[static_cast<std::size_t>(i)]);
    if (row.rule == nullptr) continue;
    draws = true;
    const SamplingParams& p = *row.rule;
    std::copy_n(std::array{p.temperature, p.top_p, static_cast<double>(p.top_k), p.min_p}.begin(), 4, rule.begin() + 4 * n);
    for (const auto& [place, value] : {std::pair{0, p.seed}, {2, row.draw}}) {
      set(4 * N + 4 * n + place, static_cast<std::int32_t>(static_cast<std::uint32_t>(value)));
      set(4 * N + 4 * n + place + 1, static_cast<std::int32_t>(static_cast<std::uint32_t>(value >> 32)));
    }
  }
  upload(host);
  if (draws) copy(rules.rows(0, N), Tensor(rule.data(), Dtype::f64, {N, 4}));

  const auto head = [&](const Tensor& hidden, std::int64_t begin, std::int64_t end) {
    model::head_logits(rows_alone, parameters, hidden.rows(begin, end), logits.rows(begin, end));
  };
  passes.ask({L, draws}, [&] {
    const Tensor hidden = model::paged_forward(rows_alone, parameters, activations, pool.cache(),
                                               {.tokens = part(0, N),
                                                .positions = part(N, N),
                                                .slots = part(2 * N, N),
                                                .lengths = part(3 * N, N),
                                                .table = part(8 * N, N * L).reshape({N, L})});
    if (on_device) {  // all rows, wanted or not: one shape
      head(hidden, 0, N);
    } else {
      for (std::int64_t begin = 0, end; begin < N; begin = end) {
        const bool wanted = given[static_cast<std::size_t>(begin)].wanted;
        for (end = begin + 1; end < N && given[static_cast<std::size_t>(end)].wanted == wanted;) ++end;
        if (wanted) head(hidden, begin, end);
      }
    }
    if (!draws) return;
    ops::sample(context, chosen.rows(0, N), logits.rows(0, N), rules.rows(0, N), part(4 * N, 4 * N).reshape({N, 4}));
    ops::cross_entropy(context, surprise.rows(0, N), logits.rows(0, N), chosen.rows(0, N), ones.rows(0, N), false);
  });

  std::vector<std::int32_t> tokens(static_cast<std::size_t>(N));
  std::vector<float> minus_log(static_cast<std::size_t>(N));
  if (draws) {
    copy(Tensor(tokens.data(), Dtype::i32, {N}), chosen.rows(0, N));
    copy(Tensor(minus_log.data(), Dtype::f32, {N}), surprise.rows(0, N));
  }
  const std::int64_t V = parameters.config().vocab;
  for (std::int64_t n = 0; n < count; ++n) {
    const auto i = static_cast<std::size_t>(n);
    if (!given[i].wanted) continue;
    if (given[i].rule != nullptr) {
      take(first + i, {tokens[i], -static_cast<double>(minus_log[i])});
    } else {
      visit(first + i, std::span<const float>(logits_here(n, n + 1), static_cast<std::size_t>(V)));
    }
  }
}

bool SequenceBatch::draws_on_device() const {
  return state_->on_device;
}

std::string SequenceBatch::launches() const {
  if (!state_->on_device) return "in turn (the processor)";
  const RepeatedWork& passes = state_->passes;
  if (!passes.has_recorder()) return "in turn: this device records no work";
  return passes.records() ? "as a graph" : "in turn: " + passes.refusal();
}

}  // namespace cairn::infer
