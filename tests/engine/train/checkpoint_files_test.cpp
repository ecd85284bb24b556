// The files of a checkpoint: how they are cut, what transformers and other readers find in them, and how damage is told.
#include "engine/train/checkpoint_files.h"

#include <cstring>
#include <numeric>

#include "engine/model/hf_folder.h"
#include "tests/engine/train/tiny_training.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

// Files of at most 6000 bytes of tensors, pieces of 512 bytes.
constexpr CheckpointCut kSmallCut{6000, 512};

void write_in_small_pieces(Training& training, const fs::path& folder) {
  write_checkpoint(real_disk(), folder, tiny_model(), training.trainer.state_fields(), kFacts, kSmallCut);
}

// The file that holds the embedding.
std::string first_file(const fs::path& folder) {
  return read_json(folder / "model.safetensors.index.json").at("weight_map").at("model.embed_tokens.weight").get<std::string>();
}

std::string error_of_read(const CheckpointReader& reader, const std::string& tensor, std::uint64_t begin, std::size_t bytes) {
  std::vector<std::byte> out(bytes);
  return test::error_of([&] { reader.read(tensor, begin, out); });
}

}  // namespace

TEST_CASE("checkpoint files: tensors are kept in order in files of bounded size, one larger than the bound alone") {
  const std::vector<std::byte> memory(1000);
  const auto tensor = [&](const char* name, std::size_t bytes) {
    return TensorBytes{name, model::StoredType::i8, {static_cast<std::int64_t>(bytes)}, std::span(memory).first(bytes)};
  };
  const auto names = [](const std::vector<TensorFile>& files) {
    std::string text;
    for (const TensorFile& file : files) {
      text += file.name + ":";
      for (const TensorBytes& t : file.tensors) text += " " + t.name;
      text += "\n";
    }
    return text;
  };
  CHECK(names(cut_into_files("m", {tensor("a", 60), tensor("b", 40)}, 100)) == "m.safetensors: a b\n");
  CHECK(names(cut_into_files("m", {tensor("a", 60), tensor("b", 41), tensor("c", 300), tensor("d", 1), tensor("e", 99)}, 100)) ==
        "m-00001-of-00004.safetensors: a\nm-00002-of-00004.safetensors: b\nm-00003-of-00004.safetensors: c\n"
        "m-00004-of-00004.safetensors: d e\n");
  CHECK(names(cut_into_files("m", {}, 100)) == "m.safetensors:\n");
}

TEST_CASE("checkpoint files: a checkpoint in several files holds the same model and state as one in one file") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(3);
  training.write(folder.path() / "one");
  write_in_small_pieces(training, folder.path() / "many");
  CHECK(checkpoint_damage(folder.path() / "many") == "");
  CHECK(first_file(folder.path() / "many").find("model-00001-of-0000") == 0);
  CHECK_FALSE(fs::exists(folder.path() / "many/model.safetensors"));

  const auto same = [](const model::Parameters& a, const model::Parameters& b) {
    return std::memcmp(a.flat().data, b.flat().data, static_cast<std::size_t>(a.flat().bytes())) == 0;
  };
  CHECK(same(model::load_hf_folder(folder.path() / "many", Dtype::f32).parameters, training.trainer.parameters()));
  Training second;
  second.read(folder.path() / "many");
  second.write(folder.path() / "again");
  CHECK(bytes_of(folder.path() / "again") == bytes_of(folder.path() / "one"));
}

TEST_CASE("checkpoint files: moments in bfloat16 and weights in float32 come back with their bits") {
  const test::TemporaryFolder folder;
  std::vector<std::uint16_t> small(300);
  std::iota(small.begin(), small.end(), 0x3f80);
  std::vector<float> large(64, 0.1f);
  StateFields state{{kWeights, StateField::Tensors{{"w", Tensor(large.data(), Dtype::f32, {8, 8}), true}}},
                    {"m1", StateField::Tensors{{"w", Tensor(small.data(), Dtype::bf16, {3, 100}), true}}}};
  write_checkpoint(real_disk(), folder.path() / "c", tiny_model(), state, kFacts, kSmallCut);
  const model::SafetensorsFile moments(folder.path() / "c/optimizer.safetensors");
  CHECK(moments.require("m1.w").describe() == "BF16 [3, 100]");
  const auto before = small;
  std::fill(small.begin(), small.end(), std::uint16_t{0});
  std::fill(large.begin(), large.end(), 0.0f);
  read_checkpoint(CheckpointReader(folder.path() / "c"), state, kFacts);
  CHECK(small == before);
  CHECK(large == std::vector<float>(64, 0.1f));

  // A run with moments in float32 does not take them.
  std::vector<float> wide(300);
  state[1].value = StateField::Tensors{{"w", Tensor(wide.data(), Dtype::f32, {3, 100}), true}};
  large[0] = 7;
  CHECK(test::error_of([&] {
          read_checkpoint(CheckpointReader(folder.path() / "c"), state, kFacts);
        }).find("state.m1: tensor 'm1.w' is BF16 [3, 100], expected float32 [3, 100]") != std::string::npos);
  CHECK(large[0] == 7);  // refused as a whole: nothing was filled
}

TEST_CASE("checkpoint files: any number of readers take the ranges that they own") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  write_in_small_pieces(training, folder.path());
  const std::string name = "model.embed_tokens.weight";
  const CheckpointReader whole(folder.path());
  const auto expected = whole.bytes(name);
  for (const std::size_t ranks : {1, 2, 3, 7}) {
    std::vector<std::byte> gathered(expected.size());
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      const CheckpointReader reader(folder.path());
      const std::size_t begin = expected.size() * rank / ranks, end = expected.size() * (rank + 1) / ranks;
      reader.read(name, begin, std::span(gathered).subspan(begin, end - begin));
    }
    CHECK(std::equal(gathered.begin(), gathered.end(), expected.begin()));
  }
  CHECK(error_of_read(whole, name, expected.size(), 0) == "");
  CHECK(error_of_read(whole, name, expected.size(), 1).find("has 2560 bytes; asked for 2560..2561") != std::string::npos);
  CHECK(error_of_read(whole, name, ~std::uint64_t{0}, 1).find("asked for") != std::string::npos);
  CHECK(error_of_read(whole, "nothing", 0, 1).find("has no tensor 'nothing'") != std::string::npos);
}

TEST_CASE("checkpoint files: damage is told with file, tensor and range, and other ranges can still be read") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  write_in_small_pieces(training, folder.path());
  const std::string file = first_file(folder.path());
  const Json place = read_json(folder.path() / kManifest).at("files").at(file).at("tensors").at("model.embed_tokens.weight");
  REQUIRE(place.at("pieces").size() == 5);
  flip_byte(folder.path() / file, place.at("begin").get<std::size_t>() + 1030);
  const std::string damage = file + ": tensor 'model.embed_tokens.weight', bytes 1024..1536: SHA-256 differs";
  CHECK(checkpoint_damage(folder.path()) == damage);
  ThreadPool threads(3);
  CHECK(checkpoint_damage(folder.path(), &threads) == damage);
  const CheckpointReader reader(folder.path());
  CHECK(error_of_read(reader, "model.embed_tokens.weight", 0, 1024) == "");
  CHECK(error_of_read(reader, "model.embed_tokens.weight", 1023, 2) == damage);
  CHECK(error_of_read(reader, "model.embed_tokens.weight", 1500, 100) == damage);
  CHECK(error_of_read(reader, "model.embed_tokens.weight", 1536, 1024) == "");
}

TEST_CASE("checkpoint files: any flipped byte, missing file or wrong length is found") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const auto original = bytes_of(path);
  REQUIRE(original.size() == 7);
  for (const auto& [file, text] : original) {
    const std::string& name = file;  // which a message can refer to
    for (const std::size_t at : {std::size_t{0}, std::size_t{9}, text.size() / 2, text.size() - 1}) {
      flip_byte(path / name, at);
      // The last byte of the manifest is its newline: another character there is trailing text.
      CHECK_MESSAGE(checkpoint_damage(path) != "", name, " byte ", at);
      overwrite(path / name, text);
    }
    overwrite(path / name, text + " ");
    if (name != kManifest) CHECK_MESSAGE(checkpoint_damage(path).find(name + ": ") == 0, name);
    overwrite(path / name, text.substr(0, text.size() / 2));
    CHECK_MESSAGE(checkpoint_damage(path).find(name) == 0, name);
    fs::remove(path / name);
    CHECK(checkpoint_damage(path) == name + ": missing");
    overwrite(path / name, text);
  }
  REQUIRE(checkpoint_damage(path) == "");
  flip_byte(path / "state.json", 5);
  CHECK(checkpoint_damage(path) == "state.json: SHA-256 differs");
}

TEST_CASE("checkpoint files: a manifest that lies is found, even when its root is true of what it says") {
  const test::TemporaryFolder folder;
  Training training;
  training.run_until(2);
  const fs::path path = folder.path() / "c";
  training.write(path);
  const Json manifest = read_json(path / kManifest);
  const auto damage_with = [&](const char* pointer, const Json& value) {
    Json changed = manifest;
    changed[Json::json_pointer(pointer)] = value;
    rewrite_manifest(path, changed);
    return checkpoint_damage(path);
  };
  const auto found = [&](const std::string& damage, const char* text) {
    CHECK_MESSAGE(damage.find(text) != std::string::npos, damage);
  };
  const std::string at = "/files/model.safetensors/tensors/lm_head.weight";
  found(damage_with((at + "/begin").c_str(), 8), "tensor 'lm_head.weight' lies at bytes");
  found(damage_with((at + "/bytes").c_str(), 4), "tensor 'lm_head.weight' lies at bytes");
  found(damage_with((at + "/pieces").c_str(), Json::array()), "in 0 pieces");
  found(damage_with((at + "/pieces/0").c_str(), std::string(64, 'z')), "64 hex digits");
  found(damage_with((at + "/pieces/0").c_str(), sha256("x").hex()), "tensor 'lm_head.weight', bytes 0..2560: SHA-256 differs");
  found(damage_with("/files/model.safetensors/tensors/another", {{"begin", 8}, {"bytes", 0}, {"pieces", Json::array()}}),
        "has no tensor 'another'");
  found(damage_with("/files/model.safetensors/header/bytes", 1 << 30), "claims a header of 1073741824 bytes");
  found(damage_with("/files/model.safetensors/header/bytes", 16), "header: SHA-256 differs");
  found(damage_with("/files/model.safetensors/bytes", 5), "bytes, expected 5");
  found(damage_with("/files/model.safetensors/sha256", std::string(64, '0')), "expected either sha256, or header and tensors");
  found(damage_with("/files/..~1..~1outside", {{"bytes", 1}, {"sha256", std::string(64, '0')}}), "in the same folder");
  found(damage_with("/files/gone.json", {{"bytes", 1}, {"sha256", std::string(64, '0')}}), "gone.json: missing");
  found(damage_with("/piece_bytes", 0), "piece_bytes");
  found(damage_with("/piece_bytes", 100), "in 1 pieces");
  found(damage_with("/version", 99), "version");
  found(damage_with("/extra", 1), "extra");
  Json changed = manifest;
  changed["files"]["state.json"]["bytes"] = 1;
  overwrite(path / kManifest, changed.dump());  // the root of before
  found(checkpoint_damage(path), "manifest.json: its root is not the SHA-256 of the rest");
  // What a manifest leaves out is missing for who resumes.
  changed = manifest;
  changed["files"].erase("optimizer.safetensors");
  rewrite_manifest(path, changed);
  CHECK(checkpoint_damage(path) == "");
  found(test::error_of([&] { training.read(path); }), "has no tensor 'm1.model.embed_tokens.weight'");
}
