// HTML bytes as tokens: text, start tags with attributes, end tags (WHATWG, §13.2.5). Comments, declarations and processing
// instructions are passed over. Nothing is copied: what a token says lies in the page.
#pragma once

#include <string_view>
#include <vector>

#include "engine/data/html/html_element.h"

namespace cairn::data {

struct HtmlAttribute {
  std::string_view name, value;  // as written, without quotes; references not yet decoded
};

class HtmlTokens {
 public:
  enum class Kind { end, text, start_tag, end_tag };

  // `page` outlives the object and what it gives. Any bytes will do; time is linear in them.
  explicit HtmlTokens(std::string_view page) : page_(page) {}

  // Behind the start tag of a raw element (HtmlRule) comes its text, if it has any, and then its end tag, unless the page ends.
  Kind next();

  // Of the token that next() gave.
  std::string_view text() const { return text_; }          // a text's
  bool has_references() const { return has_references_; }  // whether `text` may have any to decode
  std::string_view name() const { return text_; }          // a tag's, as written
  HtmlElement element() const { return element_; }
  bool closes_itself() const { return closes_itself_; }                         // <name/>
  const std::vector<HtmlAttribute>& attributes() const { return attributes_; }  // a start tag's, in order

 private:
  Kind take_text(std::size_t end);
  Kind take_raw_text();
  std::size_t end_of_script() const;
  bool take_tag();  // false at an unfinished one, which is dropped
  void pass_over_declaration();

  std::string_view page_, text_{};
  std::size_t at_ = 0;
  HtmlElement element_ = HtmlElement::other, raw_ = HtmlElement::other;
  bool closes_itself_ = false, has_references_ = false;
  std::vector<HtmlAttribute> attributes_{};
};

}  // namespace cairn::data
