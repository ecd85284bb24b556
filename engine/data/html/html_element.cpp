#include "engine/data/html/html_element.h"

#include <array>
#include <cstring>

namespace cairn::data {

namespace {

using E = HtmlElement;

constexpr std::array<std::string_view, static_cast<std::size_t>(E::count)> kNames = {
    "", "",
    // clang-format off
    "a", "abbr", "acronym", "address", "applet", "area", "article", "aside", "audio", "b", "base", "basefont", "bdi", "bdo", "bgsound",
    "big", "blockquote", "body", "br", "button", "canvas", "caption", "center", "cite", "code", "col", "colgroup", "dd", "del",
    "details", "dfn", "dialog", "dir", "div", "dl", "dt", "em", "embed", "fieldset", "figcaption", "figure", "font", "footer",
    "foreignobject", "form", "frame", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hgroup", "hr", "html", "i",
    "iframe", "img", "input", "ins", "kbd", "keygen", "label", "legend", "li", "link", "listing", "main", "map", "mark", "marquee",
    "math", "menu", "meta", "mi", "mn", "mo", "ms", "mtext", "nav", "nobr", "noembed", "noframes", "noscript", "object", "ol", "optgroup",
    "option", "p", "param",
    "picture", "plaintext", "pre", "q", "rb", "rp", "rt", "rtc", "ruby", "s", "samp", "script", "search", "section", "select", "small",
    "source", "span", "strike", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "template", "textarea",
    "tfoot", "th", "thead", "time", "title", "tr", "track", "tt", "u", "ul", "var", "video", "wbr", "xmp",
    // clang-format on
};

constexpr std::array<std::uint16_t, static_cast<std::size_t>(E::count)> kRules = [] {
  std::array<std::uint16_t, static_cast<std::size_t>(E::count)> rules{};
  const auto give = [&rules](std::uint16_t rule, std::initializer_list<E> elements) {
    for (const E element : elements) rules[static_cast<std::size_t>(element)] |= rule;
  };
  give(kVoid, {E::area, E::base, E::basefont, E::bgsound, E::br, E::col, E::embed, E::frame, E::hr, E::img, E::input, E::keygen,
               E::link, E::meta, E::param, E::source, E::track, E::wbr});
  // <noscript> as a browser that runs scripts reads it: what it holds is for others.
  give(kRawText, {E::script, E::style, E::xmp, E::iframe, E::noembed, E::noframes, E::noscript, E::plaintext});
  give(kEscapableText, {E::title, E::textarea});
  give(kSpecial,
       {E::address,   E::applet,   E::area,     E::article, E::aside,   E::base,     E::basefont,   E::bgsound, E::blockquote,
        E::body,      E::br,       E::button,   E::caption, E::center,  E::col,      E::colgroup,   E::dd,      E::details,
        E::dir,       E::div,      E::dl,       E::dt,      E::embed,   E::fieldset, E::figcaption, E::figure,  E::footer,
        E::form,      E::frame,    E::frameset, E::h1,      E::h2,      E::h3,       E::h4,         E::h5,      E::h6,
        E::head,      E::header,   E::hgroup,   E::hr,      E::html,    E::iframe,   E::img,        E::input,   E::keygen,
        E::li,        E::link,     E::listing,  E::main,    E::marquee, E::menu,     E::meta,       E::nav,     E::noembed,
        E::noframes,  E::noscript, E::object,   E::ol,      E::p,       E::param,    E::plaintext,  E::pre,     E::script,
        E::search,    E::section,  E::select,   E::source,  E::style,   E::summary,  E::table,      E::tbody,   E::td,
        E::template_, E::textarea, E::tfoot,    E::th,      E::thead,   E::title,    E::tr,         E::track,   E::ul,
        E::wbr,       E::xmp});
  give(kEndsParagraph,
       {E::address, E::article, E::aside, E::blockquote, E::center,     E::dd,     E::details,   E::dialog, E::dir,
        E::div,     E::dl,      E::dt,    E::fieldset,   E::figcaption, E::figure, E::footer,    E::form,   E::h1,
        E::h2,      E::h3,      E::h4,    E::h5,         E::h6,         E::header, E::hgroup,    E::hr,     E::li,
        E::listing, E::main,    E::menu,  E::nav,        E::ol,         E::p,      E::plaintext, E::pre,    E::search,
        E::section, E::summary, E::table, E::ul,         E::xmp});
  give(kHeadContent,
       {E::base, E::basefont, E::bgsound, E::link, E::meta, E::noscript, E::script, E::style, E::template_, E::title});
  give(kHeading, {E::h1, E::h2, E::h3, E::h4, E::h5, E::h6});
  give(kScope, {E::html, E::table, E::td, E::th, E::caption, E::template_, E::object, E::marquee, E::applet, E::foreignobject});
  give(kEndsForeign,
       {E::b,     E::big,   E::blockquote, E::body,   E::br,   E::center, E::code,  E::dd, E::div,  E::dl,   E::dt,
        E::em,    E::embed, E::h1,         E::h2,     E::h3,   E::h4,     E::h5,    E::h6, E::head, E::hr,   E::i,
        E::img,   E::li,    E::listing,    E::menu,   E::meta, E::nobr,   E::ol,    E::p,  E::pre,  E::ruby, E::s,
        E::small, E::span,  E::strong,     E::strike, E::sub,  E::sup,    E::table, E::tt, E::u,    E::ul,   E::var});
  give(kTableContext, {E::table, E::tbody, E::thead, E::tfoot, E::tr});
  return rules;
}();

constexpr std::size_t kLongestName = 13;

// Elements by their names as numbers: the first eight letters, with the length and what follows checked by comparing.
class NameTable {
 public:
  NameTable() {
    for (std::size_t i = static_cast<std::size_t>(E::a); i < kNames.size(); ++i) {
      std::size_t at = place(key_of(kNames[i]));
      while (slots_[at].element != E::other) at = (at + 1) % slots_.size();
      slots_[at] = {key_of(kNames[i]), static_cast<E>(i)};
    }
  }
  E of(std::string_view name) const {
    if (name.empty() || name.size() > kLongestName) return E::other;
    const std::uint64_t key = key_of(name);
    for (std::size_t at = place(key); slots_[at].element != E::other; at = (at + 1) % slots_.size()) {
      if (slots_[at].key == key && same(kNames[static_cast<std::size_t>(slots_[at].element)], name)) return slots_[at].element;
    }
    return E::other;
  }

 private:
  struct Slot {
    std::uint64_t key = 0;
    E element = E::other;
  };
  // With 0x20 set in each byte, which makes letters small; that digits keep it and other characters gain it is settled by same().
  static std::uint64_t key_of(std::string_view name) {
    std::uint64_t key = 0;
    std::memcpy(&key, name.data(), name.size() < 8 ? name.size() : 8);
    return key | 0x2020202020202020u;
  }
  static bool same(std::string_view known, std::string_view name) {
    if (known.size() != name.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
      const char c = name[i] >= 'A' && name[i] <= 'Z' ? static_cast<char>(name[i] | 0x20) : name[i];
      if (c != known[i]) return false;
    }
    return true;
  }
  static std::size_t place(std::uint64_t key) { return (key * 0x9E3779B97F4A7C15u) >> 55; }
  std::array<Slot, 512> slots_;
};

}  // namespace

HtmlElement html_element(std::string_view name) {
  static const NameTable table;
  return table.of(name);
}

std::string_view html_name(HtmlElement element) {
  return kNames[static_cast<std::size_t>(element)];
}

std::uint16_t html_rules(HtmlElement element) {
  return kRules[static_cast<std::size_t>(element)];
}

}  // namespace cairn::data
