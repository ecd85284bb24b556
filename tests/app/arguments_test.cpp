#include "app/cli/arguments.h"

#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::app;

namespace {

struct Fixture {
  CommandLine line{"1.0"};
  std::string artifact;
  std::vector<std::string> settings, command;
  std::int64_t limit = 5;
  bool dry = false;
  std::string ran;

  Fixture() {
    line.verb("show", Phase::look, "").positional(artifact, "ARTIFACT", "").option(limit, "--limit", "N", "").run([this] {
      return ran = "show", ExitCode::done;
    });
    line.verb("run", Phase::make, "")
        .positional(artifact, "PIPELINE", "")
        .option(settings, "--set", "K=V", "")
        .flag(dry, "--dry-run", "")
        .run([this] { return ran = "run", ExitCode::failed; });
    line.verb("exec", Phase::make, "").positionals(command, "COMMAND", "").option(settings, "--input", "R=A", "").run([this] {
      return ran = "exec", ExitCode::done;
    });
  }
  ExitCode parse(const std::vector<std::string>& words) {
    return line.run(words, [](const GlobalOptions&) {});
  }
  std::string error(const std::vector<std::string>& words) {
    return test::error_of([&] { parse(words); });
  }
};

}  // namespace

TEST_CASE("global options stand before or after the verb; a verb's exit code is the program's") {
  Fixture a;
  CHECK(a.parse({"-C", "ws", "run", "p.json", "--set", "a=1", "--set", "b=2", "--dry-run", "--json"}) == ExitCode::failed);
  CHECK(a.ran == "run");
  CHECK(a.line.globals().workspace == "ws");
  CHECK(a.line.globals().json);
  CHECK(a.settings == std::vector<std::string>{"a=1", "b=2"});
  CHECK(a.dry);
}

TEST_CASE("an artifact may be called like a verb, and a repeated option does not swallow the positional") {
  Fixture a;
  a.parse({"show", "run"});
  CHECK(a.artifact == "run");
  Fixture b;
  b.parse({"run", "--set", "a=1", "p.json"});
  CHECK(b.artifact == "p.json");
}

TEST_CASE("after -- everything belongs to the command") {
  Fixture a;
  a.parse({"exec", "--input", "x=y", "--", "ls", "-la", "--json", "show"});
  CHECK(a.command == std::vector<std::string>{"ls", "-la", "--json", "show"});
  CHECK_FALSE(a.line.globals().json);
}

TEST_CASE("wrong usage names the verb and the nearest word") {
  CHECK(Fixture().error({"shw"}) == "there is no verb 'shw'. Did you mean 'show'?");
  CHECK(Fixture().error({"qqqqqq"}) == "there is no verb 'qqqqqq'; `cairn` alone lists them");
  CHECK(Fixture().error({"run", "p", "--dry-rn"}) == "cairn run: there is no option '--dry-rn'. Did you mean '--dry-run'?");
  CHECK(Fixture().error({"--jsn", "run"}) == "there is no option '--jsn' before the verb. Did you mean '--json'?");
  CHECK(Fixture().error({"show"}).find("cairn show: ARTIFACT is missing") == 0);
  CHECK(Fixture().error({"show", "a", "b"}).find("cairn show: 'b' is one word too many") == 0);
  CHECK(Fixture().error({"show", "a", "--limit", "many"}).find("cairn show: ") == 0);
}
