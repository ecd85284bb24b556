#include "engine/data/filters/gopher_quality.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::string_view kEllipsis = "\xe2\x80\xa6";
constexpr std::string_view kBullet = "\xe2\x80\xa2";

std::int64_t count(std::string_view text, std::string_view what) {  // without overlaps, as Python counts
  std::int64_t found = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

// Korean writes a syllable as one character: its words are shorter than the letters that they are made of.
double least_mean_length(double bound, std::string_view language) {
  return language == "ko" || language.starts_with("ko-") ? bound * 2 / 3 : bound;
}

enum Measured : std::uint32_t {
  words,
  mean_length,
  hashes_per_word,
  ellipses_per_word,
  bullet_lines,
  ellipsis_lines,
  alpha_words,
  stop_words
};

// A bound of 0 is no test.
std::vector<double> tested(std::initializer_list<double> bounds) {
  std::vector<double> limits;
  for (const double bound : bounds) {
    if (bound > 0) limits.push_back(bound);
  }
  return limits;
}

struct WordCounts {
  std::int64_t words = 0, with_letter = 0;
  std::int64_t not_punctuation = 0, their_characters = 0;
};

WordCounts count_words(std::span<const WordFacts> words) {
  WordCounts counts;
  for (const WordFacts& word : words) {
    counts.with_letter += (word.bits & kHasLetter) != 0;
    if (!(word.bits & kHasOther)) continue;
    ++counts.not_punctuation;
    counts.their_characters += word.characters;
  }
  counts.words = static_cast<std::int64_t>(words.size());
  return counts;
}

}  // namespace

Judgement GopherQualityFilter::judge(const Document& document, TextAnalysis& analysis) const {
  const std::string_view text = analysis.text();
  TextAnalysis& reading = analysis.reading(params_.unspaced);
  const std::vector<std::string_view>& words = reading.words();
  const WordCounts counts = count_words(reading.facts());

  analysis.measured(Measured::words, static_cast<double>(counts.not_punctuation));
  if (params_.min_words > 0 && counts.not_punctuation < params_.min_words) {
    return drop("short_doc", fmt::format("{} words, at least {} wanted", counts.not_punctuation, params_.min_words));
  }
  if (params_.max_words > 0 && counts.not_punctuation > params_.max_words) {
    return drop("long_doc", fmt::format("{} words, limit {}", counts.not_punctuation, params_.max_words));
  }
  if (counts.words == 0) return drop("short_doc", "no words");

  if (reading.unspaced_scale() == 1 && counts.not_punctuation > 0) {
    const double mean = static_cast<double>(counts.their_characters) / static_cast<double>(counts.not_punctuation);
    analysis.measured(Measured::mean_length, mean);
    const double least = least_mean_length(params_.min_mean_word_length, document.language);
    if (least > 0 && mean < least) {
      return drop("below_avg_threshold", fmt::format("mean word length {:.2f}, at least {:.3g} wanted", mean, least));
    }
    if (params_.max_mean_word_length > 0 && mean > params_.max_mean_word_length) {
      return drop("above_avg_threshold", fmt::format("mean word length {:.2f}, limit {}", mean, params_.max_mean_word_length));
    }
  }

  const double n_words = static_cast<double>(counts.words);
  const double hashes = static_cast<double>(count(text, "#")) / n_words;
  analysis.measured(Measured::hashes_per_word, hashes);
  if (params_.max_symbol_ratio > 0 && hashes > params_.max_symbol_ratio) {
    return drop("too_many_hashes", fmt::format("{:.3f} '#' per word, limit {}", hashes, params_.max_symbol_ratio));
  }
  const double ellipses = static_cast<double>(count(text, "...") + count(text, kEllipsis)) / n_words;
  analysis.measured(Measured::ellipses_per_word, ellipses);
  if (params_.max_symbol_ratio > 0 && ellipses > params_.max_symbol_ratio) {
    return drop("too_many_ellipsis", fmt::format("{:.3f} ellipses per word, limit {}", ellipses, params_.max_symbol_ratio));
  }

  const std::vector<std::string_view> lines = split_lines(text);
  std::int64_t bullets = 0, ellipsis_ends = 0;
  for (const std::string_view line : lines) {
    const std::string_view start = strip_left(line), end = strip_right(line);
    bullets += start.starts_with('-') || start.starts_with(kBullet);
    ellipsis_ends += end.ends_with("...") || end.ends_with(kEllipsis);
  }
  const double n_lines = static_cast<double>(lines.size());
  analysis.measured(Measured::bullet_lines, static_cast<double>(bullets) / n_lines);
  if (params_.max_bullet_lines > 0 && static_cast<double>(bullets) / n_lines > params_.max_bullet_lines) {
    return drop("too_many_bullets", fmt::format("{:.2f} of the lines begin with a bullet, limit {}",
                                                static_cast<double>(bullets) / n_lines, params_.max_bullet_lines));
  }
  analysis.measured(Measured::ellipsis_lines, static_cast<double>(ellipsis_ends) / n_lines);
  if (params_.max_ellipsis_lines > 0 && static_cast<double>(ellipsis_ends) / n_lines > params_.max_ellipsis_lines) {
    return drop("too_many_end_ellipsis", fmt::format("{:.2f} of the lines end with an ellipsis, limit {}",
                                                     static_cast<double>(ellipsis_ends) / n_lines, params_.max_ellipsis_lines));
  }

  const double alpha = static_cast<double>(counts.with_letter) / n_words;
  analysis.measured(Measured::alpha_words, alpha);
  if (params_.min_alpha_words > 0 && alpha < params_.min_alpha_words) {
    return drop("below_alpha_threshold",
                fmt::format("{:.2f} of the words have a letter, at least {} wanted", alpha, params_.min_alpha_words));
  }

  if (params_.min_stop_words > 0) {
    std::vector<std::string_view> wanted(params_.stop_words.begin(), params_.stop_words.end());
    if (wanted.empty()) wanted = stop_words_of(document.language);
    if (wanted.empty()) return keep();
    std::int64_t found = 0;
    for (const std::string_view stop : wanted) {
      found += std::find(words.begin(), words.end(), stop) != words.end();
      if (found == params_.min_stop_words) break;
    }
    analysis.measured(Measured::stop_words, static_cast<double>(found));
    if (found >= params_.min_stop_words) return keep();
    return drop("enough_stop_words", fmt::format("{} of the stop words of '{}' occur, at least {} wanted", found,
                                                 document.language, params_.min_stop_words));
  }
  return keep();
}

std::vector<Statistic> GopherQualityFilter::statistics() const {
  using Scale = Statistic::Scale;
  const GopherQualityParams& p = params_;
  return {
      {Measured::words,
       "words",
       "words",
       Scale::count,
       0,
       tested({static_cast<double>(p.min_words), static_cast<double>(p.max_words)}),
       {"short_doc", "long_doc"}},
      {Measured::mean_length,
       "mean_word_length",
       "mean length of words, in characters",
       Scale::share,
       20,
       tested({p.min_mean_word_length, p.max_mean_word_length}),
       {"below_avg_threshold", "above_avg_threshold"}},
      {Measured::hashes_per_word,
       "hashes_per_word",
       "'#' per word",
       Scale::share,
       0.5,
       tested({p.max_symbol_ratio}),
       {"too_many_hashes"}},
      {Measured::ellipses_per_word,
       "ellipses_per_word",
       "ellipses per word",
       Scale::share,
       0.5,
       tested({p.max_symbol_ratio}),
       {"too_many_ellipsis"}},
      {Measured::bullet_lines,
       "bullet_lines",
       "share of lines that begin with a bullet",
       Scale::share,
       1,
       tested({p.max_bullet_lines}),
       {"too_many_bullets"}},
      {Measured::ellipsis_lines,
       "ellipsis_lines",
       "share of lines that end in an ellipsis",
       Scale::share,
       1,
       tested({p.max_ellipsis_lines}),
       {"too_many_end_ellipsis"}},
      {Measured::alpha_words,
       "alpha_words",
       "share of words with a letter",
       Scale::share,
       1,
       tested({p.min_alpha_words}),
       {"below_alpha_threshold"}},
      {Measured::stop_words,
       "stop_words",
       "different stop words, counted as far as wanted",
       Scale::count,
       0,
       tested({static_cast<double>(p.min_stop_words)}),
       {"enough_stop_words"}},
  };
}

Variant GopherQualityFilter::variant() {
  const GopherQualityParams d;
  return {"gopher_quality",
          {
              field("min_words", integer().min(0).def(d.min_words),
                    "fewest words with a character that is not punctuation; 0 = no test"),
              field("max_words", integer().min(0).def(d.max_words), "most of them; 0 = no test"),
              field("min_mean_word_length", number().min(0).def(d.min_mean_word_length), "characters; 0 = no test"),
              field("max_mean_word_length", number().min(0).def(d.max_mean_word_length), "characters; 0 = no test"),
              field("max_symbol_ratio", number().min(0).def(d.max_symbol_ratio),
                    "most '#', and most ellipses, per word; 0 = no test"),
              field("max_bullet_lines", number().min(0).max(1).def(d.max_bullet_lines),
                    "share of lines that begin with a bullet; 0 = no test"),
              field("max_ellipsis_lines", number().min(0).max(1).def(d.max_ellipsis_lines),
                    "share of lines that end in an ellipsis; 0 = no test"),
              field("min_alpha_words", number().min(0).max(1).def(d.min_alpha_words),
                    "least share of words with a letter; 0 = no test"),
              field("min_stop_words", integer().min(0).def(d.min_stop_words), "fewest different stop words; 0 = no test"),
              field("stop_words", list(string().min(1)).def(Json::array()),
                    "stop words of all languages; empty = the built-in lists"),
              unspaced_field(),
          },
          "quality rules of Gopher, as in datatrove"};
}

std::unique_ptr<Filter> GopherQualityFilter::make(const Config& config) {
  GopherQualityParams p;
  p.min_words = config.integer("min_words");
  p.max_words = config.integer("max_words");
  p.min_mean_word_length = config.number("min_mean_word_length");
  p.max_mean_word_length = config.number("max_mean_word_length");
  p.max_symbol_ratio = config.number("max_symbol_ratio");
  p.max_bullet_lines = config.number("max_bullet_lines");
  p.max_ellipsis_lines = config.number("max_ellipsis_lines");
  p.min_alpha_words = config.number("min_alpha_words");
  p.min_stop_words = config.integer("min_stop_words");
  p.stop_words = config.strings("stop_words");
  p.unspaced = read_unspaced(config);
  return std::make_unique<GopherQualityFilter>(std::move(p));
}

}  // namespace cairn::data
