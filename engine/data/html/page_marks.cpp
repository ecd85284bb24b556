#include "engine/data/sources/page_marks.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_set>

#include "engine/data/characters.h"
#include "engine/data/licences/licence_names.h"

namespace cairn::data {

namespace {

constexpr std::size_t kMostText = 2 << 20, kMostMarks = 16, kMostScript = 256 << 10;

std::string_view view(const xmlChar* text) {
  return text ? std::string_view(reinterpret_cast<const char*>(text)) : std::string_view();
}

std::string_view attribute(const xmlNode* node, std::string_view name) {
  for (const xmlAttr* attr = node->properties; attr; attr = attr->next) {
    if (view(attr->name) == name) return attr->children ? view(attr->children->content) : std::string_view();
  }
  return {};
}

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

bool is_block(std::string_view name) {
  static const std::unordered_set<std::string_view> kInline = {"a",     "span", "b",       "i",    "em",   "strong", "u",   "s",
                                                               "small", "abbr", "acronym", "cite", "code", "font",   "sub", "sup",
                                                               "img",   "time", "bdi",     "bdo",  "q",    "mark"};
  return !kInline.contains(name);
}

class Walk {
 public:
  explicit Walk(PageMarks& marks) : marks_(marks) {}

  // Depth is bounded by the parser (255).
  void visit(const xmlNode* node, bool in_figure) {
    for (; node; node = node->next) {
      if (node->type == XML_TEXT_NODE) {
        add_text(view(node->content));
      } else if (node->type == XML_ELEMENT_NODE) {
        element(node, in_figure);
      }
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
    for (const char c : text) {
      const bool space = c == ' ' || (c >= '\t' && c <= '\r');
      if (space ? !text_.empty() && text_.back() != ' ' && text_.back() != '\n' : c != kLinkBegin && c != kLinkEnd)
        text_ += space ? ' ' : c;
    }
  }
  void new_line() {
    if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  }

  void element(const xmlNode* node, bool in_figure) {
    const std::string_view name = view(node->name);
    if (name == "script") return script(node);
    if (name == "style" || name == "template" || name == "svg") return;
    if (name == "meta") meta(node);
    in_figure |= name == "figure" || name == "figcaption" || name == "picture";
    const bool block = is_block(name);
    if (block) new_line();
    const std::string_view href = attribute(node, name == "img" ? "src" : "href");
    if (!in_figure) {
      if (!href.empty() && (name == "a" || name == "link" || name == "area") && has_word(attribute(node, "rel"), "license")) {
        value_mark(LicenceMarkKind::rel, href);
      } else if (node->properties) {
        described(node, href);
      }
    }
    if (name == "a" && !href.empty()) {
      // What has no host is a page of the site itself.
      if (const std::string licence = href.find("//") < 8 ? licence_of_url(href) : std::string(); !licence.empty()) {
        // Instead of the link's own words, which name the same; a picture in it is its badge.
        if (!in_figure) text_ += kLinkBegin + licence + kLinkEnd;
        return;
      }
    }
    if (name == "img" && !in_figure &&
        (href.find("creativecommons.org/l/") != std::string_view::npos ||
         href.find("licensebuttons.net") != std::string_view::npos))
      mark(LicenceMarkKind::badge, licence_of_url(href), href);
    visit(node->children, in_figure);
    if (block) new_line();
  }

  // Microdata and RDFa: the address in the attribute that the element has for it, else its text.
  void described(const xmlNode* node, std::string_view href) {
    const bool item = has_word(attribute(node, "itemprop"), "license");
    const bool rdfa = !item && (is_rdfa_licence(attribute(node, "property")) || is_rdfa_licence(attribute(node, "rel")));
    if (!item && !rdfa) return;
    std::string_view value = href;
    for (const std::string_view other : {"content", "resource"}) {
      if (value.empty()) value = attribute(node, other);
    }
    if (value.empty() && node->children && node->children->type == XML_TEXT_NODE) value = view(node->children->content);
    value_mark(item ? LicenceMarkKind::microdata : LicenceMarkKind::rdfa, value);
  }

  void meta(const xmlNode* node) {
    const std::string_view content = attribute(node, "content");
    std::string_view named = attribute(node, "name");
    if (named.empty()) named = attribute(node, "property");
    marks_.signals.add_meta(named, attribute(node, "http-equiv"), content);
    if (is_licence_meta(lower_case_ascii(strip(named.substr(0, 64))))) value_mark(LicenceMarkKind::meta, content);
  }

  void script(const xmlNode* node) {
    if (lower_case_ascii(strip(attribute(node, "type").substr(0, 64))).substr(0, 19) != "application/ld+json") return;
    std::string text;
    for (const xmlNode* child = node->children; child && text.size() <= kMostScript; child = child->next)
      text += view(child->content);
    for (const LicenceMark& found : licences_of_json_ld(text)) mark(found.kind, found.licence, found.value);
  }

  PageMarks& marks_;
  std::string text_;
};

}  // namespace

PageMarks read_page_marks(const xmlNode* root) {
  PageMarks marks;
  Walk walk(marks);
  walk.visit(root, false);
  walk.finish();
  return marks;
}

}  // namespace cairn::data
