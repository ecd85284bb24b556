#include "engine/infer/sampling.h"

#include <array>
#include <cmath>
#include <map>

#include "base/random.h"
#include "kernels/backend.h"
#include "tests/support/test.h"

using namespace cairn::infer;
using cairn::test::error_of;

namespace {

const std::vector<float> kLogits{1.0F, 3.0F, 2.0F, 3.0F, -1.0F};

std::map<std::int32_t, int> draws(SamplingParams params, int count) {
  std::map<std::int32_t, int> seen;
  for (int i = 0; i < count; ++i) {
    params.seed = static_cast<std::uint64_t>(i);
    ++seen[Sampler(params, {}, 5).next(kLogits).token];
  }
  return seen;
}

}  // namespace

TEST_CASE("sampling: temperature 0 takes the most likely token, the lowest id on ties") {
  SamplingParams params;
  params.temperature = 0;
  const TokenScore chosen = Sampler(params, {}, 5).next(kLogits);
  CHECK(chosen.token == 1);
  const double sum = std::exp(1.0) + 2 * std::exp(3.0) + std::exp(2.0) + std::exp(-1.0);
  CHECK(chosen.logprob == doctest::Approx(3.0 - std::log(sum)).epsilon(1e-12));
}

TEST_CASE("sampling: frequencies follow the softmax at the temperature") {
  SamplingParams params;
  params.temperature = 0.7;
  constexpr int kDraws = 20000;
  const auto seen = draws(params, kDraws);
  double total = 0;
  for (const float logit : kLogits) total += std::exp(logit / 0.7);
  for (std::int32_t token = 0; token < 5; ++token) {
    const double p = std::exp(kLogits[static_cast<std::size_t>(token)] / 0.7) / total;
    const double sigma = std::sqrt(kDraws * p * (1 - p));
    const int count = seen.count(token) ? seen.at(token) : 0;
    CHECK(std::abs(count - kDraws * p) < 4.5 * sigma + 1);
  }
}

TEST_CASE("sampling: top-k, top-p and min-p leave out the unlikely") {
  SamplingParams params;
  params.top_k = 3;
  CHECK(draws(params, 2000).size() == 3);
  CHECK(draws(params, 2000).count(0) == 0);
  params.top_k = 0;
  params.top_p = 0.5;  // the two tokens of logit 3 have 0.80 of the probability
  CHECK(draws(params, 2000).size() == 2);
  params.top_p = 0.01;
  CHECK(draws(params, 200).size() == 1);
  params.top_p = 1;
  params.min_p = 0.3;  // exp(2 - 3) = 0.37 stays, exp(1 - 3) = 0.14 goes
  CHECK(draws(params, 2000).size() == 3);
}

TEST_CASE("sampling: the same seed gives the same tokens, another seed others") {
  SamplingParams params;
  params.seed = 11;
  Sampler a(params, {}, 5), b(params, {}, 5);
  params.seed = 12;
  Sampler c(params, {}, 5);
  int differ = 0;
  for (int i = 0; i < 50; ++i) {
    const auto x = a.next(kLogits).token;
    CHECK(x == b.next(kLogits).token);
    differ += x != c.next(kLogits).token;
  }
  CHECK(differ > 5);
}

TEST_CASE("sampling: penalties and bias move the choice") {
  SamplingParams params;
  params.temperature = 0;
  params.presence_penalty = 1.5;
  Sampler presence(params, {}, 5);
  CHECK(presence.next(kLogits).token == 1);
  CHECK(presence.next(kLogits).token == 3);
  CHECK(presence.next(kLogits).token == 2);
  params.presence_penalty = 0;
  params.logit_bias = {{4, 50.0}};
  CHECK(Sampler(params, {}, 5).next(kLogits).token == 4);
  params.logit_bias.clear();
  params.repetition_penalty = 2;
  const std::vector<std::int32_t> prompt{1, 3};
  CHECK(Sampler(params, prompt, 5).next(kLogits).token == 2);
}

TEST_CASE("sampling: parameters out of range are named") {
  const auto error = [](auto change) {
    SamplingParams params;
    change(params);
    return error_of([&] { Sampler(params, {}, 5); });
  };
  CHECK(error([](SamplingParams& p) { p.temperature = -1; }) == "temperature: expected a number from 0 to 2, found -1");
  CHECK(error([](SamplingParams& p) { p.temperature = std::nan(""); }).find("temperature") == 0);
  CHECK(error([](SamplingParams& p) { p.top_p = 0; }).find("top_p") == 0);
  CHECK(error([](SamplingParams& p) { p.top_k = -1; }).find("top_k") == 0);
  CHECK(error([](SamplingParams& p) { p.logit_bias = {{7, 1.0}}; }) == "logit_bias: token 7 is outside the vocabulary of 5");
}

TEST_CASE("sampling: the most likely tokens, in order") {
  const auto top = top_logprobs(kLogits, 3);
  REQUIRE(top.size() == 3);
  CHECK(top[0].token == 1);
  CHECK(top[1].token == 3);
  CHECK(top[2].token == 2);
  CHECK(top[0].logprob == logprob_of(kLogits, 1));
}

TEST_CASE("sampling: the operation of the kernels draws the tokens that the sampler draws") {
  constexpr std::int64_t kVocabulary = 500;
  cairn::ThreadPool pool(1);
  const cairn::Random random(3, "logits");
  int different = 0;
  for (std::uint64_t round = 0; round < 400; ++round) {
    SamplingParams params;
    params.seed = round * 0x9e3779b97f4a7c15u;
    params.temperature = round % 7 == 0 ? 0 : 0.2 + 0.1 * static_cast<double>(round % 17);
    params.top_p = round % 3 == 0 ? 1 : 0.3 + 0.1 * static_cast<double>(round % 7);
    params.top_k = round % 4 == 0 ? static_cast<std::int64_t>(round % 60) : 0;
    params.min_p = round % 5 == 0 ? 0.05 : 0;
    std::vector<float> logits(kVocabulary);
    for (std::size_t i = 0; i < logits.size(); ++i)
      logits[i] = std::round(static_cast<float>(random.normal(round * kVocabulary + i)) * 16) / 8;  // with equals among them
    const std::int32_t none = round % 6 == 0 ? static_cast<std::int32_t>(round % 12 == 0 ? 0 : round) : -1;
    if (none >= 0) logits[static_cast<std::size_t>(none)] = std::nanf("");
    Sampler sampler(params, {}, kVocabulary);
    for (std::int32_t draw = 0; draw < 3; ++draw) {
      const std::int32_t want = sampler.next(logits).token;
      std::array<double, 4> rules{params.temperature, params.top_p, static_cast<double>(params.top_k), params.min_p};
      std::array<std::int32_t, 4> draws{static_cast<std::int32_t>(params.seed), static_cast<std::int32_t>(params.seed >> 32),
                                        draw, 0};
      for (const cairn::Backend* backend : {&cairn::ref_backend(), &cairn::cpu_backend()}) {
        cairn::Context context{*backend, pool};
        std::int32_t token = -1;
        cairn::ops::sample(context, {&token, cairn::Dtype::i32, {1}}, {logits.data(), cairn::Dtype::f32, {1, kVocabulary}},
                           {rules.data(), cairn::Dtype::f64, {1, 4}}, {draws.data(), cairn::Dtype::i32, {1, 4}});
        different += token != want || token == none;
      }
    }
  }
  CHECK(different == 0);
}
