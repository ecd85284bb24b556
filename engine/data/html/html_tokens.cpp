#include "engine/data/html/html_tokens.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace cairn::data {

namespace {

enum ByteClass : unsigned char {
  kWhite = 1,          // space, tab, newline, form feed, carriage return
  kEndsName = 2,       // of a tag: white space, '/', '>'
  kEndsAttribute = 4,  // its name: those and '='
  kEndsValue = 8,      // without quotes: white space and '>'
};

constexpr std::array<unsigned char, 256> kClasses = [] {
  std::array<unsigned char, 256> classes{};
  for (const unsigned char c : {' ', '\t', '\n', '\f', '\r'}) classes[c] = kWhite | kEndsName | kEndsAttribute | kEndsValue;
  classes['/'] = kEndsName | kEndsAttribute;
  classes['>'] = kEndsName | kEndsAttribute | kEndsValue;
  classes['='] = kEndsAttribute;
  return classes;
}();

bool is(char c, unsigned char classes) {
  return (kClasses[static_cast<unsigned char>(c)] & classes) != 0;
}

bool is_letter(char c) {
  return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

// Where `name` follows, in any case of letters.
bool follows(std::string_view page, std::size_t at, std::string_view name) {
  if (page.size() - at < name.size()) return false;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if ((page[at + i] | 0x20) != name[i]) return false;
  }
  return true;
}

}  // namespace

HtmlTokens::Kind HtmlTokens::next() {
  if (raw_ != HtmlElement::other) return take_raw_text();
  while (at_ < page_.size()) {
    // A "<" that begins no tag is text.
    std::size_t mark = at_;
    while ((mark = std::min(page_.find('<', mark), page_.size())) + 1 < page_.size()) {
      const char after = page_[mark + 1];
      if (is_letter(after) || after == '/' || after == '!' || after == '?') break;
      ++mark;
    }
    if (mark + 1 >= page_.size()) mark = page_.size();
    if (page_.substr(mark) == "</") mark = page_.size();
    if (mark > at_) return take_text(mark);
    if (page_[at_ + 1] == '!' || page_[at_ + 1] == '?') {
      pass_over_declaration();
      continue;
    }
    const bool end_tag = page_[at_ + 1] == '/';
    if (end_tag && !is_letter(page_[at_ + 2])) {  // no tag; a comment, but for "</>", which is nothing
      at_ = std::min(page_.find('>', at_), page_.size() - 1) + 1;
      continue;
    }
    at_ += end_tag ? 2 : 1;
    if (!take_tag()) break;
    if (end_tag) return Kind::end_tag;
    if ((html_rules(element_) & (kRawText | kEscapableText)) != 0 && !closes_itself_) raw_ = element_;
    return Kind::start_tag;
  }
  at_ = page_.size();
  return Kind::end;
}

HtmlTokens::Kind HtmlTokens::take_text(std::size_t end) {
  text_ = page_.substr(at_, end - at_);
  has_references_ = text_.find('&') != std::string_view::npos;
  at_ = end;
  return Kind::text;
}

// Of a script that has "<!--": it ends at no "</script>" that ends a "<script" written behind that (§13.2.5.15 to .31).
std::size_t HtmlTokens::end_of_script() const {
  const auto tag = [this](std::size_t at, std::string_view name) {
    return at < page_.size() && follows(page_, at, name) && at + name.size() < page_.size() &&
           is(page_[at + name.size()], kEndsName);
  };
  bool comment = false, inner = false;
  for (std::size_t at = at_; (at = page_.find_first_of("<-", at)) != std::string_view::npos; ++at) {
    if (page_[at] == '-') {
      if (comment && page_.substr(at, 3) == "-->") comment = inner = false;
    } else if (!comment && page_.substr(at, 4) == "<!--") {
      comment = true;
      ++at;  // its dashes may be the ones of "-->"
    } else if (comment && !inner && tag(at + 1, "script")) {
      inner = true;
    } else if (tag(at + 1, "/script")) {
      if (!inner) return at;
      inner = false;
    }
  }
  return page_.size();
}

HtmlTokens::Kind HtmlTokens::take_raw_text() {
  const HtmlElement raw = raw_;
  raw_ = HtmlElement::other;
  std::size_t end = at_;
  for (;; end += 2) {
    end = raw == HtmlElement::plaintext ? page_.size() : std::min(page_.find("</", end), page_.size());
    if (end == page_.size()) break;
    const std::string_view name = html_name(raw);
    const std::size_t behind = end + 2 + name.size();
    if (behind < page_.size() && follows(page_, end + 2, name) && is(page_[behind], kEndsName)) break;
  }
  if (raw == HtmlElement::script && page_.substr(at_, end - at_).find("<!--") != std::string_view::npos) end = end_of_script();
  if (end == at_) return next();
  text_ = page_.substr(at_, end - at_);
  has_references_ = (html_rules(raw) & kEscapableText) != 0 && text_.find('&') != std::string_view::npos;
  at_ = end;
  return Kind::text;
}

bool HtmlTokens::take_tag() {
  attributes_.clear();
  closes_itself_ = false;
  std::size_t end = at_;
  while (end < page_.size() && !is(page_[end], kEndsName)) ++end;
  text_ = page_.substr(at_, end - at_);
  element_ = html_element(text_);
  at_ = end;
  for (;;) {
    while (at_ < page_.size() && is(page_[at_], kWhite)) ++at_;
    if (at_ == page_.size()) return false;
    if (page_[at_] == '>') return ++at_, true;
    if (page_[at_] == '/') {
      ++at_;
      closes_itself_ = at_ < page_.size() && page_[at_] == '>';
      continue;
    }
    HtmlAttribute attribute;
    end = at_ + 1;  // a name may begin with "="
    while (end < page_.size() && !is(page_[end], kEndsAttribute)) ++end;
    attribute.name = page_.substr(at_, end - at_);
    at_ = end;
    while (at_ < page_.size() && is(page_[at_], kWhite)) ++at_;
    if (at_ < page_.size() && page_[at_] == '=') {
      ++at_;
      while (at_ < page_.size() && is(page_[at_], kWhite)) ++at_;
      if (at_ == page_.size()) return false;
      const char quote = page_[at_];
      if (quote == '"' || quote == '\'') {
        end = page_.find(quote, ++at_);
        if (end == std::string_view::npos) return false;
        attribute.value = page_.substr(at_, end - at_);
        at_ = end + 1;
      } else if (quote != '>') {
        end = at_;
        while (end < page_.size() && !is(page_[end], kEndsValue)) ++end;
        attribute.value = page_.substr(at_, end - at_);
        at_ = end;
      }
    }
    attributes_.push_back(attribute);
  }
}

// <!-- ... -->, also ended by "--!>" and begun and ended by "<!-->" and "<!--->"; any other up to the next ">".
void HtmlTokens::pass_over_declaration() {
  if (page_.substr(at_, 4) != "<!--") {
    at_ = std::min(page_.find('>', at_), page_.size() - 1) + 1;
    return;
  }
  for (std::size_t end = at_ + 2; (end = page_.find("--", end)) != std::string_view::npos; ++end) {
    std::size_t behind = end + 2;
    if (end == at_ + 2) {  // the comment's beginning
      if (page_.substr(behind, 1) == ">") return void(at_ = behind + 1);
      if (page_.substr(behind, 2) == "->") return void(at_ = behind + 2);
      ++end;
      continue;
    }
    if (page_.substr(behind, 1) == "!") ++behind;
    if (page_.substr(behind, 1) == ">") return void(at_ = behind + 1);
  }
  at_ = page_.size();
}

}  // namespace cairn::data
