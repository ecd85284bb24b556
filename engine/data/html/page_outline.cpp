#include "engine/data/html/page_outline.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string>
#include <unordered_set>

#include "engine/data/html/white_space.h"

namespace cairn::data {

namespace {

using E = HtmlElement;

constexpr std::size_t kGoodBlock = 50;  // bytes of a block that counts as running text
constexpr double kGoodLinks = 0.4;      // most of it that may be links
constexpr double kMainShare = 0.7;      // of all running text, that the main element holds
constexpr double kArticleShare = 0.35;  // the same, for an element that says that it is the article
constexpr double kSuspectShare = 0.5;   // of all running text, that makes an element content against its class name

constexpr std::array<PageTag, static_cast<std::size_t>(E::count)> kTags = [] {
  std::array<PageTag, static_cast<std::size_t>(E::count)> tags{};  // inline
  const auto give = [&tags](PageTag tag, std::initializer_list<E> elements) {
    for (const E element : elements) tags[static_cast<std::size_t>(element)] = tag;
  };
  give(PageTag::dropped,
       {E::script,   E::style,  E::noscript, E::template_, E::iframe, E::object, E::embed,  E::applet, E::svg,
        E::math,     E::canvas, E::nav,      E::header,    E::footer, E::aside,  E::button, E::select, E::input,
        E::textarea, E::dialog, E::menu,     E::head,      E::audio,  E::video,  E::map,    E::figure, E::figcaption,
        E::option,   E::label,  E::noframes, E::frameset,  E::img,    E::link,   E::meta,   E::title});
  give(PageTag::block, {E::html, E::body, E::div, E::section, E::article, E::main, E::center, E::form, E::fieldset, E::details,
                        E::summary, E::address, E::hgroup, E::blockquote, E::dl});
  give(PageTag::paragraph, {E::p});
  give(PageTag::heading, {E::h1, E::h2, E::h3, E::h4, E::h5, E::h6});
  give(PageTag::item, {E::li, E::dt, E::dd});
  give(PageTag::list, {E::ul, E::ol});
  give(PageTag::pre, {E::pre, E::listing, E::xmp});
  give(PageTag::row, {E::tr});
  give(PageTag::cell, {E::td, E::th, E::caption});
  give(PageTag::table, {E::table, E::thead, E::tbody, E::tfoot});
  give(PageTag::line_break, {E::br});
  give(PageTag::rule, {E::hr});
  give(PageTag::anchor, {E::a});
  return tags;
}();

PageTag tag_of(HtmlElement element) {
  return kTags[static_cast<std::size_t>(element)];
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
  for (; at < text.size(); ++at) count += !is_html_space(text[at]);
  return static_cast<std::uint32_t>(count);
}

bool is_block(PageTag tag) {
  return tag != PageTag::inline_ && tag != PageTag::anchor && tag != PageTag::line_break && tag != PageTag::dropped;
}

enum class Standing { content, suspect, dropped };

Standing standing_of(const HtmlTree& tree, const HtmlNode& node, PageTag tag) {
  if (tag == PageTag::dropped) return Standing::dropped;
  if (node.attributes == 0 || tag == PageTag::inline_ || tag == PageTag::anchor) return Standing::content;
  // The page itself is content whatever it is called, and so are paragraphs and headings inside of it.
  const bool named = tag != PageTag::paragraph && tag != PageTag::heading && tag != PageTag::pre && node.element != E::html &&
                     node.element != E::body && node.element != E::article && node.element != E::main;
  bool suspect = false;
  for (const HtmlAttribute* attribute = tree.begin(node); attribute != tree.end(node); ++attribute) {
    const std::string_view name = attribute->name, value = attribute->value;
    if (equal_ignoring_case(name, "class") || equal_ignoring_case(name, "id")) {
      suspect = suspect || (named && has_boilerplate_word(value));
    } else if (equal_ignoring_case(name, "style")) {
      if (value.find("display:none") != std::string_view::npos || value.find("display: none") != std::string_view::npos)
        return Standing::dropped;
    } else if (equal_ignoring_case(name, "role")) {
      for (const char* role : {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alert", "menu",
                               "menubar", "toolbar", "tooltip"}) {
        if (value == role) return Standing::dropped;
      }
    } else if (equal_ignoring_case(name, "hidden") || (equal_ignoring_case(name, "aria-hidden") && value == "true")) {
      return Standing::dropped;
    }
  }
  return suspect ? Standing::suspect : Standing::content;
}

}  // namespace

PageOutline::PageOutline(const HtmlTree& tree) {
  read(tree);
  for (std::size_t i = elements_.size(); i-- > 0;) {
    PageElement& e = elements_[i];
    if (is_block(e.tag) && e.tag != PageTag::heading && e.own >= kGoodBlock && e.own_links <= kGoodLinks * e.own) e.good += e.own;
    if (i == 0) break;
    PageElement& parent = elements_[e.parent];
    parent.good += e.good;
    parent.text += e.text;
    parent.links += e.links;
  }
  drop_suspects();
}

void PageOutline::read(const HtmlTree& tree) {
  struct Open {
    std::uint32_t end, element, block;  // behind its last node; the outline's index of it, and of the block that it is or is in
  };
  std::vector<Open> open;
  const std::vector<HtmlNode>& nodes = tree.nodes();
  const auto leave = [&](std::uint32_t index) {
    while (!open.empty() && open.back().end <= index) {
      elements_[open.back().element].end = static_cast<std::uint32_t>(elements_.size());
      open.pop_back();
    }
  };
  for (std::uint32_t index = 0; index < nodes.size();) {
    leave(index);
    const HtmlNode& node = nodes[index];
    if (node.element == E::text) {
      const std::uint32_t size = ink(node.text);
      PageElement &element = elements_[open.back().element], &block = elements_[open.back().block];
      element.text += size;
      block.own += size;
      if (node.in_link) {
        element.links += size;
        block.own_links += size;
      }
      ++index;
      continue;
    }
    const PageTag tag = tag_of(node.element);
    const Standing standing = index == 0 ? Standing::content : standing_of(tree, node, tag);
    if (standing == Standing::dropped) {
      index = node.end;
      continue;
    }
    const auto place = static_cast<std::uint32_t>(elements_.size());
    const std::uint32_t parent = open.empty() ? 0 : open.back().element, block = open.empty() ? 0 : open.back().block;
    elements_.push_back({index, tag, parent, place + 1});
    elements_[place].suspect = standing == Standing::suspect;
    elements_[place].article = node.element == E::article || node.element == E::main ||
                               (tag == PageTag::block && node.attributes > 0 &&
                                (tree.attribute(node, "itemprop") == "articleBody" || tree.attribute(node, "role") == "main"));
    open.push_back({node.end, place, is_block(tag) ? place : block});
    ++index;
  }
  leave(static_cast<std::uint32_t>(nodes.size()));
}

std::size_t PageOutline::main_element() const {
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
      const PageTag tag = elements_[child].tag;
      if (elements_[child].good >= wanted && (tag == PageTag::block || tag == PageTag::table || tag == PageTag::row ||
                                              tag == PageTag::cell || tag == PageTag::inline_)) {
        main = child;
        deeper = true;
        break;
      }
    }
  }
  return main;
}

// Class names are only hints: what holds most of the page's running text stays whatever it is called.
void PageOutline::drop_suspects() {
  const double enough = kSuspectShare * elements_[0].good;
  for (std::size_t i = 1; i < elements_.size();) {
    PageElement& e = elements_[i];
    if (!e.suspect || (e.good > 0 && e.good >= enough)) {
      ++i;
      continue;
    }
    const PageElement gone = e;
    for (std::size_t up = e.parent;; up = elements_[up].parent) {
      elements_[up].good -= gone.good;
      elements_[up].text -= gone.text;
      elements_[up].links -= gone.links;
      if (up == 0) break;
    }
    for (std::size_t inner = i; inner < gone.end; ++inner) elements_[inner].good = 0;
    e.tag = PageTag::dropped;
    i = gone.end;
  }
}

}  // namespace cairn::data
