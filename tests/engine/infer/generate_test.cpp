#include "engine/infer/generate.h"

#include <cmath>

#include "base/json.h"
#include "engine/infer/sequence.h"
#include "engine/model/hf_folder.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::infer;
using cairn::test::error_of;

namespace {

// The golden model of ../shared: random weights, vocabulary 300, a real tokenizer.
struct Golden {
  explicit Golden(const std::filesystem::path& shared)
      : folder(shared / "data/golden/apertus_tiny"),
        loaded(model::load_hf_folder(folder, Dtype::f32)),
        tokenizer(text::Tokenizer::load(folder)) {}
  std::filesystem::path folder;
  model::LoadedModel loaded;
  text::Tokenizer tokenizer;
  ThreadPool pool{2};
  Context context{cpu_backend(), pool};
};

std::vector<std::int32_t> ids(const Generation& generation) {
  std::vector<std::int32_t> out;
  for (const GeneratedToken& token : generation.tokens) out.push_back(token.token);
  return out;
}

const auto kIgnore = [](const GeneratedToken&, const std::string&) { return true; };

}  // namespace

TEST_CASE("generate: greedy continuations equal transformers' where no two logits are close") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 1024});
  const Json expected = read_json(shared / "data/golden/lm_eval/golden.json")["runs"][0]["samples"]["gsm8k_local"];
  int compared = 0;
  for (const Json& sample : expected) {
    if (sample["smallest_top2_gap"].get<double>() < 1e-3) continue;
    const std::string prompt = sample["contexts_and_continuations"][0][0];
    GenerationParams params;
    params.sampling.temperature = 0;
    params.max_tokens = 48;
    const auto tokens = golden.tokenizer.encode(prompt);
    const Generation generation = generate(batch, golden.tokenizer, golden.loaded.config.eos, tokens, params, kIgnore);
    auto wanted = sample["generated_ids"].get<std::vector<std::int32_t>>();
    while (!wanted.empty() && (wanted.back() == 2 || wanted.back() == 3)) wanted.pop_back();
    CHECK(ids(generation) == wanted);
    ++compared;
  }
  CHECK(compared > 3);
}

TEST_CASE("sequence: with weights and activations of bfloat16 the logits stay within 3% of float32") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  const model::LoadedModel rounded = model::load_hf_folder(golden.folder, Dtype::bf16);
  std::vector<std::int32_t> tokens(100);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<std::int32_t>(4 + i * 37 % 290);
  const auto logits_of = [&](const model::Parameters& parameters) {
    Sequence sequence(golden.context, parameters, 128);
    std::vector<float> all;
    const auto take = [&](std::int64_t, std::span<const float> row) { all.insert(all.end(), row.begin(), row.end()); };
    sequence.extend(std::span(tokens).first(60), 0, take);
    sequence.extend(std::span(tokens).subspan(60), 0, take);
    return all;
  };
  const std::vector<float> exact = logits_of(golden.loaded.parameters), near = logits_of(rounded.parameters);
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    difference += (exact[i] - near[i]) * (exact[i] - near[i]);
    norm += exact[i] * exact[i];
  }
  CHECK(std::sqrt(difference / norm) < 0.03);
  CHECK(difference > 0);
}

TEST_CASE("generate: seeds, limits, stop strings and cancelling") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 64});
  const auto prompt = golden.tokenizer.encode("The mountain");
  GenerationParams params;
  params.sampling.seed = 5;
  params.max_tokens = 20;
  params.ignore_eos = true;
  const auto run = [&](const auto& on_token) {
    return generate(batch, golden.tokenizer, golden.loaded.config.eos, prompt, params, on_token);
  };

  const Generation first = run(kIgnore);
  CHECK(first.tokens.size() == 20);
  CHECK(first.finish == FinishReason::length);
  CHECK(ids(run(kIgnore)) == ids(first));

  std::string streamed;
  run([&](const GeneratedToken&, const std::string& shown) {
    CHECK(text::valid_utf8_prefix(shown) == shown.size());
    streamed += shown;
    return true;
  });
  CHECK(!streamed.empty());
  CHECK(first.text.substr(0, streamed.size()) == streamed);

  int seen = 0;
  const Generation cancelled = run([&](const GeneratedToken&, const std::string&) { return ++seen < 3; });
  CHECK(cancelled.finish == FinishReason::cancelled);
  CHECK(cancelled.tokens.size() == 3);

  std::string bytes;
  for (const GeneratedToken& token : first.tokens) {
    if (!golden.tokenizer.is_special(token.token)) bytes += golden.tokenizer.token_bytes(token.token);
  }
  CHECK(first.text == text::utf8_lossy(bytes));
  params.stop = {bytes.substr(4, 3)};
  const Generation stopped = run(kIgnore);
  CHECK(stopped.finish == FinishReason::stop);
  CHECK(stopped.text == text::utf8_lossy(bytes.substr(0, bytes.find(params.stop[0]))));
  params.stop.clear();

  params.max_tokens = 1000;  // more than there is room for
  const Generation full = run(kIgnore);
  CHECK(full.finish == FinishReason::length);
  CHECK(full.tokens.size() == 64 - prompt.size() + 1);

  CHECK(error_of([&] { generate(batch, golden.tokenizer, {}, {}, params, kIgnore); }) ==
        "an empty prompt: nothing to go on from");
  const std::vector<std::int32_t> long_prompt(65, 10);
  CHECK(error_of([&] { generate(batch, golden.tokenizer, {}, long_prompt, params, kIgnore); }) ==
        "the prompt has 65 tokens, the model reads at most 64");
}

TEST_CASE("sequence: pieces, truncation and one token at a time give the same logits as one pass") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  Sequence sequence(golden.context, golden.loaded.parameters, 600);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 400; ++i) tokens.push_back(4 + (i * 37) % 290);
  const auto last = [&](std::span<const std::int32_t> piece) {
    std::vector<float> out;
    sequence.extend(piece, static_cast<std::int64_t>(piece.size()) - 1,
                    [&](std::int64_t, std::span<const float> logits) { out.assign(logits.begin(), logits.end()); });
    return out;
  };
  const std::vector<float> whole = last(tokens);
  sequence.truncate(100);
  CHECK(sequence.length() == 100);
  for (std::size_t i = 100; i + 1 < tokens.size(); ++i) last(std::span(tokens).subspan(i, 1));
  const std::vector<float> stepwise = last(std::span(tokens).subspan(tokens.size() - 1));
  for (std::size_t i = 0; i < whole.size(); ++i) CHECK(stepwise[i] == doctest::Approx(whole[i]).epsilon(1e-4));
  CHECK(error_of([&] { sequence.truncate(401); }) != "");
  const std::vector<std::int32_t> outside{300};
  CHECK(error_of([&] { last(outside); }) != "");
}
