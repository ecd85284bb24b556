// Per-document metrics and their aggregation (spec/evaluation.md §2.6).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/runner.h"

namespace cairn::eval {

// acc, acc_norm (per code point of the choice), acc_bytes, exact_match (greedy) from the choices' log-likelihoods; ties go to the
// lowest index.
double choice_metric(const std::string& metric, const Sample& sample);

// Equality after deleting what the metric ignores, on both sides: regexes, then case, ASCII punctuation, digits.
bool exact_match(const std::string& prediction, const std::string& target, const MetricSpec& metric);

double mean(const std::vector<double>& values);
std::optional<double> mean_standard_error(const std::vector<double>& values);  // none for n <= 1

// sum of negative log-likelihoods, and of what they are divided by
double weighted_perplexity(double nll, double weight);  // exp(nll / weight)
double bits_per_byte(double nll, double bytes);         // nll / bytes / ln 2

// Words as the harness counts them: parts of a split on whitespace runs, leading and trailing empty parts included.
std::int64_t harness_words(const std::string& text);

}  // namespace cairn::eval
