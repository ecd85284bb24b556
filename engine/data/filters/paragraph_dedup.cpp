#include "engine/data/filters/paragraph_dedup.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/characters.h"
#include "engine/data/exchange.h"
#include "engine/data/text_key.h"

namespace cairn::data {

namespace {

struct Occurrence {
  TextKey key;
  DocumentNumber document = 0;
  std::uint64_t part = 0;
  auto operator<=>(const Occurrence&) const = default;
};

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t\r\f\v") == std::string_view::npos;
}

}  // namespace

std::vector<TextPart> text_parts(std::string_view text, bool lines) {
  std::vector<TextPart> parts;
  bool open = false;  // the last paragraph goes on
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (is_blank(text.substr(at, end - at))) {
      open = false;
    } else if (lines || !open) {
      parts.push_back({at, end});
      open = true;
    } else {
      parts.back().end = end;
    }
    at = end + 1;
  }
  return parts;
}

template <typename Fn>
void ParagraphDedup::for_each_compared(std::string_view text, Fn&& fn) const {
  for (const TextPart& part : text_parts(text, params_.lines)) {
    if (part.end - part.begin >= params_.min_bytes) fn(part);
  }
}

void ParagraphDedup::append_keys(const Document& document, std::vector<std::uint64_t>& keys) const {
  const std::string_view text = document.text;
  for_each_compared(text, [&](const TextPart& part) {
    const std::string_view own = strip(text.substr(part.begin, part.end - part.begin));
    const std::string simple = params_.simplified ? simplify(own) : std::string();
    const TextKey key = simple.empty() ? text_key(own) : text_key(simple);  // a line of punctuation only is compared as it is
    keys.push_back(key.high);
    keys.push_back(key.low);
  });
}

void ParagraphDedup::compare(Comparison& c) const {
  const int ranks = c.bench.ranks.size();
  Exchange<Occurrence> parts(c.bench, "parts", [ranks](const Occurrence& part) { return owner_of_key(part.key.high, ranks); });
  if (!parts.is_sent()) {
    c.for_each([&](DocumentNumber document, const CuratedRow&, std::span<const std::uint64_t> keys) {
      for (std::uint64_t part = 0; 2 * part < keys.size(); ++part)
        parts.add({{keys[2 * part], keys[2 * part + 1]}, document, part});
    });
  }
  parts.send();
  Occurrence first{};
  std::int64_t seen = 0;  // of the same text as `first`
  parts.for_each([&](const Occurrence& occurrence) {
    if (seen == 0 || occurrence.key != first.key) {
      first = occurrence;
      seen = 0;
    }
    ++seen;
    if (params_.copies == 0 && seen == 2) c.found({first.document, first.part, 0, kNoDocument});
    if (seen > std::max<std::int64_t>(params_.copies, 1))
      c.found({occurrence.document, occurrence.part, 0, params_.copies == 0 ? kNoDocument : first.document});
  });
}

void ParagraphDedup::apply(DedupRow& row, std::span<const Finding> findings) const {
  const std::string_view text = row.row->text;
  std::vector<Cut> cuts;
  std::uint64_t number = 0;
  std::size_t next = 0;
  for_each_compared(text, [&](const TextPart& part) {
    if (next == findings.size() || findings[next].begin != number++) return;
    // With the line ends behind it; the last one with those before it.
    std::uint64_t begin = part.begin, end = part.end;
    while (end < text.size() && (text[end] == '\n' || text[end] == '\r')) ++end;
    if (end == text.size()) {
      const std::uint64_t least = cuts.empty() ? 0 : cuts.back().end;
      while (begin > least && (text[begin - 1] == '\n' || text[begin - 1] == '\r')) --begin;
    }
    cuts.push_back({begin, end, findings[next++].other});
  });
  cut_or_remove(row, *this, std::move(cuts), params_.drop_share);
}

std::string ParagraphDedup::rule(const Removal&) const {
  return "repeated";
}

std::string ParagraphDedup::reason(const Removal& removal, std::string_view kept_url) const {
  return fmt::format("{}% of its bytes are {} that stand elsewhere{}{}", removal.detail, params_.lines ? "lines" : "paragraphs",
                     kept_url.empty() ? "" : ", first in ", kept_url);
}

std::string ParagraphDedup::cut_reason(const std::vector<Cut>& cuts) const {
  return fmt::format("{} {}{}, {} bytes", cuts.size(), params_.lines ? "line" : "paragraph", cuts.size() == 1 ? "" : "s",
                     bytes_of(cuts));
}

Variant ParagraphDedup::variant() {
  const ParagraphDedupParams d;
  return {"paragraph_dedup",
          {field("of", string().one_of({"paragraphs", "lines"}).def("paragraphs"),
                 "what is compared; blank lines separate paragraphs"),
           field("simplified", boolean().def(d.simplified), "compare without case, numbers, punctuation and diacritics"),
           field("min_bytes", integer().min(1).def(static_cast<std::int64_t>(d.min_bytes)), "shorter ones stay"),
           field("copies", integer().min(0).def(d.copies),
                 "occurrences that stay, the first in order; 0: what comes twice goes everywhere"),
           field("drop_share", number().above(0).max(1).def(d.drop_share),
                 "drop a document when this share of its bytes would be cut; one of which nothing is left is dropped anyway")},
          "cut paragraphs or lines that stand earlier in the corpus"};
}

std::unique_ptr<Deduplicator> ParagraphDedup::make(const Config& config) {
  ParagraphDedupParams p;
  p.lines = config.string("of") == "lines";
  p.simplified = config.boolean("simplified");
  p.min_bytes = static_cast<std::size_t>(config.integer("min_bytes"));
  p.copies = config.integer("copies");
  p.drop_share = config.number("drop_share");
  return std::make_unique<ParagraphDedup>(p);
}

}  // namespace cairn::data
