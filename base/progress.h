// The one progress bar: done/total, rate and time left. On a terminal a line redrawn at most ten times a second, elsewhere a
// plain line every few seconds, to standard error.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace cairn {

class Progress {
 public:
  enum class Style { automatic, bar, lines, quiet };

  // `label` names the work ("curate"), `unit` what is counted ("documents", "tokens"); bytes are drawn as sizes.
  Progress(std::string label, std::string unit, Style style = Style::automatic);
  ~Progress();                                          // finishes
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set_total(std::uint64_t total);                  // 0 = unknown
  void start_at(std::uint64_t done);                    // done by an earlier run: counts as done, not in the rate
  void add(std::uint64_t done = 1);                     // any thread
  void set(std::uint64_t done, std::string_view note = {});  // note: shown after the bar, e.g. "loss 3.21"
  void finish();                                        // draws the last state and ends the line; once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What a progress line says at one moment, and its text (without newline).
struct ProgressView {
  std::string label, unit, note;
  std::uint64_t done = 0, total = 0;                    // total 0 = unknown
  double seconds = 0;                                   // since the start
  double rate = 0;                                      // units a second, recently; 0 = not known yet
  bool finished = false;
};
// curate  ━━━━━━━━────────  52%  12.3k of 24.0k documents  410/s  28.5s left; at most `columns` wide
std::string render_progress_bar(const ProgressView& view, int columns);
// curate: 12.3k of 24.0k documents (52%), 410/s, 28.5s left
std::string render_progress_line(const ProgressView& view);

}  // namespace cairn
