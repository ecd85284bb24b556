// Elements of HTML by number, and what the parser asks of each.
#pragma once

#include <cstdint>
#include <string_view>

namespace cairn::data {

// Of the names that mean something to the parser or to the extraction of text; any other is `other`.
enum class HtmlElement : std::uint8_t {
  text,  // no element, a run of text
  other,
  // clang-format off
  a, abbr, acronym, address, applet, area, article, aside, audio, b, base, basefont, bdi, bdo, bgsound, big, blockquote, body, br,
  button, canvas, caption, center, cite, code, col, colgroup, dd, del, details, dfn, dialog, dir, div, dl, dt, em, embed, fieldset,
  figcaption, figure, font, footer, foreignobject, form, frame, frameset, h1, h2, h3, h4, h5, h6, head, header, hgroup, hr, html, i,
  iframe, img, input, ins, kbd, keygen, label, legend, li, link, listing, main, map, mark, marquee, math, menu, meta, mi, mn,
  mo, ms, mtext, nav, nobr, noembed, noframes, noscript, object, ol, optgroup, option, p, param, picture, plaintext, pre, q, rb, rp, rt, rtc, ruby, s, samp,
  script, search, section, select, small, source, span, strike, strong, style, sub, summary, sup, svg, table, tbody, td, template_,
  textarea, tfoot, th, thead, time, title, tr, track, tt, u, ul, var, video, wbr, xmp,
  // clang-format on
  count
};

HtmlElement html_element(std::string_view name);  // in any case of letters
std::string_view html_name(HtmlElement element);  // in small letters; empty for `text` and `other`

// The rules of HTML (WHATWG, §13.1.2 and §13.2.6), as bits.
enum HtmlRule : std::uint16_t {
  kVoid = 1,            // has no content and no end tag
  kRawText = 2,         // up to its end tag all is text, without character references
  kEscapableText = 4,   // the same, with them
  kSpecial = 8,         // an end tag of an inline element does not reach beyond it
  kEndsParagraph = 16,  // its start tag ends an open <p>
  kHeadContent = 32,    // may stand in <head>
  kHeading = 64,
  kScope = 128,         // end tags of blocks do not reach beyond it
  kEndsForeign = 256,   // cannot stand in <svg> or <math>, which end before it
  kTableContext = 512,  // table and its sections and rows: cells and rows begin there
};
std::uint16_t html_rules(HtmlElement element);

}  // namespace cairn::data
