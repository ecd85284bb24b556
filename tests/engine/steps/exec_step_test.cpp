#include "engine/steps/exec_step.h"

#include <fstream>

#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::steps;

TEST_CASE("exec runs a program with declared inputs, outputs and environment") {
  test::TemporaryFolder folder;
  std::ofstream(folder.path() / "in") << "b\na\n";
  StepSpec exec = kExec;
  exec.inputs.push_back({"text", "any", "", true});
  test::StepRun run(exec, R"({"argv": ["sh", "-c", "sort $0 > sorted.txt; env | sort | grep -v PWD > env.txt", "{input:text}"],
                              "env": {"COLOUR": "grey"}, "outputs": {"env": {"path": "env.txt"}, "sorted": {"path": "sorted.txt", "kind": "report"}}})");
  run.input("text", folder.path() / "in").run();
  CHECK(read_file(run.output("sorted")) == "a\nb\n");
  const std::string env = read_file(run.output("env"));
  CHECK(env.find("COLOUR=grey\n") != std::string::npos);
  CHECK(env.find("CAIRN_INPUT_TEXT=" + (folder.path() / "in").string()) != std::string::npos);
  CHECK(env.find("LC_ALL=C.UTF-8\n") != std::string::npos);
  CHECK(env.find("CAIRN_SHARED") == std::string::npos);  // nothing of ours leaks in
}

TEST_CASE("exec: what goes wrong is said") {
  const auto error = [](const char* config) { return test::error_of([&] { test::StepRun(kExec, config).run(); }); };
  CHECK(error(R"({"argv": ["sh", "-c", "exit 3"], "outputs": {}})") == "sh failed with exit code 3");
  CHECK(error(R"({"argv": ["sh", "-c", "kill -9 $$"], "outputs": {}})").find("ended by signal 9") != std::string::npos);
  CHECK(error(R"({"argv": ["no-such-program"], "outputs": {}})").find("no program 'no-such-program'") != std::string::npos);
  CHECK(error(R"({"argv": ["true"], "outputs": {"a": {"path": "a"}}})").find("did not write 'a'") != std::string::npos);
  CHECK(error(R"({"argv": ["true"], "outputs": {"a": {"path": "../a"}}})").find("inside the folder") != std::string::npos);
  CHECK(error(R"({"argv": ["echo", "{input:x}"], "outputs": {}})").find("'{input:x}': no such input") != std::string::npos);
  CHECK(error(R"({"argv": [], "outputs": {}})").find("argv") != std::string::npos);
}

TEST_CASE("exec: a stop ends the program and its children") {
  StopToken stop;
  stop.request_stop();
  const auto begun = std::chrono::steady_clock::now();
  test::StepRun run(kExec, R"({"argv": ["sh", "-c", "sleep 60 & wait"], "outputs": {}})");
  CHECK(test::error_of([&] { run.stop_token(stop).run(); }).find("interrupted") != std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
}
