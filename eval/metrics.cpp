#include "eval/metrics.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "base/error.h"
#include "eval/filters.h"

namespace cairn::eval {
namespace {

double code_points(const std::string& text) {
  double count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

bool is_ascii_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

std::string normalised(std::string text, const MetricSpec& metric) {
  for (const std::string& pattern : metric.regexes_to_ignore) text = Pattern(pattern, "exact_match").remove_all(text);
  std::string out;
  for (char c : text) {
    if (metric.ignore_case && c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
    if (metric.ignore_punctuation && is_ascii_punctuation(c)) continue;
    if (metric.ignore_numbers && c >= '0' && c <= '9') continue;
    out += c;
  }
  return out;
}

}  // namespace

double choice_metric(const std::string& metric, const Sample& sample) {
  if (sample.gold < 0) return 0;
  if (metric == "exact_match") return sample.responses[static_cast<std::size_t>(sample.gold)].likelihood.greedy ? 1 : 0;
  std::size_t best = 0;
  double best_score = 0;
  for (std::size_t i = 0; i < sample.responses.size(); ++i) {
    double score = sample.responses[i].likelihood.sum;
    if (metric == "acc_norm") score /= code_points(sample.choices[i]);
    if (metric == "acc_bytes") score /= static_cast<double>(sample.choices[i].size());
    if (i == 0 || score > best_score) {
      best = i;
      best_score = score;
    }
  }
  return static_cast<std::int64_t>(best) == sample.gold ? 1 : 0;
}

bool exact_match(const std::string& prediction, const std::string& target, const MetricSpec& metric) {
  return normalised(prediction, metric) == normalised(target, metric);
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

std::optional<double> mean_standard_error(const std::vector<double>& values) {
  if (values.size() <= 1) return std::nullopt;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  const auto n = static_cast<double>(values.size());
  return std::sqrt(squares / (n - 1)) / std::sqrt(n);
}

double weighted_perplexity(double nll, double weight) {
  return std::exp(nll / weight);
}

double bits_per_byte(double nll, double bytes) {
  return nll / bytes / std::numbers::ln2;
}

std::int64_t harness_words(const std::string& text) {
  std::int64_t runs = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (space && !inside) ++runs;
    inside = space;
  }
  return runs + 1;
}

}  // namespace cairn::eval
