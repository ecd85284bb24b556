// E-mail addresses as people write them, between boundaries that make sense: narrower than RFC 5321 in ASCII's odd characters,
// wider in Latin letters.
#include <algorithm>
#include <vector>

#include "engine/data/filters/pii_patterns.h"

namespace cairn::data::pii {

namespace {

constexpr std::size_t kMostLocal = 64, kMostDomain = 253, kMostLabel = 63;  // bytes, RFC 5321 §4.5.3.1, RFC 1035 §2.3.4

// Bytes of the letter U+00C0 to U+024F (Latin-1 and Latin Extended-A, -B) that begins at text[at]; else 0.
std::size_t latin_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(at_or_nul(text, at));
  if (lead < 0xc3 || lead > 0xc9) return 0;
  const auto next = static_cast<unsigned char>(at_or_nul(text, at + 1));
  if ((next & 0xc0) != 0x80 || (lead == 0xc3 && (next == 0x97 || next == 0xb7))) return 0;  // multiplication, division signs
  return 2;
}
// Where the letter that ends before text[at] begins; `at` when none does.
std::size_t latin_before(std::string_view text, std::size_t at) {
  return at >= 2 && latin_length(text, at - 2) == 2 ? at - 2 : at;
}

struct Label {
  std::size_t begin, end;
};

// Endings of files that are no top-level domains: icon@2x.png.
constexpr std::string_view kFileEndings[] = {"png", "jpg",  "jpeg", "gif", "svg",  "webp", "bmp", "ico",  "pdf", "js",
                                             "css", "html", "htm",  "php", "json", "xml",  "txt", "yaml", "yml", "exe"};

bool may_be_top_level(std::string_view label) {
  if (label.size() < 2) return false;
  if (label.size() > 4 && label.substr(0, 4) == "xn--") return true;
  if (label.size() > 24 || !std::all_of(label.begin(), label.end(), [](char c) { return is(c, kLowerBit | kUpperBit); }))
    return false;
  return std::find(std::begin(kFileEndings), std::end(kFileEndings), label) == std::end(kFileEndings);
}

bool all_of_case(std::string_view label, int bits) {
  return std::all_of(label.begin(), label.end(), [bits](char c) { return is(c, bits); });
}

// End of the domain that begins at `at`, or 0.
std::size_t lone_domain_end(std::string_view text, std::size_t at) {
  if (at_or_nul(text, at) == '[') {
    const std::size_t quad = dotted_quad_length(text, at + 1);
    return quad > 0 && at_or_nul(text, at + 1 + quad) == ']' ? at + quad + 2 : 0;
  }
  std::vector<Label> labels;
  for (std::size_t begin = at; begin - at < kMostDomain;) {
    std::size_t end = begin, i = begin;
    for (;;) {
      if (is_alnum(at_or_nul(text, i))) {
        end = ++i;
      } else if (const std::size_t latin = latin_length(text, i)) {
        end = i += latin;
      } else if (at_or_nul(text, i) == '-' && i > begin) {
        ++i;
      } else {
        break;
      }
    }
    if (end == begin || end - begin > kMostLabel) break;
    labels.push_back({begin, end});
    if (end != i || at_or_nul(text, end) != '.') break;
    begin = end + 1;
  }
  const auto label = [&](std::size_t i) { return text.substr(labels[i].begin, labels[i].end - labels[i].begin); };
  // "write to a@b.com.Then": a sentence begins without a blank.
  while (labels.size() > 2 && is(label(labels.size() - 1)[0], kUpperBit) && all_of_case(label(labels.size() - 2), kLowerBit))
    labels.pop_back();
  while (labels.size() > 1 && !may_be_top_level(label(labels.size() - 1))) {
    // A file's name is none of its part either.
    if (label(labels.size() - 1).size() > 1 &&
        std::find(std::begin(kFileEndings), std::end(kFileEndings), label(labels.size() - 1)) != std::end(kFileEndings))
      return 0;
    labels.pop_back();
  }
  if (labels.size() < 2) return 0;
  const std::size_t end = labels.back().end;
  return at_or_nul(text, end) == '_' ? 0 : end;
}

// Where the local part that ends at `end` begins; `end` when there is none.
std::size_t local_begin(std::string_view text, std::size_t from, std::size_t end) {
  std::size_t begin = end;
  while (begin > from) {
    const char c = text[begin - 1];
    if (is_alnum(c) || c == '_' || c == '%' || c == '+' || c == '-' || c == '\'' ||
        (c == '.' && begin < end && text[begin] != '.')) {
      --begin;
    } else if (const std::size_t latin = latin_before(text, begin); latin < begin && latin >= from) {
      begin = latin;
    } else {
      break;
    }
    if (end - begin > kMostLocal) return end;
  }
  while (begin < end && !is_alnum(text[begin]) && text[begin] != '_' && latin_length(text, begin) == 0) ++begin;
  return begin;
}

}  // namespace

Match find_lone_email(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('@', from); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const std::size_t begin = local_begin(text, from, at);
    if (begin == at) continue;
    if (const std::size_t end = lone_domain_end(text, at + 1)) return {begin, end};
  }
  return {};
}

}  // namespace cairn::data::pii
