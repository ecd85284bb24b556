// A model of ours that scores and writes for an evaluation: several at once as one by one.
#include "eval/scorer.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/model/hf_folder.h"
#include "kernels/backend.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::eval;
using cairn::test::error_of;

namespace {

struct Golden {
  explicit Golden(const std::filesystem::path& shared)
      : loaded(model::load_hf_folder(shared / "data/golden/apertus_tiny", Dtype::f32)),
        tokenizer(text::Tokenizer::load(shared / "data/golden/apertus_tiny")) {}
  model::LoadedModel loaded;
  text::Tokenizer tokenizer;
  ThreadPool pool{2};
  Context context{cpu_backend(), pool};
  Scorer scorer{context, loaded.parameters, tokenizer, {.max_length = 200}};
};

}  // namespace

TEST_CASE("scorer: texts generated together are those generated alone") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 40; ++i)  // more than there are places for, of unlike length, one that ends at once
    requests.push_back({std::string(static_cast<std::size_t>(i % 9), static_cast<char>('a' + i % 3)) + " the mountain",
                        {"\n"},
                        i == 7 ? 0 : 5 + i % 30});
  const std::vector<std::string> together = golden.scorer.generate(requests, {});
  REQUIRE(together.size() == requests.size());
  std::size_t written = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CHECK(golden.scorer.generate({requests[i]}, {}) == std::vector<std::string>{together[i]});
    written += together[i].size();
  }
  CHECK(written > 100);
  CHECK(together[7].empty());
  CHECK(golden.scorer.generate({}, {}).empty());
}

TEST_CASE("scorer: texts are told one by one, and who wants no more after some gets its scorer back as it was") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 30; ++i) requests.push_back({"the mountain " + std::to_string(i), {}, 3 + i});
  std::size_t done = 0;
  const std::vector<std::string> texts = golden.scorer.generate(requests, [&] { ++done; });
  CHECK(done == requests.size());
  for (std::size_t most : {0u, 3u, 20u}) {
    done = 0;
    CHECK(error_of([&] {
            golden.scorer.generate(requests, [&] {
              if (done++ == most) fail("enough");
            });
          }) == "enough");
    CHECK(done == most + 1);
    CHECK(golden.scorer.generate(requests, {}) == texts);
  }
}

TEST_CASE("scorer: continuations of one context, long and short, are scored together as they are alone") {
  REQUIRE_SHARED(shared);
  Golden golden(shared);
  const std::string context = "The question is which of these follows:";
  std::vector<std::string> continuations;
  for (int i = 0; i < 37; ++i) {
    std::string text = " ";
    for (int word = 0; word <= i % 12; ++word) text += (word % 2 == 0 ? "mountain " : "river ") + std::to_string(i);
    continuations.push_back(text);
  }
  const std::vector<Loglikelihood> together = golden.scorer.loglikelihoods(context, continuations);
  REQUIRE(together.size() == continuations.size());
  int longest = 0;
  for (std::size_t i = 0; i < continuations.size(); ++i) {
    const Loglikelihood alone = golden.scorer.loglikelihoods(context, {continuations[i]})[0];
    CHECK(together[i].sum == doctest::Approx(alone.sum).epsilon(1e-5));
    CHECK(together[i].greedy == alone.greedy);
    CHECK(together[i].tokens == alone.tokens);
    longest = std::max(longest, alone.tokens);
  }
  CHECK(longest > 32);  // which are read by themselves
  CHECK(golden.scorer.loglikelihoods(context, {}).empty());
  // Again: what the first call left behind changes nothing.
  const std::vector<Loglikelihood> again = golden.scorer.loglikelihoods(context, continuations);
  for (std::size_t i = 0; i < again.size(); ++i) CHECK(again[i].sum == together[i].sum);
}
