// Standard error as progress bar and log share it: whole lines above, at most one status line (the bar) that is redrawn below
// them. Any thread may call; lines never mix.
#pragma once

#include <string_view>

namespace cairn {

bool stderr_is_terminal();
int stderr_width();  // columns, 0 when it is not a terminal

void console_line(std::string_view line);      // adds the newline; the status line moves below it
void console_status(std::string_view status);  // replaces the status line; empty: clears it. For terminals

}  // namespace cairn
