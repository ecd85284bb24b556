// Lines for people on standard error: "note: ...", "warning: ...". Errors are thrown (base/error.h), not logged.
#pragma once

#include <string_view>

namespace cairn {

enum class LogLevel { quiet, normal, verbose };
void set_log_level(LogLevel level);                       // for the whole process
LogLevel log_level();

void log_note(std::string_view line);                     // normal and verbose
void log_warning(std::string_view line);                  // always
void log_detail(std::string_view line);                   // verbose only

}  // namespace cairn
