// Encoder, heads and hashed features against transformers, torch, datatrove and xxhash (tests/golden/score/make_score.py).
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/document.h"
#include "engine/model/safetensors.h"
#include "engine/score/encoder.h"
#include "engine/score/hashed_features.h"
#include "engine/score/head.h"
#include "engine/score/score_documents.h"
#include "kernels/backend.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::score;
using cairn::test::error_of;
using cairn::test::StepRun;
using cairn::test::TemporaryFolder;

namespace {

fs::path golden() {
  return test::source_folder() / "tests/golden/score";
}

bool near(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance;
}

std::map<std::string, double> scores_of(const StepRun& run, const std::string& name) {
  std::map<std::string, double> found;
  data::DocumentReader reader(run.output("documents"));
  for (data::Document document; reader.next(document); document.scores.clear()) {
    for (const data::Score& score : document.scores) {
      if (score.name == name) found[document.text] = score.value;
    }
  }
  return found;
}

void write_texts(const fs::path& folder, const Json& rows) {
  data::DocumentWriter writer(real_disk(), folder);
  for (const Json& row : rows) {
    data::Document document;
    document.text = row["text"].get<std::string>();
    document.id = data::document_id(document.text);
    document.url = "u";
    writer.append(document);
  }
  writer.finish();
}

}  // namespace

TEST_CASE("encoder: windows are Hugging Face's, means of hidden states are transformers'") {
  const Json expected = read_json(golden() / "scores.json");
  const Encoder encoder(golden() / "encoder");
  CHECK(encoder.width() == 16);
  CHECK(encoder.window() == 16);
  ThreadPool pool(2);
  for (const char* backend : {"ref", "cpu"}) {
    Context context{backend_by_name(backend), pool};
    for (const Json& row : expected["rows"]) {
      const auto windows = encoder.windows(row["text"].get<std::string>());
      REQUIRE(Json(windows) == row["windows"]);
      for (std::size_t w = 0; w < windows.size(); ++w) {
        const std::vector<float> mean = encoder.embed(context, windows[w]);
        for (std::size_t d = 0; d < mean.size(); ++d) CHECK(near(mean[d], row["means"][w][d].get<double>(), 1e-5));
      }
    }
  }
  CHECK(encoder.windows(expected["rows"][5]["text"].get<std::string>(), 1).size() == 1);
}

TEST_CASE("hashed features: buckets and values are those of datatrove's text and xxhash") {
  const Json expected = read_json(golden() / "scores.json");
  for (const Json& row : expected["rows"]) {
    const auto features = hashed_features(row["text"].get<std::string>(), 2, 64);
    REQUIRE(features.size() == row["features"].size());
    for (std::size_t i = 0; i < features.size(); ++i) {
      CHECK(features[i].first == row["features"][i][0].get<std::uint32_t>());
      CHECK(near(features[i].second, row["features"][i][1].get<double>(), 1e-6));
    }
  }
}

TEST_CASE("score-documents: quality by the first window, toxicity by the worst, hashed words: as torch has them") {
  const Json expected = read_json(golden() / "scores.json");
  TemporaryFolder folder;
  write_texts(folder.path() / "in", expected["rows"]);
  StepRun quality(kScoreDocuments, R"({"score": "quality"})"),
      toxicity(kScoreDocuments, R"({"score": "toxicity", "windows": "all"})"), hashed(kScoreDocuments, R"({"score": "hashed"})");
  quality.input("documents", folder.path() / "in")
      .input("head", golden() / "quality.safetensors")
      .input("encoder", golden() / "encoder")
      .run();
  toxicity.input("documents", folder.path() / "in")
      .input("head", golden() / "toxicity.safetensors")
      .input("encoder", golden() / "encoder")
      .run();
  hashed.input("documents", folder.path() / "in").input("head", golden() / "hashed.safetensors").run();
  for (const Json& row : expected["rows"]) {
    const std::string text = row["text"].get<std::string>();
    CHECK(near(scores_of(quality, "quality").at(text), row["quality"].get<double>(), 2e-5));
    CHECK(near(scores_of(toxicity, "toxicity").at(text), row["toxicity"].get<double>(), 2e-5));
    CHECK(near(scores_of(hashed, "hashed").at(text), row["hashed"].get<double>(), 2e-6));
  }
  CHECK(quality.summary().starts_with("8 documents, quality 0."));
}

TEST_CASE("score-documents: the same for any number of threads") {
  TemporaryFolder folder;
  write_texts(folder.path() / "in", read_json(golden() / "scores.json")["rows"]);
  std::string first;
  for (const int threads : {1, 3}) {
    StepRun run(kScoreDocuments, R"({"score": "toxicity", "windows": "all"})");
    run.threads(threads)
        .input("documents", folder.path() / "in")
        .input("head", golden() / "toxicity.safetensors")
        .input("encoder", golden() / "encoder")
        .run();
    if (first.empty()) first = run.digest("documents");
    CHECK(run.digest("documents") == first);
  }
}

TEST_CASE("head: nothing negative passes from layer to layer; several outputs are a softmax") {
  TemporaryFolder folder;
  std::vector<float> first = {-1, 2}, second = {3, 1, 0, 0.5};
  model::write_safetensors(real_disk(), folder.path() / "h.safetensors",
                           {{"0.weight", model::StoredType::f32, Tensor(first.data(), Dtype::f32, {2, 1})},
                            {"10.weight", model::StoredType::f32, Tensor(second.data(), Dtype::f32, {2, 2})}});
  const Head head(folder.path() / "h.safetensors", 1);
  const std::vector<float> x = {1};  // hidden (0, 2), logits (2, 1)
  CHECK(near(head.score(x), std::exp(1.0) / (std::exp(1.0) + std::exp(2.0)), 1e-12));
  const std::vector<std::pair<std::uint32_t, float>> sparse = {{0, 1.0f}};
  CHECK(head.score(sparse) == head.score(x));
}

TEST_CASE("score-documents: a head that gives no number is told, with the document; nothing is written that could not be read") {
  TemporaryFolder folder;
  write_texts(folder.path() / "in", read_json(golden() / "scores.json")["rows"]);
  std::vector<float> weights(16, std::numeric_limits<float>::quiet_NaN());
  model::write_safetensors(real_disk(), folder.path() / "h.safetensors",
                           {{"0.weight", model::StoredType::f32, Tensor(weights.data(), Dtype::f32, {1, 16})}});
  for (const bool encoded : {false, true}) {
    StepRun run(kScoreDocuments, R"({"score": "quality", "windows": "all"})");
    run.input("documents", folder.path() / "in").input("head", folder.path() / "h.safetensors");
    if (encoded) run.input("encoder", golden() / "encoder");
    CHECK(error_of([&] { run.run(); }) == "h.safetensors: gives no number for document u");
  }
}

TEST_CASE("heads and encoders that do not fit are told by name") {
  TemporaryFolder folder;
  write_texts(folder.path() / "in", read_json(golden() / "scores.json")["rows"]);
  StepRun run(kScoreDocuments, R"({"score": "quality"})");
  run.input("documents", folder.path() / "in")
      .input("head", golden() / "hashed.safetensors")
      .input("encoder", golden() / "encoder");
  CHECK(error_of([&] { run.run(); }) == "hashed.safetensors: the head takes 64 numbers, the encoder encoder gives 16");
  CHECK(error_of([] { Head(golden() / "toxicity.safetensors", 2); }).ends_with("class 2 of 2 outputs"));
  CHECK(error_of([] { Head(golden() / "encoder/model.safetensors", 0); }) != "");

  std::vector<float> numbers(6);
  const auto written = [&](const std::vector<model::TensorToStore>& tensors) {
    const fs::path file = folder.path() / fmt::format("{}.safetensors", tensors.size());
    fs::remove(file);
    model::write_safetensors(real_disk(), file, tensors);
    return error_of([&] { Head(file, 0); });
  };
  const Tensor two_by_three(numbers.data(), Dtype::f32, {2, 3}), three(numbers.data(), Dtype::f32, {3});
  CHECK(written({{"0.weight", model::StoredType::f32, two_by_three}, {"2.weight", model::StoredType::f32, two_by_three}})
            .ends_with("tensor '2.weight' takes 3 numbers, the layer before it gives 2"));
  CHECK(written({{"0.bias", model::StoredType::f32, three}}).ends_with("expected linear layers, tensors named *.weight"));
  CHECK(written({{"0.weight", model::StoredType::f32, two_by_three},
                 {"0.bias", model::StoredType::f32, three},
                 {"z", model::StoredType::f32, three}})
            .ends_with("tensor '0.bias' is F32 [3], expected [2]"));

  fs::copy(golden() / "encoder", folder.path() / "encoder");
  Json config = read_json(folder.path() / "encoder/config.json");
  const auto refusal = [&](const char* key, const Json& value) {
    Json changed = config;
    changed[key] = value;
    write_file_atomically(folder.path() / "encoder/config.json", pretty_json(changed));
    return error_of([&] { Encoder(folder.path() / "encoder"); });
  };
  CHECK(refusal("model_type", "bert").ends_with("model_type 'bert', expected 'xlm-roberta' or 'roberta'"));
  CHECK(refusal("hidden_act", "relu").find("hidden_act 'relu'") != std::string::npos);
  CHECK(refusal("num_attention_heads", 3).ends_with("3 heads do not divide a width of 16"));
  CHECK(refusal("intermediate_size", 25)
            .find("tensor 'encoder.layer.0.intermediate.dense.weight' is F32 [24, 16], expected [25, 16]") != std::string::npos);
  CHECK(refusal("hidden_size", "wide").ends_with("hidden_size: expected a whole number from 1 to 65536"));
  CHECK(refusal("vocab_size", 50).find("the tokenizer has") != std::string::npos);
}
