// Every command line of cairn that the pages for users show is one that this program takes.
#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "base/disk.h"
#include "tests/cli/script.h"
#include "tests/support/test.h"

using namespace cairn;

namespace {

struct Shown {
  std::string where;               // "using.md:61"
  std::vector<std::string> words;  // after "cairn"
};

// The words of a command up to a comment, a pipe, or two spaces in a row, after which a page explains it.
std::vector<std::string> shell_words(const std::string& command) {
  std::vector<std::string> words;
  bool within = false;
  char quote = 0;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char c = command[i];
    if (quote == 0 && c == ' ') {
      if (command.compare(i, 2, "  ") == 0) break;
      within = false;
      continue;
    }
    if (!within && (c == '#' || c == '|' || c == '>' || c == ';')) break;
    if (!within) words.emplace_back();
    within = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  return words;
}

// Indented lines that begin with "$ cairn " or "cairn "; one that ends in '\' goes on on the next.
std::vector<Shown> commands_of(const std::filesystem::path& page) {
  std::vector<Shown> commands;
  std::istringstream text(read_file(page));
  int number = 0;
  for (std::string line; std::getline(text, line);) {
    const int first = ++number;
    if (!line.starts_with("    ")) continue;
    for (std::string next; line.ends_with('\\') && std::getline(text, next); ++number) {
      line.pop_back();
      line += next.substr(std::min(next.find_first_not_of(' '), next.size()));
    }
    line.erase(0, 4);
    if (line.starts_with("$ ")) line.erase(0, 2);
    if (!line.starts_with("cairn ")) continue;
    commands.push_back({page.filename().string() + ":" + std::to_string(first), shell_words(line.substr(6))});
  }
  return commands;
}

// The program's verbs and options, as its help lists them.
class Program {
 public:
  Program() {
    const char* program = std::getenv("CAIRN_BIN");
    REQUIRE_MESSAGE(program != nullptr, "CAIRN_BIN names the program under test");
    folder_ = std::filesystem::absolute(program).parent_path();
  }

  // "" when it knows the verb and each option; else what it does not know.
  std::string unknown_in(const std::vector<std::string>& words) {
    if (words.empty()) return "a verb is missing";
    const std::string& verb = words.front();
    const std::set<std::string>& options = options_of(verb);
    if (options.empty()) return "there is no verb '" + verb + "'";
    for (const std::string& word : words) {
      if (word == "--") break;  // what follows belongs to another program
      const std::string option = word.substr(0, word.find('='));
      if (word.size() > 1 && word.starts_with('-') && !options.contains(option)) return verb + " has no option '" + option + "'";
    }
    return "";
  }

 private:
  const std::set<std::string>& options_of(const std::string& verb) {
    const auto [found, fresh] = options_.try_emplace(verb);
    if (!fresh) return found->second;
    const test::TemporaryFolder folder;
    const test::CommandResult help = test::run_shell("cairn '" + verb + "' --help", folder.path(), folder_);
    for (const std::string& line : help.exit_code == 0 ? help.output : std::vector<std::string>()) {
      std::istringstream words(line);
      for (std::string word; words >> word && word.starts_with('-');) {
        if (word.ends_with(',')) word.pop_back();
        found->second.insert(word);
      }
    }
    return found->second;
  }

  std::filesystem::path folder_;
  std::map<std::string, std::set<std::string>> options_;  // by verb; none when there is no such verb
};

}  // namespace

TEST_CASE("pages: each command line that they show has a verb and options that there are") {
  Program program;
  std::vector<std::filesystem::path> pages{test::source_folder() / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(test::source_folder() / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  std::map<std::string, int> checked;
  for (const std::filesystem::path& page : pages) {
    for (const Shown& shown : commands_of(page)) {
      const std::string unknown = program.unknown_in(shown.words);
      CHECK_MESSAGE(unknown.empty(), shown.where, ": ", unknown);
      ++checked[page.filename().string()];
    }
  }
  CHECK(checked["using.md"] >= 20);
  CHECK(checked["ledger.md"] >= 8);
  CHECK(checked["README.md"] >= 5);
}

TEST_CASE("pages: a verb or an option that there is not would be found") {
  Program program;
  const auto unknown = [&](const std::string& command) { return program.unknown_in(shell_words(command)); };
  CHECK(unknown("run pipeline.json --set base.config.steps=400 --dry-run  # --so") == "");
  CHECK(unknown("exec --input text=./notes.txt -- sort -o x '{input:text}'") == "");
  CHECK(unknown("rnu pipeline.json") == "there is no verb 'rnu'");
  CHECK(unknown("run pipeline.json --dri-run") == "run has no option '--dri-run'");
  CHECK(unknown("-q audit") == "there is no verb '-q'");
  CHECK(shell_words("adopt 'a  b' --claim \"it's\"  and so on") == std::vector<std::string>{"adopt", "a  b", "--claim", "it's"});
}
