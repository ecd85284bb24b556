// Fitting text to the terminal's width. A width of 0, where output goes to a file or a program, leaves everything as it is.
#pragma once

#include <string>
#include <string_view>

namespace cairn::app {

// `text` in lines of at most `width` columns, broken at spaces and after commas; every line but the first begins with `indent`
// spaces, and the first is taken to begin there too. A word that fits nowhere stands alone and is longer. No newline at the end.
std::string wrap(std::string_view text, int width, int indent);

// One line of text to standard output, in several where the terminal is narrower; all but the first are indented.
void print_wrapped(std::string_view line);

// A rendered TextTable (base/format.h); when it is wider than `width`, the cells of each row stand two spaces apart, cut at the
// width, and the last column, which begins under `last_title` in the header, moves to an indented line of its own.
std::string fold_table(const std::string& table, std::string_view last_title, int width);

}  // namespace cairn::app
