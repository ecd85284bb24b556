// What of a page may be content, and which element holds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "engine/data/html/html_tree.h"

namespace cairn::data {

// What an element is to a reader of text.
enum class PageTag : unsigned char {
  inline_,
  block,
  paragraph,
  heading,
  item,
  list,
  pre,
  row,
  cell,
  table,
  line_break,
  rule,
  anchor,
  dropped
};

struct PageElement {
  std::uint32_t node;  // of the tree
  PageTag tag;
  std::uint32_t parent;
  std::uint32_t end;                     // one past its last descendant in the outline
  std::uint32_t text = 0, links = 0;     // bytes of text without white space, of all descendants; in links
  std::uint32_t own = 0, own_links = 0;  // of the text outside inner blocks (blocks only)
  std::uint32_t good = 0;                // bytes of running text
  bool article = false;                  // says of itself that it is the content
  bool suspect = false;                  // its class or id says that it is not content
};

// The elements that may be content, in document order, with what they hold. Left out: what by element, role or style is no
// content (tag `dropped`: what its class or id says is none, unless it holds most of the page's running text).
class PageOutline {
 public:
  explicit PageOutline(const HtmlTree& tree);
  const std::vector<PageElement>& elements() const { return elements_; }
  // Index of the smallest element that holds most of the running text.
  std::size_t main_element() const;

 private:
  void read(const HtmlTree& tree);
  void drop_suspects();
  std::vector<PageElement> elements_;
};

}  // namespace cairn::data
