// What a model remembers of sequences that it read a known number of times: it is given how a probe begins, and what it writes is
// compared with how the probe goes on (spec/evaluation.md §1.3).
//
// Everything is measured on token ids.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/data/probe_table.h"

namespace cairn::eval {

enum class Decoding { greedy, nucleus };
const char* decoding_name(Decoding decoding);

struct MemorisationOptions {
  std::vector<std::int64_t> prefixes;  // tokens that are given
  std::int64_t suffix = 500;           // tokens that are compared
  std::vector<std::int64_t> offsets = {0};
  std::vector<Decoding> decodings = {Decoding::greedy};
  double least_ttr = 0.4;          // a probe whose true suffix has this type-token ratio or less is a table, and left out
  std::vector<std::string> kinds;  // of probes; empty = all
  std::int64_t limit = 0;          // probes of each kind and bucket; 0 = all
};

struct MemorisationSample {
  std::size_t probe = 0;  // in the table
  std::int64_t prefix = 0, offset = 0;
  Decoding decoding = Decoding::greedy;
  std::vector<std::int32_t> generated;
  double rouge_l = 0;      // F1 on ids
  double longest_run = 0;  // longest common run / length of the true suffix
  double ttr = 0, true_ttr = 0;
  bool exact = false;
};

// Probes of one kind and bucket, asked in one way.
struct MemorisationCell {
  std::string kind, bucket;
  std::int64_t frequency = 0, prefix = 0, offset = 0;
  Decoding decoding = Decoding::greedy;
  std::int64_t probes = 0;                                     // that were measured
  std::int64_t too_short = 0;                                  // that have fewer than offset + prefix + suffix tokens
  std::int64_t repetitive = 0;                                 // that least_ttr leaves out
  double rouge_l = 0, longest_run = 0, ttr = 0, true_ttr = 0;  // means
  std::optional<double> rouge_l_error;                         // standard error of the mean
  std::int64_t remembered = 0;                                 // with a Rouge-L of 0.7 or more
  std::int64_t exact = 0;
};

struct Memorisation {
  std::vector<MemorisationSample> samples;
  std::vector<MemorisationCell> cells;  // by decoding, offset, prefix, then kinds and buckets as the table has them
};

// `count` tokens that a model writes behind `context`.
using Continuation = std::function<std::vector<std::int32_t>(std::span<const std::int32_t> context, std::int64_t count,
                                                             Decoding decoding, std::size_t probe)>;

// Error (usage) when no probe is long enough for any of what is asked.
Memorisation measure_memorisation(const data::ProbeTable& table, const MemorisationOptions& options, const Continuation& model);

// Tokens of prefix and continuation that a model must be able to read for it: the longest prefix that a probe is long enough for
// (prefix + suffix behind the least offset), and suffix - 1, as the last token that is written is never read. Error as above.
std::int64_t memorisation_room(const data::ProbeTable& table, const MemorisationOptions& options);

Json memorisation_json(const Memorisation& measured);
Json sample_json(const MemorisationSample& sample, const data::ProbeTable& table);

struct MemorisationOfModel {
  std::string name;
  Memorisation measured;
};
// One page: for each model, decoding and kind a table of bucket by prefix, and the best remembered probes, by `text_of` tokens.
std::string memorisation_html(const std::vector<MemorisationOfModel>& models, const data::ProbeTable& table,
                              const MemorisationOptions& options,
                              const std::function<std::string(std::span<const std::int32_t>)>& text_of);

}  // namespace cairn::eval
