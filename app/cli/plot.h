// Curves in a terminal, drawn with braille dots: two columns and four rows of dots a cell.
#pragma once

#include <string>
#include <vector>

namespace cairn::app {

// `height` lines of `width` cells; x is the index, y runs from the least (bottom) to the greatest value (top). More values than
// columns: each column shows the range of its share, so that no peak is lost. Non-finite values leave gaps. Empty for no finite
// value.
std::vector<std::string> plot_lines(const std::vector<double>& values, int width, int height);

}  // namespace cairn::app
