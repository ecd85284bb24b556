#include "eval/memorisation.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "eval/metrics.h"
#include "eval/overlap.h"

namespace cairn::eval {

namespace {

constexpr double kRemembered = 0.7;  // spec/data.md §1.5: of 10,672 probes 22 reached it

std::vector<std::size_t> chosen_probes(const data::ProbeTable& table, const MemorisationOptions& options) {
  std::map<std::pair<std::string, std::string>, std::int64_t> taken;
  std::vector<std::size_t> chosen;
  for (std::size_t p = 0; p < table.probes().size(); ++p) {
    const data::Probe& probe = table.probes()[p];
    const bool wanted =
        options.kinds.empty() || std::find(options.kinds.begin(), options.kinds.end(), probe.kind) != options.kinds.end();
    if (!wanted || (options.limit > 0 && taken[{probe.kind, probe.bucket}] == options.limit)) continue;
    ++taken[{probe.kind, probe.bucket}];
    chosen.push_back(p);
  }
  return chosen;
}

MemorisationSample compared(std::span<const std::int32_t> truth, std::vector<std::int32_t> generated) {
  MemorisationSample sample;
  sample.rouge_l = rouge_l(generated, truth);
  sample.longest_run = static_cast<double>(longest_common_run(generated, truth)) / static_cast<double>(truth.size());
  sample.ttr = type_token_ratio(generated);
  sample.true_ttr = type_token_ratio(truth);
  sample.exact = std::equal(truth.begin(), truth.end(), generated.begin(), generated.end());
  sample.generated = std::move(generated);
  return sample;
}

// Cells of one way of asking, in the order in which kinds and buckets stand in the table.
class Cells {
 public:
  Cells(std::int64_t prefix, std::int64_t offset, Decoding decoding) : prefix_(prefix), offset_(offset), decoding_(decoding) {}

  MemorisationCell& of(const data::Probe& probe) {
    const auto [at, fresh] = index_.try_emplace({probe.kind, probe.bucket}, cells_.size());
    if (fresh) {
      MemorisationCell& cell = cells_.emplace_back();
      cell.kind = probe.kind;
      cell.bucket = probe.bucket;
      cell.frequency = probe.frequency;
      cell.prefix = prefix_;
      cell.offset = offset_;
      cell.decoding = decoding_;
      values_.emplace_back();
    }
    return cells_[at->second];
  }

  void add(const data::Probe& probe, const MemorisationSample& sample) {
    MemorisationCell& cell = of(probe);
    ++cell.probes;
    cell.remembered += sample.rouge_l >= kRemembered;
    cell.exact += sample.exact;
    Values& values = values_[index_.at({probe.kind, probe.bucket})];
    values.rouge_l.push_back(sample.rouge_l);
    values.longest_run.push_back(sample.longest_run);
    values.ttr.push_back(sample.ttr);
    values.true_ttr.push_back(sample.true_ttr);
  }

  void finish(std::vector<MemorisationCell>& out) {
    for (std::size_t c = 0; c < cells_.size(); ++c) {
      MemorisationCell& cell = cells_[c];
      if (cell.probes > 0) {
        cell.rouge_l = mean(values_[c].rouge_l);
        cell.rouge_l_error = mean_standard_error(values_[c].rouge_l);
        cell.longest_run = mean(values_[c].longest_run);
        cell.ttr = mean(values_[c].ttr);
        cell.true_ttr = mean(values_[c].true_ttr);
      }
      out.push_back(std::move(cell));
    }
  }

 private:
  struct Values {
    std::vector<double> rouge_l, longest_run, ttr, true_ttr;
  };
  std::int64_t prefix_, offset_;
  Decoding decoding_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::vector<MemorisationCell> cells_;
  std::vector<Values> values_;
};

}  // namespace

const char* decoding_name(Decoding decoding) {
  return decoding == Decoding::greedy ? "greedy" : "nucleus";
}

std::int64_t memorisation_room(const data::ProbeTable& table, const MemorisationOptions& options) {
  const std::vector<std::size_t> chosen = chosen_probes(table, options);
  if (chosen.empty()) fail_usage("the probe table has no probe of the kinds that are asked for");
  std::int64_t longest = 0;
  for (const std::size_t p : chosen) longest = std::max(longest, table.probes()[p].tokens);
  const std::int64_t behind = *std::min_element(options.offsets.begin(), options.offsets.end()) + options.suffix;
  std::int64_t room = 0, least = INT64_MAX;
  for (const std::int64_t prefix : options.prefixes) {
    least = std::min(least, prefix + behind);
    if (prefix + behind <= longest) room = std::max(room, prefix + options.suffix - 1);
  }
  if (room == 0) fail_usage("the longest probe has {} tokens, at least {} are asked for (prefix + suffix)", longest, least);
  return room;
}

Memorisation measure_memorisation(const data::ProbeTable& table, const MemorisationOptions& options, const Continuation& model) {
  memorisation_room(table, options);  // there is something to ask
  const std::vector<std::size_t> chosen = chosen_probes(table, options);
  Memorisation all;
  for (const Decoding decoding : options.decodings) {
    for (const std::int64_t offset : options.offsets) {
      for (const std::int64_t prefix : options.prefixes) {
        Cells cells(prefix, offset, decoding);
        for (const std::size_t p : chosen) {
          const data::Probe& probe = table.probes()[p];
          MemorisationCell& cell = cells.of(probe);
          if (probe.tokens < offset + prefix + options.suffix) {
            ++cell.too_short;
            continue;
          }
          const std::vector<std::int32_t> tokens = table.tokens(p);
          const auto context = std::span(tokens).subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(prefix));
          const auto truth =
              std::span(tokens).subspan(static_cast<std::size_t>(offset + prefix), static_cast<std::size_t>(options.suffix));
          if (type_token_ratio(truth) <= options.least_ttr) {
            ++cell.repetitive;
            continue;
          }
          MemorisationSample sample = compared(truth, model(context, options.suffix, decoding, p));
          sample.probe = p;
          sample.prefix = prefix;
          sample.offset = offset;
          sample.decoding = decoding;
          cells.add(probe, sample);
          all.samples.push_back(std::move(sample));
        }
        cells.finish(all.cells);
      }
    }
  }
  return all;
}

Json memorisation_json(const Memorisation& measured) {
  Json cells = Json::array();
  for (const MemorisationCell& cell : measured.cells) {
    Json json = {{"kind", cell.kind},     {"bucket", cell.bucket},       {"frequency", cell.frequency},
                 {"prefix", cell.prefix}, {"offset", cell.offset},       {"decoding", decoding_name(cell.decoding)},
                 {"probes", cell.probes}, {"too_short", cell.too_short}, {"repetitive", cell.repetitive}};
    if (cell.probes > 0) {
      json["rouge_l"] = cell.rouge_l;
      json["rouge_l_stderr"] = cell.rouge_l_error ? Json(*cell.rouge_l_error) : Json(nullptr);
      json["longest_run"] = cell.longest_run;
      json["ttr"] = cell.ttr;
      json["true_ttr"] = cell.true_ttr;
      json["remembered"] = cell.remembered;
      json["exact"] = cell.exact;
    }
    cells.push_back(std::move(json));
  }
  return cells;
}

Json sample_json(const MemorisationSample& sample, const data::ProbeTable& table) {
  const data::Probe& probe = table.probes()[sample.probe];
  return {{"id", probe.id},
          {"kind", probe.kind},
          {"bucket", probe.bucket},
          {"frequency", probe.frequency},
          {"prefix", sample.prefix},
          {"offset", sample.offset},
          {"decoding", decoding_name(sample.decoding)},
          {"rouge_l", sample.rouge_l},
          {"longest_run", sample.longest_run},
          {"ttr", sample.ttr},
          {"true_ttr", sample.true_ttr},
          {"exact", sample.exact},
          {"generated", sample.generated}};
}

}  // namespace cairn::eval
