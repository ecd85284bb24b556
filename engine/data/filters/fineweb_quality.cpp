#include "engine/data/filters/fineweb_quality.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/filters/duplicates.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

enum Measured : std::uint32_t { terminal_lines, short_lines, repeated_lines, newlines_per_word };

bool ends_in_terminal(std::string_view line) {
  std::size_t start = line.size() - 1;
  while (start > 0 && (line[start] & '\xc0') == '\x80') --start;
  int length;
  return character_bits(text::decode_valid(line.data() + start, length)) & kTerminal;
}

}  // namespace

Judgement FineWebQualityFilter::judge(const Document&, TextAnalysis& analysis) const {
  const std::string_view text = analysis.text();
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (const std::string_view line = text.substr(at, end - at); !strip(line).empty()) lines.push_back(line);
    at = end + 1;
  }
  if (lines.empty()) return drop("empty", "no text");
  const auto n = static_cast<double>(lines.size());

  const auto terminal = static_cast<double>(std::count_if(lines.begin(), lines.end(), ends_in_terminal)) / n;
  analysis.measured(terminal_lines, terminal);
  if (terminal < params_.min_terminal_lines && !(terminal == 0 && params_.spare_zero)) {
    return drop("line_punct_ratio", fmt::format("{:.2f} of the lines end in a terminal mark, at least {} wanted", terminal,
                                                params_.min_terminal_lines));
  }
  const auto is_short = [this](std::string_view line) {
    return static_cast<std::int64_t>(count_characters(line)) <= params_.short_line;
  };
  const auto shorts = static_cast<double>(std::count_if(lines.begin(), lines.end(), is_short)) / n;
  analysis.measured(short_lines, shorts);
  if (shorts > params_.max_short_lines) {
    return drop("short_line_ratio", fmt::format("{:.2f} of the lines are short, limit {}", shorts, params_.max_short_lines));
  }
  const auto newlines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  const double duplicated =
      static_cast<double>(count_duplicates(lines).characters) / static_cast<double>(analysis.characters() - newlines);
  analysis.measured(repeated_lines, duplicated);
  if (duplicated > params_.max_dup_line_chars) {
    return drop("char_dup_ratio",
                fmt::format("repeated lines cover {:.3f} of characters, limit {}", duplicated, params_.max_dup_line_chars));
  }
  const std::size_t words = analysis.reading(params_.unspaced).words().size();
  const double per_word = static_cast<double>(newlines) / static_cast<double>(std::max<std::size_t>(words, 1));
  analysis.measured(newlines_per_word, per_word);
  if (per_word > params_.max_newlines_per_word) {
    return drop("list_ratio", fmt::format("{:.2f} newlines per word, limit {}", per_word, params_.max_newlines_per_word));
  }
  return keep();
}

std::vector<Statistic> FineWebQualityFilter::statistics() const {
  using Scale = Statistic::Scale;
  std::vector<double> shorts;
  if (params_.max_short_lines <= 1) shorts.push_back(params_.max_short_lines);
  return {
      {terminal_lines,
       "line_punct_ratio",
       "share of lines that end in a terminal mark",
       Scale::share,
       1,
       {params_.min_terminal_lines},
       {"line_punct_ratio"}},
      {short_lines,
       "short_line_ratio",
       fmt::format("share of lines of at most {} characters", params_.short_line),
       Scale::share,
       1,
       shorts,
       {"short_line_ratio"}},
      {repeated_lines,
       "char_dup_ratio",
       "share of characters in repeated lines",
       Scale::share,
       0.5,
       {params_.max_dup_line_chars},
       {"char_dup_ratio"}},
      {newlines_per_word, "list_ratio", "newlines per word", Scale::share, 1, {params_.max_newlines_per_word}, {"list_ratio"}},
  };
}

Variant FineWebQualityFilter::variant() {
  const FineWebQualityParams d;
  return {
      "fineweb_quality",
      {
          field("min_terminal_lines", number().min(0).max(1).def(d.min_terminal_lines),
                "least share of lines that end in a terminal mark"),
          field("spare_zero", boolean().def(d.spare_zero), "keep texts where no line does"),
          field("max_short_lines", number().min(0).max(1).def(d.max_short_lines), "share of short lines"),
          field("short_line", integer().min(0).def(d.short_line), "characters of a short line, at most"),
          field("max_dup_line_chars", number().min(0).max(1).def(d.max_dup_line_chars), "share of characters in repeated lines"),
          field("max_newlines_per_word", number().min(0).def(d.max_newlines_per_word), "newlines per word"),
          unspaced_field(),
      },
      "quality rules of FineWeb, as in datatrove"};
}

std::unique_ptr<Filter> FineWebQualityFilter::make(const Config& config) {
  FineWebQualityParams p;
  p.min_terminal_lines = config.number("min_terminal_lines");
  p.spare_zero = config.boolean("spare_zero");
  p.max_short_lines = config.number("max_short_lines");
  p.short_line = config.integer("short_line");
  p.max_dup_line_chars = config.number("max_dup_line_chars");
  p.max_newlines_per_word = config.number("max_newlines_per_word");
  p.unspaced = read_unspaced(config);
  return std::make_unique<FineWebQualityFilter>(p);
}

}  // namespace cairn::data
