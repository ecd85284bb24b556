#include <algorithm>

#include "base/disk.h"
#include "tests/cli/script.h"
#include "tests/support/test.h"

using namespace cairn;

TEST_CASE("the command line does what tests/cli/*.test say") {
  const char* program = std::getenv("CAIRN_BIN");
  REQUIRE_MESSAGE(program != nullptr, "CAIRN_BIN names the program under test");
  const std::filesystem::path program_folder = std::filesystem::absolute(program).parent_path();
  std::vector<std::filesystem::path> scripts;
  for (const auto& entry : std::filesystem::directory_iterator(test::source_folder() / "tests/cli")) {
    if (entry.path().extension() == ".test") scripts.push_back(entry.path());
  }
  std::sort(scripts.begin(), scripts.end());
  REQUIRE(scripts.size() > 5);
  for (const std::filesystem::path& script : scripts) {
    const std::vector<test::ScriptCommand> commands = test::parse_script(read_file(script));
    CHECK_MESSAGE(!commands.empty(), script.string());
    test::TemporaryFolder folder;
    for (const test::ScriptCommand& command : commands) {
      const std::string wrong = test::mismatch(command, test::run_shell(command.command, folder.path(), program_folder));
      CHECK_MESSAGE(wrong.empty(), script.filename().string() << ": " << wrong);
    }
  }
}

TEST_CASE("the form of the tests themselves: wildcards, exit codes, continued lines") {
  CHECK(test::line_matches("a <word> c", "a long b c"));
  CHECK_FALSE(test::line_matches("a <word> c", "a  c"));
  CHECK_FALSE(test::line_matches("a <word> c", "a b c d"));
  CHECK(test::line_matches("a < b", "a < b"));
  const auto commands = test::parse_script("# hello\n$ one \\\n  two\nx\n\n[3]\n\n# more\n$ three\n<lines>\nend\n");
  REQUIRE(commands.size() == 2);
  CHECK(commands[0].command == "one \\\n  two");
  CHECK(commands[0].expected == std::vector<std::string>{"x", ""});
  CHECK(commands[0].exit_code == 3);
  CHECK(test::mismatch(commands[1], {{"a", "b", "end"}, 0}).empty());
  CHECK_FALSE(test::mismatch(commands[1], {{"a", "b"}, 0}).empty());
  CHECK_FALSE(test::mismatch(commands[1], {{"end"}, 1}).empty());
}
