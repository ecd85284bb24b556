#include "engine/data/filters/pii.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/filters/pii_patterns.h"

namespace cairn::data {

namespace {

constexpr std::string_view kMarkers[] = {"<email-pii>", "<ip-pii>", "<iban-pii>"};

struct Counts {
  std::array<int, 3> of{};
  int total() const { return of[0] + of[1] + of[2]; }
  std::string words() const {
    std::string text;
    constexpr std::array<std::array<const char*, 2>, 3> kNames{
        {{"e-mail address", "e-mail addresses"}, {"IP address", "IP addresses"}, {"IBAN", "IBANs"}}};
    for (std::size_t kind = 0; kind < 3; ++kind) {
      if (of[kind] > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", of[kind], kNames[kind][of[kind] > 1]);
    }
    return text;
  }
};

// Apertus: all distinct matches of one pattern, then each replaced wherever it occurs, in order of first match.
template <typename Find>
int replace_everywhere(std::string& text, std::string_view marker, Find&& find) {
  std::vector<std::string> distinct;
  for (std::size_t at = 0; at < text.size();) {
    const pii::Match match = find(text, at);
    if (match.end == 0) break;
    const std::string hit = text.substr(match.begin, match.end - match.begin);
    if (std::find(distinct.begin(), distinct.end(), hit) == distinct.end()) distinct.push_back(hit);
    at = match.end;
  }
  for (const std::string& hit : distinct) {
    std::string out;
    std::size_t copied = 0;
    for (std::size_t at = text.find(hit); at != std::string::npos; at = text.find(hit, copied)) {
      out.append(text, copied, at - copied);
      out += marker;
      copied = at + hit.size();
    }
    out.append(text, copied);
    text = std::move(out);
  }
  return static_cast<int>(distinct.size());
}

}  // namespace

std::vector<PiiSpan> find_pii(std::string_view text, const PiiParams& params) {
  std::vector<PiiSpan> spans;
  if (params.emails) {
    for (std::size_t at = 0; at < text.size();) {
      const pii::Match match = pii::find_email(text, at);
      if (match.end == 0) break;
      spans.push_back({PiiKind::email, match.begin, match.end});
      at = match.end;
    }
  }
  // Addresses and IBANs begin with a digit, a hexadecimal letter, a colon or two capitals: one pass over the bytes finds where to
  // look.
  std::vector<PiiSpan> others;
  if (params.ips || params.ibans) {
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (params.ips) {
        if (const std::size_t length = pii::lone_ip_length(text, at, params.public_ips_only)) {
          others.push_back({PiiKind::ip, at, at + length});
          at += length - 1;
          continue;
        }
      }
      if (params.ibans) {
        if (const std::size_t length = iban_length(text, at)) {
          others.push_back({PiiKind::iban, at, at + length});
          at += length - 1;
        }
      }
    }
  }
  if (others.empty()) return spans;
  const auto inside_email = [&spans](const PiiSpan& span) {
    return std::any_of(spans.begin(), spans.end(),
                       [&span](const PiiSpan& e) { return span.begin < e.end && e.begin < span.end; });
  };
  const std::size_t emails = spans.size();
  std::vector<PiiSpan> all(spans.begin(), spans.end());
  for (const PiiSpan& span : others) {
    if (emails == 0 || !inside_email(span)) all.push_back(span);
  }
  std::sort(all.begin(), all.end(), [](const PiiSpan& a, const PiiSpan& b) { return a.begin < b.begin; });
  return all;
}

std::string replace_pii(std::string_view text, const std::vector<PiiSpan>& spans) {
  std::string out;
  out.reserve(text.size());
  std::size_t copied = 0;
  for (const PiiSpan& span : spans) {
    out.append(text, copied, span.begin - copied);
    out += kMarkers[static_cast<std::size_t>(span.kind)];
    copied = span.end;
  }
  out.append(text, copied);
  return out;
}

Judgement PiiFilter::judge(const Document&, TextAnalysis& analysis) const {
  const std::string_view text = analysis.text();
  Counts counts;
  std::string edited;
  if (params_.apertus) {
    edited = text;
    if (params_.emails) counts.of[0] = replace_everywhere(edited, kMarkers[0], pii::find_email);
    if (params_.ips) counts.of[1] = replace_everywhere(edited, kMarkers[1], pii::find_ipv4_anywhere);
    if (params_.ibans) counts.of[2] = replace_everywhere(edited, kMarkers[2], pii::find_iban_grouped);
  } else {
    const std::vector<PiiSpan> spans = find_pii(text, params_);
    for (const PiiSpan& span : spans) ++counts.of[static_cast<std::size_t>(span.kind)];
    if (!spans.empty()) edited = replace_pii(text, spans);
  }
  if (counts.total() == 0) return keep();
  return edit("markers", counts.words(), std::move(edited));
}

Variant PiiFilter::variant() {
  return {"pii",
          {
              field("rules", string().one_of({"cairn", "apertus"}).def("cairn"),
                    "cairn: with boundaries and checksums; apertus: its patterns"),
              field("emails", boolean().def(true), "e-mail addresses to <email-pii>"),
              field("ips", boolean().def(true), "IP addresses to <ip-pii>"),
              field("ibans", boolean().def(true), "bank account numbers to <iban-pii>"),
              field("public_ips_only", boolean().def(false), "rules cairn: leave private and other special addresses"),
          },
          "personal identifiers to marker tokens"};
}

std::unique_ptr<Filter> PiiFilter::make(const Config& config) {
  PiiParams p;
  p.apertus = config.string("rules") == "apertus";
  p.emails = config.boolean("emails");
  p.ips = config.boolean("ips");
  p.ibans = config.boolean("ibans");
  p.public_ips_only = config.boolean("public_ips_only");
  return std::make_unique<PiiFilter>(p);
}

}  // namespace cairn::data
