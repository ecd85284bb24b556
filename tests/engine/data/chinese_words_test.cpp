// Chinese words beside jieba: with an invented dictionary (tests/golden/fineweb2/make_chinese.py), and with its own where
// CAIRN_JIEBA names the folder of the installed package.
#include "engine/data/chinese_words.h"

#include <cstdlib>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;

namespace {

void write_files(const fs::path& folder, const Json& golden) {
  std::string dictionary;
  for (const Json& line : golden["dictionary"]) dictionary += line.get<std::string>() + "\n";
  write_file_atomically(folder / "dict.txt", dictionary);
  for (const char* part : {"start", "trans", "emit"}) {
    std::string model = golden["model"][part].dump();
    for (char& c : model) c = c == '"' ? '\'' : c;
    write_file_atomically(folder / fmt::format("prob_{}.py", part),
                          "from __future__ import unicode_literals\n\nP=" + model + "\n");
  }
}

}  // namespace

TEST_CASE("chinese words: jieba's with the same dictionary and model") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/chinese.json");
  TemporaryFolder folder;
  write_files(folder.path(), golden);
  const ChineseWords chinese(folder.path());
  REQUIRE(golden["texts"].size() > 100);
  for (std::size_t i = 0; i < golden["texts"].size(); ++i) {
    const std::string text = golden["texts"][i].get<std::string>();
    std::vector<std::string_view> words;
    chinese.split(text, words);
    CHECK_MESSAGE(Json(words) == golden["words"][i], text);
  }
}

TEST_CASE("chinese words: files that are missing or wrong are named") {
  const Json golden = read_json(test::source_folder() / "tests/golden/fineweb2/chinese.json");
  TemporaryFolder folder;
  const auto error = [&] { return error_of([&] { ChineseWords{folder.path()}; }); };
  CHECK(error().ends_with("no dict.txt in this folder; copy jieba's dict.txt and finalseg/prob_*.py there"));
  write_files(folder.path(), golden);
  CHECK(error().empty());
  write_file_atomically(folder.path() / "dict.txt", "a 1\nword\n");
  CHECK(error().ends_with("dict.txt: line 2: expected a word and how often it occurs"));
  write_file_atomically(folder.path() / "dict.txt", "a 0\n");
  CHECK(error().ends_with("dict.txt: no word with a frequency"));
  write_file_atomically(folder.path() / "dict.txt", "a\xff 1\n");
  CHECK(error().ends_with("dict.txt: byte 1 is not UTF-8"));
  write_files(folder.path(), golden);
  write_file_atomically(folder.path() / "prob_trans.py", "P={'B': {}}");
  CHECK(error().ends_with("prob_trans.py: state 'E' is missing"));
  write_file_atomically(folder.path() / "prob_trans.py", "nothing");
  CHECK(error().find("prob_trans.py: expected P={'B': ...}") != std::string::npos);
  write_files(folder.path(), golden);
  write_file_atomically(folder.path() / "prob_emit.py", "P={'B': 3, 'E': {}, 'M': {}, 'S': {}}");
  CHECK(error().ends_with("prob_emit.py: state 'B': expected logarithms by character"));
}
