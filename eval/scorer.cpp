#include "eval/scorer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "engine/text/unicode.h"

namespace cairn::eval {
namespace {

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
      sequence_(context, parameters, max_length_) {
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

Loglikelihood Scorer::score(std::int64_t keep, const std::vector<TokenId>& tokens, std::size_t scored) {
  sequence_.truncate(keep);
  Loglikelihood result;
  result.greedy = true;
  const auto first = static_cast<std::size_t>(keep);
  const std::span<const TokenId> input(tokens.data() + first, tokens.size() - 1 - first);
  sequence_.extend(input, static_cast<std::int64_t>(scored - 1 - first), [&](std::int64_t index, std::span<const float> logits) {
    const auto target = static_cast<std::size_t>(tokens[first + static_cast<std::size_t>(index) + 1]);
    std::size_t best = 0;
    const double normaliser = log_sum_exp(logits, best);
    result.sum += static_cast<double>(logits[target]) - normaliser;
    result.greedy = result.greedy && best == target;
    ++result.tokens;
  });
  return result;
}

std::vector<Loglikelihood> Scorer::loglikelihoods(const std::string& context, const std::vector<std::string>& continuations) {
  std::size_t end = context.size();
  while (end > 0 && is_space(context[end - 1])) --end;
  const std::string trailing = context.substr(end);  // moves to the front of the continuation
  const std::string stem = context.substr(0, end);
  const std::vector<TokenId> prefix = encode(stem, true);

  std::vector<Loglikelihood> results;
  std::vector<TokenId> cached;
  sequence_.truncate(0);
  for (const std::string& continuation : continuations) {
    std::vector<TokenId> tokens;
    std::size_t scored;
    if (context.empty()) {
      tokens = encode(continuation, false);
      if (tokens.empty()) fail("an empty continuation cannot be scored");
      if (tokens[0] != first_token()) tokens.insert(tokens.begin(), first_token());
      scored = 1;
    } else {
      // Split by count, not by alignment: where a merge crosses the border, the continuation starts later or earlier.
      const std::vector<TokenId> whole = encode(stem + trailing + continuation, true);
      tokens = prefix;
      if (whole.size() > prefix.size())
        tokens.insert(tokens.end(), whole.begin() + static_cast<std::ptrdiff_t>(prefix.size()), whole.end());
      scored = prefix.size();
      if (scored == 0) {  // a context of whitespace alone, without BOS
        tokens.insert(tokens.begin(), first_token());
        scored = 1;
      }
    }
    if (tokens.size() == scored) {
      results.push_back({0, true, 0});
      continue;
    }
    const auto most = static_cast<std::size_t>(max_length_) + 1;
    if (tokens.size() - scored > most - 1)
      fail("a continuation of {} tokens: the model reads {}", tokens.size() - scored, max_length_);
    if (tokens.size() > most) {
      const std::size_t cut = tokens.size() - most;
      tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(cut));
      scored -= cut;
    }
    // What the last continuation and this one have in common before the first scored prediction has been read already.
    std::size_t common = 0;
    while (common < cached.size() && common + 1 < scored && cached[common] == tokens[common]) ++common;
    common = std::min(common, static_cast<std::size_t>(sequence_.length()));
    results.push_back(score(static_cast<std::int64_t>(common), tokens, scored));
    cached.assign(tokens.begin(), tokens.end() - 1);
  }
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
    const Loglikelihood part = score(0, window, window.size() - count);
    total.sum += part.sum;
    total.greedy = total.greedy && part.greedy;
    total.tokens += part.tokens;
    predicted = end;
  }
  return total;
}

std::string Scorer::generate(const GenerationRequest& request) {
  std::vector<TokenId> tokens = encode(request.context, true);
  if (tokens.empty()) tokens.push_back(first_token());
  const std::int64_t room = max_length_ - request.max_tokens;
  if (room < 1) fail("max_gen_toks {}: the model reads {} tokens in all", request.max_tokens, max_length_);
  if (static_cast<std::int64_t>(tokens.size()) > room) tokens.erase(tokens.begin(), tokens.end() - room);

  std::vector<std::string> until = request.until;
  for (const std::int32_t eos : config_.eos) until.push_back(tokenizer_.decode(std::span(&eos, 1), false));
  sequence_.truncate(0);
  std::vector<TokenId> generated;
  std::string answer;
  std::vector<TokenId> next = tokens;
  while (static_cast<int>(generated.size()) < request.max_tokens) {
    std::size_t best = 0;
    sequence_.extend(next, static_cast<std::int64_t>(next.size()) - 1, [&](std::int64_t, std::span<const float> logits) {
      best = static_cast<std::size_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    });
    const auto token = static_cast<TokenId>(best);
    if (std::find(config_.eos.begin(), config_.eos.end(), token) != config_.eos.end()) break;
    generated.push_back(token);
    answer = text::utf8_lossy(tokenizer_.decode(generated, true));
    if (std::any_of(until.begin(), until.end(),
                    [&](const std::string& stop) { return !stop.empty() && answer.find(stop) != std::string::npos; }))
      break;
    next = {token};
  }
  for (const std::string& stop : until) {
    if (!stop.empty()) answer = answer.substr(0, answer.find(stop));
  }
  return answer;
}

}  // namespace cairn::eval
