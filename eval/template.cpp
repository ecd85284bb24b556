#include "eval/template.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace cairn::eval {
namespace {

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

std::string strip(const std::string& text, const std::string& characters, bool left, bool right) {
  const auto drop = [&](char c) { return characters.empty() ? is_space(c) : characters.find(c) != std::string::npos; };
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (left && begin < end && drop(text[begin])) ++begin;
  while (right && end > begin && drop(text[end - 1])) --end;
  return text.substr(begin, end - begin);
}

std::string ascii_case(std::string text, bool upper) {
  for (char& c : text) {
    if (upper ? (c >= 'a' && c <= 'z') : (c >= 'A' && c <= 'Z')) c = static_cast<char>(c ^ 0x20);
  }
  return text;
}

std::string replace_all(const std::string& text, const std::string& from, const std::string& to) {
  if (from.empty()) return text;
  std::string out;
  std::size_t begin = 0;
  for (std::size_t hit; (hit = text.find(from, begin)) != std::string::npos; begin = hit + from.size()) {
    out.append(text, begin, hit - begin).append(to);
  }
  return out.append(text, begin);
}

std::string as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  return value.dump();
}

std::size_t code_points(const std::string& text) {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return count;
}

// A recursive-descent reader that computes as it reads.
class Expression {
 public:
  Expression(std::string_view text, const Json& names, std::string_view origin) : text_(text), names_(names), origin_(origin) {}

  Json whole() {
    Json value = comparison();
    skip_space();
    if (at_ != text_.size()) wrong(fmt::format("unexpected '{}'", text_.substr(at_)));
    return value;
  }

 private:
  [[noreturn]] void wrong(const std::string& what) const { fail_usage("{}: {} in '{{{{{}}}}}'", origin_, what, text_); }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  bool take(std::string_view token) {
    skip_space();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!take(token)) wrong(fmt::format("expected '{}' at '{}'", token, text_.substr(at_)));
  }
  std::string name() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  Json comparison() {
    Json left = sum();
    if (take("==")) return left == sum();
    if (take("!=")) return left != sum();
    return left;
  }

  Json sum() {
    Json left = filtered();
    for (;;) {
      if (take("+")) {
        const Json right = filtered();
        if (left.is_string() && right.is_string()) {
          left = left.get<std::string>() + right.get<std::string>();
        } else if (left.is_number_integer() && right.is_number_integer()) {
          left = left.get<std::int64_t>() + right.get<std::int64_t>();
        } else if (left.is_array() && right.is_array()) {
          left.insert(left.end(), right.begin(), right.end());
        } else {
          wrong("+ needs two texts, two integers or two lists");
        }
      } else if (take("~")) {
        left = as_text(left) + as_text(filtered());
      } else {
        return left;
      }
    }
  }

  Json filtered() {
    Json value = access();
    while (take("|")) {
      const std::string filter = name();
      std::vector<Json> arguments = take("(") ? argument_list() : std::vector<Json>{};
      if (filter == "join") {
        if (!value.is_array()) wrong("join needs a list");
        const std::string between = arguments.empty() ? "" : as_text(arguments[0]);
        std::string joined;
        for (std::size_t i = 0; i < value.size(); ++i) joined += (i ? between : "") + as_text(value[i]);
        value = joined;
      } else if (filter == "length") {
        value = value.is_string() ? code_points(value.get<std::string>()) : value.size();
      } else if (filter == "string") {
        value = as_text(value);
      } else if (filter == "int") {
        value = to_integer(value);
      } else if (filter == "lower" || filter == "upper" || filter == "trim") {
        value = method(value, filter == "trim" ? "strip" : filter, {});
      } else {
        wrong(fmt::format("filter '{}' is not supported", filter));
      }
    }
    return value;
  }

  std::int64_t to_integer(const Json& value) const {
    if (value.is_number()) return value.get<std::int64_t>();
    try {
      return std::stoll(as_text(value));
    } catch (const std::exception&) {
      wrong("'" + as_text(value) + "' is not an integer");
    }
  }

  std::vector<Json> argument_list() {
    std::vector<Json> arguments;
    if (take(")")) return arguments;
    do {
      arguments.push_back(comparison());
    } while (take(","));
    expect(")");
    return arguments;
  }

  Json access() {
    Json value = primary();
    for (;;) {
      if (take(".")) {
        const std::string member = name();
        if (take("(")) {
          value = method(value, member, argument_list());
        } else if (value.is_object() && value.contains(member)) {
          value = Json(value[member]);
        } else {
          wrong(fmt::format("'{}' is undefined", member));
        }
      } else if (take("[")) {
        value = subscript(value);
      } else {
        return value;
      }
    }
  }

  Json subscript(const Json& value) {
    std::optional<Json> first;
    skip_space();
    if (text_.substr(at_, 1) != ":") first = comparison();
    if (take(":")) {
      std::optional<Json> last;
      skip_space();
      if (text_.substr(at_, 1) != "]") last = comparison();
      expect("]");
      return slice(value, first, last);
    }
    expect("]");
    if (value.is_object() && first->is_string() && value.contains(first->get<std::string>()))
      return value[first->get<std::string>()];
    if (value.is_array() && first->is_number_integer()) {
      std::int64_t index = first->get<std::int64_t>();
      if (index < 0) index += static_cast<std::int64_t>(value.size());
      if (index >= 0 && index < static_cast<std::int64_t>(value.size())) return value[static_cast<std::size_t>(index)];
    }
    wrong(fmt::format("[{}] does not exist", first->dump()));
  }

  Json slice(const Json& value, const std::optional<Json>& first, const std::optional<Json>& last) const {
    const auto size = static_cast<std::int64_t>(value.is_string() ? value.get_ref<const std::string&>().size() : value.size());
    const auto bound = [&](const std::optional<Json>& given, std::int64_t otherwise) {
      std::int64_t at = given ? to_integer(*given) : otherwise;
      if (at < 0) at += size;
      return std::clamp<std::int64_t>(at, 0, size);
    };
    const std::int64_t begin = bound(first, 0);
    const std::int64_t end = std::max(begin, bound(last, size));
    if (value.is_string())
      return value.get_ref<const std::string&>().substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
    if (!value.is_array()) wrong("only texts and lists can be sliced");
    return Json(Json::array_t(value.begin() + begin, value.begin() + end));
  }

  Json method(const Json& value, const std::string& member, const std::vector<Json>& arguments) const {
    if (value.is_array() && member == "index" && arguments.size() == 1) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        if (value[i] == arguments[0]) return i;
      }
      wrong(as_text(arguments[0]) + " is not in the list");
    }
    if (!value.is_string()) wrong(fmt::format("method '{}' needs a text", member));
    const std::string& text = value.get_ref<const std::string&>();
    const std::string first = arguments.empty() ? "" : as_text(arguments[0]);
    if (member == "strip") return strip(text, first, true, true);
    if (member == "lstrip") return strip(text, first, true, false);
    if (member == "rstrip") return strip(text, first, false, true);
    if (member == "lower") return ascii_case(text, false);
    if (member == "upper") return ascii_case(text, true);
    if (member == "replace" && arguments.size() == 2) return replace_all(text, first, as_text(arguments[1]));
    if (member == "split" && arguments.size() == 1 && !first.empty()) {
      Json parts = Json::array();
      std::size_t begin = 0;
      for (std::size_t hit; (hit = text.find(first, begin)) != std::string::npos; begin = hit + first.size()) {
        parts.push_back(text.substr(begin, hit - begin));
      }
      parts.push_back(text.substr(begin));
      return parts;
    }
    if (member == "index" && arguments.size() == 1) {
      const std::size_t hit = text.find(first);
      if (hit == std::string::npos) wrong("'" + first + "' is not in the text");
      return hit;
    }
    wrong(fmt::format("method '{}' is not supported", member));
  }

  Json primary() {
    skip_space();
    if (at_ == text_.size()) wrong("expected an expression");
    const char c = text_[at_];
    if (c == '\'' || c == '"') return text_literal(c);
    if (c == '(') {
      ++at_;
      Json value = comparison();
      expect(")");
      return value;
    }
    if (c == '[') {
      ++at_;
      Json list = Json::array();
      if (take("]")) return list;
      do {
        list.push_back(comparison());
      } while (take(","));
      expect("]");
      return list;
    }
    if (std::isdigit(static_cast<unsigned char>(c)) || c == '-') return number_literal();
    const std::string variable = name();
    if (variable.empty()) wrong(fmt::format("unexpected '{}'", text_.substr(at_)));
    if (variable == "true" || variable == "True") return true;
    if (variable == "false" || variable == "False") return false;
    if (variable == "none" || variable == "None") return nullptr;
    if (!names_.contains(variable)) wrong(fmt::format("'{}' is undefined", variable));
    return names_[variable];
  }

  Json number_literal() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && (std::isdigit(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.')) ++at_;
    const std::string digits(text_.substr(begin, at_ - begin));
    try {
      if (digits.find('.') == std::string::npos) return std::stoll(digits);
      return std::stod(digits);
    } catch (const std::exception&) {
      wrong("'" + digits + "' is not a number");
    }
  }

  Json text_literal(char quote) {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] != '\\' || at_ + 1 == text_.size()) {
        out += text_[at_];
        continue;
      }
      const char escaped = text_[++at_];
      out += escaped == 'n' ? '\n' : escaped == 't' ? '\t' : escaped == 'r' ? '\r' : escaped;
    }
    if (at_ == text_.size()) wrong("a text literal does not end");
    ++at_;
    return out;
  }

  std::string_view text_;
  const Json& names_;
  std::string_view origin_;
  std::size_t at_ = 0;
};

}  // namespace

std::string render(std::string_view text, const Json& document, std::string_view origin) {
  std::string out;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    if (open == std::string_view::npos || open + 1 == text.size()) return out.append(text);
    const char kind = text[open + 1];
    if (kind == '%') fail_usage("{}: template statements ({{% %}}) are not supported", origin);
    if (kind != '{') {
      out.append(text.substr(0, open + 1));
      text.remove_prefix(open + 1);
      continue;
    }
    const std::size_t close = text.find("}}", open + 2);
    if (close == std::string_view::npos) fail_usage("{}: '{{{{' without '}}}}'", origin);
    out.append(text.substr(0, open));
    out += as_text(Expression(text.substr(open + 2, close - open - 2), document, origin).whole());
    text.remove_prefix(close + 2);
  }
  return out;
}

Json parse_python_list(std::string_view text, std::string_view origin) {
  Json value = Expression(text, Json::object(), origin).whole();
  if (!value.is_array()) fail_usage("{}: expected a list, found '{}'", origin, text);
  return value;
}

}  // namespace cairn::eval
