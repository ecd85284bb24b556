#include "app/cli/watch_view.h"

#include <algorithm>
#include <cmath>
#include <fstream>

#include <fmt/format.h>

#include "app/cli/run_comparison.h"
#include "base/format.h"
#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::app;

namespace {

constexpr std::int64_t kSecond = 1'000'000, kStart = 1'800'000'000 * kSecond;

struct Measured {
  test::TemporaryFolder folder;
  lineage::RunMetrics metrics{{folder.path() / "metrics.jsonl"}};

  explicit Measured(const std::vector<Json>& lines) {
    std::ofstream file(folder.path() / "metrics.jsonl", std::ios::binary);
    for (const Json& line : lines) file << line.dump() << "\n";
    file.close();
    metrics.refresh();
  }
};

// A training of 400 steps that has done `steps`: two seconds a step, 1.5 of them in the model.
std::vector<Json> training(int steps) {
  std::vector<Json> lines;
  for (int step = 1; step <= steps; ++step) {
    lines.push_back({{"step", step},
                     {"steps", 400},
                     {"loss", 3 + 6 * std::exp(-step / 50.0)},
                     {"lr", 0.001},
                     {"grad_norm", 0.5},
                     {"tokens", step * 4096},
                     {"tokens_per_s", 2048.0},
                     {"mfu", 0.61},
                     {"step_s", 2.0},
                     {"data_s", 0.1},
                     {"model_s", 1.5},
                     {"clip_s", 0.1},
                     {"optimizer_s", 0.2},
                     {"checkpoint_s", step % 100 == 1 && step > 1 ? 2.0 : 0.0},
                     {"rss_bytes", 612'000'000},
                     {"planned_bytes", 598'000'000},
                     {"time", kStart + step * 2 * kSecond}});
  }
  return lines;
}

WatchedRun running(const Measured& measured) {
  WatchedRun run;
  run.title = run.op = "pretrain";
  run.id = 5;
  run.state = "running";
  run.alive = true;
  run.metrics = &measured.metrics;
  return run;
}

std::string text_of(const std::vector<std::string>& lines) {
  return fmt::format("{}\n", fmt::join(lines, "\n"));
}

PictureFrame frame_of(int width, int height = 30) {
  return {.width = width, .height = height, .now = kStart + 402 * kSecond};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("watch: the picture tells what goes on, and fits every width and height") {
  std::vector<Json> lines = training(200);
  lines[102].update({{"checkpoint_step", 100}, {"checkpoint_bytes", 31'500'000}, {"checkpoint_write_s", 0.09}});
  const Measured measured(lines);
  WatchedRun run = running(measured);
  run.checkpoint = SavedCheckpoint{200, kStart + 398 * kSecond};
  for (const int width : {60, 80, 120, 200}) {
    for (const int height : {20, 30, 60}) {
      const auto lines = watch_picture(run, frame_of(width, height));
      for (const std::string& line : lines) CHECK_MESSAGE(text_width(line) <= width, line);
      if (height >= 30) CHECK(static_cast<int>(lines.size()) <= height);
      const std::string text = text_of(lines);
      for (const char* part :
           {"pretrain  run 5  running  step 200 of 400", " 50%  ", "6m40s left", "loss", "3.1099", "best loss", "2.05k", "61.0%",
            "819k", "612 MB", "598 MB", "data 100ms 5%", "model 1.5s 75%", "clip 100ms 5%", "optimizer 200ms 10%",
            "other 100ms 5%", "step 200, 4.0s ago", "31.5 MB written in 90ms", "0.50% of the time waited for"})
        CHECK_MESSAGE(contains(text, part), part << " is not in\n" << text);
      CHECK_FALSE(contains(text, "\x1b"));
      CHECK_FALSE(contains(text, "left out"));
    }
  }
  CHECK(watch_line(run) ==
        "step 200 of 400  loss 3.1099  2.05k tokens/s  MFU 61.0%  lr 1.00e-03  grad norm 0.5  612 MB  6m40s left");
}

TEST_CASE("watch: no field has to be there, and fields that nobody knows are shown") {
  const Measured nothing(std::vector<Json>{});
  CHECK(watch_picture(running(nothing), frame_of(80)) == std::vector<std::string>{"pretrain  run 5  running", "no metrics yet"});
  CHECK(watch_line(running(nothing)) == "");
  std::vector<Json> all = training(30);
  for (const auto& [field, unused] : training(1)[0].items()) {
    std::vector<Json> lines = all;
    for (Json& line : lines) line.erase(field);
    const Measured measured(lines);
    CHECK(watch_picture(running(measured), frame_of(80)).size() > 5);
    CHECK(watch_line(running(measured)) != "");
  }
  const Measured other(std::vector<Json>{Json{{"documents", 5}}, Json{{"documents", 9}}});
  const std::string text = text_of(watch_picture(running(other), frame_of(60)));
  CHECK(contains(text, "step 1"));
  CHECK(contains(text, "documents"));
  CHECK(contains(text, "▁█"));
}

TEST_CASE("watch: steps that were left out, a process that is gone, a step that does not come") {
  std::vector<Json> lines = training(60);
  lines[9]["skipped"] = true;
  lines[19]["skipped"] = "the loss is not finite";
  lines[19]["loss"] = "nan";
  for (const int step : {30, 31}) lines[static_cast<std::size_t>(step)]["skipped"] = "a spike";
  const Measured measured(lines);
  WatchedRun run = running(measured);
  const std::string text = text_of(watch_picture(run, frame_of(100)));
  CHECK(contains(text, "left out   4 steps, the last:\n           32  a spike\n           31  a spike\n           20  the loss"));
  CHECK_FALSE(contains(text, "\n           10"));
  CHECK(contains(text, "no step for 4m42s"));
  CHECK(contains(text, "x"));
  run.alive = false;
  CHECK(contains(text_of(watch_picture(run, frame_of(100))), "running, but its process is gone"));
  CHECK_FALSE(contains(text_of(watch_picture(run, frame_of(100))), " left\n"));
  run.state = "done";
  run.attempts = 3;
  run.title = "base@1";
  CHECK(watch_picture(run, frame_of(100))[0] == "base@1  run 5  pretrain  done  attempt 3  step 60 of 400");
}

TEST_CASE("watch: the time left is taken from the attempt that runs, not from the pause before it") {
  test::TemporaryFolder folder;
  for (const auto& [name, first, pause] : {std::tuple{"a", 1, 0}, std::tuple{"b", 11, 5000}}) {
    std::ofstream file(folder.path() / name);
    for (int step = first; step < first + 10; ++step)
      file << fmt::format("{{\"step\":{},\"steps\":40,\"time\":{}}}\n", step, kStart + (pause + step * 3) * kSecond);
  }
  lineage::RunMetrics metrics({folder.path() / "a", folder.path() / "b"});
  metrics.refresh();
  CHECK(seconds_left(metrics).value() == doctest::Approx(60));
  const Measured one(std::vector<Json>{Json{{"step", 1}, {"steps", 9}, {"time", kStart}}});
  CHECK_FALSE(seconds_left(one.metrics).has_value());
}

TEST_CASE("watch: the last steps alone are drawn when asked for") {
  const Measured measured(training(200));
  PictureFrame frame = frame_of(80);
  frame.last = 20;
  const std::string text = text_of(watch_picture(running(measured), frame));
  CHECK(contains(text, "190"));
  CHECK(contains(text, "3.1"));
  CHECK_FALSE(contains(text, "100  "));
}

TEST_CASE("watch: parts of a step stand in their order, whole ones give way to their parts") {
  const Measured whole(std::vector<Json>{Json{{"step", 1},
                                              {"step_s", 1},
                                              {"optimizer_s", 1},
                                              {"model_s", 1},
                                              {"tokens_per_s", 5},
                                              {"checkpoint_s", 1},
                                              {"checkpoint_write_s", 1}}});
  CHECK(step_parts(whole.metrics) == std::vector<std::string>{"model_s", "optimizer_s"});
  const Measured apart(
      std::vector<Json>{Json{{"step_s", 1}, {"zeta_s", 1}, {"model_s", 1}, {"backward_s", 1}, {"forward_s", 1}, {"data_s", 1}}});
  CHECK(step_parts(apart.metrics) == std::vector<std::string>{"data_s", "forward_s", "backward_s", "zeta_s"});
  std::vector<Json> lines = training(40);
  lines[35]["replay_s"] = 4.0;  // of one step in the last twenty
  const Measured now_and_then(lines);
  CHECK(contains(text_of(watch_picture(running(now_and_then), frame_of(200))), "replay 200ms"));
}

TEST_CASE("comparison: figures, differences of config, and a letter on every curve") {
  std::vector<Json> lines = training(100);
  lines[50]["skipped"] = "a spike";
  const Measured a(lines), b(training(40)), none(std::vector<Json>{});
  const RunFigures figures = figures_of(a.metrics);
  CHECK(figures.step == 100);
  CHECK(figures.tokens == 409600);
  CHECK(figures.loss == doctest::Approx(3 + 6 * std::exp(-2)));
  CHECK(figures.best == figures.loss);
  CHECK(figures.loss_of_last > figures.loss);
  CHECK(figures.tokens_per_s == 2048);
  CHECK(figures.seconds == doctest::Approx(200));
  CHECK(figures.skipped == 1);
  CHECK(figures_json(figures_of(none.metrics)).at("loss").is_null());

  const std::vector<ComparedRun> runs{{"base@1 (run 5)", "done", {{"lr", "0.1"}, {"seed", "7"}, {"only", "x"}}, &a.metrics},
                                      {"base@2 (run 9)", "running", {{"lr", "0.2"}, {"seed", "7"}}, &b.metrics},
                                      {"pack", "done", {{"seed", "7"}}, &none.metrics}};
  CHECK(config_differences(runs) ==
        std::map<std::string, std::vector<std::string>>{{"lr", {"0.1", "0.2", "-"}}, {"only", {"x", "-", "-"}}});
  for (const int width : {60, 120}) {
    const auto picture = comparison_lines(runs, width, 10, false);
    for (const std::string& line : picture) CHECK_MESSAGE(text_width(line) <= width, line);
    const std::string text = text_of(picture);
    CHECK(contains(text, "a  base@1 (run 5)  done"));
    CHECK(contains(text, "b  base@2 (run 9)  running"));
    CHECK(contains(text, "lr       0.1  0.2  -"));
    CHECK(contains(picture.at(picture.size() - 3), "a"));
  }
  // Titles that do not fit beside one another stand below.
  const std::string long_title = "a-name-of-some-forty-letters-or-more@12 (run 123)";
  const std::vector<ComparedRun> many(5, {long_title, "done", {}, &a.metrics});
  const auto named = comparison_lines(many, 60, 10, false);
  for (const std::string& line : named) CHECK_MESSAGE(text_width(line) <= 60, line);
  CHECK(std::count(named.begin(), named.end(), "  e " + long_title) == 1);
  const std::vector<ComparedRun> same{{"x", "done", {}, &none.metrics}, {"y", "done", {}, &none.metrics}};
  CHECK(contains(text_of(comparison_lines(same, 80, 10, false)), "no difference of config"));
}
