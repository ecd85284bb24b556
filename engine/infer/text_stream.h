// Text from token bytes as it may be shown: whole characters only, each invalid part as U+FFFD, and nothing that a stop string
// may still swallow. What it returns is always valid UTF-8, for a terminal as for JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cairn::infer {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stops);  // empty stop strings are ignored

  // Appends bytes and returns what may be shown now. Stop strings are looked for in the bytes as they came, in steps of one for
  // each byte and stop string. Once one is complete, text ends before it and further bytes are ignored; of several that are
  // complete with the same bytes the one that begins first, or stands first in the list.
  std::string feed(std::string_view bytes);
  // The end of generation: what was held back (an incomplete character becomes U+FFFD).
  std::string finish();

  bool stopped() const { return stopped_; }
  const std::string& stop() const { return stop_; }   // which one, once stopped
  const std::string& text() const { return shown_; }  // all that was returned so far

 private:
  // How far a stop string's beginning is an end of the bytes so far (Knuth, Morris & Pratt 1977).
  struct Stop {
    explicit Stop(std::string whole);
    void take(char byte);
    bool complete() const { return matched == text.size(); }
    std::string text;
    std::vector<std::size_t> shorter;  // of its first n bytes: the longest beginning that is also their end, and not all of them
    std::size_t matched = 0;
  };
  std::string show(std::size_t count);
  std::vector<Stop> stops_;
  std::string held_, shown_, stop_;
  bool stopped_ = false;
};

}  // namespace cairn::infer
