#include "engine/steps/step_context.h"

#include <cmath>
#include <fstream>

#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::steps;

namespace {

StepSpec counting_step() {
  return {.name = "count",
          .summary = "counts bytes",
          .inputs = {{"text", "file", "", false, true}},
          .outputs = {{"count", "report", ""}},
          .config = object({field("scale", integer().min(1).def(2), "")}),
          .runtime = object({field("slow", boolean().def(false), "")}),
          .run = [](StepContext& ctx) {
            std::size_t bytes = 0;
            for (const StepInput& input : ctx.inputs("text")) bytes += read_file(input.path).size();
            ctx.metric({{"bytes", bytes}, {"loss", std::nan("")}});
            ctx.stop_if_asked();
            write_file_atomically(ctx.disk(), ctx.staging("count"),
                                  std::to_string(bytes * static_cast<std::size_t>(ctx.config().integer("scale"))));
            ctx.summarise("counted");
            ctx.describe_output("count", "bytes", bytes);
          }};
}

}  // namespace

TEST_CASE("a step runs without a ledger, with its inputs, config, metrics and facts") {
  test::TemporaryFolder folder;
  std::ofstream(folder.path() / "a") << "hello";
  const StepSpec spec = counting_step();
  test::StepRun run(spec, R"({"scale": 3, "runtime": {"slow": true}})");
  run.input("text", folder.path() / "a").input("text", folder.path() / "a").run();
  CHECK(read_file(run.output("count")) == "30");
  CHECK(run.summary() == "counted");
  CHECK(run.facts("count") == Json{{"bytes", 10}});
  REQUIRE(run.metrics().size() == 1);
  CHECK(run.metrics()[0].at("bytes") == 10);
  CHECK(run.metrics()[0].at("loss") == "nan");
  CHECK(run.metrics()[0].at("time").get<std::int64_t>() > 1'600'000'000'000'000);
}

TEST_CASE("a step gets what it declared and nothing else") {
  const StepSpec spec = counting_step();
  CHECK(test::error_of([&] { test::StepRun(spec, R"({"scal": 3})"); }).find("Did you mean 'scale'?") != std::string::npos);
  CHECK(test::error_of([&] { test::StepRun(spec).input("texts", "/dev/null"); }).find("no input 'texts'") != std::string::npos);
  StopToken stop;
  stop.request_stop();
  CHECK(test::error_of([&] { test::StepRun(spec).stop_token(stop).run(); }).find("interrupted") != std::string::npos);
}

TEST_CASE("the registry refuses twins and names without form, and knows the nearest name") {
  StepRegistry registry;
  registry.add(counting_step());
  CHECK(test::error_of([&] { registry.add(counting_step()); }).find("registered twice") != std::string::npos);
  StepSpec odd = counting_step();
  odd.name = "Count";
  CHECK_FALSE(test::error_of([&] { registry.add(odd); }).empty());
  odd.name = "other";
  odd.class_fields = {"backend"};
  CHECK(test::error_of([&] { registry.add(odd); }).find("its runtime has no field 'backend'") != std::string::npos);
  CHECK(&registry.find("count") == registry.all().front());
  CHECK(test::error_of([&] { registry.find("coutn"); }).find("Did you mean 'count'?") != std::string::npos);
}
