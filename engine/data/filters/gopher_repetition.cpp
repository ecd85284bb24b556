#include "engine/data/filters/gopher_repetition.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/filters/duplicates.h"

namespace cairn::data {

namespace {

// Statistics; of n-grams, each n has its own.
enum Measured : std::uint32_t {
  dup_paragraphs,
  dup_paragraph_chars,
  dup_lines,
  dup_line_chars,
  top_n_gram = 100,
  dup_n_gram = 200
};

std::uint32_t measured_of(Measured kind, int n) {
  return kind + static_cast<std::uint32_t>(n);
}

// Parts of `text` between runs of at least `least` newlines; empty parts at the ends count, as in Python's re.split.
std::vector<std::string_view> split_at_newlines(std::string_view text, std::size_t least) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    std::size_t end = at;
    while (end < text.size() && text[end] == '\n') ++end;
    if (end - at >= least) {
      parts.push_back(text.substr(begin, at - begin));
      begin = end;
    }
    at = end;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

double share(std::size_t part, std::size_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

// Characters of words [0, i), for all i.
std::vector<std::uint32_t> character_sums(std::span<const WordFacts> words) {
  std::vector<std::uint32_t> sums(words.size() + 1, 0);
  for (std::size_t i = 0; i < words.size(); ++i) sums[i + 1] = sums[i] + words[i].characters;
  return sums;
}

// Runs of words in one text, and what it takes to find those that repeat.
struct Runs {
  const WordHashes& hashes;
  const std::vector<std::uint32_t>& sums;
  SeenRuns seen = {};
  std::vector<std::uint32_t> counts = {};

  std::size_t characters(std::size_t begin, std::size_t n) const { return sums[begin + n] - sums[begin]; }
};

// Length of the most frequent n-gram, its words joined by spaces, times its count; the first of equally frequent ones.
std::size_t top_n_gram_characters(std::size_t n, Runs& runs) {
  const std::size_t words = runs.hashes.words();
  runs.seen.reset(words);
  runs.counts.assign(words, 1);
  const std::uint64_t power = WordHashes::power_of(n);
  const auto hash_of = [&](std::size_t place) { return runs.hashes.spaced(place, n, power); };
  std::uint32_t best = 1, best_first = 0;
  for (std::size_t i = 0; i + n <= words; ++i) {
    const auto place = static_cast<std::uint32_t>(i);
    const std::uint32_t first = runs.seen.first(hash_of(i), place, hash_of);
    if (first == place) continue;
    const std::uint32_t count = ++runs.counts[first];
    if (count > best || (count == best && first < best_first)) {
      best = count;
      best_first = first;
    }
  }
  return best * (runs.characters(best_first, n) + n - 1);
}

// Characters in n-grams seen before; after one, the walk goes on behind it.
std::size_t duplicated_n_gram_characters(std::size_t n, Runs& runs) {
  const std::size_t words = runs.hashes.words();
  runs.seen.reset(words);
  const auto hash_of = [&](std::size_t place) { return runs.hashes.joined(place, n); };
  std::size_t repeated = 0;
  for (std::size_t i = 0; i + n <= words;) {
    const auto place = static_cast<std::uint32_t>(i);
    const bool seen = runs.seen.first(hash_of(i), place, hash_of) != place;
    if (seen) repeated += runs.characters(i, n);
    i += seen ? n : 1;
  }
  return repeated;
}

Schema limits(const std::vector<NGramLimit>& defaults) {
  Json list_of_pairs = Json::array();
  for (const auto& [n, limit] : defaults) list_of_pairs.push_back({n, limit});
  return list(list(number()).min(2).max(2)).def(list_of_pairs);
}

std::vector<NGramLimit> read_limits(const Config& config, std::string_view name) {
  std::vector<NGramLimit> limits;
  for (const Json& pair : config.json(name)) {
    const double n = pair.at(0).get<double>(), limit = pair.at(1).get<double>();
    if (n < 1 || n > 50 || n != static_cast<int>(n))
      fail_usage("gopher_repetition.{}: n must be a whole number from 1 to 50, found {}", name, n);
    limits.emplace_back(static_cast<int>(n), limit);
  }
  return limits;
}

}  // namespace

Judgement GopherRepetitionFilter::judge(const Document&, TextAnalysis& analysis) const {
  const std::string_view text = analysis.text();
  if (text.empty()) return drop("empty", "no text");
  const std::size_t characters = analysis.characters();
  const auto over = [](double value, double limit) { return limit > 0 && value > limit; };

  const std::vector<std::string_view> paragraphs = split_at_newlines(strip(text), 2);
  const DuplicateCount same_paragraphs = count_duplicates(paragraphs);
  const auto measured = [&analysis](Measured statistic, double value, double limit) {
    if (limit > 0) analysis.measured(statistic, value);
    return value;
  };
  if (const double s = measured(dup_paragraphs, share(same_paragraphs.parts, paragraphs.size()), params_.max_dup_paragraphs);
      over(s, params_.max_dup_paragraphs)) {
    return drop("dup_para_frac",
                fmt::format("{:.2f} of the paragraphs are repeats, limit {:.2f}", s, params_.max_dup_paragraphs));
  }
  if (const double s =
          measured(dup_paragraph_chars, share(same_paragraphs.characters, characters), params_.max_dup_paragraph_chars);
      over(s, params_.max_dup_paragraph_chars)) {
    return drop("dup_para_char_frac",
                fmt::format("repeated paragraphs cover {:.2f} of characters, limit {:.2f}", s, params_.max_dup_paragraph_chars));
  }

  const std::vector<std::string_view> lines = split_at_newlines(text, 1);
  const DuplicateCount same_lines = count_duplicates(lines);
  if (const double s = measured(dup_lines, share(same_lines.parts, lines.size()), params_.max_dup_lines);
      over(s, params_.max_dup_lines)) {
    return drop("dup_line_frac", fmt::format("{:.2f} of the lines are repeats, limit {:.2f}", s, params_.max_dup_lines));
  }
  if (const double s = measured(dup_line_chars, share(same_lines.characters, characters), params_.max_dup_line_chars);
      over(s, params_.max_dup_line_chars)) {
    return drop("dup_line_char_frac",
                fmt::format("repeated lines cover {:.2f} of characters, limit {:.2f}", s, params_.max_dup_line_chars));
  }

  TextAnalysis& reading = analysis.reading(params_.unspaced);
  const std::vector<std::string_view>& words = reading.words();
  const std::vector<std::uint32_t> sums = character_sums(reading.facts());
  const auto scale = static_cast<std::size_t>(reading.unspaced_scale());
  const WordHashes hashes(words);
  Runs runs{hashes, sums};
  for (const auto& [n, limit] : params_.top_n_grams) {
    if (words.size() < n * scale) continue;
    const double s = share(top_n_gram_characters(n * scale, runs), characters);
    analysis.measured(measured_of(top_n_gram, n), s);
    if (s > limit)
      return drop(fmt::format("top_{}_gram", n),
                  fmt::format("top {}-gram covers {:.2f} of characters, limit {:.2f}", n, s, limit));
  }
  for (const auto& [n, limit] : params_.dup_n_grams) {
    const double s = share(duplicated_n_gram_characters(n * scale, runs), characters);
    analysis.measured(measured_of(dup_n_gram, n), s);
    if (s > limit) {
      return drop(fmt::format("duplicated_{}_n_grams", n),
                  fmt::format("repeated {}-grams cover {:.2f} of characters, limit {:.2f}", n, s, limit));
    }
  }
  return keep();
}

std::vector<Statistic> GopherRepetitionFilter::statistics() const {
  std::vector<Statistic> all;
  const auto add = [&all](std::uint32_t id, const std::string& rule, std::string title, double limit) {
    add_statistic(all, {id, rule, std::move(title), Statistic::Scale::share, 1, {limit}, {rule}});
  };
  if (params_.max_dup_paragraphs > 0)
    add(dup_paragraphs, "dup_para_frac", "share of paragraphs that are repeats", params_.max_dup_paragraphs);
  if (params_.max_dup_paragraph_chars > 0)
    add(dup_paragraph_chars, "dup_para_char_frac", "share of characters in repeated paragraphs", params_.max_dup_paragraph_chars);
  if (params_.max_dup_lines > 0) add(dup_lines, "dup_line_frac", "share of lines that are repeats", params_.max_dup_lines);
  if (params_.max_dup_line_chars > 0)
    add(dup_line_chars, "dup_line_char_frac", "share of characters in repeated lines", params_.max_dup_line_chars);
  for (const auto& [n, limit] : params_.top_n_grams)
    add(measured_of(top_n_gram, n), fmt::format("top_{}_gram", n),
        fmt::format("share of characters in the most frequent {}-gram", n), limit);
  for (const auto& [n, limit] : params_.dup_n_grams)
    add(measured_of(dup_n_gram, n), fmt::format("duplicated_{}_n_grams", n),
        fmt::format("share of characters in repeated {}-grams", n), limit);
  return all;
}

Variant GopherRepetitionFilter::variant() {
  const GopherRepetitionParams d;
  return {"gopher_repetition",
          {
              field("max_dup_paragraphs", number().min(0).max(1).def(d.max_dup_paragraphs),
                    "share of paragraphs that are repeats; 0 = no test"),
              field("max_dup_paragraph_chars", number().min(0).max(1).def(d.max_dup_paragraph_chars),
                    "share of characters in them; 0 = no test"),
              field("max_dup_lines", number().min(0).max(1).def(d.max_dup_lines), "share of lines that are repeats; 0 = no test"),
              field("max_dup_line_chars", number().min(0).max(1).def(d.max_dup_line_chars),
                    "share of characters in them; 0 = no test"),
              field("top_n_grams", limits(d.top_n_grams), "[n, limit] pairs: share of characters in the most frequent n-gram"),
              field("dup_n_grams", limits(d.dup_n_grams), "[n, limit] pairs: share of characters in n-grams seen before"),
              unspaced_field(),
          },
          "repetition rules of Gopher, as in datatrove"};
}

std::unique_ptr<Filter> GopherRepetitionFilter::make(const Config& config) {
  GopherRepetitionParams p;
  p.max_dup_paragraphs = config.number("max_dup_paragraphs");
  p.max_dup_paragraph_chars = config.number("max_dup_paragraph_chars");
  p.max_dup_lines = config.number("max_dup_lines");
  p.max_dup_line_chars = config.number("max_dup_line_chars");
  p.top_n_grams = read_limits(config, "top_n_grams");
  p.dup_n_grams = read_limits(config, "dup_n_grams");
  p.unspaced = read_unspaced(config);
  return std::make_unique<GopherRepetitionFilter>(std::move(p));
}

}  // namespace cairn::data
