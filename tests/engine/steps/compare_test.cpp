#include "engine/steps/compare.h"

#include <fstream>

#include "base/error.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::steps;

namespace {

struct Pair {
  test::TemporaryFolder folder;

  fs::path path(const char* side) const { return folder.path() / side; }
  void write(const char* side, const std::string& file, const std::string& text) {
    fs::create_directories((path(side) / file).parent_path());
    std::ofstream(path(side) / file) << text;
  }
  std::optional<Difference> compare(const ComparersByExtension& comparers = {}) {
    return first_difference(lineage::hash_content(path("a")), path("a"), lineage::hash_content(path("b")), path("b"), comparers);
  }
};

}  // namespace

TEST_CASE("equal trees have no difference") {
  Pair pair;
  for (const char* side : {"a", "b"}) pair.write(side, "x/y", "same");
  CHECK_FALSE(pair.compare());
}

TEST_CASE("the first differing file, and where it differs") {
  Pair pair;
  pair.write("a", "data.bin", std::string("ab\0d", 4));
  pair.write("b", "data.bin", std::string("ab\1d", 4));
  CHECK(pair.compare()->file == "data.bin");
  CHECK(pair.compare()->what == "byte 2: recorded 00, now 01");
  pair.write("b", "data.bin", "ab");
  CHECK(pair.compare()->what == "recorded 4 bytes, now 2; the first 2 agree");
  pair.write("b", "data.bin", std::string("ab\0d", 4));
  pair.write("a", "log.jsonl", "{\"a\":1}\n{\"b\":2}\n");
  pair.write("b", "log.jsonl", "{\"a\":1}\n{\"b\":3}\n");
  CHECK(pair.compare()->what == R"(line 2: recorded '{"b":2}', now '{"b":3}')");
}

TEST_CASE("files that only one side has") {
  Pair pair;
  pair.write("a", "x", "1");
  pair.write("b", "x", "1");
  pair.write("b", "y", "2");
  CHECK(pair.compare()->what == "made now, not recorded");
  pair.write("a", "w", "3");
  CHECK(pair.compare()->file == "w");
  CHECK(pair.compare()->what == "recorded, not made now");
}

TEST_CASE("a trace tells the step, a comparer tells the tensor, and a comparer that fails leaves the bytes") {
  Pair pair;
  for (const char* side : {"a", "b"}) pair.write(side, "config.json", side);
  pair.write("a", "trace.jsonl", "{\"step\":1,\"loss\":\"3f\"}\n{\"step\":2,\"loss\":\"40\"}\n");
  pair.write("b", "trace.jsonl", "{\"step\":1,\"loss\":\"3f\"}\n{\"step\":2,\"loss\":\"41\"}\n");
  pair.write("a", "weights.safetensors", "A");
  pair.write("b", "weights.safetensors", "B");
  const auto difference =
      pair.compare({{".safetensors", [](const fs::path&, const fs::path&) { return std::string("tensor w"); }}});
  CHECK(difference->file == "weights.safetensors");
  CHECK(difference->what == "tensor w");
  CHECK(difference->step == 2);
  const auto damaged =
      pair.compare({{".safetensors", [](const fs::path&, const fs::path&) -> std::string { fail("no header"); }}});
  CHECK(damaged->what == "byte 0: recorded 41, now 42");
}
