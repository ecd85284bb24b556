#include "eval/scorer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "engine/text/unicode.h"

namespace cairn::eval {
namespace {

using infer::SequenceBatch;
using text::TokenId;

double log_sum_exp(std::span<const float> logits, std::size_t& best) {
  best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  const double highest = logits[best];
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Adds what the logits say of the token that follows.
void add(Loglikelihood& to, std::span<const float> logits, TokenId next) {
  std::size_t best = 0;
  const double normaliser = log_sum_exp(logits, best);
  to.sum += static_cast<double>(logits[static_cast<std::size_t>(next)]) - normaliser;
  to.greedy = to.greedy && best == static_cast<std::size_t>(next);
  ++to.tokens;
}

constexpr std::int64_t kSequences = 16;  // in one pass
constexpr std::size_t kShort = 32;       // tokens of a continuation that takes part in a pass of several
constexpr std::int64_t kCache = 32768;   // tokens of all sequences

infer::BatchLimits batch_limits(std::int64_t max_length) {
  // A sequence at its longest and what it shares, or all of them.
  const std::int64_t least = max_length + 32;
  return {.max_length = max_length,
          .sequences = kSequences,
          .cache_tokens = std::max(least, std::min(kSequences * max_length, kCache))};
}

std::int64_t usable_length(const model::ModelConfig& config, const ScorerOptions& options) {
  const std::int64_t wanted = options.max_length > 0 ? options.max_length : config.max_positions;
  if (wanted > config.max_positions) fail_usage("max_length {}: the model reads at most {} tokens", wanted, config.max_positions);
  return wanted;
}

}  // namespace

Scorer::Scorer(Context& context, const model::Parameters& parameters, const text::Tokenizer& tokenizer,
               const ScorerOptions& options)
    : config_(parameters.config()),
      tokenizer_(tokenizer),
      options_(options),
      max_length_(usable_length(config_, options)),
      batch_(context, parameters, batch_limits(max_length_)) {
  if (tokenizer.vocab_size() > config_.vocab) {
    fail("the tokenizer has {} tokens, the model knows {}: they do not belong together", tokenizer.vocab_size(), config_.vocab);
  }
}

std::vector<TokenId> Scorer::encode(const std::string& text, bool may_add_bos) const {
  std::vector<TokenId> ids = tokenizer_.encode(text);
  const bool add = may_add_bos && options_.add_bos && config_.bos >= 0;
  if (add && (ids.empty() || ids[0] != config_.bos)) ids.insert(ids.begin(), config_.bos);
  return ids;
}

TokenId Scorer::first_token() const {
  if (config_.bos >= 0) return config_.bos;
  if (config_.eos.empty()) fail("the model has neither a begin nor an end token to put in front of a text");
  return config_.eos.front();
}

std::optional<Scorer::Scored> Scorer::scored_tokens(const std::string& context, const std::string& continuation) const {
  std::size_t end = context.size();
  while (end > 0 && is_space(context[end - 1])) --end;
  const std::string trailing = context.substr(end);  // moves to the front of the continuation
  const std::string stem = context.substr(0, end);
  Scored item{{}, 1};
  if (context.empty()) {
    item.tokens = encode(continuation, false);
    if (item.tokens.empty()) fail("an empty continuation cannot be scored");
    if (item.tokens[0] != first_token()) item.tokens.insert(item.tokens.begin(), first_token());
  } else {
    // Split by count, not by alignment: where a merge crosses the border, the continuation starts later or earlier.
    const std::vector<TokenId> whole = encode(stem + trailing + continuation, true);
    item.tokens = encode(stem, true);
    item.scored = item.tokens.size();
    if (whole.size() > item.scored)
      item.tokens.insert(item.tokens.end(), whole.begin() + static_cast<std::ptrdiff_t>(item.scored), whole.end());
    if (item.scored == 0) {  // a context of whitespace alone, without BOS
      item.tokens.insert(item.tokens.begin(), first_token());
      item.scored = 1;
    }
  }
  if (item.tokens.size() == item.scored) return std::nullopt;
  const auto most = static_cast<std::size_t>(max_length_) + 1;
  if (item.tokens.size() - item.scored > most - 1)
    fail("a continuation of {} tokens: the model reads {}", item.tokens.size() - item.scored, max_length_);
  if (item.tokens.size() > most) {
    const std::size_t cut = item.tokens.size() - most;
    item.tokens.erase(item.tokens.begin(), item.tokens.begin() + static_cast<std::ptrdiff_t>(cut));
    item.scored -= cut;
  }
  return item;
}

std::vector<Loglikelihood> Scorer::loglikelihoods(const std::string& context, const std::vector<std::string>& continuations) {
  std::vector<Loglikelihood> results(continuations.size(), {0, true, 0});
  std::vector<Scored> items;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < continuations.size(); ++i) {
    std::optional<Scored> item = scored_tokens(context, continuations[i]);
    if (!item) continue;  // nothing to score
    items.push_back(std::move(*item));
    places.push_back(i);
  }
  const std::vector<Loglikelihood> scores = items.size() == 1 ? std::vector{score(items[0])} : score_together(items);
  for (std::size_t i = 0; i < places.size(); ++i) results[places[i]] = scores[i];
  return results;
}

Loglikelihood Scorer::score(const Scored& item) {
  Loglikelihood result{0, true, 0};
  const auto length = static_cast<std::int64_t>(item.tokens.size()) - 1;
  const int sequence = *batch_.open(length);
  batch_.read(sequence, std::span(item.tokens).first(item.tokens.size() - 1), static_cast<std::int64_t>(item.scored) - 1,
              [&](std::size_t index, std::span<const float> logits) { add(result, logits, item.tokens[index + 1]); });
  batch_.close(sequence);
  return result;
}

std::vector<Loglikelihood> Scorer::score_together(const std::vector<Scored>& items) {
  std::vector<Loglikelihood> results(items.size(), {0, true, 0});
  if (items.empty()) return results;
  std::size_t common = items[0].scored - 1;
  for (const Scored& item : items) {
    std::size_t alike = 0;
    while (alike < std::min(common, item.scored - 1) && item.tokens[alike] == items[0].tokens[alike]) ++alike;
    common = alike;
  }
  const auto shared = static_cast<std::int64_t>(common);
  const int base = *batch_.open(std::max<std::int64_t>(1, shared));
  batch_.read(base, std::span(items[0].tokens).first(common), shared, {});

  std::vector<SequenceBatch::Row> rows;
  std::vector<std::pair<std::size_t, TokenId>> wanted;  // of each row: the item and the token that follows
  std::vector<int> forks;
  const auto score_rows = [&] {
    batch_.step(rows, [&](std::size_t row, std::span<const float> logits) {
      add(results[wanted[row].first], logits, wanted[row].second);
    });
    for (const int fork : forks) batch_.close(fork);
    rows.clear(), wanted.clear(), forks.clear();
  };
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto& [tokens, scored] = items[i];
    const auto length = static_cast<std::int64_t>(tokens.size()) - 1;
    std::optional<int> fork = batch_.fork(base, shared, length);
    if (!fork) {
      score_rows();
      fork = batch_.fork(base, shared, length);
    }
    forks.push_back(fork.value());
    const std::size_t rest = tokens.size() - 1 - common;
    if (rest <= kShort) {
      for (std::size_t at = common; at + 1 < tokens.size(); ++at) {
        rows.push_back({*fork, tokens[at], at + 1 >= scored});
        wanted.emplace_back(i, tokens[at + 1]);
      }
      continue;
    }
    batch_.read(*fork, std::span(tokens).subspan(common, rest), static_cast<std::int64_t>(scored - 1 - common),
                [&, at = common](std::size_t index, std::span<const float> logits) {
                  add(results[i], logits, items[i].tokens[at + index + 1]);
                });
  }
  score_rows();
  batch_.close(base);
  return results;
}

Loglikelihood Scorer::rolling(const std::string& text) {
  const std::vector<TokenId> tokens = encode(text, false);
  const auto L = static_cast<std::size_t>(max_length_);
  Loglikelihood total;
  total.greedy = true;
  for (std::size_t predicted = 0; predicted < tokens.size();) {
    const std::size_t count = std::min(tokens.size() - predicted, L);
    const std::size_t end = predicted + count;
    std::vector<TokenId> window;
    if (predicted == 0) {
      window.push_back(first_token());
      window.insert(window.end(), tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(end));
    } else {
      window.assign(tokens.begin() + static_cast<std::ptrdiff_t>(end - std::min(end, L + 1)),
                    tokens.begin() + static_cast<std::ptrdiff_t>(end));
    }
    const Loglikelihood part = score({window, window.size() - count});
    total.sum += part.sum;
    total.greedy = total.greedy && part.greedy;
    total.tokens += part.tokens;
    predicted = end;
  }
  return total;
}

struct Scorer::Answer {
  std::vector<TokenId> prompt, generated{};
  std::vector<std::string> until;
  int max_tokens;
  int sequence = -1;
  std::string text{};
  bool ended = false;
};

Scorer::Answer Scorer::begin_answer(const GenerationRequest& request) const {
  std::vector<TokenId> tokens = encode(request.context, true);
  if (tokens.empty()) tokens.push_back(first_token());
  const std::int64_t room = max_length_ - request.max_tokens;
  if (room < 1) fail("max_gen_toks {}: the model reads {} tokens in all", request.max_tokens, max_length_);
  if (static_cast<std::int64_t>(tokens.size()) > room) tokens.erase(tokens.begin(), tokens.end() - room);
  Answer answer{.prompt = std::move(tokens), .until = request.until, .max_tokens = request.max_tokens};
  for (const std::int32_t eos : config_.eos) answer.until.push_back(tokenizer_.decode(std::span(&eos, 1), false));
  answer.ended = request.max_tokens < 1;
  return answer;
}

void Scorer::take(Answer& answer, TokenId token) const {
  answer.ended = std::find(config_.eos.begin(), config_.eos.end(), token) != config_.eos.end();
  if (answer.ended) return;
  answer.generated.push_back(token);
  answer.text = text::utf8_lossy(tokenizer_.decode(answer.generated, true));
  answer.ended = static_cast<int>(answer.generated.size()) >= answer.max_tokens ||
                 std::any_of(answer.until.begin(), answer.until.end(), [&](const std::string& stop) {
                   return !stop.empty() && answer.text.find(stop) != std::string::npos;
                 });
}

std::vector<std::string> Scorer::generate(const std::vector<GenerationRequest>& requests,
                                          const std::function<void()>& after_each) {
  std::vector<Answer> answers;
  for (const GenerationRequest& request : requests) answers.push_back(begin_answer(request));
  const auto most_likely = [](std::span<const float> logits) {
    return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  };
  const infer::SamplingParams greedy{.temperature = 0};
  std::size_t begun = 0;
  std::vector<Answer*> writing;
  struct Closing {  // also when somebody wants no more
    SequenceBatch& batch;
    std::vector<Answer*>& open;
    ~Closing() {
      for (const Answer* answer : open) batch.close(answer->sequence);
    }
  } const closing{batch_, writing};
  const auto done = [&] {
    if (after_each) after_each();
  };
  do {
    for (; begun < answers.size(); ++begun) {
      Answer& answer = answers[begun];
      if (answer.ended) {
        done();
        continue;
      }
      // The last token of an answer is never read.
      const std::optional<int> sequence = batch_.open(static_cast<std::int64_t>(answer.prompt.size()) + answer.max_tokens - 1);
      if (!sequence) break;
      answer.sequence = *sequence;
      writing.push_back(&answer);
      batch_.read(*sequence, answer.prompt, static_cast<std::int64_t>(answer.prompt.size()) - 1,
                  [&](std::size_t, std::span<const float> logits) { take(answer, most_likely(logits)); });
    }
    std::vector<SequenceBatch::Row> rows;
    std::vector<Answer*> asked;
    for (Answer* answer : writing) {
      if (answer->ended) continue;
      rows.push_back({answer->sequence, answer->generated.back(), true, batch_.draws_on_device() ? &greedy : nullptr});
      asked.push_back(answer);
    }
    batch_.step(
        rows, [&](std::size_t row, std::span<const float> logits) { take(*asked[row], most_likely(logits)); },
        [&](std::size_t row, infer::TokenScore chosen) { take(*asked[row], chosen.token); });
    const std::size_t before = writing.size();
    std::erase_if(writing, [&](Answer* answer) {
      if (answer->ended) batch_.close(answer->sequence);
      return answer->ended;
    });
    for (std::size_t ended = before - writing.size(); ended > 0; --ended) done();
  } while (!writing.empty() || begun < answers.size());

  std::vector<std::string> texts;
  for (Answer& answer : answers) {
    for (const std::string& stop : answer.until) {
      if (!stop.empty()) answer.text = answer.text.substr(0, answer.text.find(stop));
    }
    texts.push_back(std::move(answer.text));
  }
  return texts;
}

}  // namespace cairn::eval
