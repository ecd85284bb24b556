#include "engine/train/schedule.h"

#include <cmath>
#include <vector>

#include "tests/support/test.h"

using namespace cairn::train;

namespace {

constexpr std::int64_t kLength = 4096;  // tokens in a sample

LearningRateSchedule apertus(double peak) {
  LearningRateSchedule s;
  s.shape = LearningRateSchedule::Shape::wsd;
  s.peak = peak;
  s.floor = peak / 10;
  s.warmup_tokens = 4'096'000 * kLength;
  s.cooldown_tokens = 403'905'806 * kLength;
  s.total_tokens = 3'662'109'375 * kLength;  // 15e12
  return s;
}

}  // namespace

TEST_CASE("schedule: WSD of the 8B and the 70B, the table of the spec") {
  struct Row {
    std::int64_t samples;
    double lr8, lr70;
  };
  const std::int64_t cooldown = 3'258'203'569;
  const std::vector<Row> rows{{0, 0, 0},
                              {1'024, 2.75e-8, 2.5e-9},
                              {2'048'000, 5.5e-5, 5e-6},
                              {4'096'000, 1.1e-4, 1e-5},
                              {1'000'000'000, 1.1e-4, 1e-5},
                              {cooldown, 1.1e-4, 1e-5},
                              {cooldown + 4'039'058, 1.00100000073532e-4, 9.100000006684727e-6},
                              {cooldown + 100'976'451, 6.050000012255334e-5, 5.500000011141211e-6},
                              {cooldown + 201'952'903, 3.9996428662531796e-5, 3.636038969321072e-6},
                              {cooldown + 302'929'354, 2.4263485096096777e-5, 2.2057713723724345e-6},
                              {3'662'109'375, 1.1e-5, 1e-6},
                              {3'662'109'376, 1.1e-5, 1e-6}};
  for (const Row& row : rows) {
    CHECK(apertus(1.1e-4).at(row.samples * kLength) == doctest::Approx(row.lr8).epsilon(1e-13));
    CHECK(apertus(1.0e-5).at(row.samples * kLength) == doctest::Approx(row.lr70).epsilon(1e-13));
  }
}

TEST_CASE("schedule: warm-up from an initial rate, cosine, linear, constant") {
  LearningRateSchedule s = apertus(1.0);
  s.initial = 0.1;
  CHECK(s.at(0) == doctest::Approx(0.1));
  CHECK(s.at(2'048'000 * kLength) == doctest::Approx(0.55));

  s = {LearningRateSchedule::Shape::cosine, 0, 1.0, 0.1, 100, 0, 1100};
  CHECK(s.at(50) == doctest::Approx(0.5));
  CHECK(s.at(100) == doctest::Approx(1.0));
  CHECK(s.at(600) == doctest::Approx(0.55));
  CHECK(s.at(350) == doctest::Approx(0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5))));
  CHECK(s.at(1100) == doctest::Approx(0.1));
  CHECK(s.at(5000) == doctest::Approx(0.1));

  s.shape = LearningRateSchedule::Shape::linear;
  s.floor = 0;
  CHECK(s.at(600) == doctest::Approx(0.5));
  CHECK(s.at(1100) == doctest::Approx(0.0));

  s = {LearningRateSchedule::Shape::constant, 0, 0.3, 0, 0, 0, 0};
  CHECK(s.at(0) == doctest::Approx(0.3));
  CHECK(s.at(1'000'000) == doctest::Approx(0.3));
}

TEST_CASE("schedule: the two cooldowns of WSD") {
  LearningRateSchedule s{LearningRateSchedule::Shape::wsd, 0, 1.0, 0.2, 0, 100, 1000};
  CHECK(s.at(900) == 1.0);
  CHECK(s.at(925) == doctest::Approx(0.6));  // 0.2 + 0.8 (1 - sqrt(1/4))
  s.cooldown = LearningRateSchedule::Cooldown::linear;
  CHECK(s.at(900) == 1.0);
  CHECK(s.at(925) == doctest::Approx(0.8));
  CHECK(s.at(1000) == doctest::Approx(0.2));
  CHECK(s.at(1001) == 0.2);
}

TEST_CASE("schedule: lengths that do not fit are refused") {
  LearningRateSchedule s{LearningRateSchedule::Shape::wsd, 0, 1, 0, 60, 60, 100};
  CHECK(cairn::test::error_of([&] { s.check(); }).find("do not fit into 100 tokens") != std::string::npos);
  s.warmup_tokens = 40;
  CHECK_NOTHROW(s.check());
  s.warmup_tokens = -1;
  CHECK_FALSE(cairn::test::error_of([&] { s.check(); }).empty());
  CHECK(cairn::test::error_of([] { schedule_shape("wds"); }).find("known: constant, wsd") != std::string::npos);
  CHECK(cairn::test::error_of([] { cooldown_shape("square"); }).find("known: sqrt, linear") != std::string::npos);
}

TEST_CASE("schedule: AdEMAMix alpha and beta3, the table of the spec") {
  struct Row {
    std::int64_t step;
    double alpha, beta3;
  };
  for (const Row& row : std::vector<Row>{{1, 8e-5, 0.9009883312877875},
                                         {10, 8e-4, 0.9090765770366876},
                                         {100, 0.008, 0.949966248895425},
                                         {1000, 0.08, 0.9909009905567496},
                                         {10000, 0.8, 0.9990090102690186},
                                         {50000, 4, 0.9998002195855972},
                                         {99999, 7.99992, 0.999900009001089},
                                         {100000, 8, 0.9999},
                                         {200000, 8, 0.9999}}) {
    CHECK(ademamix_alpha(row.step, 8, 100000) == doctest::Approx(row.alpha).epsilon(1e-14));
    CHECK(ademamix_beta3(row.step, 0.9, 0.9999, 100000) == doctest::Approx(row.beta3).epsilon(1e-14));
  }
  CHECK(ademamix_alpha(1, 8, 0) == 8);
  CHECK(ademamix_beta3(1, 0.9, 0.9999, 0) == 0.9999);
}
