// pii: personal identifiers to marker tokens: <email-pii>, <ip-pii>, <iban-pii>.
//
// Rules "apertus" are those of the Apertus data pipeline (spec/data.md §1.3): its three patterns, each distinct match replaced
// everywhere in the text. Rules "cairn" (the default) mean what they say: e-mail as there; IPv4 and IPv6 addresses that stand
// alone (not part of a longer number, word or version); IBANs of any grouping whose country, length and mod-97 checksum are right
// (ISO 13616).
#pragma once

#include <cstddef>

#include "engine/data/filters/filter.h"

namespace cairn::data {

enum class PiiKind { email, ip, iban };

struct PiiSpan {
  PiiKind kind;
  std::size_t begin = 0, end = 0;  // bytes
};

struct PiiParams {
  bool apertus = false;  // the rules
  bool emails = true, ips = true, ibans = true;
  bool public_ips_only = false;  // rules "cairn": leave private, loopback, link-local, documentation and other special addresses
};

// Spans of rules "cairn", in order, without overlaps.
std::vector<PiiSpan> find_pii(std::string_view text, const PiiParams& params);
// `text` with markers in the place of `spans`, which come in order and do not overlap.
std::string replace_pii(std::string_view text, const std::vector<PiiSpan>& spans);

// The IBAN that begins at text[at], with or without single spaces: its length in bytes, or 0.
std::size_t iban_length(std::string_view text, std::size_t at);

class PiiFilter : public Filter {
 public:
  explicit PiiFilter(PiiParams params) : params_(params) {}
  Judgement judge(const Document& document, TextAnalysis& analysis) const override;

  static Variant variant();
  static std::unique_ptr<Filter> make(const Config& config);

 private:
  PiiParams params_;
};

}  // namespace cairn::data
