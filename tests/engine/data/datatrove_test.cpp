// Our filters against datatrove's decisions on real texts (tests/golden/filters/make_filters.py). They differ where our words
// differ from spaCy's (words.h); this test holds down how often.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/text/unicode.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

constexpr std::size_t kLines = 40;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

std::vector<std::string> lines_of(const fs::path& path) {
  const std::string text = replaced(text::utf8_lossy(read_file(path)), "\r\n", "\n");
  std::vector<std::string> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) text += (i ? "\n" : "") + lines[i];
  return text;
}

// As make_filters.py does.
std::string worse(std::vector<std::string> lines, int how) {
  if (how == 1) {
    for (std::string& line : lines) line = "- " + line;
  } else if (how == 2) {
    const std::vector<std::string> half(lines.begin(), lines.begin() + 20);
    lines = half;
    lines.emplace_back();
    lines.insert(lines.end(), half.begin(), half.end());
  } else if (how == 5) {
    lines.resize(8);
  } else if (how == 7) {
    const std::vector<std::string> first(lines.begin(), lines.begin() + 4);
    for (int i = 0; i < 3; ++i) lines.insert(lines.end(), first.begin(), first.end());
  }
  const std::string text = joined(lines);
  if (how == 3) return replaced(text, ". ", " ... ");
  if (how == 4) return replaced(text, "e", "7 7");
  if (how == 6) return replaced(text, "the", "#");
  return text;
}

}  // namespace

TEST_CASE("filters decide as datatrove does on real texts, rule by rule") {
  REQUIRE_SHARED(shared);
  const Json golden = read_json(test::source_folder() / "tests/golden/filters/filters.json");
  const GopherQualityFilter gopher_quality({});
  const GopherRepetitionFilter gopher_repetition({});
  const C4Filter c4({});
  const FineWebQualityFilter fineweb_quality({});
  const std::map<std::string, const Filter*> filters = {{"gopher_quality", &gopher_quality},
                                                        {"gopher_repetition", &gopher_repetition},
                                                        {"c4", &c4},
                                                        {"fineweb_quality", &fineweb_quality}};
  std::map<std::string, std::vector<std::string>> files;
  std::size_t judged = 0, different = 0, words_off = 0, c4_off = 0;
  for (const Json& row : golden["texts"]) {
    const std::string file = row["file"].get<std::string>();
    if (!files.contains(file)) files[file] = lines_of(shared / "data" / file);
    const std::size_t begin = row["chunk"].get<std::size_t>() * kLines;
    Document document;
    document.language = "en";
    document.text =
        worse({files[file].begin() + static_cast<long>(begin), files[file].begin() + static_cast<long>(begin + kLines)},
              row["how"].get<int>());
    TextAnalysis analysis(document.text);
    words_off += analysis.words().size() != row["words"].get<std::size_t>();
    for (const auto& [name, filter] : filters) {
      std::string expected = row[name].get<std::string>();
      if (expected == "error") continue;  // datatrove divides by zero where a text has no words
      if (expected.starts_with("gopher_")) expected = expected.substr(7);
      const Judgement judgement = filter->judge(document, analysis);
      const std::string rule = judgement.action == Judgement::Action::drop ? judgement.rule : "";
      ++judged;
      if (rule != expected) {
        ++different;
        MESSAGE(fmt::format("{} chunk {} way {}: {} says '{}', datatrove '{}'", file, row["chunk"].get<int>(),
                            row["how"].get<int>(), name, rule, expected));
      }
      if (name == "c4" && rule.empty() && expected.empty()) {
        const std::string& text = judgement.action == Judgement::Action::edit ? judgement.text : document.text;
        c4_off += count_characters(text) != row["c4_characters"].get<std::size_t>();
      }
    }
  }
  MESSAGE(fmt::format("{} judgements, {} differ; {} of {} texts have another number of words", judged, different, words_off,
                      golden["texts"].size()));
  CHECK(judged > 300);
  CHECK(different == 0);
  CHECK(c4_off == 0);
  CHECK(words_off == 0);
}
