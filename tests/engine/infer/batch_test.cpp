// Several answers at once: each gets what it gets alone, and all get the pages that there are.
#include "engine/infer/scheduler.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/infer/decode_bench.h"
#include "engine/model/config.h"
#include "engine/model/hf_folder.h"
#include "kernels/backend.h"
#include "kernels/compute_device.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::infer;
using cairn::test::error_of;

namespace {

GenerationJob job_of(std::vector<std::int32_t> prompt, const GenerationParams& params) {
  GenerationJob job;
  job.prompt = std::make_shared<const std::vector<std::int32_t>>(std::move(prompt));
  job.params = std::make_shared<const GenerationParams>(params);
  return job;
}

// `prompt` times the same token, and so many behind it.
GenerationJob plain_job(std::size_t prompt, std::int64_t max_tokens) {
  GenerationParams params;
  params.max_tokens = max_tokens;
  params.ignore_eos = true;
  return job_of(std::vector<std::int32_t>(prompt, 10), params);
}

// The golden model of ../shared: random weights, vocabulary 300, a real tokenizer.
struct Golden {
  Golden(const std::filesystem::path& shared, const Backend& backend, Dtype dtype)
      : loaded(model::load_hf_folder(shared / "data/golden/apertus_tiny", dtype)),
        tokenizer(text::Tokenizer::load(shared / "data/golden/apertus_tiny")),
        context{backend, pool} {}
  model::LoadedModel loaded;
  text::Tokenizer tokenizer;
  ThreadPool pool{2};
  Context context;

  // Prompts of unlike lengths, rules and seeds. The longest is read in two pieces.
  GenerationJob job(int number, std::int64_t max_tokens) const {
    const int length = number % 7 == 6 ? 270 : 1 + number * 11 % 37;
    std::vector<std::int32_t> prompt;
    for (int i = 0; i < length; ++i) prompt.push_back(4 + (i * 37 + number * 13) % 290);
    GenerationParams params;
    params.sampling.seed = static_cast<std::uint64_t>(number);
    params.sampling.temperature = number % 3 * 0.6;
    params.sampling.top_p = number % 2 == 0 ? 0.9 : 1;
    params.max_tokens = max_tokens + number % 5;
    params.ignore_eos = true;
    return job_of(std::move(prompt), params);
  }
};

using Written = std::vector<std::pair<std::int32_t, double>>;  // tokens and their log-probabilities

Written written(const Generation& generation) {
  Written out;
  for (const GeneratedToken& token : generation.tokens) out.emplace_back(token.token, token.logprob);
  return out;
}

const auto kIgnore = [](const GeneratedToken&, const std::string&) { return true; };

Written alone(const Golden& golden, SequenceBatch& batch, const GenerationJob& job) {
  return written(generate(batch, golden.tokenizer, {}, *job.prompt, *job.params, kIgnore));
}

}  // namespace

TEST_CASE("batch: an answer among others that come and go has the bits that it has alone") {
  REQUIRE_SHARED(shared);
  struct Case {
    const Backend* backend;
    Dtype dtype;
    std::int64_t sequences;
    int jobs;
    std::int64_t tokens;  // of an answer: as many rounds as others need to begin
  };
  // More than 12 rows: where products of many rows would be computed in another order.
  for (const Case& each : {Case{&cpu_backend(), Dtype::f32, 3, 8, 9}, Case{&cpu_backend(), Dtype::f32, 17, 24, 30},
                           Case{&cpu_backend(), Dtype::bf16, 17, 24, 30}, Case{&ref_backend(), Dtype::f32, 3, 5, 9}}) {
    CAPTURE(each.backend->name);
    CAPTURE(each.sequences);
    Golden golden(shared, *each.backend, each.dtype);
    const BatchLimits limits{.max_length = 320, .sequences = each.sequences, .cache_tokens = each.sequences * 320};
    SequenceBatch batch(golden.context, golden.loaded.parameters, limits);
    std::vector<Written> lone, together(static_cast<std::size_t>(each.jobs));
    for (int i = 0; i < each.jobs; ++i) lone.push_back(alone(golden, batch, golden.job(i, each.tokens)));
    Scheduler scheduler(batch, golden.tokenizer, {});
    std::int64_t most = 0;
    for (int i = 0; i < each.jobs; ++i) {
      GenerationJob job = golden.job(i, each.tokens);
      job.on_done = [&, i](const Generation& done) { together[static_cast<std::size_t>(i)] = written(done); };
      scheduler.add(std::move(job));
      if (i % 3 == 0) scheduler.work();  // some come while others are under way
      most = std::max(most, scheduler.running());
    }
    while (scheduler.work()) most = std::max(most, scheduler.running());
    CHECK(together == lone);
    CHECK(most == each.sequences);
    CHECK(batch.free_pages() == batch.pages());
  }
}

TEST_CASE("batch: who finds no pages waits until others have ended, in turn; what can never fit is refused") {
  REQUIRE_SHARED(shared);
  Golden golden(shared, cpu_backend(), Dtype::f32);
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 64, .sequences = 4, .cache_tokens = 96});
  CHECK(batch.pages() == 6);
  Scheduler scheduler(batch, golden.tokenizer, {});
  std::string order;
  const auto add = [&](char name, std::size_t prompt, std::int64_t max_tokens) {
    GenerationJob job = plain_job(prompt, max_tokens);
    job.on_start = [&order, name] { order += name; };
    job.on_done = [&order, name](const Generation&) { order += static_cast<char>(std::toupper(name)); };
    scheduler.add(std::move(job));
  };
  add('a', 30, 20);  // 4 pages
  add('b', 40, 10);  // 4 pages: waits for a
  add('c', 10, 3);   // 1 page, which is there: but b came before
  scheduler.work();
  CHECK(order == "a");
  CHECK(batch.free_pages() == 2);
  CHECK(scheduler.waiting() == 2);
  while (scheduler.work()) {
  }
  CHECK(order == "aAbcCB");
  CHECK(batch.free_pages() == 6);
  CHECK(error_of([&] { add('d', 65, 1); }) == "the prompt has 65 tokens, the model reads at most 64");
  CHECK(error_of([&] { SequenceBatch(golden.context, golden.loaded.parameters, {.max_length = 64, .cache_tokens = 48}); }) ==
        "a cache of 48 tokens has no room for one sequence of 64");
  CHECK(error_of([&] {
          SequenceBatch(golden.context, golden.loaded.parameters, {.max_length = 1 << 30});
        }).find("the model reads 1 to") != std::string::npos);
}

TEST_CASE("batch: answers that nobody wants any more free their pages, waiting, reading or writing") {
  REQUIRE_SHARED(shared);
  Golden golden(shared, cpu_backend(), Dtype::f32);
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 600, .sequences = 2});
  Scheduler scheduler(batch, golden.tokenizer, {});
  bool gone[3] = {};
  std::vector<Generation> done(3);
  for (int i = 0; i < 3; ++i) {
    GenerationJob job = plain_job(i == 0 ? 5 : 520, 50);  // the second has read a piece of three when it goes, the third waits
    job.cancelled = [&gone, i] { return gone[i]; };
    job.on_done = [&done, i](Generation result) { done[static_cast<std::size_t>(i)] = std::move(result); };
    scheduler.add(std::move(job));
  }
  for (int round = 0; round < 3; ++round) scheduler.work();
  CHECK(scheduler.running() == 2);
  CHECK(scheduler.waiting() == 1);
  gone[0] = gone[1] = gone[2] = true;
  CHECK_FALSE(scheduler.work());
  CHECK(batch.free_pages() == batch.pages());
  for (const Generation& each : done) CHECK(each.finish == FinishReason::cancelled);
  CHECK(done[0].tokens.size() >= 2);
  CHECK(done[1].tokens.empty());
}

TEST_CASE("batch: what one answer's functions throw ends that answer alone") {
  REQUIRE_SHARED(shared);
  Golden golden(shared, cpu_backend(), Dtype::f32);
  const char* const kWhere[] = {"nowhere", "on_start", "on_prompt", "on_token", "cancelled", "on_done", "on_failed", "waiting"};
  constexpr int kJobs = 16;
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 320, .sequences = 5});
  std::vector<Written> lone, together(kJobs);
  std::vector<std::string> failures(kJobs);
  std::vector<int> calls(kJobs);
  for (int i = 0; i < kJobs; ++i) lone.push_back(alone(golden, batch, golden.job(i, 12)));
  Scheduler scheduler(batch, golden.tokenizer, {});
  for (int i = 0; i < kJobs; ++i) {
    const auto n = static_cast<std::size_t>(i);
    const std::string where = i % 2 == 0 ? kWhere[0] : kWhere[i / 2];
    GenerationJob job = golden.job(i, 12);
    const auto trip = [where](const char* here) {
      if (where == here) throw std::runtime_error("thrown in " + where);
    };
    int tokens = 0;
    job.on_start = [trip] { trip("on_start"), trip("on_failed"); };
    if (where == "on_prompt") job.on_prompt = [trip](std::size_t, std::span<const float>) { trip("on_prompt"); };
    job.on_token = [trip, tokens](const GeneratedToken&, const std::string&) mutable {
      if (++tokens == 3) trip("on_token");
    };
    job.cancelled = [trip, asked = 0, where]() mutable {
      if (where == "waiting" || ++asked > 6) trip("cancelled"), trip("waiting");
      return false;
    };
    job.on_done = [&, n, trip](const Generation& done) {
      trip("on_done");
      together[n] = written(done);
      ++calls[n];
    };
    job.on_failed = [&, n, trip](const std::exception_ptr& error) {
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& failure) {
        failures[n] = failure.what();
      }
      ++calls[n];
      trip("on_failed");
    };
    scheduler.add(std::move(job));
  }
  while (scheduler.work()) {
  }
  for (int i = 0; i < kJobs; ++i) {
    CAPTURE(i);
    const auto n = static_cast<std::size_t>(i);
    CHECK(calls[n] == 1);
    if (i % 2 == 0 || i == 1) {
      CHECK(together[n] == lone[n]);
    } else {
      CHECK(failures[n] == std::string("thrown in ") + kWhere[i / 2]);
    }
  }
  CHECK(batch.free_pages() == batch.pages());
}

TEST_CASE("batch: a sequence has room for exactly as many tokens as it was opened for, and all that fit are opened") {
  REQUIRE_SHARED(shared);
  Golden golden(shared, cpu_backend(), Dtype::f32);
  const auto ignore = [](std::size_t, std::span<const float>) {};
  // 50 is no whole number of pages: 64 slots lie in four. 113 tokens need 8 pages, two sequences of 50 likewise.
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 50, .sequences = 3, .cache_tokens = 113});
  CHECK(batch.pages() == 8);
  const int first = *batch.open(50), second = *batch.open(50);
  CHECK(batch.free_pages() == 0);
  CHECK_FALSE(batch.open(1).has_value());
  CHECK(batch.room(first) == 50);
  const std::vector<std::int32_t> tokens(51, 7);
  CHECK(error_of([&] { batch.read(first, tokens, 51, ignore); }) == "51 tokens do not fit behind 0 of at most 50");
  batch.read(first, std::span(tokens).first(49), 50, ignore);
  CHECK(batch.room(first) == 1);
  batch.step(std::vector<SequenceBatch::Row>{{first, 7}}, ignore);
  CHECK(batch.room(first) == 0);
  CHECK(error_of([&] {
          batch.step(std::vector<SequenceBatch::Row>{{first, 7}}, ignore);
        }) == "no room for token 51 of a sequence of at most 50");
  CHECK(error_of([&] { batch.read(first, std::span(tokens).first(1), 1, ignore); }) ==
        "1 tokens do not fit behind 50 of at most 50");
  batch.close(second);
  const int fork = *batch.fork(first, 50, 50);  // 48 tokens shared, a page of its own
  CHECK(batch.free_pages() == 3);
  CHECK(batch.room(fork) == 0);
  batch.close(fork), batch.close(first);

  // The last token of an answer is never read: 16 + 17 tokens are 32 in the cache, and three of 16 + 1 fit beside.
  SequenceBatch exact(golden.context, golden.loaded.parameters, {.max_length = 50, .sequences = 4, .cache_tokens = 80});
  Scheduler scheduler(exact, golden.tokenizer, {});
  std::vector<std::size_t> lengths;
  for (const std::int64_t more : {17, 1, 1, 1}) {
    GenerationJob job = plain_job(16, more);
    job.on_start = [&] { lengths.push_back(0); };
    job.on_done = [&](const Generation& done) { lengths.push_back(done.tokens.size()); };
    scheduler.add(std::move(job));
  }
  scheduler.work();
  CHECK(lengths == std::vector<std::size_t>{0, 0, 0, 0});
  while (scheduler.work()) {
  }
  CHECK(lengths == std::vector<std::size_t>{0, 0, 0, 0, 1, 1, 1, 17});
  // As many as the model reads: one more than that is written, by the last token that is read.
  CHECK(alone(golden, exact, golden.job(3, 1000)).size() == 50 - golden.job(3, 1000).prompt->size() + 1);
}

TEST_CASE("batch: a hundred answers at once, more than a pass takes, have the bits that they have alone") {
  REQUIRE_SHARED(shared);
  Golden golden(shared, cpu_backend(), Dtype::f32);
  constexpr int kJobs = 150;
  SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 320, .sequences = 100, .cache_tokens = 32000});
  std::vector<Written> lone, together(kJobs);
  for (int i = 0; i < kJobs; ++i) lone.push_back(alone(golden, batch, golden.job(i, 6)));
  Scheduler scheduler(batch, golden.tokenizer, {});
  for (int i = 0; i < kJobs; ++i) {
    GenerationJob job = golden.job(i, 6);
    job.on_done = [&, n = static_cast<std::size_t>(i)](const Generation& done) { together[n] = written(done); };
    scheduler.add(std::move(job));
  }
  std::int64_t most = 0;
  while (scheduler.work()) most = std::max(most, scheduler.running());
  CHECK(most == 100);
  CHECK(together == lone);
}

TEST_CASE("bench generate: as many sequences as are asked for find room, however long; what the model cannot read is refused") {
  model::ModelConfig tiny = model::preset("demo-2m");
  tiny.layers = 1;
  ThreadPool pool(2);
  const std::unique_ptr<ComputeDevice> device = open_compute_device("cpu");
  // 200 sequences of 11 pages: more than the cache has unless it is told.
  const DecodeBench bench = run_decode_bench(*device, pool, {.model = tiny, .sequences = {1, 200}, .prompt = 168, .tokens = 1});
  REQUIRE(bench.rates.size() == 2);
  CHECK(bench.rates[1].sequences == 200);
  CHECK(bench.rates[1].written_per_second > 0);
  const std::int64_t most = tiny.max_positions;
  CHECK(error_of([&] {
          run_decode_bench(*device, pool, {.model = tiny, .prompt = INT64_MAX - 1, .tokens = 32});
        }).find("the model reads " + std::to_string(most)) != std::string::npos);
}

TEST_CASE("batch: sequences that begin alike share pages, and each goes on by itself") {
  REQUIRE_SHARED(shared);
  for (const Backend* backend : {&cpu_backend(), &ref_backend()}) {
    Golden golden(shared, *backend, Dtype::f32);
    SequenceBatch batch(golden.context, golden.loaded.parameters, {.max_length = 64, .sequences = 4, .cache_tokens = 256});
    std::vector<std::int32_t> prompt;
    for (int i = 0; i < 40; ++i) prompt.push_back(4 + i * 37 % 290);
    const auto ignore = [](std::size_t, std::span<const float>) {};
    const auto rows_of = [&](int sequence, std::int32_t token) {
      return std::vector<SequenceBatch::Row>{{sequence, token, false}, {sequence, token + 1}, {sequence, token + 2}};
    };
    std::vector<std::vector<float>> lone;
    for (const std::int32_t token : {50, 90}) {
      const int sequence = *batch.open(60);
      batch.read(sequence, prompt, 40, ignore);
      batch.step(rows_of(sequence, token),
                 [&](std::size_t, std::span<const float> logits) { lone.emplace_back(logits.begin(), logits.end()); });
      batch.close(sequence);
    }
    const int first = *batch.open(40);
    batch.read(first, prompt, 40, ignore);
    CHECK(batch.pages() - batch.free_pages() == 3);
    const int left = *batch.fork(first, 40, 48), right = *batch.fork(first, 40, 48);
    CHECK(batch.pages() - batch.free_pages() == 5);  // 32 tokens are in two pages of all three
    batch.close(first);
    CHECK(batch.pages() - batch.free_pages() == 4);
    std::vector<SequenceBatch::Row> rows = rows_of(left, 50);
    for (const SequenceBatch::Row& row : rows_of(right, 90)) rows.push_back(row);
    std::vector<std::vector<float>> together;
    std::vector<std::size_t> numbers;
    batch.step(rows, [&](std::size_t row, std::span<const float> logits) {
      numbers.push_back(row);
      together.emplace_back(logits.begin(), logits.end());
    });
    CHECK(together == lone);
    CHECK(numbers == std::vector<std::size_t>{1, 2, 4, 5});
    CHECK(batch.length(left) == 43);
    CHECK(error_of([&] { batch.fork(left, 44, 64); }) == "a fork of 44 tokens from a sequence of 43");
    batch.close(left);
    CHECK(error_of([&] {
            batch.step(std::vector<SequenceBatch::Row>{{left, 5}}, ignore);
          }) == "there is no sequence " + std::to_string(left));
    CHECK(error_of([&] {
            batch.step(std::vector<SequenceBatch::Row>{{right, 300}}, ignore);
          }) == "token 300 is outside the vocabulary of 300");
    CHECK(error_of([&] {
            batch.step(std::vector<SequenceBatch::Row>(6, {right, 5}), ignore);
          }) == "no room for token 49 of a sequence of at most 48");
  }
}
