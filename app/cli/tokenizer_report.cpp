#include "app/cli/tokenizer_report.h"

#include <fmt/format.h>

#include "base/format.h"
#include "base/html.h"
#include "eval/plot.h"
#include "eval/report.h"

namespace cairn::app {
namespace {

std::string summary_table(const std::vector<MeasuredTokenizer>& tokenizers) {
  std::string out =
      "<table><thead><tr><th>tokenizer</th><th class=\"n\">vocabulary</th><th class=\"n\">used here</th><th "
      "class=\"n\">tokens</th>"
      "<th class=\"n\">tokens per word</th><th class=\"n\">bytes per token</th><th class=\"n\">Gini</th><th>dearest / "
      "cheapest</th>"
      "</tr></thead><tbody>\n";
  for (const MeasuredTokenizer& tokenizer : tokenizers) {
    const text::TokenizerMeasure& m = tokenizer.measure;
    out += fmt::format(
        "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.1f}%</td><td class=\"n\">{}</td><td class=\"n\">{:.3f}</td>"
        "<td class=\"n\">{:.3f}</td><td class=\"n\">{:.3f}</td><td>{:.2f} &times; ({} / {})</td></tr>\n",
        html_escape(tokenizer.name), m.vocabulary,
        m.vocabulary > 0 ? 100.0 * static_cast<double>(m.used) / static_cast<double>(m.vocabulary) : 0.0, m.all.tokens,
        m.all.tokens_per_word(), m.all.bytes_per_token(), m.gini, m.worst_ratio, html_escape(m.worst), html_escape(m.best));
  }
  return out + "</tbody></table>\n";
}

template <typename Value>
std::string chart(const std::string& title, const std::string& unit, const std::vector<MeasuredTokenizer>& tokenizers,
                  const Value& value) {
  std::vector<std::string> series;
  for (const MeasuredTokenizer& tokenizer : tokenizers) series.push_back(tokenizer.name);
  std::vector<eval::Bar> bars;
  for (std::size_t i = 0; i < tokenizers[0].measure.languages.size(); ++i) {
    eval::Bar bar{tokenizers[0].measure.languages[i].language, {}, {}};
    for (const MeasuredTokenizer& tokenizer : tokenizers) bar.values.push_back(value(tokenizer.measure, i));
    bar.half_intervals.resize(bar.values.size());
    bars.push_back(std::move(bar));
  }
  return eval::bar_chart(title, unit, series, bars);
}

}  // namespace

std::string tokenizer_report(const std::vector<MeasuredTokenizer>& tokenizers, std::size_t texts, bool parallel_texts,
                             const std::string& version) {
  const text::LanguageMeasure& all = tokenizers[0].measure.all;
  std::string out =
      "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
      "<title>Tokenizers</title><style>";
  out += eval::report_style();
  out += "</style></head><body><h1>Tokenizers side by side</h1>\n";
  out += fmt::format("<p class=\"sub\">{} texts, {}, {} words by ICU, {} languages. cairn {}.</p>\n", texts,
                     format_bytes(static_cast<std::uint64_t>(all.bytes)), all.words, tokenizers[0].measure.languages.size(),
                     html_escape(version));
  out += summary_table(tokenizers);
  out += fmt::format(
      "<p class=\"sub\">Gini: how unevenly {} are spread over languages, 0 when all pay the same. Used here: the share of the "
      "vocabulary that "
      "occurs in these texts.</p>\n",
      parallel_texts ? "the tokens of the same text" : "tokens per character");
  out += "<h2>Tokens per word</h2>\n" +
         chart("tokens per word, less is better", "", tokenizers,
               [](const text::TokenizerMeasure& m, std::size_t i) { return m.languages[i].tokens_per_word(); });
  out += "<h2>Bytes per token</h2>\n" +
         chart("bytes per token, more is better", "", tokenizers,
               [](const text::TokenizerMeasure& m, std::size_t i) { return m.languages[i].bytes_per_token(); });
  if (parallel_texts) {
    out += "<h2>Parity</h2>\n" +
           chart("tokens of the same text, as a multiple of the cheapest language's", "", tokenizers,
                 [](const text::TokenizerMeasure& m, std::size_t i) {
                   std::int64_t least = m.languages[i].tokens;
                   for (const text::LanguageMeasure& one : m.languages) least = std::min(least, one.tokens);
                   return least > 0 ? static_cast<double>(m.languages[i].tokens) / static_cast<double>(least) : 0.0;
                 });
  }
  return out + "</body></html>\n";
}

}  // namespace cairn::app
