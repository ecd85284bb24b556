#define PCRE2_CODE_UNIT_WIDTH 8
#include "eval/filters.h"

#include <pcre2.h>

#include <algorithm>
#include <functional>

#include "base/error.h"

namespace cairn::eval {
namespace {

pcre2_code* compiled(void* code) {
  return static_cast<pcre2_code*>(code);
}

// Calls fn(offsets, pairs) for each match from left to right; an empty match moves on by one byte.
void each_match(void* code, const std::string& text, const std::function<void(const PCRE2_SIZE*, int)>& fn) {
  pcre2_match_data* data = pcre2_match_data_create_from_pattern(compiled(code), nullptr);
  std::size_t at = 0;
  while (at <= text.size()) {
    const int pairs = pcre2_match(compiled(code), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, 0, data, nullptr);
    if (pairs < 0) break;
    const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data);
    fn(offsets, pairs);
    at = offsets[1] > offsets[0] ? offsets[1] : offsets[1] + 1;
    while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80) ++at;
  }
  pcre2_match_data_free(data);
}

std::string strip(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\n\r\v\f");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\n\r\v\f") - begin + 1);
}

}  // namespace

Pattern::Pattern(const std::string& pattern, const std::string& origin) {
  int code = 0;
  PCRE2_SIZE offset = 0;
  code_ = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                        PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &code, &offset, nullptr);
  if (code_ == nullptr) {
    PCRE2_UCHAR message[200];
    pcre2_get_error_message(code, message, sizeof message);
    fail_usage("{}: regular expression '{}': {} at {}", origin, pattern, reinterpret_cast<const char*>(message), offset);
  }
}

Pattern::~Pattern() {
  pcre2_code_free(compiled(code_));
}

std::vector<std::string> Pattern::find_all(const std::string& text) const {
  std::vector<std::string> found;
  each_match(code_, text, [&](const PCRE2_SIZE* offsets, int pairs) {
    const auto part = [&](int i) {
      return offsets[2 * i] == PCRE2_UNSET ? std::string() : text.substr(offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    };
    std::string chosen = pairs == 1 ? part(0) : "";
    for (int group = 1; group < pairs && chosen.empty(); ++group) chosen = part(group);
    found.push_back(std::move(chosen));
  });
  return found;
}

std::string Pattern::remove_all(const std::string& text) const {
  std::string out;
  std::size_t kept = 0;
  each_match(code_, text, [&](const PCRE2_SIZE* offsets, int) {
    if (offsets[0] < kept) return;
    out.append(text, kept, offsets[0] - kept);
    kept = offsets[1];
  });
  return out.append(text, kept);
}

std::string apply_filters(const FilterChain& chain, const std::string& response) {
  std::string text = response;
  for (const FilterSpec& filter : chain.steps) {
    if (filter.function == "regex") {
      const std::vector<std::string> found = Pattern(filter.pattern, "filter " + chain.name).find_all(text);
      const auto count = static_cast<int>(found.size());
      const int chosen = filter.group_select < 0 ? count + filter.group_select : filter.group_select;
      text = count == 0                      ? filter.fallback
             : chosen >= 0 && chosen < count ? strip(found[static_cast<std::size_t>(chosen)])
                                             : filter.fallback;
    } else if (filter.function == "lowercase" || filter.function == "uppercase") {
      const bool upper = filter.function == "uppercase";
      for (char& c : text) {
        if (upper ? (c >= 'a' && c <= 'z') : (c >= 'A' && c <= 'Z')) c = static_cast<char>(c ^ 0x20);
      }
    } else if (filter.function == "remove_whitespace") {
      text = text.substr(std::min(text.find_first_not_of(" \t\n\r\v\f"), text.size()));
    }
    // take_first keeps the only response there is
  }
  return text;
}

}  // namespace cairn::eval
