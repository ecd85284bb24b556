// The content of an element of a page as text.
#pragma once

#include <cstddef>
#include <string>

#include "engine/data/html/html_tree.h"
#include "engine/data/html/page_outline.h"

namespace cairn::data {

// Of the outline's element `main`: its blocks, separated by an empty line, without those that are mostly links and without
// headings that nothing follows; list items begin with "- ", cells are separated by " | ", <pre> keeps its lines.
std::string write_blocks(const HtmlTree& tree, const PageOutline& outline, std::size_t main);

}  // namespace cairn::data
