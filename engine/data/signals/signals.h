// Opt-out signals beside robots.txt's own rules: what header, page, robots.txt and tdmrep.json say of training models on a text.
//
// A page's own lines (header fields, <meta>) are carried by its document from ingest on (page_lines.h); those of files are looked
// up by host (site_lines.h). All are lines of one form, which is the evidence too:
//   header x-robots-tag: noai, noimageai
//   meta robots: noindex
//   robots.txt (line 4 of sha256:..., 2025-01-15) content-signal: ai-train=no
//   tdmrep.json (rule 2 of sha256:..., 2025-01-15) tdm-reservation: 1
// Which of them count is a matter of a list of signals (assets/robots/signals.json), so that lines once recorded can be judged
// again under another.
//
// Where lines contradict one another the strictest wins: one that reserves is enough, whatever others allow. Within one file its
// own rules of precedence hold first (site_lines.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

enum class SignalPlace { header, meta, robots_txt, tdmrep };
const char* signal_place_name(SignalPlace place);  // "header", "meta", "robots.txt", "tdmrep.json"

struct SignalLine {
  SignalPlace place = SignalPlace::header;
  std::string where;  // of a file: "line 4 of sha256:..., 2025-01-15"; else empty
  std::string name;   // of the field, in lower case: "x-robots-tag"; of a <meta> its name: "robots", "gptbot"
  std::string value;  // one line, valid UTF-8
};
std::string signal_line_text(const SignalLine& line);
// False for what is no such line.
bool parse_signal_line(std::string_view text, SignalLine& line);

// Lines in one text, for documents (separated by newlines) and decisions (by " | ", which values do not hold).
std::string join_signal_lines(const std::vector<SignalLine>& lines, std::string_view separator);
std::vector<SignalLine> split_signal_lines(std::string_view text, std::string_view separator);

// ---- the table

enum class SignalFamily { robots, tdm, content_signal, content_usage };

struct Signal {
  std::string id;  // "content-signal.ai-train"
  SignalFamily family = SignalFamily::robots;
  std::vector<std::string> words;    // directives or keys that say it
  std::vector<std::string> parents;  // keys that say it where none of `words` is given
  std::string about;
};
const std::vector<Signal>& signal_table();  // in the order of assets/robots/signals.json

// Positions in the table, ascending; "NAME@VERSION" stands for a list. Error (usage) for one unknown, naming the known.
std::vector<std::size_t> signals_named(const std::vector<std::string>& names);

// ---- what lines say

struct SignalQuestion {
  std::vector<std::string> agents;  // whose directives count beside those for all, by product token; case does not matter
  std::string date;  // "2025-01-15": what was unavailable after an earlier day, is; empty: unavailable_after never counts
};

struct SignalAnswer {
  std::vector<std::size_t> reserved;    // signals, ascending, each once
  std::vector<std::size_t> by_line;     // for each of them the first line that says it, as a position in `lines`
  std::vector<std::size_t> unreadable;  // lines whose value is none that its field can have
};
SignalAnswer read_signals(const std::vector<SignalLine>& lines, const SignalQuestion& question);

// The preferences in a line "ai-train=no, search=yes" or "train-ai=n": every key that is 'n' or 'no' (disallowed) or 'y' or
// 'yes'.
struct Preference {
  std::string key;
  bool allowed = true;
};
std::vector<Preference> read_preferences(std::string_view value, bool& unreadable);

// "2025-06-25" from "25 Jun 2025 15:00:00 PST", "Wednesday, 25-Jun-25 15:00:00 GMT", "2025-06-25T15:00:00Z"; empty when it is
// none.
std::string day_of(std::string_view date);

}  // namespace cairn::data
