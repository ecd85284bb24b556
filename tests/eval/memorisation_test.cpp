// Memorisation: what is measured of a model that remembers what it read often, and the measures against reference
// implementations.
#include "eval/memorisation.h"

#include <algorithm>

#include "base/error.h"
#include "base/json.h"
#include "eval/overlap.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::eval;

namespace {

// Four probes of 30 tokens in each bucket; those of "flat" have a suffix of one token alone.
struct Table {
  test::TemporaryFolder folder;
  std::vector<data::Probe> probes;
  std::vector<std::vector<std::int32_t>> sequences;
  Table() {
    for (const std::int64_t frequency : {0, 4, 64}) {
      for (int i = 0; i < 4; ++i) {
        std::vector<std::int32_t> tokens;
        for (int t = 0; t < 30; ++t)
          tokens.push_back(static_cast<std::int32_t>(100 * frequency + 1000 * i + (i == 3 && t >= 10 ? 0 : t)));
        probes.push_back({data::probe_id(tokens), i == 2 ? "random_tokens" : "book", std::to_string(frequency), frequency, "", "",
                          0, 30, 0, -1});
        sequences.push_back(tokens);
      }
    }
    data::write_probe_table(real_disk(), folder.path(), probes, sequences, data::TokenType::i32);
  }
};

// Remembers all of a probe that it read 64 times, half of one that it read 4 times, and else writes what never stands anywhere.
struct Model {
  const Table& table;
  int asked = 0;
  std::vector<std::int32_t> operator()(std::span<const std::int32_t> context, std::int64_t count, Decoding decoding,
                                       std::size_t probe) {
    ++asked;
    const std::vector<std::int32_t>& tokens = table.sequences[probe];
    const auto at = std::search(tokens.begin(), tokens.end(), context.begin(), context.end());
    REQUIRE(at != tokens.end());
    std::vector<std::int32_t> written(at + static_cast<std::ptrdiff_t>(context.size()), tokens.end());
    written.resize(static_cast<std::size_t>(count));
    const std::int64_t known = table.probes[probe].frequency == 64 ? count : table.probes[probe].frequency == 4 ? count / 2 : 0;
    for (std::int64_t i = known; i < count; ++i)
      written[static_cast<std::size_t>(i)] = decoding == Decoding::greedy ? -1 : static_cast<std::int32_t>(-1 - i);
    return written;
  }
};

const MemorisationCell& cell_of(const Memorisation& measured, const std::string& kind, const std::string& bucket,
                                std::int64_t prefix, Decoding decoding = Decoding::greedy) {
  for (const MemorisationCell& cell : measured.cells) {
    if (cell.kind == kind && cell.bucket == bucket && cell.prefix == prefix && cell.decoding == decoding) return cell;
  }
  FAIL("no such cell");
  return measured.cells.front();
}

}  // namespace

TEST_CASE("memorisation: Rouge-L and the longest run equal rouge-score's and difflib's (golden/memorisation/overlap.json)") {
  const Json golden = read_json(test::source_folder() / "tests/golden/memorisation/overlap.json");
  REQUIRE(golden["cases"].size() == 26);
  for (const Json& one : golden["cases"]) {
    const auto generated = one["generated"].get<std::vector<std::int32_t>>();
    const auto reference = one["reference"].get<std::vector<std::int32_t>>();
    CHECK(rouge_l(generated, reference) == doctest::Approx(one["rouge_l"].get<double>()).epsilon(1e-12));
    CHECK(longest_common_run(generated, reference) == one["longest_run"].get<std::int64_t>());
  }
  CHECK(type_token_ratio(std::vector<std::int32_t>{1, 2, 2, 1}) == 0.5);
  CHECK(type_token_ratio({}) == 0);
}

TEST_CASE("memorisation: results by bucket and prefix of a model that remembers what it read often") {
  const Table table;
  const data::ProbeTable opened = data::ProbeTable::open(table.folder.path());
  MemorisationOptions options;
  options.prefixes = {5, 10};
  options.suffix = 20;
  options.decodings = {Decoding::greedy, Decoding::nucleus};
  Model model{table};
  const Memorisation measured = measure_memorisation(opened, options, std::ref(model));
  const MemorisationCell& read_often = cell_of(measured, "book", "64", 10);
  CHECK(read_often.frequency == 64);
  CHECK(read_often.probes == 2);
  CHECK(read_often.repetitive == 1);  // the flat one
  CHECK(read_often.rouge_l == 1);
  CHECK(read_often.longest_run == 1);
  CHECK(read_often.exact == 2);
  CHECK(read_often.remembered == 2);
  CHECK(read_often.ttr == 1);
  const MemorisationCell& seldom = cell_of(measured, "book", "4", 10);
  CHECK(seldom.rouge_l == 0.5);
  CHECK(seldom.longest_run == 0.5);
  CHECK(seldom.remembered == 0);
  CHECK(seldom.ttr == 11.0 / 20);
  CHECK(cell_of(measured, "book", "4", 10, Decoding::nucleus).ttr == 1);
  CHECK(cell_of(measured, "book", "0", 5).rouge_l == 0);
  CHECK(cell_of(measured, "random_tokens", "64", 5).probes == 1);
  CHECK(measured.samples.size() == static_cast<std::size_t>(model.asked));
  CHECK(measured.cells.size() == 2 * 2 * 6);
  const Json json = memorisation_json(measured);
  CHECK(json[0]["kind"] == "book");
  CHECK(json[0]["bucket"] == "0");

  options.offsets = {15};
  options.prefixes = {5, 10};
  options.suffix = 10;
  options.kinds = {"random_tokens"};
  const Memorisation shifted = measure_memorisation(opened, options, std::ref(model));
  CHECK(cell_of(shifted, "random_tokens", "64", 5).probes == 1);
  CHECK(cell_of(shifted, "random_tokens", "64", 10).too_short == 1);
  CHECK(cell_of(shifted, "random_tokens", "64", 10).probes == 0);

  options.suffix = 40;
  CHECK(test::error_of([&] { measure_memorisation(opened, options, std::ref(model)); }) ==
        "the longest probe has 30 tokens, at least 60 are asked for (prefix + suffix)");
  options.kinds = {"poem"};
  CHECK(test::error_of([&] { measure_memorisation(opened, options, std::ref(model)); }) ==
        "the probe table has no probe of the kinds that are asked for");
}

TEST_CASE("memorisation: the exclusion is of a type-token ratio of 0.4 or less") {
  test::TemporaryFolder folder;
  std::vector<data::Probe> probes;
  std::vector<std::vector<std::int32_t>> sequences;
  for (const int distinct : {4, 5}) {  // of ten tokens of suffix
    std::vector<std::int32_t> tokens = {distinct};
    for (int t = 0; t < 10; ++t) tokens.push_back(100 + t % distinct);
    probes.push_back({data::probe_id(tokens), "book", std::to_string(distinct), 1, "", "", 0, 11, 0, -1});
    sequences.push_back(tokens);
  }
  data::write_probe_table(real_disk(), folder.path(), probes, sequences, data::TokenType::i32);
  MemorisationOptions options;
  options.prefixes = {1};
  options.suffix = 10;
  const Memorisation measured =
      measure_memorisation(data::ProbeTable::open(folder.path()), options,
                           [](std::span<const std::int32_t>, std::int64_t count, Decoding, std::size_t) {
                             return std::vector<std::int32_t>(static_cast<std::size_t>(count), 7);
                           });
  CHECK(cell_of(measured, "book", "4", 1).repetitive == 1);
  CHECK(cell_of(measured, "book", "5", 1).probes == 1);
}

TEST_CASE("memorisation: the report shows each bucket, and what was remembered best") {
  const Table table;
  const data::ProbeTable opened = data::ProbeTable::open(table.folder.path());
  MemorisationOptions options;
  options.prefixes = {10};
  options.suffix = 20;
  Model model{table};
  const std::string html =
      memorisation_html({{"base", measure_memorisation(opened, options, std::ref(model))}}, opened, options,
                        [](std::span<const std::int32_t> tokens) { return "<" + std::to_string(tokens.size()) + ">"; });
  CHECK(html.find("<td>64 (64)</td>") != std::string::npos);
  CHECK(html.find("1.000: book of bucket 64") != std::string::npos);
  CHECK(html.find("&lt;20&gt;") != std::string::npos);
}
