#include "engine/data/filters/decontaminate.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace cairn::data {

namespace {

constexpr std::size_t kLeastBlock = 5;  // words of a matching block that count

using Span = std::pair<std::size_t, std::size_t>;

// Adds [begin, end) to spans that come in order of their begins.
void add_span(std::vector<Span>& spans, std::size_t begin, std::size_t end) {
  if (!spans.empty() && begin <= spans.back().second)
    spans.back().second = std::max(spans.back().second, end);
  else
    spans.emplace_back(begin, end);
}

struct Found {
  std::size_t words = 0;    // of the item
  std::vector<Span> spans;  // of the text, in words
};

Found by_ngrams(const std::vector<const SharedRun*>& runs, std::size_t item_words) {
  Found found;
  std::vector<bool> covered(item_words, false);
  for (const SharedRun* run : runs) {
    std::fill_n(covered.begin() + run->item_word, run->words, true);
    add_span(found.spans, run->text_word, run->text_word + run->words);
  }
  found.words = static_cast<std::size_t>(std::count(covered.begin(), covered.end(), true));
  return found;
}

// The best of the places where runs stand, which are apart when more than two lengths of the item lie between them.
Found by_blocks(const std::vector<const SharedRun*>& runs, const std::vector<std::uint64_t>& item,
                const std::vector<std::uint64_t>& text) {
  Found best;
  for (std::size_t first = 0, last; first < runs.size(); first = last) {
    last = first + 1;
    while (last < runs.size() && runs[last]->text_word - runs[last - 1]->text_word <= 2 * item.size()) ++last;
    const std::size_t begin = runs[first]->text_word - std::min<std::size_t>(runs[first]->text_word, item.size());
    const std::size_t end = std::min(text.size(), runs[last - 1]->text_word + runs[last - 1]->words + item.size());
    const std::vector<std::uint64_t> around(text.begin() + static_cast<std::ptrdiff_t>(begin),
                                            text.begin() + static_cast<std::ptrdiff_t>(end));
    Found found;
    for (const MatchingBlock& block : matching_blocks(around, item)) {
      if (block.size < kLeastBlock) continue;
      found.words += block.size;
      add_span(found.spans, begin + block.a, begin + block.a + block.size);
    }
    if (found.words > best.words) best = std::move(found);
  }
  return best;
}

std::size_t take_number(std::string_view& text) {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) fail("expected a number in the evidence of decontaminate, found '{}'", text);
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

void take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) fail("expected '{}' in the evidence of decontaminate, found '{}'", c, text);
  text.remove_prefix(1);
}

}  // namespace

std::string contamination_text(const std::vector<Contamination>& found) {
  std::string out;
  for (const Contamination& one : found) {
    out += fmt::format("{}{} {}/{} ", out.empty() ? "" : ", ", one.item, one.words, one.of);
    for (std::size_t i = 0; i < one.bytes.size(); ++i)
      out += fmt::format("{}{}-{}", i == 0 ? "" : "+", one.bytes[i].first, one.bytes[i].second);
  }
  return out;
}

std::vector<Contamination> parse_contamination(std::string_view evidence) {
  std::vector<Contamination> found;
  while (!evidence.empty()) {
    Contamination& one = found.emplace_back();
    one.item = evidence.substr(0, evidence.find(' '));
    evidence.remove_prefix(one.item.size());
    take(evidence, ' ');
    one.words = take_number(evidence);
    take(evidence, '/');
    one.of = take_number(evidence);
    take(evidence, ' ');
    for (;;) {
      const std::size_t begin = take_number(evidence);
      take(evidence, '-');
      one.bytes.emplace_back(begin, take_number(evidence));
      if (!evidence.starts_with('+')) break;
      evidence.remove_prefix(1);
    }
    if (evidence.empty()) break;
    take(evidence, ',');
    take(evidence, ' ');
  }
  return found;
}

Decontaminate::Decontaminate(DecontaminateParams params, const std::filesystem::path& sets)
    : params_(std::move(params)), texts_(sets, params_.fields, params_.ngram_words) {}

std::vector<Contamination> Decontaminate::find(std::string_view text) const {
  std::vector<Contamination> found;
  if (texts_.shared_runs(word_hashes(text)).empty()) return found;
  std::vector<std::pair<std::size_t, std::size_t>> bytes;
  const std::vector<std::uint64_t> words = word_hashes(text, bytes);
  const std::vector<SharedRun> runs = texts_.shared_runs(words);
  std::map<std::uint32_t, std::vector<const SharedRun*>> by_item;
  for (const SharedRun& run : runs) by_item[run.item].push_back(&run);
  for (const auto& [index, of_item] : by_item) {
    const EvaluationItem& item = texts_.items()[index];
    const Found in_words = params_.spans ? by_blocks(of_item, item.words, words) : by_ngrams(of_item, item.words.size());
    const double share = static_cast<double>(in_words.words) / static_cast<double>(item.words.size());
    if (in_words.words == 0 || share < params_.min_share || (params_.spans && share <= params_.min_share)) continue;
    Contamination one{item.name, in_words.words, item.words.size(), {}};
    for (const Span& span : in_words.spans) add_span(one.bytes, bytes[span.first].first, bytes[span.second - 1].second);
    found.push_back(std::move(one));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Contamination& x, const Contamination& y) { return x.words * y.of > y.words * x.of; });
  return found;
}

Judgement Decontaminate::judge(const Document&, TextAnalysis& analysis) const {
  const std::vector<Contamination> found = find(analysis.text());
  if (found.empty()) return keep();
  const Contamination& first = found.front();
  std::string reason =
      fmt::format("{} of {} words of {} at byte {}", first.words, first.of, first.item, first.bytes.front().first);
  if (found.size() > 1) reason += fmt::format(", and {} other item{}", found.size() - 1, found.size() == 2 ? "" : "s");
  Judgement judgement = keep();
  if (params_.action == DecontaminateParams::Action::drop) {
    judgement = drop(first.item.substr(0, first.item.rfind('#')), reason);
  } else if (params_.action == DecontaminateParams::Action::cut) {
    std::vector<Span> all, spans;
    for (const Contamination& one : found) all.insert(all.end(), one.bytes.begin(), one.bytes.end());
    std::sort(all.begin(), all.end());
    for (const Span& span : all) add_span(spans, span.first, span.second);
    std::string text;
    std::size_t copied = 0, cut = 0;
    for (const Span& span : spans) {
      text += analysis.text().substr(copied, span.first - copied);
      copied = span.second;
      cut += span.second - span.first;
    }
    text += analysis.text().substr(copied);
    judgement = edit("cut", fmt::format("{} span{}, {} bytes", spans.size(), spans.size() == 1 ? "" : "s", cut), std::move(text));
  }
  judgement.evidence = contamination_text(found);
  return judgement;
}

Variant Decontaminate::variant() {
  const DecontaminateParams d;
  return {
      "decontaminate",
      {field("file", string().min(1), "evaluation sets: a JSONL file, or a folder of them (.jsonl, .jsonl.gz, .jsonl.zst)"),
       field("fields", list(string().min(1)).min(1).def(d.fields), "members of a line that make the item's text, in this order"),
       field("rule", string().one_of({"ngrams", "spans"}).def("ngrams"),
             "ngrams: a run of words in common; spans: matching blocks around such a run"),
       field("ngram_words", integer().min(3).max(1000).def(nullptr), "words in a run; 13, or 8 for the rule spans"),
       field("min_share", number().min(0).max(1).def(nullptr),
             "of the item's words that must be found; 0, or more than 0.5 for the rule spans"),
       field("action", string().one_of({"drop", "cut", "report"}).def("drop"),
             "drop the document, cut the passages, or report them only")},
      "find texts of evaluation sets"};
}

std::unique_ptr<Filter> Decontaminate::make(const Config& config, const std::vector<std::filesystem::path>& files) {
  DecontaminateParams p;
  p.fields = config.strings("fields");
  p.spans = config.string("rule") == "spans";
  p.ngram_words = config.has("ngram_words") ? static_cast<std::size_t>(config.integer("ngram_words")) : p.spans ? 8 : 13;
  p.min_share = config.has("min_share") ? config.number("min_share") : p.spans ? 0.5 : 0;
  const std::string action = config.string("action");
  if (action == "cut") p.action = DecontaminateParams::Action::cut;
  if (action == "report") p.action = DecontaminateParams::Action::report;
  return std::make_unique<Decontaminate>(std::move(p), files.at(0));
}

}  // namespace cairn::data
