#include "engine/data/html/block_writer.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "engine/data/characters.h"
#include "engine/data/html/white_space.h"

namespace cairn::data {

namespace {

constexpr double kLinkList = 0.5;  // share of links from which a list or box is navigation

struct Block {
  std::string text;
  int heading = 0;     // level, or 0
  bool tight = false;  // no empty line before it: list items, rows
};

class BlockWriter {
 public:
  BlockWriter(const HtmlTree& tree, const PageOutline& outline) : nodes_(tree.nodes()), elements_(outline.elements()) {}

  std::string write(std::size_t main) {
    write_children(main, elements_[main].tag == PageTag::pre);
    flush();
    drop_lonely_headings();
    std::string out;
    for (const Block& block : blocks_) {
      if (!out.empty()) out += block.tight ? "\n" : "\n\n";
      out += block.text;
    }
    return out;
  }

 private:
  // A list or box that is mostly links, or a row of them.
  bool is_navigation(const PageElement& e) const {
    if (e.text == 0) return true;
    const double links = static_cast<double>(e.links) / e.text;
    switch (e.tag) {
      case PageTag::block:
      case PageTag::list:
      case PageTag::table:
        return links > kLinkList && e.good < 200;
      case PageTag::paragraph:
      case PageTag::heading:
        return links > 0.9 && e.tag == PageTag::paragraph && e.text < 200;
      default:
        return false;
    }
  }

  void write_children(std::size_t index, bool keep_lines) {
    const PageElement& e = elements_[index];
    std::size_t next = index + 1;  // elements that were left out are not in the outline
    for (std::uint32_t child = e.node + 1; child < nodes_[e.node].end; child = nodes_[child].end) {
      if (nodes_[child].element == HtmlElement::text) {
        add_text(nodes_[child].text, keep_lines);
      } else if (next < e.end && elements_[next].node == child) {
        write_element(next, keep_lines);
        next = elements_[next].end;
      }
    }
  }

  void write_element(std::size_t index, bool keep_lines) {
    const PageElement& e = elements_[index];
    switch (e.tag) {
      case PageTag::dropped:
        return;
      case PageTag::line_break:
        return void(text_ += '\n');
      case PageTag::rule:
        return flush();
      case PageTag::inline_:
      case PageTag::anchor:
        return write_children(index, keep_lines);
      default:
        break;
    }
    if (e.tag == PageTag::cell && in_row_) {
      if (e.text == 0) return;  // an empty cell does not end its row
      // From the right: what was looked at once is behind a mark, or gone.
      if (strip_right(text_).empty())
        text_.clear();
      else
        text_ += " | ";
      return write_children(index, keep_lines);
    }
    if (is_navigation(e)) return flush();
    flush();
    const bool was_in_row = in_row_;
    if (e.tag == PageTag::heading) heading_ = nodes_[e.node].text[1] - '0';  // of its name
    if (e.tag == PageTag::item) {
      prefix_.assign(nodes_[e.node].element == HtmlElement::li ? "- " : "");
      tight_ = true;
    }
    if (e.tag == PageTag::row) {
      // A row whose cells hold blocks is layout, not a table.
      in_row_ =
          !std::any_of(elements_.begin() + static_cast<long>(index) + 1, elements_.begin() + e.end, [](const PageElement& inner) {
            return inner.tag == PageTag::block || inner.tag == PageTag::list || inner.tag == PageTag::pre ||
                   inner.tag == PageTag::heading || inner.tag == PageTag::row;
          });
      tight_ = in_row_;
    }
    write_children(index, keep_lines || e.tag == PageTag::pre);
    flush();
    in_row_ = was_in_row;
    prefix_.clear();
    if (e.tag == PageTag::heading) heading_ = 0;  // also when all that it holds was left out
  }

  void add_text(std::string_view text, bool keep_lines) {
    if (keep_lines) {
      verbatim_ = true;
      text_ += text;
      return;
    }
    append_collapsed(text_, text);
  }

  void flush() {
    std::string_view text = text_;
    if (verbatim_) {
      while (text.starts_with('\n') || text.starts_with('\r')) text.remove_prefix(1);
      text = strip_right(text);
      if (strip(text).empty()) text = {};
    } else {
      text = strip(text);
    }
    if (!text.empty()) {
      Block block;
      block.text = prefix_;
      block.text += text;
      block.heading = heading_;
      block.tight = tight_ && !blocks_.empty() && last_tight_;
      last_tight_ = tight_;
      blocks_.push_back(std::move(block));
      prefix_.clear();
      tight_ = false;
    }
    if (!text.empty()) heading_ = 0;
    text_.clear();
    verbatim_ = false;
  }

  // Headings that nothing follows but a heading of the same or a higher level, or the end.
  void drop_lonely_headings() {
    std::vector<Block> kept;
    int following = 1;  // level of what comes next: 1 at the end, 99 for content
    for (std::size_t i = blocks_.size(); i-- > 0;) {
      Block& block = blocks_[i];
      const bool lonely = block.heading > 0 && following <= block.heading && !(i == 0 && blocks_.size() == 1);
      if (lonely) continue;
      following = block.heading > 0 ? block.heading : 99;
      kept.push_back(std::move(block));
    }
    blocks_.assign(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  }

  const std::vector<HtmlNode>& nodes_;
  const std::vector<PageElement>& elements_;
  std::vector<Block> blocks_;
  std::string text_, prefix_;
  int heading_ = 0;
  bool verbatim_ = false, tight_ = false, last_tight_ = false, in_row_ = false;
};

}  // namespace

std::string write_blocks(const HtmlTree& tree, const PageOutline& outline, std::size_t main) {
  return BlockWriter(tree, outline).write(main);
}

}  // namespace cairn::data
