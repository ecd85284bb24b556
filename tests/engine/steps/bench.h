// A workspace in a temporary folder with three small steps, for tests of what runs steps: "read" takes a file from outside,
// "shout" makes it upper-case, "learn" is exact within a class only.
#pragma once

#include <fstream>

#include "base/error.h"
#include "engine/steps/executor.h"
#include "engine/steps/step_context.h"
#include "tests/support/test.h"

namespace cairn::test {

using namespace cairn::steps;

struct Bench {
  TemporaryFolder folder;
  lineage::Workspace workspace;
  ThreadPool threads{2};
  StopToken stop;
  StepRegistry registry;
  int runs = 0;           // executions of any step
  std::string behaviour;  // what "shout" does: "", "fail", "stop", "forget", "stray"
  std::string seen_scratch;
  std::string drift;  // what "learn" writes beside the seed

  static lineage::Workspace make(const fs::path& path) {
    lineage::Workspace::create(real_disk(), path, "bench");
    return lineage::Workspace::open(real_disk(), path);
  }

  Bench() : workspace(make(folder.path() / "ws")) {
    write("in.txt", "one\ntwo\n");
    registry.add({.name = "read",
                  .inputs = {{"source", "raw", "", true, true}},
                  .outputs = {{"text", "documents", ""}},
                  .config = object({field("path", string(), "")}),
                  .externals =
                      [](const Config& config) {
                        return std::vector<External>{{"source", config.string("path"), {}}};
                      },
                  .run =
                      [this](StepContext& ctx) {
                        ++runs;
                        write_file_atomically(ctx.disk(), ctx.staging("text"), "# " + read_file(ctx.input("source").path));
                        ctx.describe_output("text", "items", 2);
                        ctx.describe_output("text", "tone", "calm");
                        ctx.post_source({"example", "text", "", 0, 2, 0});
                        ctx.summarise("read it");
                      }});
    registry.add({.name = "shout",
                  .version = 2,
                  .inputs = {{"text", "documents", ""}},
                  .outputs = {{"loud", "documents", ""}, {"report", "report", ""}},
                  .config = object({field("mark", string().def("!"), "")}),
                  .runtime = object({field("speed", integer().def(1), "")}),
                  .run = [this](StepContext& ctx) { shout(ctx); }});
    registry.add({.name = "learn",
                  .inputs = {{"text", "documents", ""}},
                  .outputs = {{"checkpoint", "checkpoint", ""}},
                  .runtime = object({field("backend", string().def("cpu"), ""), field("speed", integer().def(1), "")}),
                  .class_fields = {"backend"},
                  .exactness = Exactness::within_class,
                  .run = [this](StepContext& ctx) {
                    ++runs;
                    write_file_atomically(ctx.disk(), ctx.staging("checkpoint"), std::to_string(ctx.seed()) + drift);
                  }});
  }

  void shout(StepContext& ctx) {
    ++runs;
    seen_scratch = fs::exists(ctx.scratch() / "half") ? read_file(ctx.scratch() / "half") : "";
    if (behaviour == "fail") fail("the mark is too loud");
    if (behaviour == "stop") {
      write_file_atomically(ctx.disk(), ctx.scratch() / "half", "first half");
      stop.request_stop();
    }
    ctx.stop_if_asked();
    ctx.disk().make_directories(ctx.staging("loud"));
    std::string text = read_file(ctx.input("text").path);
    for (char& c : text) c = static_cast<char>(std::toupper(c));
    write_file_atomically(ctx.disk(), ctx.staging("loud") / "part-0", text + ctx.config().string("mark"));
    if (behaviour == "stray") write_file_atomically(ctx.disk(), ctx.staging("stray"), "x");
    if (behaviour != "forget") write_file_atomically(ctx.disk(), ctx.staging("report"), "fine");
  }

  void write(const std::string& name, const std::string& text) { std::ofstream(folder.path() / name) << text; }

  ExecutorSettings settings() {
    return {.threads = &threads,
            .stop = &stop,
            .progress_style = Progress::Style::quiet,
            .determinism_class = "cpu test",
            .environment = "{}",
            .code = {},
            .revision = "0"};
  }

  std::vector<StepResult> run(const std::vector<std::string>& sets = {}, ExecutionOptions options = {}) {
    const Json json = parse_json(R"({"pipeline": "p", "seed": 1, "steps": {
        "in": {"step": "read", "config": {"path": "in.txt"}},
        "loud": {"step": "shout", "inputs": {"text": "in"}},
        "base": {"step": "learn", "inputs": {"text": "loud"}}}})",
                                 "p.json");
    return Executor(workspace, settings()).run(parse_pipeline(json, "p.json", folder.path(), sets, registry), options);
  }

  std::string content(const std::string& name, const std::string& member = "") {
    fs::path path = workspace.path_of(workspace.ledger().resolve(name).id);
    return read_file(member.empty() ? path : path / member);
  }
  bool empty(const char* sub) { return !fs::exists(workspace.folder() / sub) || fs::is_empty(workspace.folder() / sub); }
};

}  // namespace cairn::test
