#include "eval/python_random.h"

#include <set>

#include "tests/support/test.h"

using cairn::eval::PythonRandom;
using Indices = std::vector<std::int64_t>;

// Values printed by CPython 3.11: random.Random(seed).sample(range(n), k), .random(), .getrandbits(32).
TEST_CASE("python random: sample draws what CPython draws") {
  CHECK(PythonRandom(1234).sample(7473, 5) == Indices{6374, 3610, 957, 61, 742});
  CHECK(PythonRandom(1234).sample(10, 3) == Indices{7, 1, 0});
  CHECK(PythonRandom(0).sample(60, 4) == Indices{54, 24, 48, 56});
  CHECK(PythonRandom(7).sample(5, 5) == Indices{2, 1, 3, 0, 4});
}

TEST_CASE("python random: uniform numbers and bits are CPython's") {
  PythonRandom random(42);
  CHECK(random.uniform() == 0.6394267984578837);
  CHECK(random.uniform() == 0.025010755222666936);
  CHECK(PythonRandom(5000000000).bits32() == 372202282U);
}

TEST_CASE("python random: a draw holds each index once") {
  const Indices drawn = PythonRandom(3).sample(1000, 900);
  CHECK(std::set<std::int64_t>(drawn.begin(), drawn.end()).size() == 900);
  CHECK(cairn::test::error_of([] { PythonRandom(3).sample(3, 4); }) == "PythonRandom::sample: cannot draw 4 of 3");
}
