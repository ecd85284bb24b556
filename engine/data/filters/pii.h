// pii: personal identifiers to marker tokens: <email-pii>, <ip-pii>, <iban-pii>, <phone-pii>, <card-pii>.
//
// Rules "apertus" are those of the Apertus data pipeline (spec/data.md §1.3): its three patterns, each distinct match replaced
// everywhere in the text. Rules "cairn" (the default) are those of pii_patterns.h: identifiers that stand alone, with the
// checksums and lengths that their kind has. They keep with the decision where each one stood: "email 12+17, iban 40+26", offset
// and length in bytes of the text as the filter found it (the first kMostRecorded; the reason counts them all). Rules "datatrove"
// are those of its PIIFormatter: the e-mail and IPv4 patterns of Apertus, each match replaced where it stands, only public
// addresses; with our markers instead of its example addresses.
#pragma once

#include <cstddef>

#include "engine/data/filters/filter.h"

namespace cairn::data {

enum class PiiKind { email, ip, iban, phone, card };
inline constexpr std::size_t kPiiKinds = 5;
const char* pii_kind_name(PiiKind kind);  // "email"

struct PiiSpan {
  PiiKind kind;
  std::size_t begin = 0, end = 0;  // bytes
  bool operator==(const PiiSpan&) const = default;
};

enum class PiiRules { cairn, apertus, datatrove };

struct PiiParams {
  PiiRules rules = PiiRules::cairn;
  bool emails = true, ips = true, ibans = true;
  bool phones = true, cards = true;  // rules "cairn"
  bool public_ips_only = true;  // rules "cairn": leave private, loopback, link-local, documentation and other special addresses
};

inline constexpr std::size_t kMostRecorded = 1000;  // spans of a document that its decision keeps

// Spans of rules "cairn", in order, without overlaps: an e-mail address before all else, then what begins first.
std::vector<PiiSpan> find_pii(std::string_view text, const PiiParams& params);
// `text` with markers in the place of `spans`, which come in order and do not overlap.
std::string replace_pii(std::string_view text, const std::vector<PiiSpan>& spans);

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
