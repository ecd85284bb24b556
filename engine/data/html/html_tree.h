// A page as a tree, in one list in document order.
//
// Built as browsers build it (WHATWG, §13.2.6) in what matters to its text: which elements imply that others end, what end tags
// reach, what stands in <head>. Other than there: nothing is moved (text between the cells of a table stays where it was
// written), formatting is not taken up again in the next block, and <name/> is empty whatever its name, as those mean it who
// write it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/html/html_tokens.h"

namespace cairn::data {

struct HtmlNode {
  std::uint32_t end;    // index of the node behind its last descendant
  HtmlElement element;  // HtmlElement::text for a run of text
  bool in_link;         // inside of <a href>, also where its end tag stands in an inner block
  std::uint32_t first_attribute, attributes;
  std::string_view text;  // of a text, references decoded; an element's name as written
};

class HtmlTree {
 public:
  static constexpr std::size_t kMostDepth = 255;  // what is nested deeper stands beside, not inside, what holds it

  // Any bytes that are UTF-8; they outlive the tree. Time is linear in them, memory 40 bytes a tag and 64 an attribute.
  explicit HtmlTree(std::string_view page);
  HtmlTree(const HtmlTree&) = delete;
  HtmlTree& operator=(const HtmlTree&) = delete;

  // The first is <html>, whether written or not. The children of node i are i + 1, nodes()[i + 1].end and so on, up to its end.
  const std::vector<HtmlNode>& nodes() const { return nodes_; }
  const HtmlAttribute* begin(const HtmlNode& node) const { return attributes_.data() + node.first_attribute; }
  const HtmlAttribute* end(const HtmlNode& node) const { return begin(node) + node.attributes; }
  // The first attribute of that name, given in small letters, references decoded; empty when there is none.
  std::string attribute(const HtmlNode& node, std::string_view name) const;

 private:
  friend class HtmlTreeBuilder;
  std::vector<HtmlNode> nodes_;
  std::vector<HtmlAttribute> attributes_;
  std::deque<std::string> decoded_;  // texts that had references
};

// `a` in any case of letters, `b` in small ones.
bool equal_ignoring_case(std::string_view a, std::string_view b);

}  // namespace cairn::data
