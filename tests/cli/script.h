// The text form of command-line tests.
//
//   # what this part promises
//   $ cairn show base
//   artifact   base@1
//   digest     sha256:<hex>
//   <lines>
//   [1]
//
// `$ ` begins a command for sh, run in a fresh folder of the file's own, where `cairn` is the program under test; a line that
// ends in '\' goes on on the next. What follows is what it must print (standard output and error together), then [N] when its
// exit code N is not 0.
// `<word>` stands for any text of at least one character within a line; a line
// `<lines>` stands for any number of lines. A line that begins with "# " is a comment; blank lines at the end of an output do not
// count.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace cairn::test {

struct ScriptCommand {
  int line = 0;
  std::string command;
  std::vector<std::string> expected;
  int exit_code = 0;
};

std::vector<ScriptCommand> parse_script(const std::string& text);

// Does one line match one expected line with its wildcards?
bool line_matches(const std::string& expected, const std::string& line);

struct CommandResult {
  std::vector<std::string> output;
  int exit_code = 0;
};
CommandResult run_shell(const std::string& command, const std::filesystem::path& folder,
                        const std::filesystem::path& program_folder);

// "" when the result is what was expected, else both side by side.
std::string mismatch(const ScriptCommand& command, const CommandResult& result);

}  // namespace cairn::test
