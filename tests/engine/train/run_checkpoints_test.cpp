// When a pre-training keeps checkpoints, and what it does when it cannot.
#include "engine/train/run_checkpoints.h"

#include "tests/engine/train/fake_disk.h"
#include "tests/engine/train/tiny_pretrain.h"
#include "tests/support/captured_stderr.h"

using namespace cairn;
using namespace cairn::train;

namespace {

const char* kConfig = R"({
  "model": {"layers": 1, "width": 16, "heads": 4, "kv_heads": 2, "mlp_width": 24, "vocab": 40},
  "sequence_length": 12, "batch": 2, "steps": 12, "checkpoint_every": 100, "keep_checkpoints": 9,
  "schedule": {"lr": 0.02}, "runtime": {"backend": "ref", "peak_gflops": 100}})";

struct Pretrain : TinyPretrain {
  explicit Pretrain(const Json& changes = Json::object()) : TinyPretrain(kConfig, changes) {}
  std::string checkpoints() const {
    std::string names;
    for (const DiskEntry& entry : real_disk().list(run.scratch() / "checkpoints")) names += entry.name + " ";
    return names;
  }
};

}  // namespace

TEST_CASE("run checkpoints: a signal or a file asks for one at once, and the training goes on") {
  Pretrain whole, signalled, touched;
  whole.run.run();
  CHECK(whole.checkpoints().empty());
  StopToken token;
  token.request_save();
  signalled.run.stop_token(token).run();
  CHECK(signalled.checkpoints() == "step-00000001 ");
  write_file_atomically(touched.run.scratch() / "save", "");
  touched.run.run();
  CHECK(touched.checkpoints() == "step-00000001 ");
  CHECK_FALSE(fs::exists(touched.run.scratch() / "save"));
  CHECK(touched.run.digest("checkpoint") == whole.run.digest("checkpoint"));
  const Json line = touched.run.metrics().at(11);
  CHECK(line.at("step") == 12);
}

TEST_CASE("run checkpoints: a file stops the run, which goes on from there") {
  Pretrain whole, stopped;
  whole.run.run();
  write_file_atomically(stopped.run.scratch() / "stop", "");
  StopToken token;
  stopped.run.stop_token(token);
  CHECK(test::error_of([&] { stopped.run.run(); }) == "interrupted; run again to go on");
  CHECK(stopped.checkpoints() == "step-00000001 ");
  CHECK_FALSE(fs::exists(stopped.run.scratch() / "stop"));
  StopToken fresh;
  stopped.run.stop_token(fresh).run();
  CHECK(stopped.run.digest("checkpoint") == whole.run.digest("checkpoint"));
}

TEST_CASE("run checkpoints: what a save cost is in the metrics") {
  Pretrain p(Json{{"checkpoint_every", 5}});
  p.run.run();
  int told = 0;
  for (const Json& line : p.run.metrics()) {
    const int step = line.at("step").get<int>();
    CHECK((line.at("checkpoint_s").get<double>() > 0) == (step == 6 || step == 11));  // of the pause before this step
    if (!line.contains("checkpoint_step")) continue;
    ++told;
    CHECK(line.at("checkpoint_step").get<int>() % 5 == 0);
    CHECK(line.at("checkpoint_step").get<int>() < line.at("step").get<int>());
    CHECK(line.at("checkpoint_write_s").get<double>() > 0);
    CHECK(line.at("checkpoint_bytes").get<int>() > 30000);
    CHECK_FALSE(line.contains("checkpoint_error"));
  }
  CHECK(told >= 1);  // the last save may end after the last line
}

TEST_CASE("run checkpoints: a disk that is full for a while costs checkpoints, not the training") {
  Pretrain whole, full(Json{{"checkpoint_every", 2}});
  whole.run.run();
  FakeDisk disk;
  disk.free = 40000;  // part of one
  full.run.disk(disk);
  test::CapturedStderr captured;
  // The output does not fit either: that is an error, as the run has nothing else to show.
  CHECK(test::error_of([&] { full.run.run(); }).find("No space left on device") != std::string::npos);
  CHECK(captured.text().find("was not written: cannot write: No space left on device; the training goes on and tries again") !=
        std::string::npos);
  REQUIRE(full.run.metrics().size() == 12);
  bool told = false;
  for (const Json& line : full.run.metrics()) told |= line.contains("checkpoint_error");
  CHECK(told);
  CHECK(full.checkpoints().empty());
  disk.free = std::numeric_limits<std::int64_t>::max();
  full.run.run();
  Pretrain same(Json{{"checkpoint_every", 2}});
  same.run.run();
  CHECK(full.run.digest("checkpoint") == same.run.digest("checkpoint"));
}

TEST_CASE("run checkpoints: major ones are an output, the same after an interruption") {
  Pretrain whole(Json{{"major_every", 5}}), stopped(Json{{"major_every", 5}});
  CHECK(kPretrain.outputs_with(Config(kPretrain.config.complete(Json{{"major_every", 5}, {"steps", 2}}, "config"))).size() == 2);
  CHECK(kPretrain.outputs_with(Config(kPretrain.config.complete(Json{{"steps", 2}}, "config"))).size() == 1);
  whole.run.run();
  const fs::path majors = whole.run.output("majors");
  REQUIRE(real_disk().list(majors).size() == 2);
  CHECK(checkpoint_damage(majors / "step-00000005") == "");
  CHECK(checkpoint_damage(majors / "step-00000010") == "");
  StopToken stop;
  stop.request_stop();
  stopped.run.stop_token(stop);
  for (int i = 0; i < 6; ++i) CHECK_FALSE(test::error_of([&] { stopped.run.run(); }).empty());
  StopToken go;
  stopped.run.stop_token(go).run();
  CHECK(stopped.run.digest("majors") == whole.run.digest("majors"));
}

TEST_CASE("run checkpoints: a major one that is damaged is an error with what to do") {
  Pretrain p(Json{{"major_every", 5}});
  p.run.run();
  fs::remove(p.run.scratch() / "checkpoints/step-00000005/state.json");
  const std::string error = test::error_of([&] { p.run.run(); });
  CHECK(error.find("step-00000005 is damaged (state.json: missing); remove the folders of this and all later steps") !=
        std::string::npos);
  for (const char* step : {"step-00000005", "step-00000010"}) fs::remove_all(p.run.scratch() / "checkpoints" / step);
  p.run.run();
  CHECK(real_disk().list(p.run.output("majors")).size() == 2);
}
