#include "engine/infer/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/random.h"

namespace cairn::infer {
namespace {

double log_sum_exp(std::span<const float> logits) {
  const double highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return highest + std::log(sum);
}

}  // namespace

void check_sampling(const SamplingParams& p) {
  const auto within = [](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high)) fail_usage("{}: expected a number from {} to {}, found {}", name, low, high, value);
  };
  within("temperature", p.temperature, 0, 2);
  if (!(p.top_p > 0)) fail_usage("top_p: expected a number above 0 and at most 1, found {}", p.top_p);
  within("top_p", p.top_p, 0, 1);
  if (p.top_k < 0) fail_usage("top_k: expected 0 (all) or more, found {}", p.top_k);
  within("min_p", p.min_p, 0, 1);
  within("presence_penalty", p.presence_penalty, -2, 2);
  within("frequency_penalty", p.frequency_penalty, -2, 2);
  if (!(p.repetition_penalty > 0)) fail_usage("repetition_penalty: expected a number above 0, found {}", p.repetition_penalty);
  for (const auto& [token, bias] : p.logit_bias) within("logit_bias", bias, -100, 100);
}

Sampler::Sampler(SamplingParams params, std::span<const std::int32_t> prompt, std::int64_t vocab)
    : params_(std::move(params)), counts_(static_cast<std::size_t>(vocab), 0), seen_(static_cast<std::size_t>(vocab), false) {
  check_sampling(params_);
  for (const auto& [token, bias] : params_.logit_bias) {
    if (token < 0 || token >= vocab) fail_usage("logit_bias: token {} is outside the vocabulary of {}", token, vocab);
  }
  for (const std::int32_t token : prompt) seen_[static_cast<std::size_t>(token)] = true;
}

TokenScore Sampler::next(std::span<const float> logits) {
  const std::size_t V = logits.size();
  scores_.assign(logits.begin(), logits.end());
  for (double& score : scores_) {
    if (std::isnan(score)) score = -std::numeric_limits<double>::infinity();  // it would stand in no order
  }
  if (params_.repetition_penalty != 1.0) {
    for (std::size_t i = 0; i < V; ++i) {
      if (seen_[i])
        scores_[i] = scores_[i] > 0 ? scores_[i] / params_.repetition_penalty : scores_[i] * params_.repetition_penalty;
    }
  }
  if (params_.presence_penalty != 0 || params_.frequency_penalty != 0) {
    for (std::size_t i = 0; i < V; ++i) {
      if (counts_[i] > 0) scores_[i] -= params_.presence_penalty + params_.frequency_penalty * counts_[i];
    }
  }
  for (const auto& [token, bias] : params_.logit_bias) scores_[static_cast<std::size_t>(token)] += bias;

  std::size_t chosen = static_cast<std::size_t>(std::max_element(scores_.begin(), scores_.end()) - scores_.begin());
  if (params_.temperature > 0) {
    // Most likely first; top-k, min-p and top-p each keep a prefix of this order.
    const double highest = scores_[chosen];
    order_.resize(V);
    std::iota(order_.begin(), order_.end(), 0);
    const auto more_likely = [&](std::int32_t a, std::int32_t b) {
      const double x = scores_[static_cast<std::size_t>(a)];
      const double y = scores_[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    };
    std::size_t kept = params_.top_k > 0 ? std::min(V, static_cast<std::size_t>(params_.top_k)) : V;
    if (kept < V) {
      std::partial_sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(kept), order_.end(), more_likely);
    } else if (params_.top_p < 1 || params_.min_p > 0) {
      std::sort(order_.begin(), order_.end(), more_likely);
    }
    std::vector<double> weights(kept);
    double total = 0;
    for (std::size_t i = 0; i < kept; ++i) {
      weights[i] = std::exp((scores_[static_cast<std::size_t>(order_[i])] - highest) / params_.temperature);
      total += weights[i];
    }
    if (params_.min_p > 0) {
      while (kept > 1 && weights[kept - 1] < params_.min_p) total -= weights[--kept];
    }
    if (params_.top_p < 1) {
      double reached = 0;
      std::size_t nucleus = 0;
      while (nucleus < kept && reached < params_.top_p * total) reached += weights[nucleus++];
      kept = std::max<std::size_t>(1, nucleus);
      total = reached;
    }
    const double target = Random(params_.seed, "sample").uniform(drawn_) * total;
    double passed = 0;
    std::size_t pick = 0;
    for (; pick + 1 < kept; ++pick) {
      passed += weights[pick];
      if (target < passed) break;
    }
    chosen = static_cast<std::size_t>(order_[pick]);
  }
  ++drawn_;
  ++counts_[chosen];
  seen_[chosen] = true;
  const auto token = static_cast<std::int32_t>(chosen);
  return {token, logprob_of(logits, token)};
}

double logprob_of(std::span<const float> logits, std::int32_t token) {
  return static_cast<double>(logits[static_cast<std::size_t>(token)]) - log_sum_exp(logits);
}

std::vector<TokenScore> top_logprobs(std::span<const float> logits, std::int64_t count) {
  std::vector<std::int32_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  const std::size_t kept = std::min(order.size(), static_cast<std::size_t>(std::max<std::int64_t>(0, count)));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](std::int32_t a, std::int32_t b) {
                      const float x = logits[static_cast<std::size_t>(a)];
                      const float y = logits[static_cast<std::size_t>(b)];
                      return x != y ? x > y : a < b;
                    });
  const double normaliser = log_sum_exp(logits);
  std::vector<TokenScore> out;
  for (std::size_t i = 0; i < kept; ++i)
    out.push_back({order[i], static_cast<double>(logits[static_cast<std::size_t>(order[i])]) - normaliser});
  return out;
}

}  // namespace cairn::infer
