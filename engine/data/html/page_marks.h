// What a parsed page says of itself beside its text: signal lines (engine/data/signals) and marks of a licence
// (engine/data/licences).
#pragma once

#include <vector>

#include "engine/data/html/html_tree.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/signals/page_lines.h"

namespace cairn::data {

struct PageMarks {
  PageLines signals;
  std::vector<LicenceMark> licences;
};

// Of the whole document: a <meta> or link counts wherever it stands, but a licence in a <figure> is that of a picture.
PageMarks read_page_marks(const HtmlTree& tree);

}  // namespace cairn::data
