#include "engine/text/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/error.h"

namespace cairn::text {
namespace {

struct FreeCode {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
};
struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct FreeContext {
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

constexpr std::uint32_t kMostHeapKib = 256 * 1024;  // of one search; PCRE2's own limit is 20 GB

// The pattern as PCRE2 must read it to mean what Oniguruma does.
std::string translate(std::string_view pattern, std::string_view origin) {
  std::string out;
  int depth = 0;  // of nested character classes
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      const char escaped = pattern[++i];
      const bool in_class = depth > 0;
      switch (escaped) {
        case 's':
          out += "\\p{White_Space}";
          break;
        case 'S':
          out += "\\P{White_Space}";
          break;
        case 'w':
          out += in_class ? "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}" : "[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
          break;
        case 'W':
          if (in_class) fail("{}: \\W inside a character class is not supported: {}", origin, pattern);
          out += "[^\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]";
          break;
        case 'h':
          out += in_class ? "0-9A-Fa-f" : "[0-9A-Fa-f]";
          break;
        default:
          out += c, out += escaped;
      }
      continue;
    }
    if (depth > 0 && c == '&' && i + 1 < pattern.size() && pattern[i + 1] == '&') {
      fail("{}: class intersection (&&) is not supported, at character {} of {}", origin, i, pattern);
    }
    if (c == '[') {
      if (depth == 0) {
        depth = 1;
        // A ] right after [ or [^ stands for itself.
        if (i + 1 < pattern.size() && pattern[i + 1] == '^')
          out += c, out += pattern[++i];
        else
          out += c;
        if (i + 1 < pattern.size() && pattern[i + 1] == ']') out += "\\]", ++i;
        continue;
      }
      if (i + 1 < pattern.size() && pattern[i + 1] == ':') {  // [:name:]
        const std::size_t close = pattern.find(":]", i + 2);
        if (close != std::string_view::npos) {
          out += pattern.substr(i, close + 2 - i);
          i = close + 1;
          continue;
        }
      }
      fail("{}: a character class inside a class is not supported, at character {} of {}", origin, i, pattern);
    }
    if (c == ']' && depth > 0) depth = 0;
    out += c;
  }
  return out;
}

}  // namespace

struct Regex::State {
  std::unique_ptr<pcre2_code, FreeCode> code;
  std::string pattern, origin;
};

Regex::Regex(std::string_view pattern, std::string_view origin) : state_(std::make_unique<State>()) {
  state_->pattern = translate(pattern, origin);
  state_->origin = origin;
  int number = 0;
  PCRE2_SIZE offset = 0;
  state_->code.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(state_->pattern.data()), state_->pattern.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &number, &offset, nullptr));
  if (!state_->code) {
    PCRE2_UCHAR reason[256] = {};
    pcre2_get_error_message(number, reason, sizeof reason);
    fail("{}: not a regular expression: {} at byte {} of {}", origin, reinterpret_cast<const char*>(reason), offset,
         state_->pattern);
  }
  pcre2_jit_compile(state_->code.get(), PCRE2_JIT_COMPLETE);  // without JIT it only runs slower
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

bool Regex::find(std::string_view text, std::size_t from, std::size_t& begin, std::size_t& end) const {
  static thread_local const std::unique_ptr<pcre2_match_data, FreeMatch> data(pcre2_match_data_create(32, nullptr));
  static thread_local const std::unique_ptr<pcre2_match_context, FreeContext> limits = [] {
    std::unique_ptr<pcre2_match_context, FreeContext> made(pcre2_match_context_create(nullptr));
    pcre2_set_heap_limit(made.get(), kMostHeapKib);
    return made;
  }();
  const auto match = [&](std::uint32_t options) {
    return pcre2_match(state_->code.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from,
                       PCRE2_NO_UTF_CHECK | options, data.get(), limits.get());
  };
  int found = match(0);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT) found = match(PCRE2_NO_JIT);  // the interpreter's stack is on the heap
  if (found == PCRE2_ERROR_NOMATCH) return false;
  if (found < 0) {
    PCRE2_UCHAR reason[256] = {};
    pcre2_get_error_message(found, reason, sizeof reason);
    fail("{}: the regular expression {} failed on a text of {} bytes: {}", state_->origin, state_->pattern, text.size(),
         reinterpret_cast<const char*>(reason));
  }
  const PCRE2_SIZE* offsets = pcre2_get_ovector_pointer(data.get());
  begin = offsets[0];
  end = offsets[1];
  return true;
}

}  // namespace cairn::text
