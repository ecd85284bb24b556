#include <cmath>
#include <cstring>

#include "engine/data/token_shards.h"
#include "engine/model/hf_folder.h"
#include "engine/train/checkpoint.h"
#include "engine/train/read_set.h"
#include "engine/train/shard_stream.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"

using namespace cairn;
using namespace cairn::train;
using test::StepRun;

namespace {

const char* kConfig = R"({
  "model": {"layers": 2, "width": 16, "heads": 4, "kv_heads": 2, "mlp_width": 24, "vocab": 40},
  "sequence_length": 12, "batch": 4, "micro_batch": 2, "steps": 9, "checkpoint_every": 2,
  "schedule": {"lr": 0.02}, "runtime": {"backend": "ref", "peak_gflops": 100}})";

// Two shards in one folder.
void write_shards(const fs::path& folder) {
  fs::create_directories(folder);
  const auto tokens = tiny_tokens(900);
  for (int shard = 0; shard < 2; ++shard) {
    data::TokenShardWriter writer(real_disk(), folder / ("shard-0000" + std::to_string(shard)), data::TokenType::u16);
    for (std::int64_t i = shard * 450; i < shard * 450 + 450; i += 50)
      writer.append(std::span(tokens).subspan(static_cast<std::size_t>(i), 50));
    writer.finish();
  }
}

struct Pretrain {
  test::TemporaryFolder folder;
  StepRun run;

  explicit Pretrain(const Json& changes = Json::object()) : run(kPretrain, config_with(changes)) {
    write_shards(folder.path() / "shards");
    run.input("data", folder.path() / "shards").seed(3);
  }
  static Json config_with(const Json& changes) {
    Json config = parse_json(kConfig, "config");
    config.merge_patch(changes);
    return config;
  }
};

std::string error_with(const Json& changes) {
  return test::error_of([&] { Pretrain(changes).run.run(); });
}

}  // namespace

TEST_CASE("shard stream: shards and folders read as one, across borders") {
  const test::TemporaryFolder folder;
  write_shards(folder.path() / "a");
  write_shards(folder.path() / "b");
  const auto tokens = tiny_tokens(900);
  const ShardStream stream({folder.path() / "a", folder.path() / "b"}, 40);
  REQUIRE(stream.size() == 1800);
  for (const std::int64_t begin : {0, 440, 449, 450, 890, 1340, 1790}) {
    std::vector<std::int32_t> out(10);
    stream.read(begin, out);
    for (std::size_t i = 0; i < out.size(); ++i) CHECK(out[i] == tokens[(static_cast<std::size_t>(begin) + i) % 900]);
  }
  std::vector<std::int32_t> all(1800);
  stream.read(0, all);
  CHECK(std::equal(tokens.begin(), tokens.end(), all.begin() + 900));
  const ShardStream narrow({folder.path() / "a"}, 10);
  CHECK_FALSE(test::error_of([&] { narrow.read(0, std::span(all).first(900)); }).empty());
}

TEST_CASE("pretrain: writes a checkpoint that is whole, with metrics and facts") {
  Pretrain p;
  p.run.run();
  const fs::path checkpoint = p.run.output("checkpoint");
  CHECK(checkpoint_damage(checkpoint) == "");
  const model::LoadedModel loaded = model::load_hf_folder(checkpoint, Dtype::f32);
  CHECK(loaded.config.vocab == 40);
  CHECK(loaded.config.head_width == 4);

  const auto metrics = p.run.metrics();
  REQUIRE(metrics.size() == 9);
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    CHECK(metrics[i].at("step") == i + 1);
    CHECK(metrics[i].at("steps") == 9);
    CHECK(metrics[i].at("tokens") == (i + 1) * 48);
    for (const char* key :
         {"loss", "lr", "grad_norm", "tokens_per_s", "step_s", "mfu", "forward_s", "backward_s", "optimizer_s", "time"}) {
      CHECK_MESSAGE(metrics[i].contains(key), key);
    }
  }
  CHECK(metrics[8].at("loss").get<double>() < metrics[0].at("loss").get<double>());
  const Json facts = p.run.facts("checkpoint");
  CHECK(facts.at("parameters") == loaded.config.parameters());
  const ReadSet read = ReadSet::from_json(facts.at("read_set"));
  CHECK(read.steps() == 9);
  CHECK(read_checkpoint_facts(checkpoint).at("read_set").at("seed") == "3");
  CHECK(p.run.summary().find("9 steps, loss ") != std::string::npos);
}

TEST_CASE("pretrain: the same bytes for any number of threads, others for another seed") {
  Pretrain one, three, other;
  one.run.threads(1).run();
  three.run.threads(3).run();
  other.run.seed(4).run();
  CHECK(one.run.digest("checkpoint") == three.run.digest("checkpoint"));
  CHECK(one.run.digest("checkpoint") != other.run.digest("checkpoint"));
}

TEST_CASE("pretrain: stopped after every single step, it ends in the same bytes") {
  Pretrain whole, stopped;
  whole.run.run();
  StopToken stop;
  stop.request_stop();
  stopped.run.stop_token(stop);
  int attempts = 1;
  for (;; ++attempts) {
    REQUIRE(attempts < 20);
    try {
      stopped.run.run();
      break;
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::try_again);
    }
  }
  CHECK(attempts == 9);
  CHECK(stopped.run.digest("checkpoint") == whole.run.digest("checkpoint"));
}

TEST_CASE("pretrain: stages over two inputs, stopped after every single step, end in the same bytes and read what they should") {
  const Json stages = {{"steps", nullptr},
                       {"data_names", {"a", "b"}},
                       {"stages",
                        {{{"steps", 4}, {"mix", {{"a", 3}, {"b", 1}}}},
                         {{"tokens", 300}, {"sequence_length", 24}, {"batch", 2}, {"mix", {{"b", 1}}}},
                         {{"steps", 2}, {"ramp", {{{"batch", 1}, {"until_tokens", 12}}}}}}}};
  Pretrain whole(stages), stopped(stages);
  for (Pretrain* p : {&whole, &stopped}) p->run.input("data", p->folder.path() / "shards");
  whole.run.run();
  StopToken stop;
  stop.request_stop();
  stopped.run.stop_token(stop);
  for (int attempts = 1;; ++attempts) {
    REQUIRE(attempts < 20);
    try {
      stopped.run.run();
      break;
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::try_again);
    }
  }
  CHECK(stopped.run.digest("checkpoint") == whole.run.digest("checkpoint"));
  const auto metrics = whole.run.metrics();
  REQUIRE(metrics.size() == 13);
  CHECK(metrics[3].at("tokens") == 4 * 4 * 12);
  CHECK(metrics[4].at("stage") == 1);
  CHECK(metrics[10].at("tokens") == 192 + 336);  // the fewest steps of 48 tokens that make 300
  CHECK(metrics[12].at("tokens") == 192 + 336 + 12 + 48);
  const ReadSet read = ReadSet::from_json(whole.run.facts("checkpoint").at("read_set"));
  CHECK(read.data()[0].name == "a");
  CHECK(read.samples_of(0, 0) == 12);
  CHECK(read.samples_of(1, 0) == 0);
  CHECK(masks_from_json(whole.run.facts("checkpoint").at("masks")).eod == 2);
}

TEST_CASE("pretrain: a damaged checkpoint is passed over, and the end is the same") {
  Pretrain whole, damaged;
  whole.run.run();
  damaged.run.run();  // leaves checkpoints of steps 6 and 8 in its scratch folder
  const fs::path newest = damaged.run.scratch() / "checkpoints/step-00000008/model.safetensors";
  std::string bytes = read_file(newest);
  bytes[bytes.size() / 2] ^= 0x40;
  fs::remove(newest);
  write_file_atomically(newest, bytes);
  const std::size_t before = damaged.run.metrics().size();
  damaged.run.run();
  CHECK(damaged.run.metrics().size() == before + 3);
  CHECK(damaged.run.digest("checkpoint") == whole.run.digest("checkpoint"));
}

TEST_CASE("pretrain: scratch of another config is refused, not silently continued") {
  Pretrain first;
  first.run.run();
  Pretrain second(Json{{"clip", 0.5}});
  second.run.run();
  fs::remove_all(second.run.scratch());
  fs::copy(first.run.scratch(), second.run.scratch(), fs::copy_options::recursive);
  CHECK(test::error_of([&] { second.run.run(); }).find("written by another training: 'config' is") != std::string::npos);
}

TEST_CASE("pretrain: goes on from another checkpoint's weights") {
  Pretrain base;
  base.run.run();
  Pretrain next({{"model", nullptr},
                 {"steps", 2},
                 {"schedule", {{"lr", 0.0}}},
                 {"optimizer", {{"name", "adamw"}}},
                 {"optimizer_state", false}});
  next.run.input("init", base.run.output("checkpoint")).run();
  const model::LoadedModel a = model::load_hf_folder(base.run.output("checkpoint"), Dtype::f32);
  const model::LoadedModel b = model::load_hf_folder(next.run.output("checkpoint"), Dtype::f32);
  CHECK(std::memcmp(a.parameters.flat().data, b.parameters.flat().data, static_cast<std::size_t>(a.parameters.flat().bytes())) ==
        0);
  CHECK_FALSE(fs::exists(next.run.output("checkpoint") / "optimizer.safetensors"));
  CHECK(checkpoint_damage(next.run.output("checkpoint")) == "");

  Pretrain both;
  both.run.input("init", base.run.output("checkpoint"));
  CHECK(test::error_of([&] { both.run.run(); }).find("the input 'init' gives the model's shape") != std::string::npos);
}

TEST_CASE("pretrain: the average of the weights is an output of its own") {
  Pretrain p(Json{{"ema", {{"decay", 0.9}}}}), plain;
  p.run.run();
  plain.run.run();
  const model::LoadedModel average = model::load_hf_folder(p.run.output("ema"), Dtype::f32);
  const model::LoadedModel last = model::load_hf_folder(p.run.output("checkpoint"), Dtype::f32);
  CHECK(std::memcmp(average.parameters.flat().data, last.parameters.flat().data,
                    static_cast<std::size_t>(last.parameters.flat().bytes())) != 0);
  CHECK(read_file(p.run.output("checkpoint") / "model.safetensors") ==
        read_file(plain.run.output("checkpoint") / "model.safetensors"));
  CHECK_FALSE(fs::exists(plain.run.output("ema")));
  CHECK(kPretrain.more_outputs(Config(kPretrain.config.complete({{"steps", 1}, {"ema", Json::object()}}, "config"))).size() == 1);
  CHECK(kPretrain.more_outputs(Config(kPretrain.config.complete(Json{{"steps", 1}}, "config"))).empty());
}

TEST_CASE("pretrain: how it is executed changes no byte: recompute, replay, micro-batches kept") {
  Pretrain plain, other(Json{{"runtime", {{"recompute", "block"}, {"replay_every", 3}}}});
  plain.run.run();
  other.run.run();
  CHECK(plain.run.digest("checkpoint") == other.run.digest("checkpoint"));
  CHECK(other.run.metrics()[2].at("replay_s").get<double>() > 0);
}

TEST_CASE("pretrain: in bfloat16, with Muon and moments in bfloat16") {
  Pretrain p({{"precision", "bf16"}, {"optimizer", {{"name", "muon"}, {"moments", "bf16"}}}});
  p.run.run();
  CHECK(checkpoint_damage(p.run.output("checkpoint")) == "");
  const Json last = p.run.metrics().back();
  CHECK(last.at("loss").get<double>() < p.run.metrics().front().at("loss").get<double>());
  for (const char* name :
       {"data_s", "forward_s", "backward_s", "clip_s", "optimizer_s", "checkpoint_s", "rss_bytes", "planned_bytes"}) {
    CHECK_MESSAGE(last.at(name).get<double>() >= 0, name);
  }
}

TEST_CASE("pretrain: bad configs are refused with their place") {
  CHECK(error_with(Json{{"sequence_length", 1000}}).find("the data hold 900 tokens") != std::string::npos);
  CHECK(
      error_with(Json{{"sequence_length", 5000}}).find("config.sequence_length: 5000 tokens, but the model has 4096 positions") !=
      std::string::npos);
  CHECK(error_with({{"model", {{"mlp_width", nullptr}}}}).find("'mlp_width' is missing") != std::string::npos);
  CHECK(error_with({{"model", {{"width", 18}}}}).find("not a multiple of 4 heads") != std::string::npos);
  CHECK(error_with({{"model", {{"kv_heads", 3}}}}).find("not a multiple of 3 kv_heads") != std::string::npos);
  CHECK(error_with({{"model", {{"head_width", 3}}}}).find("odd") != std::string::npos);
  CHECK(error_with({{"model", {{"preset", "tinny-10m"}}}}).find("tiny-10m") != std::string::npos);
  CHECK(error_with({{"optimizer", {{"name", "adam"}}}}).find("adamw") != std::string::npos);
  CHECK(error_with({{"optimizer", {{"name", "adamw"}, {"alpha", 3}}}}).find("alpha") != std::string::npos);
  CHECK(error_with({{"schedule", {{"warmup_steps", 8}, {"cooldown_steps", 8}}}}).find("do not fit") != std::string::npos);
  for (const char* shape : {"constant", "cosine", "linear", "wsd"}) {
    CHECK(error_with({{"schedule", {{"name", shape}, {"warmup_steps", 10}, {"cooldown_share", 0.0}}}}) ==
          "schedule: warm-up of 10 and cooldown of 0 steps do not fit into 9");
    CHECK(error_with({{"schedule", {{"name", shape}, {"warmup_steps", 9}, {"cooldown_share", 0.0}}}}).empty());
  }
  const Json huge = {{"model", {{"layers", 400}, {"width", 16384}, {"heads", 128}, {"mlp_width", 65536}}}};
  CHECK(error_with(huge).find(" GB free") != std::string::npos);  // before weights are made
  CHECK(error_with(Json{{"precision", "f16"}}).find("bf16") != std::string::npos);
  CHECK(error_with(Json{{"spikes", {{"sigmas", 3}}}}).find("sigma") != std::string::npos);
  CHECK(error_with(Json{{"runtime", {{"recompute", "mpl"}}}}).find("mlp") != std::string::npos);
  CHECK(error_with(Json{{"stepps", 3}}).find("stepps") != std::string::npos);
  CHECK(error_with(Json{{"steps", nullptr}}).find("either 'steps' or 'tokens'") != std::string::npos);
  CHECK(error_with(Json{{"mix", {{"web", 1}}}}).find("config.mix: there is no data input 'web'; known: 0") != std::string::npos);
  CHECK(error_with(Json{{"data_names", {"a", "b"}}}).find("config.data_names: 2 names for 1 data inputs") != std::string::npos);
  CHECK(error_with({{"model", {{"vocab", 20}}}}).find("shard-0000") != std::string::npos);  // an id that the model does not have
}
