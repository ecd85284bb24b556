// The signal lines of one page: header fields and <meta> that speak of what may be done with it, as its document carries them
// from ingest on. Bounded: at most kMostLines lines of at most kMostValue bytes; a longer value keeps those of its parts that are
// words of the table, and ends in "[cut]".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/data/signals/signals.h"

namespace cairn::data {

inline constexpr std::size_t kMostLines = 16, kMostValue = 256;

// Whether a header field of this name (in lower case) is kept.
bool is_signal_field(std::string_view name);

// A value as lines hold it: one line of valid UTF-8 without '|', at most kMostValue bytes.
std::string kept_value(std::string_view value);

class PageLines {
 public:
  void add_header(std::string_view name, std::string_view value);  // nothing for a field that says nothing of it
  // A <meta>: kept when it is tdm-reservation or tdm-policy, robots with a directive that is a signal, or of another name with
  // such a directive and nothing but directives: <meta name="gptbot" content="noai">. `http_equiv`: named as a header field.
  void add_meta(std::string_view name, std::string_view http_equiv, std::string_view content);

  const std::vector<SignalLine>& lines() const { return lines_; }
  std::string text() const;  // lines separated by newlines, for Document.signals

 private:
  void add(SignalPlace place, std::string name, std::string_view value);
  std::vector<SignalLine> lines_;
};

}  // namespace cairn::data
