// The step pretrain on a few hundred tokens.
#pragma once

#include "engine/data/token_shards.h"
#include "engine/train/steps.h"
#include "tests/engine/train/tiny.h"
#include "tests/support/run_step.h"
#include "tests/support/test.h"

namespace cairn::train {

struct TinyPretrain {
  test::TemporaryFolder folder;
  test::StepRun run;

  // With the config (a JSON text) as `changes` alter it.
  TinyPretrain(const char* config, const Json& changes) : run(kPretrain, changed(config, changes)) {
    fs::create_directories(folder.path() / "shards");
    data::TokenShardWriter writer(real_disk(), folder.path() / "shards/shard-00000", data::TokenType::u16);
    writer.append(tiny_tokens(600));
    writer.finish();
    run.input("data", folder.path() / "shards").seed(3);
  }

 private:
  static Json changed(const char* text, const Json& changes) {
    Json config = parse_json(text, "config");
    config.merge_patch(changes);
    return config;
  }
};

}  // namespace cairn::train
