// Models of classifiers, which come from anywhere.
#include "base/disk.h"
#include "engine/data/classifiers/fasttext.h"
#include "tests/fuzz/fuzz.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::feed;
using cairn::test::fuzz_rounds;

TEST_CASE("fuzz: fastText models") {
  std::vector<std::string> models;
  for (const char* name : {"softmax.bin", "hs.bin", "ova.bin", "softmax.ftz", "hs_pruned.ftz", "qout.ftz"})
    models.push_back(read_file(test::source_folder() / "tests/golden/fasttext" / name));
  // Most changes fall into the matrices: half of the inputs are a model's first bytes, which hold its claims, changed alone.
  feed("fasttext", models, fuzz_rounds(), [](const std::string& bytes) {
    const FastTextModel model(bytes, "m");
    for (const char* text : {"the tide came in", "\xe6\xbd\xae \xff\xc3\xa9", ""}) model.predict(text, 5);
  });
  test::Mutator mutator("fasttext-head");
  for (int round = 0; round < fuzz_rounds(); ++round) {
    const std::string& model = models[static_cast<std::size_t>(round) % models.size()];
    const std::string bytes = mutator.mutate(model.substr(0, 92)) + model.substr(92);
    try {
      FastTextModel(bytes, "m").predict("the tide came in \xe6\xbd\xae", 5);
    } catch (const Error&) {
    }
  }
}
