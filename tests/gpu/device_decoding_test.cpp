// Decoding on a device, whole: pages of keys and values, passes as graphs, tokens drawn there; kernels under emulation.
#include "engine/infer/sequence_batch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/infer/generate.h"
#include "engine/model/hf_folder.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/gpu/emulated_device.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

using namespace cairn::infer;
using cairn::train::tiny_model;

struct Decoded {
  std::vector<std::vector<std::int32_t>> tokens;
  std::vector<std::vector<float>> logits;     // of the last pass, where they are asked for
  std::vector<std::vector<double>> logprobs;  // of the tokens that are drawn: all but the first
};

// Answers of unlike length side by side: sequence i reads a prompt and writes `length` + i tokens; `only` one of them, or all.
struct Decoding {
  Decoding(Context& given, const model::Parameters& parameters, std::int64_t sequences, bool drawn = false)
      : batch(given, parameters, {.max_length = 64, .sequences = sequences}), draw(drawn) {}

  Decoded write(int answers, int length, int only = -1) {
    Decoded out;
    out.tokens.resize(static_cast<std::size_t>(answers));
    out.logits.resize(static_cast<std::size_t>(answers));
    out.logprobs.resize(static_cast<std::size_t>(answers));
    std::vector<int> sequences(static_cast<std::size_t>(answers), -1);
    for (int i = 0; i < answers; ++i) {
      if (only >= 0 && i != only) continue;
      const auto n = static_cast<std::size_t>(i);
      sequences[n] = *batch.open(64);
      std::vector<std::int32_t> prompt;
      for (int t = 0; t < 3 + 5 * i; ++t) prompt.push_back((t * 7 + i) % 37);
      batch.read(sequences[n], prompt, static_cast<std::int64_t>(prompt.size()) - 1,
                 [&](std::size_t, std::span<const float> logits) { out.tokens[n].push_back(most_likely(logits)); });
    }
    for (bool more = true; std::exchange(more, false);) {
      std::vector<SequenceBatch::Row> rows;
      std::vector<std::size_t> answers_of;
      for (std::size_t n = 0; n < sequences.size(); ++n) {
        if (sequences[n] < 0 || out.tokens[n].size() >= static_cast<std::size_t>(length) + n) continue;
        rows.push_back({sequences[n], out.tokens[n].back(), true, draw ? &rule : nullptr, out.tokens[n].size()});
        answers_of.push_back(n);
      }
      if (rows.empty()) break;
      batch.step(
          rows,
          [&](std::size_t row, std::span<const float> logits) {
            out.tokens[answers_of[row]].push_back(most_likely(logits));
            out.logits[answers_of[row]].assign(logits.begin(), logits.end());
          },
          [&](std::size_t row, TokenScore chosen) {
            out.tokens[answers_of[row]].push_back(chosen.token);
            out.logprobs[answers_of[row]].push_back(chosen.logprob);
          });
      more = true;
    }
    for (const int sequence : sequences) {
      if (sequence >= 0) batch.close(sequence);
    }
    return out;
  }
  static std::int32_t most_likely(std::span<const float> logits) {
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }

  SequenceBatch batch;
  bool draw;
  SamplingParams rule{.temperature = 0.8, .top_p = 0.9, .seed = 3};
};

model::Parameters tiny_parameters(Dtype dtype) {
  model::Parameters parameters(tiny_model(), Dtype::f32);
  model::initialise(parameters, 1);
  model::Parameters out(tiny_model(), dtype);
  ThreadPool pool(1);
  Context context{cpu_backend(), pool};
  out.convert_from(context, parameters);
  return out;
}

}  // namespace

TEST_CASE("decoding on a device agrees with the reference, and an answer among others has the bits that it has alone") {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    CAPTURE(dtype_name(dtype));
    ThreadPool pool(1);
    EmulatedDevice device;
    Context there = device.context(pool), here{ref_backend(), pool};
    const model::Parameters parameters = tiny_parameters(dtype),
                            on_device = model::moved_to(&device.memory(), tiny_parameters(dtype));
    Decoding decoding(there, on_device, 4), reference(here, parameters, 4);
    const Decoded all = decoding.write(4, 9), expected = reference.write(4, 9);
    CHECK(decoding.batch.launches() == "as a graph");
    for (int i = 0; i < 4; ++i) {
      const auto n = static_cast<std::size_t>(i);
      if (dtype == Dtype::f32) CHECK(all.tokens[n] == expected.tokens[n]);
      const double bound = dtype == Dtype::f32 ? 1e-4 : 0.05;
      if (all.tokens[n] == expected.tokens[n]) {
        for (std::size_t v = 0; v < all.logits[n].size(); ++v) CHECK(std::abs(all.logits[n][v] - expected.logits[n][v]) < bound);
      }
      const Decoded one = decoding.write(4, 9, i);
      CHECK(one.tokens[n] == all.tokens[n]);
      CHECK(one.logits[n] == all.logits[n]);
    }
  }
}

TEST_CASE("decoding: a pass is recorded once for its shape and replayed at other places, to the bits of passes in turn") {
  ThreadPool pool(1);
  EmulatedDevice device, refusing;
  refusing.refuse_to_record("this driver records nothing");
  Context there = device.context(pool), in_turn = refusing.context(pool);
  const model::Parameters on_device = model::moved_to(&device.memory(), tiny_parameters(Dtype::f32)),
                          on_refusing = model::moved_to(&refusing.memory(), tiny_parameters(Dtype::f32));
  for (const auto& [answers, drawn] : {std::pair{1, true}, {3, false}}) {
    CAPTURE(answers);
    CAPTURE(drawn);
    const int before = device.graphs_run();
    Decoding recorded(there, on_device, answers, drawn), plain(in_turn, on_refusing, answers, drawn);
    const Decoded as_graphs = recorded.write(answers, 40), one_by_one = plain.write(answers, 40);
    CHECK(as_graphs.tokens == one_by_one.tokens);
    CHECK(as_graphs.logits == one_by_one.logits);
    CHECK(as_graphs.logprobs == one_by_one.logprobs);
    // 39 passes for the first, one more for each other; tables of one, two and four pages: the first of each shape is not
    // recorded.
    CHECK(device.graphs_run() - before == 38 + answers - 3);
    CHECK(refusing.graphs_run() == 0);
    CHECK(plain.batch.launches() == "in turn: this driver records nothing");
  }
}

TEST_CASE("decoding: tokens drawn on a device are those that the host draws from its logits") {
  ThreadPool pool(1);
  EmulatedDevice device;
  Context there = device.context(pool);
  const model::Parameters on_device = model::moved_to(&device.memory(), tiny_parameters(Dtype::f32));
  Decoding drawing(there, on_device, 2, true);
  REQUIRE(drawing.batch.draws_on_device());
  const Decoded drawn = drawing.write(2, 12);
  // The same tokens read again, their logits looked at.
  SequenceBatch& batch = drawing.batch;
  std::size_t compared = 0;
  for (std::size_t n = 0; n < 2; ++n) {
    REQUIRE(drawn.logprobs[n].size() + 1 == drawn.tokens[n].size());
    const int sequence = *batch.open(64);
    std::vector<std::int32_t> prompt;
    for (int t = 0; t < 3 + 5 * static_cast<int>(n); ++t) prompt.push_back((t * 7 + static_cast<int>(n)) % 37);
    Sampler sampler(drawing.rule, prompt, batch.vocab());
    batch.read(sequence, prompt, static_cast<std::int64_t>(prompt.size()) - 1,
               [&](std::size_t, std::span<const float> logits) { sampler.next(logits); });
    for (std::size_t i = 0; i + 1 < drawn.tokens[n].size(); ++i) {
      batch.step(std::vector<SequenceBatch::Row>{{sequence, drawn.tokens[n][i]}},
                 [&](std::size_t, std::span<const float> logits) {
                   const TokenScore chosen = sampler.next(logits);
                   CHECK(chosen.token == drawn.tokens[n][i + 1]);
                   CHECK(drawn.logprobs[n][i] == doctest::Approx(chosen.logprob).epsilon(1e-4));
                   ++compared;
                 });
    }
    batch.close(sequence);
  }
  CHECK(compared == 11 + 12);
}

TEST_CASE("decoding: an answer whose tokens are drawn on a device is the one that the host draws from copied logits") {
  REQUIRE_SHARED(shared);
  const std::filesystem::path folder = shared / "data/golden/apertus_tiny";
  ThreadPool pool(1);
  EmulatedDevice device;
  Context there = device.context(pool);
  model::LoadedModel loaded = model::load_hf_folder(folder, Dtype::f32);
  loaded.parameters = model::moved_to(&device.memory(), std::move(loaded.parameters));
  const text::Tokenizer tokenizer = text::Tokenizer::load(folder);
  SequenceBatch batch(there, loaded.parameters, {.max_length = 48, .sequences = 2});
  const auto ignore = [](const GeneratedToken&, const std::string&) { return true; };
  for (const double temperature : {0.0, 0.8}) {
    GenerationParams params;
    params.sampling.temperature = temperature;
    params.sampling.seed = 11;
    params.max_tokens = 12;
    params.ignore_eos = true;
    const std::vector<std::int32_t> prompt = tokenizer.encode("The mountain");
    const Generation there_drawn = generate(batch, tokenizer, {}, prompt, params, ignore);
    const int reads = device.reads();
    params.top_logprobs = 1;  // looked at: logits come to the host
    const Generation here_drawn = generate(batch, tokenizer, {}, prompt, params, ignore);
    CHECK(device.reads() - reads == 12);
    REQUIRE(there_drawn.tokens.size() == 12);
    REQUIRE(here_drawn.tokens.size() == 12);
    for (std::size_t i = 0; i < 12; ++i) {
      CHECK(there_drawn.tokens[i].token == here_drawn.tokens[i].token);
      CHECK(there_drawn.tokens[i].logprob == doctest::Approx(here_drawn.tokens[i].logprob).epsilon(1e-4));
    }
  }
}

}  // namespace cairn::test
