#include "engine/data/filters/pii.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/filters/pii_patterns.h"

namespace cairn::data {

namespace {

constexpr std::string_view kMarkers[] = {"<email-pii>", "<ip-pii>", "<iban-pii>", "<phone-pii>", "<card-pii>"};
constexpr const char* kNames[] = {"email", "ip", "iban", "phone", "card"};

struct Counts {
  std::array<int, kPiiKinds> of{};
  int total() const { return std::accumulate(of.begin(), of.end(), 0); }
  std::string words() const {
    std::string text;
    constexpr std::array<std::array<const char*, 2>, kPiiKinds> kWords{{{"e-mail address", "e-mail addresses"},
                                                                        {"IP address", "IP addresses"},
                                                                        {"IBAN", "IBANs"},
                                                                        {"phone number", "phone numbers"},
                                                                        {"card number", "card numbers"}}};
    for (std::size_t kind = 0; kind < kPiiKinds; ++kind) {
      if (of[kind] > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", of[kind], kWords[kind][of[kind] > 1]);
    }
    return text;
  }
};

// Apertus: all distinct matches of one pattern, then each replaced wherever it occurs, in order of first match.
template <typename Find>
int replace_everywhere(std::string& text, std::string_view marker, Find&& find) {
  std::vector<std::string> distinct;
  std::unordered_set<std::string> known;
  for (std::size_t at = 0; at < text.size();) {
    const pii::Match match = find(text, at);
    if (match.end == 0) break;
    const std::string hit = text.substr(match.begin, match.end - match.begin);
    if (known.insert(hit).second) distinct.push_back(hit);
    at = match.end;
  }
  for (const std::string& hit : distinct) {
    std::size_t at = text.find(hit);
    if (at == std::string::npos) continue;
    std::string out;
    std::size_t copied = 0;
    for (; at != std::string::npos; at = text.find(hit, copied)) {
      out.append(text, copied, at - copied);
      out += marker;
      copied = at + hit.size();
    }
    out.append(text, copied);
    text = std::move(out);
  }
  return static_cast<int>(distinct.size());
}

// datatrove: each match that counts, where it stands.
template <typename Find, typename Counts>
int replace_in_place(std::string& text, std::string_view marker, Find&& find, Counts&& counts) {
  int replaced = 0;
  std::string out;
  std::size_t copied = 0;
  for (std::size_t at = 0; at < text.size();) {
    const pii::Match match = find(text, at);
    if (match.end == 0) break;
    at = match.end;
    if (!counts(std::string_view(text).substr(match.begin, match.end - match.begin))) continue;
    out.append(text, copied, match.begin - copied);
    out += marker;
    copied = match.end;
    ++replaced;
  }
  if (replaced == 0) return 0;
  out.append(text, copied);
  text = std::move(out);
  return replaced;
}

}  // namespace

const char* pii_kind_name(PiiKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

namespace {

// What begins at text[at] and is no e-mail address: its kind and length; length 0 for nothing.
std::pair<PiiKind, std::size_t> other_pii(std::string_view text, std::size_t at, const PiiParams& params) {
  const char c = text[at];
  const bool digit = pii::is_digit(c);
  if (params.ibans && pii::is(c, pii::kUpperBit | pii::kLowerBit)) {
    if (const std::size_t length = pii::iban_length(text, at)) return {PiiKind::iban, length};
  }
  if (params.cards && digit) {
    if (const std::size_t length = pii::card_length(text, at)) return {PiiKind::card, length};
  }
  if (params.ips) {
    if (const std::size_t length = pii::lone_ip_length(text, at, params.public_ips_only)) return {PiiKind::ip, length};
  }
  if (params.phones && (digit || c == '+' || c == '(')) {
    if (const std::size_t length = pii::phone_length(text, at)) return {PiiKind::phone, length};
  }
  return {PiiKind::email, 0};
}

}  // namespace

std::vector<PiiSpan> find_pii(std::string_view text, const PiiParams& params) {
  std::vector<PiiSpan> emails;
  if (params.emails) {
    for (std::size_t at = 0; at < text.size();) {
      const pii::Match match = pii::find_lone_email(text, at);
      if (match.end == 0) break;
      emails.push_back({PiiKind::email, match.begin, match.end});
      at = match.end;
    }
  }
  // All else begins with a digit, a letter, ':', '+' or '(' that no letter or digit stands before: one pass finds where to look.
  std::vector<PiiSpan> spans;
  std::size_t email = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (email < emails.size() && at >= emails[email].begin) {
      spans.push_back(emails[email]);
      at = emails[email++].end - 1;
      continue;
    }
    const char c = text[at];
    if (!pii::is_alnum(c) && c != ':' && c != '+' && c != '(') continue;
    if (at > 0 && pii::is_alnum(text[at - 1]) && c != '(') continue;
    const auto [kind, length] = other_pii(text, at, params);
    if (length == 0 || (email < emails.size() && at + length > emails[email].begin)) continue;
    spans.push_back({kind, at, at + length});
    at += length - 1;
  }
  return spans;
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
  std::string edited, record;
  if (params_.rules == PiiRules::datatrove) {
    edited = text;
    if (params_.emails)
      counts.of[0] = replace_in_place(edited, kMarkers[0], pii::find_email, [](std::string_view) { return true; });
    if (params_.ips) counts.of[1] = replace_in_place(edited, kMarkers[1], pii::find_ipv4_anywhere, pii::is_global_ipv4);
  } else if (params_.rules == PiiRules::apertus) {
    edited = text;
    if (params_.emails) counts.of[0] = replace_everywhere(edited, kMarkers[0], pii::find_email);
    if (params_.ips) counts.of[1] = replace_everywhere(edited, kMarkers[1], pii::find_ipv4_anywhere);
    if (params_.ibans) counts.of[2] = replace_everywhere(edited, kMarkers[2], pii::find_iban_grouped);
  } else {
    const std::vector<PiiSpan> spans = find_pii(text, params_);
    for (const PiiSpan& span : spans) ++counts.of[static_cast<std::size_t>(span.kind)];
    if (!spans.empty()) edited = replace_pii(text, spans);
    for (std::size_t i = 0; i < spans.size() && i < kMostRecorded; ++i)
      record += fmt::format("{}{} {}+{}", i > 0 ? ", " : "", pii_kind_name(spans[i].kind), spans[i].begin,
                            spans[i].end - spans[i].begin);
  }
  if (counts.total() == 0) return keep();
  Judgement judgement = edit("markers", counts.words(), std::move(edited));
  judgement.evidence = std::move(record);
  return judgement;
}

Variant PiiFilter::variant() {
  return {"pii",
          {
              field("rules", string().one_of({"cairn", "apertus", "datatrove"}).def("cairn"),
                    "cairn: with boundaries and checksums; apertus: its patterns; datatrove: its patterns, no IBANs"),
              field("emails", boolean().def(true), "e-mail addresses to <email-pii>"),
              field("ips", boolean().def(true), "IP addresses to <ip-pii>"),
              field("ibans", boolean().def(true), "bank account numbers to <iban-pii>"),
              field("phones", boolean().def(true), "rules cairn: telephone numbers to <phone-pii>"),
              field("cards", boolean().def(true), "rules cairn: payment cards' numbers to <card-pii>"),
              field("public_ips_only", boolean().def(true), "rules cairn: leave private and other special addresses"),
          },
          "personal identifiers to marker tokens"};
}

std::unique_ptr<Filter> PiiFilter::make(const Config& config) {
  PiiParams p;
  const std::string rules = config.string("rules");
  p.rules = rules == "apertus" ? PiiRules::apertus : rules == "datatrove" ? PiiRules::datatrove : PiiRules::cairn;
  p.emails = config.boolean("emails");
  p.ips = config.boolean("ips");
  p.ibans = config.boolean("ibans");
  p.phones = config.boolean("phones");
  p.cards = config.boolean("cards");
  p.public_ips_only = config.boolean("public_ips_only");
  return std::make_unique<PiiFilter>(p);
}

}  // namespace cairn::data
