// fastText models: predictions of the reference (tests/golden/fasttext/make_fasttext.py), and files that lie.
#include <cstring>
#include <map>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/classifiers/fasttext.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

fs::path golden() {
  return test::source_folder() / "tests/golden/fasttext";
}

// How far the predictions are from those expected: "" for the same labels in the same order with the same scores, bit for bit.
std::string difference(const FastTextModel& model, const std::vector<FastTextPrediction>& found, const Json& expected) {
  if (found.size() != expected.size()) return fmt::format("{} labels, expected {}", found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto score = expected[i][1].get<float>();
    // Of equal scores the reference's order is that of its heap.
    if (model.label(found[i].label) != expected[i][0].get<std::string>()) {
      // Nor is it known which of equal ones a cut leaves out.
      const bool cut = i + 1 == found.size() && static_cast<std::int32_t>(found.size()) < model.labels();
      const bool tied = cut || (i > 0 && found[i - 1].score == found[i].score) ||
                        (i + 1 < found.size() && found[i + 1].score == found[i].score);
      if (!tied) return fmt::format("label {} is {}, expected {}", i, model.label(found[i].label), expected[i][0].dump());
    }
    if (found[i].score != score) return fmt::format("score {} is {}, expected {}", i, found[i].score, score);
  }
  return "";
}

template <typename Number>
std::string with(std::string bytes, std::size_t at, Number number) {
  std::memcpy(bytes.data() + at, &number, sizeof number);
  return bytes;
}

// Where the fields of the header stand.
constexpr std::size_t kVersion = 4, kDim = 8, kLoss = 32, kModel = 36, kBucket = 40, kSize = 64, kWords = 68, kLabels = 72,
                      kKept = 84, kEntries = 92;

std::size_t behind_dictionary(const std::string& bytes) {
  std::int32_t size;
  std::memcpy(&size, bytes.data() + kSize, sizeof size);
  std::int64_t kept;
  std::memcpy(&kept, bytes.data() + kKept, sizeof kept);
  std::size_t at = kEntries;
  for (std::int32_t i = 0; i < size; ++i) at = bytes.find('\0', at) + 10;
  return at + (kept > 0 ? static_cast<std::size_t>(8 * kept) : 0);
}

std::string refusal(const std::string& bytes) {
  return test::error_of([&] { FastTextModel(bytes, "m.bin"); });
}

}  // namespace

TEST_CASE("fastText: predictions equal the reference's, bit for bit, for each loss and form") {
  const Json expected = read_json(golden() / "predictions.json");
  std::size_t compared = 0;
  for (const auto& member : expected["models"].items()) {
    const std::string& name = member.key();
    const Json& rows = member.value();
    const FastTextModel model(golden() / name);
    const std::int32_t most = name == "qout.ftz" ? 4 : model.labels();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string text = expected["texts"][i].get<std::string>();
      const std::string off = difference(model, model.predict(text, most), rows[i]);
      CHECK_MESSAGE(off == "", name << ", text " << i << " '" << text.substr(0, 40) << "': " << off);
      ++compared;
    }
  }
  CHECK(compared == 9 * 58);
}

TEST_CASE("fastText: lid.176.ftz says of the UDHR texts what the reference says") {
  REQUIRE_SHARED(shared);
  const Json expected = read_json(golden() / "predictions.json");
  const FastTextModel model(shared / "data/langid/lid.176.ftz");
  CHECK(model.labels() == 176);
  CHECK(model.label(0) == "__label__en");
  std::map<std::string, std::vector<std::string>> files;
  for (const Json& row : expected["udhr"]) {
    const std::string name = row[0].get<std::string>();
    if (!files.contains(name)) {
      const std::string bytes = read_file(shared / "data/udhr" / name);
      for (std::size_t at = 0; at <= bytes.size();) {
        const std::size_t end = std::min(bytes.find('\n', at), bytes.size());
        files[name].push_back(bytes.substr(at, end - at));
        at = end + 1;
      }
    }
    const std::string& line = files[name][row[1].get<std::size_t>()];
    const std::size_t begin = line.find("<para>") + 6, end = line.rfind("</para>");
    const std::string off = difference(model, model.predict(line.substr(begin, end - begin), 3), row[2]);
    CHECK_MESSAGE(off == "", name << " line " << row[1].get<int>() << ": " << off);
  }
  CHECK(expected["udhr"].size() > 100);
}

TEST_CASE("fastText: line ends are spaces, thresholds and counts hold, a label's name in a text is no word") {
  const FastTextModel model(golden() / "softmax.bin");
  CHECK(model.rows_of("the tide\ncame") == model.rows_of("the tide came"));
  CHECK(model.rows_of("the __label__eng_Latn tide") == model.rows_of("the tide"));
  CHECK(model.rows_of("the __label__unheard tide") == model.rows_of("the tide"));
  CHECK(model.predict("the tide", 2).size() == 2);
  CHECK(model.predict("the tide", 0).empty());
  for (const FastTextPrediction& found : model.predict("the tide", model.labels(), 0.3f)) CHECK(found.score >= 0.3f);
  CHECK(model.label(model.predict("the boat had returned").front().label) == "__label__eng_Latn");
}

TEST_CASE("fastText: what the file claims is checked before memory is taken for it") {
  const std::string dense = read_file(golden() / "softmax.bin"), quantised = read_file(golden() / "hs_pruned.ftz");
  CHECK(refusal(dense) == "");
  CHECK(refusal(quantised) == "");
  CHECK(refusal("no model") == "m.bin: this is no fastText model file");
  CHECK(refusal("") == "m.bin: this is no fastText model file");
  CHECK(refusal(with(dense, kVersion, 13)) == "m.bin: byte 8: version 13, known are 1 to 12");
  CHECK(refusal(with(dense, kModel, 7)).find("model 7, expected 3 (supervised)") != std::string::npos);
  CHECK(refusal(with(dense, kLoss, 9)).find("loss 9") != std::string::npos);
  CHECK(refusal(with(dense, kDim, 2'000'000'000)).find("2000000000 dimensions") != std::string::npos);
  CHECK(refusal(with(dense, kDim, 6)).find("has 5 columns, the model 6 dimensions") != std::string::npos);
  CHECK(refusal(with(dense, kBucket, 0)).find("into no buckets") != std::string::npos);
  CHECK(refusal(with(dense, kBucket, 2'000'000'000)).find("and 2000000000 n-grams need more") != std::string::npos);
  CHECK(refusal(with(with(dense, kSize, 2'000'000'000), kWords, 1'999'999'995))
            .find("a dictionary of 2000000000 entries is claimed") != std::string::npos);
  CHECK(refusal(with(dense, kLabels, 4)).find("cannot have") != std::string::npos);
  CHECK(
      refusal(with(dense, kKept, std::int64_t{1} << 60)).find("kept n-grams: 1152921504606846976 of 8 bytes each are claimed") !=
      std::string::npos);
  const std::size_t matrix = behind_dictionary(dense);
  CHECK(refusal(with(dense, matrix + 1, std::int64_t{1} << 61))
            .find("rows of the input matrix: 2305843009213693952 of 20 bytes each are claimed") != std::string::npos);
  CHECK(refusal(with(dense, matrix + 9, std::int64_t{1} << 40)).find("a matrix of") != std::string::npos);
  CHECK(refusal(with(dense, matrix, std::uint8_t{2})).find("whether the input is quantised: expected 0 or 1, found 2") !=
        std::string::npos);
  const std::size_t codes = behind_dictionary(quantised) + 2 + 16;
  CHECK(refusal(with(quantised, codes, std::int32_t{2'000'000'000}))
            .find("codes of the input matrix: 2000000000 of 1 bytes each") != std::string::npos);
  CHECK(refusal(with(quantised, codes - 16, std::int64_t{1} << 62)).find("need other than") != std::string::npos);
  CHECK(refusal(dense + "x").find("the model ends here, 1 bytes follow") != std::string::npos);
  for (std::size_t size = 0; size < dense.size(); size += 13) CHECK(refusal(dense.substr(0, size)) != "");
  for (std::size_t size = 0; size < quantised.size(); size += 97) CHECK(refusal(quantised.substr(0, size)) != "");
}

TEST_CASE("fastText: models of word vectors are refused by name") {
  CHECK(test::error_of([] { FastTextModel(golden() / "cbow.bin"); }) ==
        (golden() / "cbow.bin").string() +
            ": byte 64: a cbow model: word vectors, which classify nothing; expected a supervised one");
  CHECK(test::error_of([] { FastTextModel(golden() / "skipgram.bin"); }).find("a skipgram model") != std::string::npos);
}
