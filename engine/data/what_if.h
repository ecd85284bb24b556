// What another config of curate would do, before anything is written: which documents it would drop that the present one keeps,
// and which it would keep, by language, source and rule.
//
// Both configs are run over the documents as the step would run them, duplicates and shares of languages included; what they
// would write goes nowhere but for the decisions, which are compared.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/thread_pool.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

struct WhatIfSetup {
  std::vector<steps::StepInput> documents;
  const Json* config = nullptr;   // of the step, completed
  const Json* runtime = nullptr;  // likewise
  std::filesystem::path folder;   // that files named in the config are relative to
  std::uint64_t seed = 0;
  std::filesystem::path scratch;  // an empty folder; holds what the filters think of each document meanwhile
  ThreadPool* threads = nullptr;
  StopToken* stop = nullptr;
  Progress::Style progress_style = Progress::Style::automatic;
};

// The file of decisions that curate would write.
std::filesystem::path decide(const WhatIfSetup& setup);

struct Change {
  std::int64_t documents = 0;
  std::uint64_t bytes = 0;  // of the documents' texts as they came in
};

struct GroupChange {  // of a language or source
  std::int64_t in = 0;
  Change kept, lost, gained;  // kept now, held out included; would go; would come back
};

struct ChangedDocument {
  std::string url, language, source;
  bool lost = false;
  std::uint64_t bytes = 0;
  std::string rule, reason, begins;  // "gopher_quality.short_doc"; of the config that drops it
};

struct WhatIf {
  GroupChange total;
  std::map<std::string, GroupChange> by_language, by_source;
  std::map<std::string, GroupChange> by_rule;  // of changed documents alone: the rule that would drop, or dropped, them
  std::int64_t other_rule = 0;                 // dropped either way, by another rule
  std::vector<ChangedDocument> samples;        // at most as many as asked for, picked by a hash of their ids
};

// `before` and `after`: files of decisions over the same documents. Error when they are not.
WhatIf compare_decisions(const std::filesystem::path& before, const std::filesystem::path& after,
                         const std::vector<steps::StepInput>& documents, std::size_t samples);

Json what_if_json(const WhatIf& what_if);

}  // namespace cairn::data
