#include "engine/data/html/html_text.h"

#include "engine/data/characters.h"
#include "engine/data/html/block_writer.h"
#include "engine/data/html/html_tree.h"
#include "engine/data/html/page_marks.h"
#include "engine/data/html/page_outline.h"
#include "engine/data/html/white_space.h"
#include "engine/data/sources/encoding.h"

namespace cairn::data {

namespace {

using E = HtmlElement;

// <title> and the declared language, as they stand before <body>.
void read_head(const HtmlTree& tree, HtmlText& page) {
  const std::vector<HtmlNode>& nodes = tree.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const HtmlNode& node = nodes[i];
    if (node.element == E::html) {
      for (const char* key : {"lang", "xml:lang"}) {
        if (page.language.empty()) page.language = std::string(strip(tree.attribute(node, key)));
      }
    } else if (node.element == E::title && page.title.empty() && node.end > i + 1) {
      append_collapsed(page.title, strip(nodes[i + 1].text));
    } else if (node.element == E::meta && page.language.empty()) {
      const std::string kind = lower_case_ascii(tree.attribute(node, "http-equiv") + tree.attribute(node, "name"));
      if (kind == "content-language" || kind == "language" || kind == "dc.language")
        page.language = std::string(strip(tree.attribute(node, "content")));
    } else if (node.element == E::body) {
      return;
    }
  }
}

}  // namespace

HtmlText extract_html(std::string_view bytes, std::string_view charset) {
  HtmlText page;
  const std::string utf8 = to_utf8(bytes, known_encoding(charset) ? std::string(charset) : declared_encoding(bytes));
  if (strip(std::string_view(utf8).substr(0, 256)).empty() && strip(utf8).empty()) return page;
  const HtmlTree tree(utf8);
  read_head(tree, page);
  PageMarks marks = read_page_marks(tree);
  page.signals = marks.signals.lines();
  page.licences = std::move(marks.licences);
  const PageOutline outline(tree);
  page.text = write_blocks(tree, outline, outline.main_element());
  return page;
}

}  // namespace cairn::data
