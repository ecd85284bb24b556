#include "base/progress.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <deque>
#include <mutex>

#include <fmt/core.h>

#include "base/console.h"
#include "base/format.h"
#include "base/log.h"

namespace cairn {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBarInterval(100);
constexpr std::chrono::milliseconds kLineInterval(5000);
constexpr std::chrono::seconds kRateWindow(15);

std::int64_t ticks(Clock::time_point time) {
  return time.time_since_epoch().count();
}

std::string amount(const ProgressView& view, std::uint64_t count) {
  return view.unit == "bytes" ? format_bytes(count) : format_count(static_cast<double>(count));
}

std::string amounts(const ProgressView& view) {
  std::string text = amount(view, view.done);
  if (view.total > 0 && !(view.finished && view.done == view.total)) text += " of " + amount(view, view.total);
  return view.unit == "bytes" ? text : text + " " + view.unit;
}

int percent(const ProgressView& view) {
  return static_cast<int>(100.0 * std::min(1.0, static_cast<double>(view.done) / static_cast<double>(view.total)));
}

// "410/s" and "28.5s left", or "in 3m20s" at the end; each empty where it is not known.
std::string rate_text(const ProgressView& view) {
  if (!(view.rate > 0)) return "";
  return (view.unit == "bytes" ? format_bytes(static_cast<std::uint64_t>(view.rate)) : format_count(view.rate)) + "/s";
}

std::string time_text(const ProgressView& view) {
  if (view.finished) return "in " + format_duration(view.seconds);
  if (view.total <= view.done || !(view.rate > 0)) return "";
  return format_duration(static_cast<double>(view.total - view.done) / view.rate) + " left";
}

void append_part(std::string& text, std::string_view separator, const std::string& part) {
  if (!part.empty()) text.append(separator).append(part);
}

}  // namespace

std::string render_progress_bar(const ProgressView& view, int columns) {
  std::string tail;
  append_part(tail, "  ", amounts(view));
  append_part(tail, "  ", rate_text(view));
  append_part(tail, "  ", time_text(view));
  append_part(tail, "  ", view.note);
  std::string text = view.label;
  if (view.total > 0) {
    const int shown = percent(view);
    // What the words leave, between 10 and 30 columns.
    const int cells = std::clamp(columns - text_width(text) - text_width(tail) - 8, 10, 30);
    const int full = cells * shown / 100;
    text += "  ";
    for (int i = 0; i < cells; ++i) text += i < full ? "━" : "─";
    text += fmt::format("  {:3}%", shown);
  }
  return cut_to_width(text + tail, columns);
}

std::string render_progress_line(const ProgressView& view) {
  std::string text = view.label + ": " + amounts(view);
  if (view.total > 0 && !view.finished) text += fmt::format(" ({}%)", percent(view));
  append_part(text, ", ", rate_text(view));
  append_part(text, ", ", time_text(view));
  append_part(text, ", ", view.note);
  return text;
}

struct Progress::State {
  std::string label, unit;
  Style style = Style::automatic;
  Clock::time_point start = Clock::now();

  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};
  std::atomic<std::uint64_t> done_before{0};  // by an earlier run
  std::atomic<std::int64_t> next_draw{0};     // clock ticks

  std::mutex mutex;  // guards what follows, and drawing
  std::string note;
  bool finished = false;
  struct Sample {
    Clock::time_point time;
    std::uint64_t done;
  };
  std::deque<Sample> samples;

  void draw_if_due() {
    if (style == Style::quiet) return;
    const auto now = Clock::now();
    std::int64_t due = next_draw.load(std::memory_order_relaxed);
    if (ticks(now) < due) return;
    const auto interval = style == Style::bar ? kBarInterval : kLineInterval;
    // Of several threads that come at once one draws.
    if (!next_draw.compare_exchange_strong(due, ticks(now + interval), std::memory_order_relaxed)) return;
    const std::lock_guard lock(mutex);
    if (!finished) draw(now);
  }

  void draw(Clock::time_point now) {
    const ProgressView view = look(now);
    if (style == Style::bar) {
      const int columns = stderr_width();
      const std::string text = render_progress_bar(view, columns > 1 ? columns - 1 : 79);
      if (finished) {
        console_status("");
        console_line(text);
      } else {
        console_status(text);
      }
    } else {
      console_line(render_progress_line(view));
    }
  }

  ProgressView look(Clock::time_point now) {
    ProgressView view{label, unit, note};
    view.done = done.load(std::memory_order_relaxed);
    view.total = total.load(std::memory_order_relaxed);
    view.seconds = std::chrono::duration<double>(now - start).count();
    view.finished = finished;
    // The recent rate while at work, the average at the end.
    Sample from{start, done_before.load(std::memory_order_relaxed)};
    if (!finished) {
      while (samples.size() > 1 && now - samples.front().time > kRateWindow) samples.pop_front();
      if (!samples.empty() && now - start > kRateWindow) from = samples.front();
      samples.push_back({now, view.done});
    }
    const double seconds = std::chrono::duration<double>(now - from.time).count();
    if (view.done > from.done && seconds > 0.001) view.rate = static_cast<double>(view.done - from.done) / seconds;
    return view;
  }
};

Progress::Progress(std::string label, std::string unit, Style style) : state_(std::make_unique<State>()) {
  state_->label = std::move(label);
  state_->unit = std::move(unit);
  if (style == Style::automatic) {
    style = log_level() == LogLevel::quiet ? Style::quiet : stderr_is_terminal() ? Style::bar : Style::lines;
  }
  state_->style = style;
  // Short work prints its last line only.
  const auto interval = style == Style::bar ? kBarInterval : kLineInterval;
  state_->next_draw.store(ticks(state_->start + interval), std::memory_order_relaxed);
}

Progress::~Progress() {
  finish();
}

void Progress::set_total(std::uint64_t total) {
  state_->total.store(total, std::memory_order_relaxed);
}

void Progress::start_at(std::uint64_t done) {
  state_->done_before.store(done, std::memory_order_relaxed);
  state_->done.store(done, std::memory_order_relaxed);
}

void Progress::add(std::uint64_t done) {
  state_->done.fetch_add(done, std::memory_order_relaxed);
  state_->draw_if_due();
}

void Progress::set(std::uint64_t done, std::string_view note) {
  state_->done.store(done, std::memory_order_relaxed);
  {
    const std::lock_guard lock(state_->mutex);
    state_->note = note;
  }
  state_->draw_if_due();
}

void Progress::finish() {
  const std::lock_guard lock(state_->mutex);
  if (state_->finished) return;
  state_->finished = true;
  if (state_->style != Style::quiet) state_->draw(Clock::now());
}

}  // namespace cairn
