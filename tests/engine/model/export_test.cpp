// The step `export`: what it writes is the same model to cairn and to transformers.
#include "engine/model/export.h"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>

#include "engine/model/hf_folder.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;
namespace fs = std::filesystem;
using test::StepRun;

TEST_CASE("export: weights keep their bits, tokenizer files their bytes, and a second run writes the same") {
  REQUIRE_SHARED(shared);
  const fs::path golden = shared / "data/golden/apertus_tiny";
  StepRun run(kExport);
  run.input("checkpoint", golden).input("tokenizer", golden).run();
  const fs::path folder = run.output("model");
  const LoadedModel before = load_hf_folder(golden, Dtype::f32), after = load_hf_folder(folder, Dtype::f32);
  const float* x = before.parameters.flat().as<float>();
  CHECK(std::equal(x, x + before.parameters.flat().size(), after.parameters.flat().as<float>()));
  CHECK(to_hf_config(before.config) == to_hf_config(after.config));
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"})
    CHECK(real_disk().read(folder / name) == real_disk().read(golden / name));
  CHECK(run.facts("model")["parameters"] == before.config.parameters());
  const std::string digest = run.digest("model");
  run.run();
  CHECK(run.digest("model") == digest);
}

TEST_CASE("export: as bfloat16 the weights are rounded and config.json says so") {
  REQUIRE_SHARED(shared);
  const fs::path golden = shared / "data/golden/apertus_tiny";
  StepRun run(kExport, R"({"dtype": "bfloat16"})");
  run.input("checkpoint", golden).input("tokenizer", golden).run();
  CHECK(read_json(run.output("model") / "config.json")["dtype"] == "bfloat16");
  const SafetensorsFile file(run.output("model") / "model.safetensors");
  for (const StoredTensor& tensor : file.tensors()) CHECK(tensor.type == StoredType::bf16);
  const LoadedModel before = load_hf_folder(golden, Dtype::f32), after = load_hf_folder(run.output("model"), Dtype::f32);
  double worst = 0;
  for (std::int64_t i = 0; i < before.parameters.flat().size(); ++i) {
    const double a = before.parameters.flat().as<float>()[i], b = after.parameters.flat().as<float>()[i];
    worst = std::max(worst, std::abs(a - b) / std::max(std::abs(a), 1e-30));
  }
  CHECK(worst <= 0x1p-8);
  CHECK(worst > 0);
}

TEST_CASE("export: larger weights are cut into files under an index, which loads as the same model") {
  REQUIRE_SHARED(shared);
  const fs::path golden = shared / "data/golden/apertus_tiny";
  StepRun run(kExport, R"({"max_file_bytes": 100000})");
  run.input("checkpoint", golden).input("tokenizer", golden).run();
  const fs::path folder = run.output("model");
  CHECK(!fs::exists(folder / "model.safetensors"));
  CHECK(fs::exists(folder / "model.safetensors.index.json"));
  const LoadedModel before = load_hf_folder(golden, Dtype::f32), after = load_hf_folder(folder, Dtype::f32);
  const float* x = before.parameters.flat().as<float>();
  CHECK(std::equal(x, x + before.parameters.flat().size(), after.parameters.flat().as<float>()));
}

TEST_CASE("export: a tokenizer larger than the model's vocabulary is refused") {
  REQUIRE_SHARED(shared);
  const fs::path golden = shared / "data/golden/apertus_tiny";
  const test::TemporaryFolder small;
  ModelConfig config = read_hf_config(golden / "config.json");
  config.vocab = 64;
  write_hf_folder(real_disk(), small.path() / "model", Parameters(config, Dtype::f32));
  StepRun run(kExport);
  run.input("checkpoint", small.path() / "model").input("tokenizer", golden);
  CHECK(test::error_of([&] { run.run(); }).find("tokens, the model knows 64: they do not belong together") != std::string::npos);
}

TEST_CASE("export: transformers loads the folder, computes the same and would go on the same") {
  REQUIRE_SHARED(shared);
  const char* python = std::getenv("CAIRN_PYTHON");
  const char* cairn = std::getenv("CAIRN_BIN");
  if (!python || !cairn) SKIP_TEST("needs CAIRN_PYTHON with transformers");
  const fs::path golden = shared / "data/golden/apertus_tiny";
  StepRun run(kExport);
  run.input("checkpoint", golden).input("tokenizer", golden).run();
  const fs::path script = test::source_folder() / "tests/golden/hf_export/check_export.py";
  const std::string command =
      "'" + std::string(python) + "' '" + script.string() + "' '" + cairn + "' '" + run.output("model").string() + "'";
  const int status = std::system(command.c_str());
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
