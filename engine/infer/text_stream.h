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

  // Appends bytes and returns what may be shown now. Stop strings are looked for in the bytes as they came. Once one is complete,
  // text ends before it and further bytes are ignored.
  std::string feed(std::string_view bytes);
  // The end of generation: what was held back (an incomplete character becomes U+FFFD).
  std::string finish();

  bool stopped() const { return stopped_; }
  const std::string& stop() const { return stop_; }   // which one, once stopped
  const std::string& text() const { return shown_; }  // all that was returned so far

 private:
  std::string show(std::size_t count);
  std::vector<std::string> stops_;
  std::string held_, shown_, stop_;
  bool stopped_ = false;
};

}  // namespace cairn::infer
