#include "engine/data/sources/html_text.h"

#include <libxml/HTMLparser.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "engine/data/characters.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/page_marks.h"

namespace cairn::data {

namespace {

constexpr std::size_t kGoodBlock = 50;  // bytes of a block that counts as running text
constexpr double kGoodLinks = 0.4;      // most of it that may be links
constexpr double kMainShare = 0.7;      // of all running text, that the main element holds
constexpr double kArticleShare = 0.35;  // the same, for an element that says that it is the article
constexpr double kSuspectShare = 0.5;   // of all running text, that makes an element content against its class name
constexpr double kLinkList = 0.5;       // share of links from which a list or box is navigation

enum class Tag : unsigned char {
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

const std::unordered_map<std::string_view, Tag>& tags() {
  static const std::unordered_map<std::string_view, Tag> table = [] {
    std::unordered_map<std::string_view, Tag> t;
    for (const char* name : {"script", "style",    "noscript", "template", "iframe", "object", "embed",  "applet",     "svg",
                             "canvas", "nav",      "header",   "footer",   "aside",  "button", "select", "input",      "textarea",
                             "dialog", "menu",     "head",     "audio",    "video",  "map",    "figure", "figcaption", "option",
                             "label",  "noframes", "frameset", "img",      "link",   "meta",   "title"}) {
      t[name] = Tag::dropped;
    }
    for (const char* name : {"html", "body", "div", "section", "article", "main", "center", "form", "fieldset", "details",
                             "summary", "address", "hgroup", "blockquote", "dl"}) {
      t[name] = Tag::block;
    }
    t["p"] = Tag::paragraph;
    for (const char* name : {"h1", "h2", "h3", "h4", "h5", "h6"}) t[name] = Tag::heading;
    for (const char* name : {"li", "dt", "dd"}) t[name] = Tag::item;
    for (const char* name : {"ul", "ol"}) t[name] = Tag::list;
    for (const char* name : {"pre", "listing", "xmp"}) t[name] = Tag::pre;
    t["tr"] = Tag::row;
    for (const char* name : {"td", "th", "caption"}) t[name] = Tag::cell;
    for (const char* name : {"table", "thead", "tbody", "tfoot"}) t[name] = Tag::table;
    t["br"] = Tag::line_break;
    t["hr"] = Tag::rule;
    t["a"] = Tag::anchor;
    return t;
  }();
  return table;
}

std::string_view view(const xmlChar* text) {
  return text ? std::string_view(reinterpret_cast<const char*>(text)) : std::string_view();
}

// Tags by their names as numbers, for the names of at most eight letters that nearly all elements have.
class TagTable {
 public:
  TagTable() {
    for (const auto& [name, tag] : tags()) {
      if (name.size() > 8) continue;
      std::uint64_t key = 0;
      std::memcpy(&key, name.data(), name.size());
      std::size_t at = place(key);
      while (slots_[at].key != 0) at = (at + 1) % slots_.size();
      slots_[at] = {key, tag};
    }
  }
  Tag of(const xmlChar* name) const {
    std::uint64_t key = 0;
    int length = 0;
    for (; length < 8 && name[length] != 0; ++length) key |= std::uint64_t{name[length]} << (8 * length);
    if (length == 8 && name[8] != 0) {
      const auto found = tags().find(view(name));
      return found == tags().end() ? Tag::inline_ : found->second;
    }
    for (std::size_t at = place(key); slots_[at].key != 0; at = (at + 1) % slots_.size()) {
      if (slots_[at].key == key) return slots_[at].tag;
    }
    return Tag::inline_;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    Tag tag = Tag::inline_;
  };
  static std::size_t place(std::uint64_t key) { return (key * 0x9E3779B97F4A7C15u) >> 55; }
  std::array<Slot, 512> slots_;
};

Tag tag_of(const xmlNode* node) {
  static const TagTable table;
  return node->name ? table.of(node->name) : Tag::inline_;
}

std::string attribute(const xmlNode* node, const char* name) {
  for (const xmlAttr* attr = node->properties; attr; attr = attr->next) {
    if (view(attr->name) != name) continue;
    std::string value;
    for (const xmlNode* part = attr->children; part; part = part->next) value += view(part->content);
    return value;
  }
  return {};
}

// Words of class and id that mark what is not content. They are matched against whole parts between anything but letters.
constexpr std::string_view kBoilerplate[] = {
    "ad",         "ads",         "advert",       "advertisement", "advertising", "banner",    "breadcrumb",    "breadcrumbs",
    "byline",     "caption",     "comment",      "comments",      "consent",     "cookie",    "cookies",       "copyright",
    "disclaimer", "disqus",      "docnav",       "footer",        "footnav",     "hidden",    "livefyre",      "masthead",
    "menu",       "meta",        "modal",        "nav",           "navbar",      "navfooter", "navheader",     "navigation",
    "newsletter", "newsletters", "outbrain",     "pager",         "pagination",  "paywall",   "popup",         "popular",
    "print",      "printonly",   "promo",        "recirc",        "recommended", "related",   "rss",           "share",
    "sharing",    "shares",      "sidebar",      "signup",        "skip",        "social",    "sphinxsidebar", "sponsor",
    "sponsored",  "subscribe",   "subscription", "taboola",       "tags",        "teaser",    "toc",           "toolbar",
    "tooltip",    "trending",    "utility",      "widget",        "widgets",     "infobox",   "toctree",       "contents",
    "author",     "bio",         "timestamp",    "dateline",      "topics",      "most"};

bool has_boilerplate_word(std::string_view names) {
  static const std::unordered_set<std::string_view> words(std::begin(kBoilerplate), std::end(kBoilerplate));
  constexpr std::size_t kLongest = 13;
  char word[kLongest];
  for (std::size_t at = 0; at < names.size();) {
    while (at < names.size() && !std::isalpha(static_cast<unsigned char>(names[at]))) ++at;
    std::size_t end = at;
    // "relatedStories" has two words: a capital after a small letter begins one.
    while (end < names.size() && std::isalpha(static_cast<unsigned char>(names[end])) &&
           !(end > at && std::isupper(static_cast<unsigned char>(names[end])) &&
             std::islower(static_cast<unsigned char>(names[end - 1])))) {
      ++end;
    }
    if (end - at <= kLongest) {
      for (std::size_t i = at; i < end; ++i) word[i - at] = static_cast<char>(names[i] | 0x20);  // letters of ASCII
      if (words.contains(std::string_view(word, end - at))) return true;
    }
    at = end;
  }
  return false;
}

struct Element {
  const xmlNode* node;
  Tag tag;
  std::uint32_t parent;
  std::uint32_t end;                     // one past its last descendant
  std::uint32_t text = 0, links = 0;     // bytes of text without white space, of all descendants; in links
  std::uint32_t own = 0, own_links = 0;  // of the text outside inner blocks (blocks only)
  std::uint32_t good = 0;                // bytes of running text
  bool article = false;
  bool suspect = false;  // its class or id says that it is not content
};

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// Bytes that are no white space, sixteen at a time; a lane counts to 255 before it is taken out.
std::uint32_t ink(std::string_view text) {
  using Bytes = unsigned char __attribute__((vector_size(16)));
  std::size_t count = 0, at = 0;
  while (at + 16 <= text.size()) {
    const std::size_t end = std::min(text.size() - 15, at + 255 * 16);
    Bytes lanes = {};
    for (; at < end; at += 16) {
      Bytes bytes;
      std::memcpy(&bytes, text.data() + at, sizeof bytes);
      lanes -= reinterpret_cast<Bytes>((bytes != ' ') & (bytes - '\t' > '\r' - '\t'));  // true is -1
    }
    for (int i = 0; i < 16; ++i) count += lanes[i];
  }
  for (; at < text.size(); ++at) count += !is_space(text[at]);
  return static_cast<std::uint32_t>(count);
}

bool is_block(Tag tag) {
  return tag != Tag::inline_ && tag != Tag::anchor && tag != Tag::line_break && tag != Tag::dropped;
}

enum class Standing { content, suspect, dropped };

Standing standing_of(const xmlNode* node, Tag tag) {
  if (tag == Tag::dropped) return Standing::dropped;
  if (!node->properties || tag == Tag::inline_ || tag == Tag::anchor) return Standing::content;
  std::string names;
  for (const xmlAttr* attr = node->properties; attr; attr = attr->next) {
    const std::string_view name = view(attr->name);
    if (name == "hidden") return Standing::dropped;
    const std::string_view value = attr->children ? view(attr->children->content) : std::string_view();
    if (name == "aria-hidden" && value == "true") return Standing::dropped;
    if (name == "style" &&
        (value.find("display:none") != std::string_view::npos || value.find("display: none") != std::string_view::npos))
      return Standing::dropped;
    if (name == "role") {
      for (const char* role : {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alert", "menu",
                               "menubar", "toolbar", "tooltip"}) {
        if (value == role) return Standing::dropped;
      }
    }
    if (name == "class" || name == "id") names.append(value).append(" ");
  }
  // The page itself is content whatever it is called, and so are paragraphs and headings inside of it.
  if (names.empty() || tag == Tag::paragraph || tag == Tag::heading || tag == Tag::pre) return Standing::content;
  const std::string_view element = view(node->name);
  if (element == "html" || element == "body" || element == "article" || element == "main") return Standing::content;
  return has_boilerplate_word(names) ? Standing::suspect : Standing::content;
}

// The elements that may be content, in document order, with what they hold.
class Outline {
 public:
  explicit Outline(const xmlNode* root) {
    visit(root, 0, 0, false);
    for (std::size_t i = elements_.size(); i-- > 0;) {
      Element& e = elements_[i];
      if (is_block(e.tag) && e.tag != Tag::heading && e.own >= kGoodBlock && e.own_links <= kGoodLinks * e.own) e.good += e.own;
      if (i > 0) elements_[e.parent].good += e.good;
    }
    drop_suspects();
  }

  const std::vector<Element>& elements() const { return elements_; }

  // Index of the smallest element that holds most of the running text.
  std::size_t main_element() const {
    const double total = elements_[0].good;
    std::size_t main = 0;
    // An <article> or the like that holds a good part of it, and most of what its kind holds.
    std::size_t best = 0;
    for (std::size_t i = 1; i < elements_.size(); ++i) {
      if (elements_[i].article && elements_[i].good >= kArticleShare * total &&
          (best == 0 || elements_[i].good > elements_[best].good))
        best = i;
    }
    if (best != 0) main = best;
    const double wanted = kMainShare * elements_[main].good;
    for (bool deeper = true; deeper && total > 0;) {
      deeper = false;
      for (std::size_t child = main + 1; child < elements_[main].end; child = elements_[child].end) {
        const Tag tag = elements_[child].tag;
        if (elements_[child].good >= wanted &&
            (tag == Tag::block || tag == Tag::table || tag == Tag::row || tag == Tag::cell || tag == Tag::inline_)) {
          main = child;
          deeper = true;
          break;
        }
      }
    }
    return main;
  }

 private:
  // Class names are only hints: what holds most of the page's running text stays whatever it is called.
  void drop_suspects() {
    const double enough = kSuspectShare * elements_[0].good;
    for (std::size_t i = 1; i < elements_.size();) {
      Element& e = elements_[i];
      if (!e.suspect || (e.good > 0 && e.good >= enough)) {
        ++i;
        continue;
      }
      const Element gone = e;
      for (std::size_t up = e.parent;; up = elements_[up].parent) {
        elements_[up].good -= gone.good;
        elements_[up].text -= gone.text;
        elements_[up].links -= gone.links;
        if (up == 0) break;
      }
      for (std::size_t inner = i; inner < gone.end; ++inner) elements_[inner].good = 0;
      e.tag = Tag::dropped;
      i = gone.end;
    }
  }

  // Depth is bounded by the parser (255).
  void visit(const xmlNode* node, std::uint32_t parent, std::uint32_t block, bool in_link) {
    const Tag tag = tag_of(node);
    const Standing standing = elements_.empty() ? Standing::content : standing_of(node, tag);
    if (standing == Standing::dropped) return;
    const auto index = static_cast<std::uint32_t>(elements_.size());
    elements_.push_back({node, tag, parent, 0});
    elements_[index].suspect = standing == Standing::suspect;
    const std::string_view name = view(node->name);
    if (name == "article" || name == "main")
      elements_[index].article = true;
    else if (tag == Tag::block && node->properties)
      elements_[index].article = attribute(node, "itemprop") == "articleBody" || attribute(node, "role") == "main";
    if (is_block(tag)) block = index;
    in_link |= tag == Tag::anchor;
    for (const xmlNode* child = node->children; child; child = child->next) {
      if (child->type == XML_ELEMENT_NODE) {
        visit(child, index, block, in_link);
      } else if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
        const std::uint32_t size = ink(view(child->content));
        elements_[index].text += size;
        elements_[block].own += size;
        if (in_link) {
          elements_[index].links += size;
          elements_[block].own_links += size;
        }
      }
    }
    elements_[index].end = static_cast<std::uint32_t>(elements_.size());
    if (index > 0) {
      elements_[parent].text += elements_[index].text;
      elements_[parent].links += elements_[index].links;
    }
  }

  std::vector<Element> elements_;
};

struct Block {
  std::string text;
  int heading = 0;     // level, or 0
  bool tight = false;  // no empty line before it: list items, rows
};

class BlockWriter {
 public:
  explicit BlockWriter(const Outline& outline) : elements_(outline.elements()) {}

  std::string write(std::size_t main) {
    write_children(main, elements_[main].tag == Tag::pre);
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
  bool is_navigation(const Element& e) const {
    if (e.text == 0) return true;
    const double links = static_cast<double>(e.links) / e.text;
    switch (e.tag) {
      case Tag::block:
      case Tag::list:
      case Tag::table:
        return links > kLinkList && e.good < 200;
      case Tag::paragraph:
      case Tag::heading:
        return links > 0.9 && e.tag == Tag::paragraph && e.text < 200;
      default:
        return false;
    }
  }

  void write_children(std::size_t index, bool keep_lines) {
    const Element& e = elements_[index];
    std::size_t next = index + 1;  // elements that were left out are not in the outline
    for (const xmlNode* child = e.node->children; child; child = child->next) {
      if (child->type == XML_ELEMENT_NODE) {
        if (next >= e.end || elements_[next].node != child) continue;
        write_element(next, keep_lines);
        next = elements_[next].end;
      } else if (child->type == XML_TEXT_NODE || child->type == XML_CDATA_SECTION_NODE) {
        add_text(view(child->content), keep_lines);
      }
    }
  }

  void write_element(std::size_t index, bool keep_lines) {
    const Element& e = elements_[index];
    switch (e.tag) {
      case Tag::dropped:
        return;
      case Tag::line_break:
        return void(text_ += '\n');
      case Tag::rule:
        return flush();
      case Tag::inline_:
      case Tag::anchor:
        return write_children(index, keep_lines);
      default:
        break;
    }
    if (is_navigation(e)) return flush();
    if (e.tag == Tag::cell && in_row_) {
      if (!strip(text_).empty()) text_ += " | ";
      return write_children(index, keep_lines);
    }
    flush();
    const bool was_in_row = in_row_;
    if (e.tag == Tag::heading) heading_ = view(e.node->name)[1] - '0';
    if (e.tag == Tag::item) {
      prefix_.assign(view(e.node->name) == "li" ? "- " : "");
      tight_ = true;
    }
    if (e.tag == Tag::row) {
      // A row whose cells hold blocks is layout, not a table.
      in_row_ =
          !std::any_of(elements_.begin() + static_cast<long>(index) + 1, elements_.begin() + e.end, [](const Element& inner) {
            return inner.tag == Tag::block || inner.tag == Tag::list || inner.tag == Tag::pre || inner.tag == Tag::heading ||
                   inner.tag == Tag::row;
          });
      tight_ = in_row_;
    }
    write_children(index, keep_lines || e.tag == Tag::pre);
    flush();
    in_row_ = was_in_row;
    prefix_.clear();
  }

  void add_text(std::string_view text, bool keep_lines) {
    if (keep_lines) {
      verbatim_ = true;
      text_ += text;
      return;
    }
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at;
      while (end < text.size() && !is_space(text[end])) ++end;
      text_.append(text, at, end - at);
      at = end;
      while (at < text.size() && is_space(text[at])) ++at;
      if (at > end && !text_.empty() && text_.back() != ' ' && text_.back() != '\n') text_ += ' ';
    }
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

  const std::vector<Element>& elements_;
  std::vector<Block> blocks_;
  std::string text_, prefix_;
  int heading_ = 0;
  bool verbatim_ = false, tight_ = false, last_tight_ = false, in_row_ = false;
};

std::string collapsed(std::string_view text) {
  std::string out;
  for (const char c : strip(text)) {
    if (c != ' ' && (c < '\t' || c > '\r'))
      out += c;
    else if (!out.empty() && out.back() != ' ')
      out += ' ';
  }
  return out;
}

// <title> and the declared language: in the first elements of the page, so a walk over its head is enough.
void read_head(const xmlNode* node, HtmlText& page, int depth) {
  for (; node; node = node->next) {
    if (node->type != XML_ELEMENT_NODE) continue;
    const std::string_view name = view(node->name);
    if (name == "html") {
      for (const char* key : {"lang", "xml:lang"}) {
        if (page.language.empty()) page.language = std::string(strip(attribute(node, key)));
      }
    } else if (name == "title" && page.title.empty() && node->children) {
      page.title = collapsed(view(node->children->content));
    } else if (name == "meta" && page.language.empty()) {
      const std::string kind = lower_case_ascii(attribute(node, "http-equiv") + attribute(node, "name"));
      if (kind == "content-language" || kind == "language" || kind == "dc.language")
        page.language = std::string(strip(attribute(node, "content")));
    }
    if (name == "body") return;
    if (depth < 4) read_head(node->children, page, depth + 1);
  }
}

}  // namespace

HtmlText extract_html(std::string_view bytes, std::string_view charset) {
  HtmlText page;
  const std::string utf8 = to_utf8(bytes, known_encoding(charset) ? std::string(charset) : declared_encoding(bytes));
  if (strip(std::string_view(utf8).substr(0, 256)).empty() && strip(utf8).empty()) return page;
  const int options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT |
                      HTML_PARSE_IGNORE_ENC;
  const std::unique_ptr<xmlDoc, void (*)(xmlDoc*)> document(
      htmlReadMemory(utf8.data(), static_cast<int>(utf8.size()), nullptr, "UTF-8", options), xmlFreeDoc);
  const xmlNode* root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  if (!root) return page;
  read_head(root, page, 0);
  PageMarks marks = read_page_marks(root);
  page.signals = marks.signals.lines();
  page.licences = std::move(marks.licences);
  const Outline outline(root);
  page.text = BlockWriter(outline).write(outline.main_element());
  return page;
}

}  // namespace cairn::data
