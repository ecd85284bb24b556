#include "engine/data/html/page_marks.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "engine/data/characters.h"
#include "engine/data/html/white_space.h"
#include "engine/data/licences/licence_names.h"

namespace cairn::data {

namespace {

using E = HtmlElement;

constexpr std::size_t kMostText = 2 << 20, kMostMarks = 16, kMostScript = 256 << 10;

bool has_word(std::string_view list, std::string_view word) {
  if (list.size() < word.size()) return false;
  const std::string lower = lower_case_ascii(list.substr(0, 256));
  for (std::size_t at = 0; at < lower.size();) {
    const std::size_t end = std::min(lower.find_first_of(" \t\n,", at), lower.size());
    if (std::string_view(lower).substr(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

// RDFa's names for it, whatever prefix the page has for the vocabulary.
bool is_rdfa_licence(std::string_view list) {
  if (list.find("icense") == std::string_view::npos && list.find("ights") == std::string_view::npos) return false;
  for (const std::string_view name :
       {"cc:license", "dct:license", "dcterms:license", "dc:license", "schema:license", "xhv:license", "dc:rights",
        "dcterms:rights", "http://creativecommons.org/ns#license", "http://purl.org/dc/terms/license"}) {
    if (has_word(list, name)) return true;
  }
  return false;
}

bool is_licence_meta(const std::string& name) {
  for (const std::string_view known : {"license", "licence", "dc.rights", "dc.license", "dc.rights.license", "dcterms.license",
                                       "dcterms.rights", "dcterms.rights.license", "dcterms.accessrights", "rights", "copyright",
                                       "dc.rights.uri", "citation_license", "cc:license", "dct:license", "og:license"}) {
    if (name == known) return true;
  }
  return false;
}

// Of the elements that stand in running text.
bool is_inline(HtmlElement element) {
  switch (element) {
    case E::a:
    case E::span:
    case E::b:
    case E::i:
    case E::em:
    case E::strong:
    case E::u:
    case E::s:
    case E::small:
    case E::abbr:
    case E::acronym:
    case E::cite:
    case E::code:
    case E::font:
    case E::sub:
    case E::sup:
    case E::img:
    case E::time:
    case E::bdi:
    case E::bdo:
    case E::q:
    case E::mark:
      return true;
    default:
      return false;
  }
}

class Walk {
 public:
  Walk(const HtmlTree& tree, PageMarks& marks) : tree_(tree), nodes_(tree.nodes()), marks_(marks) {}

  // The children of a node; depth is bounded by the tree.
  void visit(std::uint32_t parent, bool in_figure) {
    for (std::uint32_t child = parent + 1; child < nodes_[parent].end; child = nodes_[child].end) {
      if (nodes_[child].element == E::text)
        add_text(nodes_[child].text);
      else
        element(child, in_figure);
    }
  }

  void finish() {
    for (const LicenceMention& mention : granted_licences(text_)) {
      const bool link = text_[mention.begin] == kLinkBegin;
      const std::size_t from = mention.begin - std::min<std::size_t>(mention.begin, 48);
      std::string value = text_.substr(from, mention.end - from);
      std::replace(value.begin(), value.end(), kLinkBegin, '<');
      std::replace(value.begin(), value.end(), kLinkEnd, '>');
      while (!value.empty() && (value[0] & '\xc0') == '\x80') value.erase(0, 1);  // a character that the cut went through
      mark(link ? LicenceMarkKind::link : LicenceMarkKind::text, mention.licence, value);
    }
  }

 private:
  void mark(LicenceMarkKind kind, const std::string& licence, std::string_view value) {
    if (licence.empty() || marks_.licences.size() >= kMostMarks) return;
    marks_.licences.push_back({kind, licence, std::string(value)});
  }
  void value_mark(LicenceMarkKind kind, std::string_view value) { mark(kind, licence_of_value(value), value); }

  void add_text(std::string_view text) {
    if (text_.size() + text.size() > kMostText) return;
    if (text.find(kLinkBegin) == std::string_view::npos && text.find(kLinkEnd) == std::string_view::npos)
      return append_collapsed(text_, text);
    std::string without(text);  // which a page may not write
    std::erase_if(without, [](char c) { return c == kLinkBegin || c == kLinkEnd; });
    append_collapsed(text_, without);
  }
  void new_line() {
    if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  }

  void element(std::uint32_t index, bool in_figure) {
    const HtmlNode& node = nodes_[index];
    if (node.element == E::script) return script(index);
    if (node.element == E::style || node.element == E::template_ || node.element == E::svg) return;
    if (node.element == E::meta) meta(node);
    in_figure |= node.element == E::figure || node.element == E::figcaption || node.element == E::picture;
    const bool block = !is_inline(node.element);
    if (block) new_line();
    const bool is_link = node.element == E::a;
    const std::string href = node.attributes == 0 ? "" : tree_.attribute(node, node.element == E::img ? "src" : "href");
    if (!in_figure && node.attributes > 0) {
      if (!href.empty() && (is_link || node.element == E::link || node.element == E::area) &&
          has_word(tree_.attribute(node, "rel"), "license"))
        value_mark(LicenceMarkKind::rel, href);
      else
        described(index, href);
    }
    if (is_link && !href.empty()) {
      // What has no host is a page of the site itself.
      if (const std::string licence = href.find("//") < 8 ? licence_of_url(href) : std::string(); !licence.empty()) {
        // Instead of the link's own words, which name the same; a picture in it is its badge.
        if (!in_figure) text_ += kLinkBegin + licence + kLinkEnd;
        return;
      }
    }
    if (node.element == E::img && !in_figure &&
        (href.find("creativecommons.org/l/") != std::string::npos || href.find("licensebuttons.net") != std::string::npos))
      mark(LicenceMarkKind::badge, licence_of_url(href), href);
    visit(index, in_figure);
    if (block) new_line();
  }

  // Microdata and RDFa: the address in the attribute that the element has for it, else its text.
  void described(std::uint32_t index, std::string_view href) {
    const HtmlNode& node = nodes_[index];
    const bool item = has_word(tree_.attribute(node, "itemprop"), "license");
    const bool rdfa =
        !item && (is_rdfa_licence(tree_.attribute(node, "property")) || is_rdfa_licence(tree_.attribute(node, "rel")));
    if (!item && !rdfa) return;
    std::string value(href);
    for (const std::string_view other : {"content", "resource"}) {
      if (value.empty()) value = tree_.attribute(node, other);
    }
    if (value.empty() && node.end > index + 1 && nodes_[index + 1].element == E::text) value = nodes_[index + 1].text;
    value_mark(item ? LicenceMarkKind::microdata : LicenceMarkKind::rdfa, value);
  }

  void meta(const HtmlNode& node) {
    const std::string content = tree_.attribute(node, "content");
    std::string named = tree_.attribute(node, "name");
    if (named.empty()) named = tree_.attribute(node, "property");
    marks_.signals.add_meta(named, tree_.attribute(node, "http-equiv"), content);
    if (is_licence_meta(lower_case_ascii(strip(std::string_view(named).substr(0, 64)))))
      value_mark(LicenceMarkKind::meta, content);
  }

  void script(std::uint32_t index) {
    const HtmlNode& node = nodes_[index];
    if (node.attributes == 0 || node.end == index + 1) return;
    const std::string type = tree_.attribute(node, "type");
    if (lower_case_ascii(strip(std::string_view(type).substr(0, 64))).substr(0, 19) != "application/ld+json") return;
    for (const LicenceMark& found : licences_of_json_ld(nodes_[index + 1].text.substr(0, kMostScript)))
      mark(found.kind, found.licence, found.value);
  }

  const HtmlTree& tree_;
  const std::vector<HtmlNode>& nodes_;
  PageMarks& marks_;
  std::string text_;
};

}  // namespace

PageMarks read_page_marks(const HtmlTree& tree) {
  PageMarks marks;
  Walk walk(tree, marks);
  walk.visit(0, false);
  walk.finish();
  return marks;
}

}  // namespace cairn::data
