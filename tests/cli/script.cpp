#include "tests/cli/script.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

namespace cairn::test {
namespace {

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// The length of a wildcard "<word>" that begins at `at`, or 0.
std::size_t wildcard_length(const std::string& text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && (std::islower(static_cast<unsigned char>(text[end])) || text[end] == '_')) ++end;
  return end > at + 1 && end < text.size() && text[end] == '>' ? end + 1 - at : 0;
}

bool matches_from(const std::string& expected, std::size_t e, const std::string& line, std::size_t l) {
  for (; e < expected.size(); ++e, ++l) {
    if (expected[e] == '<') {
      if (const std::size_t length = wildcard_length(expected, e)) {
        for (std::size_t next = l + 1; next <= line.size(); ++next) {  // at least one character
          if (matches_from(expected, e + length, line, next)) return true;
        }
        return false;
      }
    }
    if (l >= line.size() || line[l] != expected[e]) return false;
  }
  return l == line.size();
}

bool lines_match(const std::vector<std::string>& expected, std::size_t e, const std::vector<std::string>& lines, std::size_t l) {
  for (; e < expected.size(); ++e, ++l) {
    if (expected[e] == "<lines>") {
      for (std::size_t next = l; next <= lines.size(); ++next) {
        if (lines_match(expected, e + 1, lines, next)) return true;
      }
      return false;
    }
    if (l >= lines.size() || !line_matches(expected[e], lines[l])) return false;
  }
  return l == lines.size();
}

std::string quoted(const std::string& text) {
  std::string quoted = "'";
  for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace

std::vector<ScriptCommand> parse_script(const std::string& text) {
  std::vector<ScriptCommand> commands;
  const std::vector<std::string> lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].rfind("# ", 0) == 0) continue;
    if (lines[i].rfind("$ ", 0) == 0) {
      ScriptCommand command;
      command.line = static_cast<int>(i) + 1;
      command.command = lines[i].substr(2);
      while (command.command.back() == '\\' && i + 1 < lines.size()) command.command += "\n" + lines[++i];
      commands.push_back(std::move(command));
      continue;
    }
    if (!commands.empty()) commands.back().expected.push_back(lines[i]);
  }
  for (ScriptCommand& command : commands) {
    while (!command.expected.empty() && command.expected.back().empty()) command.expected.pop_back();
    if (command.expected.empty()) continue;
    const std::string& last = command.expected.back();
    if (last.size() > 2 && last.front() == '[' && last.back() == ']' &&
        last.find_first_not_of("0123456789", 1) == last.size() - 1) {
      command.exit_code = std::atoi(last.c_str() + 1);
      command.expected.pop_back();
    }
  }
  return commands;
}

bool line_matches(const std::string& expected, const std::string& line) {
  return matches_from(expected, 0, line, 0);
}

CommandResult run_shell(const std::string& command, const std::filesystem::path& folder,
                        const std::filesystem::path& program_folder) {
  // A small environment of its own: nothing of the person who runs the tests matters.
  const std::string call = "cd " + quoted(folder.string()) + " && exec env -i HOME=" + quoted(folder.string()) +
                           " PATH=" + quoted(program_folder.string() + ":/usr/local/bin:/usr/bin:/bin") +
                           " LC_ALL=C.UTF-8 sh -c " + quoted(command) + " 2>&1 </dev/null";
  CommandResult result;
  FILE* pipe = popen(call.c_str(), "r");
  if (pipe == nullptr) return {{"popen failed"}, -1};
  std::string output;
  char buffer[4096];
  for (std::size_t count; (count = fread(buffer, 1, sizeof buffer, pipe)) > 0;) output.append(buffer, count);
  const int status = pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.output = split_lines(output);
  return result;
}

std::string mismatch(const ScriptCommand& command, const CommandResult& result) {
  if (lines_match(command.expected, 0, result.output, 0) && command.exit_code == result.exit_code) return "";
  std::string text = "line " + std::to_string(command.line) + ": $ " + command.command + "\n--- expected [" +
                     std::to_string(command.exit_code) + "]\n";
  for (const std::string& line : command.expected) text += line + "\n";
  text += "--- found [" + std::to_string(result.exit_code) + "]\n";
  for (const std::string& line : result.output) text += line + "\n";
  return text;
}

}  // namespace cairn::test
