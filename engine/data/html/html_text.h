// The main content of an HTML page as text: headings, paragraphs, lists, code and tables, without navigation, scripts and other
// trimmings.
//
// How: parse as browsers do (html_tree.h); leave out what by element, role, class or id is not content; find the smallest element
// that holds most of the running text; inside it leave out blocks that are mostly links. Blocks are separated by an empty line,
// list items begin with "- ", table cells are separated by " | ", code keeps its lines. Same bytes, same text.
//
// Any bytes will do, in linear time; NULs and broken characters are replaced.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/data/licences/licence_marks.h"
#include "engine/data/signals/signals.h"

namespace cairn::data {

struct HtmlText {
  std::string title;  // of <title>, white space collapsed
  std::string text;
  std::string language;               // as declared in <html lang>, else in <meta>; empty when not
  std::vector<SignalLine> signals;    // its <meta> that say what may be done with it
  std::vector<LicenceMark> licences;  // marks of its licence
};

// `charset`: what the server said, before what the page declares; a byte order mark comes before both.
HtmlText extract_html(std::string_view bytes, std::string_view charset = {});

}  // namespace cairn::data
