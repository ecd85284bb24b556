#include "base/progress.h"

#include <chrono>
#include <thread>

#include "base/format.h"
#include "base/thread_pool.h"
#include "tests/support/captured_stderr.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::test;

namespace {
ProgressView view() {
  ProgressView view{"curate", "documents", ""};
  view.done = 12'300;
  view.total = 24'000;
  view.seconds = 30;
  view.rate = 410;
  return view;
}
}  // namespace

TEST_CASE("progress: the line") {
  ProgressView shown = view();
  CHECK(render_progress_line(shown) == "curate: 12.3k of 24.0k documents (51%), 410/s, 28.5s left");
  shown.total = 0;
  CHECK(render_progress_line(shown) == "curate: 12.3k documents, 410/s");
  shown.rate = 0;
  shown.note = "loss 3.21";
  CHECK(render_progress_line(shown) == "curate: 12.3k documents, loss 3.21");
  shown = view();
  shown.unit = "bytes";
  shown.done = 1'300'000'000;
  shown.total = 2'000'000'000;
  shown.rate = 7e6;
  CHECK(render_progress_line(shown) == "curate: 1.3 GB of 2.0 GB (65%), 7.0 MB/s, 1m40s left");
  shown = view();
  shown.done = shown.total;
  shown.finished = true;
  CHECK(render_progress_line(shown) == "curate: 24.0k documents, 410/s, in 30.0s");
  shown.done = 5;  // stopped early: the total still matters
  CHECK(render_progress_line(shown) == "curate: 5 of 24.0k documents, 410/s, in 30.0s");
}

TEST_CASE("progress: the bar fills the width it gets and never more") {
  CHECK(render_progress_bar(view(), 120) ==
        "curate  ━━━━━━━━━━━━━━━───────────────   51%  12.3k of 24.0k documents  410/s  28.5s left");
  for (int columns = 1; columns < 130; ++columns) CHECK(text_width(render_progress_bar(view(), columns)) <= columns);
  ProgressView over = view();
  over.done = over.total * 2;
  CHECK(render_progress_bar(over, 120).find("100%") != std::string::npos);
}

TEST_CASE("progress: short work prints one line, finishing twice or dying prints no more, quiet prints none") {
  CapturedStderr capture;
  {
    Progress progress("pack", "documents", Progress::Style::lines);
    progress.set_total(3);
    for (int i = 0; i < 3; ++i) progress.add();
    progress.finish();
    progress.finish();
    progress.add();
  }
  {
    Progress quiet("quiet", "documents", Progress::Style::quiet);
    quiet.add(5);
  }
  const std::string text = capture.text();
  CHECK(text.substr(0, 19) == "pack: 3 documents, ");
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("progress: a bar is redrawn at most ten times a second, and ends on a line of its own") {
  CapturedStderr capture;
  {
    Progress progress("train", "steps", Progress::Style::bar);
    progress.set_total(1000);
    for (int i = 0; i < 35; ++i) {
      progress.set(static_cast<std::uint64_t>(i), "loss 3.21");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
  const std::string text = capture.text();
  std::size_t draws = 0;
  for (std::size_t at = text.find("train"); at != std::string::npos; at = text.find("train", at + 1)) ++draws;
  CHECK(draws >= 2);
  CHECK(draws <= 5);
  CHECK(text.find("loss 3.21") != std::string::npos);
  CHECK(text.back() == '\n');
}

TEST_CASE("progress: counts from many threads add up, and earlier work is not in the rate") {
  CapturedStderr capture;
  ThreadPool pool(4);
  {
    Progress progress("count", "things", Progress::Style::lines);
    progress.start_at(1'000'000);
    progress.set_total(1'100'000);
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    pool.parallel_for(1000, [&](std::int64_t) { progress.add(100); });
  }
  const std::string text = capture.text();
  CAPTURE(text);
  CHECK(text.find("count: 1.10M things, ") == 0);
  CHECK(text.find("k/s") != std::string::npos);  // 100k in 0.2 s; with the earlier million it would be over 1M/s
}
