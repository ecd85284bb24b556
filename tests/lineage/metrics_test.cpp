#include "lineage/metrics.h"

#include <cmath>

#include <fmt/core.h>

#include "base/json.h"
#include "lineage/series.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;
using lineage::test::write_text;

namespace {

void append_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

std::string lines(int from, int to, double loss) {
  std::string text;
  for (int step = from; step <= to; ++step) text += fmt::format("{{\"loss\":{:.1f},\"step\":{}}}\n", loss, step);
  return text;
}

std::vector<std::int64_t> steps_of(const RunMetrics& metrics) {
  std::vector<std::int64_t> steps;
  for (const MetricRow& row : metrics.rows()) steps.push_back(row.step);
  return steps;
}

MetricSeries series_of(const std::vector<double>& values, std::int64_t first = 1) {
  MetricSeries series;
  for (const double value : values) {
    series.steps.push_back(first + static_cast<std::int64_t>(series.steps.size()));
    series.values.push_back(value);
  }
  return series;
}

}  // namespace

TEST_CASE("metrics: a file is read while it grows, whole lines at a time") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  RunMetrics metrics({file});
  CHECK_FALSE(metrics.refresh());
  CHECK(metrics.rows().empty());
  CHECK(metrics.series("loss").empty());
  write_text(file, lines(1, 3, 4) + "{\"loss\":3.0,\"st");
  CHECK(metrics.refresh());
  CHECK(steps_of(metrics) == std::vector<std::int64_t>{1, 2, 3});
  CHECK_FALSE(metrics.refresh());
  append_text(file, "ep\":4}\n");
  CHECK(metrics.refresh());
  CHECK(metrics.series("loss").values == std::vector<double>{4, 4, 4, 3});
  CHECK(metrics.damaged_lines() == 0);
  write_text(file, lines(7, 7, 1));  // another file in its place
  CHECK(metrics.refresh());
  CHECK(steps_of(metrics) == std::vector<std::int64_t>{7});
}

TEST_CASE("metrics: lines are read right where they lie across the pieces that a file is read in") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  write_text(file, lines(1, 120'000, 2.5));
  RunMetrics metrics({file});
  metrics.refresh();
  CHECK(metrics.rows().size() == 120'000);
  CHECK(metrics.series("loss").steps.back() == 120'000);
  CHECK(metrics.damaged_lines() == 0);
}

TEST_CASE("metrics: attempts are one history; what is done again counts once, as the later attempt did it") {
  const TemporaryFolder folder;
  const fs::path a = folder.path() / "a", b = folder.path() / "b", c = folder.path() / "c";
  write_text(a, lines(1, 8, 5) + "{\"loss\":9.0,\"extra\":1,\"step\":9}\n{\"loss\"");  // killed
  write_text(c, "");
  RunMetrics metrics({a, b, c});
  metrics.refresh();
  CHECK(metrics.rows().size() == 9);
  write_text(b, lines(6, 7, 3));
  metrics.refresh();
  CHECK(steps_of(metrics) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6, 7});
  CHECK(metrics.series("loss").values == std::vector<double>{5, 5, 5, 5, 5, 3, 3});
  CHECK(metrics.series("extra").empty());
  CHECK(metrics.names() == std::vector<std::string>{"loss"});
  CHECK(metrics.rows()[4].attempt == 0);
  CHECK(metrics.rows()[5].attempt == 1);
  append_text(c, lines(8, 10, 2));
  metrics.refresh();
  CHECK(metrics.rows().size() == 10);
  CHECK(metrics.series("loss").values.back() == 2);
}

TEST_CASE("metrics: lines that are none are counted and passed over; numbers that are not finite are kept") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  write_text(file,
             "{\"step\":1,\"loss\":\"nan\",\"skipped\":true,\"reason\":\"not finite\",\"tokens\":7}\n"
             "[1]\n{\"step\":\"two\"}\nnot json\n\n{\"step\":1.5}\n{\"step\":18446744073709551615}\n"
             "{\"loss\":2,\"none\":null}\n{\"loss\":\"-inf\",\"gpu\":{\"0\":{\"c\":60}},\"norms\":[1.5,2.5]}\n");
  RunMetrics metrics({file});
  metrics.refresh();
  CHECK(metrics.damaged_lines() == 6);
  CHECK(steps_of(metrics) == std::vector<std::int64_t>{1, 2, 3});
  const MetricSeries& loss = metrics.series("loss");
  CHECK(std::isnan(loss.values[0]));
  CHECK(loss.values[1] == 2);
  CHECK(loss.values[2] == -INFINITY);
  CHECK(metrics.names() == std::vector<std::string>{"gpu.0.c", "loss", "norms.0", "norms.1", "skipped", "tokens"});
  REQUIRE(metrics.notes().size() == 1);
  CHECK(metrics.notes()[0].text == "not finite");
  CHECK(canonical_json(metrics.row_json(0)) == R"({"loss":"nan","reason":"not finite","skipped":true,"step":1,"tokens":7})");
  CHECK(canonical_json(metrics.row_json(1)) == R"({"loss":2.0,"step":2})");
}

TEST_CASE("metrics: several lines of one step are one row; a step that lies back begins again from there") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  write_text(file, lines(1, 2, 4) + "{\"step\":3,\"loss\":4,\"lr\":0.5}\n{\"step\":3,\"loss\":5,\"saved\":true}\n");
  RunMetrics metrics({file});
  metrics.refresh();
  CHECK(metrics.rows().size() == 3);
  CHECK(metrics.series("loss").values == std::vector<double>{4, 4, 5});
  CHECK(metrics.series("saved").steps == std::vector<std::int64_t>{3});
  CHECK(metrics.series("lr").steps == std::vector<std::int64_t>{3});  // of the first of the two
  append_text(file, lines(2, 2, 1));
  metrics.refresh();
  CHECK(metrics.series("loss").values == std::vector<double>{4, 1});
}

TEST_CASE("metrics: time is counted within attempts, not between them") {
  const TemporaryFolder folder;
  write_text(folder.path() / "a",
             "{\"step\":1,\"step_s\":2.0,\"time\":10000000}\n{\"step\":2,\"step_s\":2.0,\"time\":13000000}\n");
  write_text(folder.path() / "b",
             "{\"step\":3,\"step_s\":4.0,\"time\":99000000}\n{\"step\":4,\"step_s\":4.0,\"time\":104000000}\n");
  RunMetrics metrics({folder.path() / "a", folder.path() / "b"});
  metrics.refresh();
  CHECK(metrics.seconds() == doctest::Approx(2 + 3 + 4 + 5));
  append_text(folder.path() / "b", "{\"step\":5,\"step_s\":6.0}\n{\"step\":6,\"step_s\":1.5,\"time\":117000000}\n");
  metrics.refresh();
  CHECK(metrics.seconds() == doctest::Approx(14 + 6 + 1.5));
}

TEST_CASE("metrics: the files of a run are those of its attempts, oldest first") {
  const TemporaryFolder folder;
  Workspace workspace = lineage::test::make_workspace(folder.path() / "ws");
  Ledger& ledger = workspace.ledger();
  lineage::test::Maker maker{workspace};
  const auto lost_run = [&](const std::string& op, std::optional<RunId> reproduction_of = {}) {
    NewRun run = maker.new_run(op, {});
    run.reproduction_of = reproduction_of;
    const RunId id = ledger.start_run(run);
    ledger.end_run(id, RunState::lost, "killed", maker.clock);
    return ledger.run(id);
  };
  const auto file_of = [&](const Run& run) { return workspace.run_folder(run.uuid) / "metrics.jsonl"; };
  maker.make("pretrain", {}, {{.role = "checkpoint", .kind = "checkpoint", .files = {{"", "x"}}}});  // done: another history
  const Run first = lost_run("pretrain"), other = lost_run("pack"), second = lost_run("pretrain");
  const Run again = lost_run("pretrain", first.id), third = lost_run("pretrain");
  CHECK(metric_files(workspace, ledger, third) == std::vector<fs::path>{file_of(first), file_of(second), file_of(third)});
  CHECK(metric_files(workspace, ledger, first) == std::vector<fs::path>{file_of(first)});
  CHECK(metric_files(workspace, ledger, other) == std::vector<fs::path>{file_of(other)});
  CHECK(metric_files(workspace, ledger, again) == std::vector<fs::path>{file_of(again)});
}

TEST_CASE("series: no spike is lost, at any width and any place") {
  for (const int spike : {0, 1, 4999, 7777, 9999}) {
    std::vector<double> values(10'000, 1.0);
    values[static_cast<std::size_t>(spike)] = 50;
    const MetricSeries series = series_of(values);
    for (const int pieces : {1, 3, 60, 777, 10'000, 25'000}) {
      double high = 0, low = 100;
      std::size_t points = 0;
      for (const SeriesPiece& piece : downsample(series, 1, 10'000, pieces)) {
        points += piece.points;
        if (piece.points == 0) continue;
        high = std::max(high, piece.high);
        low = std::min(low, piece.low);
      }
      CHECK(points == 10'000);
      CHECK(high == 50);
      if (pieces > 1) CHECK(low == 1);
    }
  }
}

TEST_CASE("series: pieces have the steps asked for, with first, last and mean; what is not finite is marked") {
  const auto pieces = downsample(series_of({9, 1, 2, 3, NAN, 5, 6, INFINITY, 9}), 2, 8, 2);
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].points == 3);  // steps 2..5
  CHECK(pieces[0].first == 1);
  CHECK(pieces[0].last == 3);
  CHECK(pieces[0].mean == doctest::Approx(2));
  CHECK(pieces[0].non_finite);
  CHECK(pieces[1].points == 2);  // steps 6..8
  CHECK(pieces[1].high == 6);
  CHECK(pieces[1].non_finite);
  CHECK(downsample(MetricSeries{}, 0, 5, 3)[2].points == 0);
  CHECK(error_of([] { downsample(MetricSeries{}, 5, 4, 3); }) != "");
  CHECK(error_of([] { downsample(MetricSeries{}, 0, 4, 0); }) != "");
}

TEST_CASE("series: the average starts at the first value, forgets with its window, and passes over what is not finite") {
  const MetricSeries constant = smoothed(series_of({3, 3, NAN, 3, 3}), 10);
  CHECK(constant.steps == std::vector<std::int64_t>{1, 2, 4, 5});
  for (const double value : constant.values) CHECK(value == doctest::Approx(3));
  const MetricSeries two = smoothed(series_of({0, 1}), 2);
  CHECK(two.values[1] == doctest::Approx(1 / (1 + std::exp(-0.5))));
  CHECK(smoothed(series_of({0, NAN, NAN, 1}), 2).values[1] == doctest::Approx(1 / (1 + std::exp(-1.5))));  // three steps back
  CHECK(error_of([] { smoothed(MetricSeries{}, 0); }) != "");
  CHECK(median({3, NAN, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
  CHECK(std::isnan(median({NAN})));
}
