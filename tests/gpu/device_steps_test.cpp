// Steps that are told to compute on a GPU: on the one of emulated_compute_device.cpp.
#include "engine/train/run_checkpoints.h"
#include "tests/engine/train/tiny_pretrain.h"
#include "tests/engine/train/tiny_training.h"

namespace cairn::test {
namespace {

using namespace cairn::train;

const char* kConfig = R"({
  "model": {"layers": 1, "width": 16, "heads": 4, "kv_heads": 2, "mlp_width": 24, "vocab": 40}, "precision": "bf16",
  "sequence_length": 8, "batch": 2, "steps": 4, "checkpoint_every": 100,
  "schedule": {"lr": 0.02}, "runtime": {"device": "cuda:0"}})";

struct Pretrain : TinyPretrain {
  explicit Pretrain(const Json& changes = Json::object()) : TinyPretrain(kConfig, changes) {}
};

std::string error_on(const char* device, const char* backend = "cpu") {
  return error_of([&] { Pretrain(Json{{"runtime", {{"device", device}, {"backend", backend}}}}).run.run(); });
}

}  // namespace

TEST_CASE("pretrain in 8 bits on a GPU says which size its products do not take") {
  const auto error_with = [](Json changes) {
    changes["precision"] = "fp8";
    return error_of([&] { Pretrain(changes).run.run(); });
  };
  CHECK(error_with(Json::object()).find("fp8: on a GPU sequence_length must be a multiple of 16, found 8") != std::string::npos);
  CHECK(error_with({{"sequence_length", 16}}).find("mlp_width must be a multiple of 16, found 24") != std::string::npos);
}

TEST_CASE("pretrain in 8 bits on a GPU gives the same bits with its state on the host") {
  const Json model = {{"layers", 1}, {"width", 32}, {"heads", 2}, {"kv_heads", 1}, {"mlp_width", 32}, {"vocab", 40}};
  const Json recipe = {{"model", model}, {"precision", "fp8"}, {"sequence_length", 16}};
  Json beside = recipe, on_cpu = recipe;
  beside["runtime"] = {{"device", "cuda:0"}, {"offload", "all"}, {"graphs", true}};
  on_cpu["runtime"] = {{"device", "cpu"}, {"offload", "moments"}};
  Pretrain here(recipe), there(beside);
  here.run.run();
  there.run.run();
  CHECK(here.run.digest("checkpoint") == there.run.digest("checkpoint"));
  CHECK(error_of([&] { Pretrain(on_cpu).run.run(); }).find("offload moments: a cpu computes where all of it lies") !=
        std::string::npos);
}

TEST_CASE("pretrain on a GPU: the same bits again and when stopped between, other than the processor's") {
  Pretrain whole, again, stopped, processor(Json{{"runtime", {{"device", "cpu"}}}});
  whole.run.run();
  again.run.run();
  write_file_atomically(stopped.run.scratch() / "stop", "");
  StopToken first, second;
  CHECK(error_of([&] { stopped.run.stop_token(first).run(); }) == "interrupted; run again to go on");
  stopped.run.stop_token(second).run();
  processor.run.run();
  CHECK(again.run.digest("checkpoint") == whole.run.digest("checkpoint"));
  CHECK(stopped.run.digest("checkpoint") == whole.run.digest("checkpoint"));
  CHECK(read_file(whole.run.output("checkpoint") / "gemm_book.json") == "{\"products\": []}\n");
  CHECK(checkpoint_damage(whole.run.output("checkpoint")) == "");
  CHECK_FALSE(fs::exists(processor.run.output("checkpoint") / "gemm_book.json"));
  CHECK(whole.run.metrics().at(0).at("mfu").get<double>() > 0);
}

TEST_CASE("a checkpoint with a GEMM book is read where there is none to keep, and one without where there is") {
  Pretrain gpu(Json{{"optimizer", {{"name", "adamw"}}}});
  gpu.run.run();
  const fs::path folder = gpu.run.output("checkpoint");
  const Json facts = read_checkpoint_facts(folder);
  TrainerConfig config;
  config.schedule = {LearningRateSchedule::Shape::constant, 0, 0.01, 0, 0, 0, 0};
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  model::ModelConfig shape = tiny_model();
  shape.layers = 1;
  Trainer trainer(context, config, model::Parameters(shape, Dtype::f32), Curriculum::plain(8, 2, 9), nullptr);
  read_checkpoint(CheckpointReader(folder), trainer.state_fields(), facts);
  CHECK(trainer.state().step == 4);

  std::string book = "kept";
  StateFields with_book = trainer.state_fields();
  with_book.push_back({"gemm_book.json", &book, true});
  read_checkpoint(CheckpointReader(folder), with_book, facts);
  CHECK(book == "{\"products\": []}\n");
  write_checkpoint(real_disk(), gpu.folder.path() / "without", shape, trainer.state_fields(), facts);
  book = "kept";
  read_checkpoint(CheckpointReader(gpu.folder.path() / "without"), with_book, facts);
  CHECK(book == "kept");
}

TEST_CASE("a device that cannot be used is an error, and no other is taken") {
  CHECK(error_on("cuda:7") == "there is no GPU 7; this machine has 1");
  CHECK(error_on("gpu") == "device: expected cpu or cuda:N, found 'gpu'");
  CHECK(error_on("cuda:") == "device: expected cpu or cuda:N, found 'cuda:'");
  CHECK(error_on("cuda:-1") == "device: expected cpu or cuda:N, found 'cuda:-1'");
  CHECK(error_on("cuda:0", "ref") == "backend 'ref' computes on the processor, not on cuda:0");
  const std::string large = error_of([] {
    Pretrain(Json{{"model", {{"width", 256}, {"mlp_width", 8192}, {"layers", 4}}}}).run.run();
  });
  CHECK(large.find("67.1 MB free") != std::string::npos);
}

TEST_CASE("the device of a run is in its determinism class and its environment; the processor adds nothing") {
  const auto runtime = [](const char* device) { return kPretrain.runtime.complete(Json{{"device", device}}, "runtime"); };
  CHECK(kPretrain.determinism_class("machine", runtime("cpu")) == "machine, backend cpu");
  CHECK(kPretrain.determinism_class("machine", runtime("cuda:0")) ==
        "machine, backend cpu, cublaslt none, driver 1.2, gpu emulated GPU");
  CHECK(kPretrain.determinism_class("machine", runtime("cuda:3")) == "machine, backend cpu, gpu none");
  CHECK(kPretrain.environment("{\"isa\":\"avx2\"}", runtime("cpu")) == "{\"isa\":\"avx2\"}");
  CHECK(kPretrain.environment("{\"isa\":\"avx2\"}", runtime("cuda:0")) ==
        "{\"device\":{\"cublaslt\":\"none\",\"driver\":\"1.2\",\"gpu\":\"emulated GPU\"},\"isa\":\"avx2\"}");
}

}  // namespace cairn::test
