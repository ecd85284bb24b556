// Every step of the program, one line each, in the order of a model's life. Each lives in a file of its own that defines its
// `const StepSpec`; adding one is a declaration and a line here (docs/adding_a_step.md).
#include "app/steps.h"

#include "engine/steps/step.h"

namespace cairn {

namespace steps {
extern const StepSpec kExec;
}
namespace data {
extern const steps::StepSpec kIngest, kCurate, kMix, kTrainTokenizer, kPack, kMixShards, kPlantProbes, kDescribe,
    kExportDocuments;
}
namespace score {
extern const steps::StepSpec kScoreDocuments;
}
namespace model {
extern const steps::StepSpec kExport, kExportMegatron, kImportMegatron;
}
namespace train {
extern const steps::StepSpec kPretrain, kDeriveInstructions, kSft, kAverage;
}
namespace eval {
extern const steps::StepSpec kDeriveTasks, kEvaluate, kEvaluateMemorisation;
}

void app::register_steps(steps::StepRegistry& registry) {
  registry.add(data::kIngest);           // files -> documents
  registry.add(data::kCurate);           // documents -> documents that are kept, and why the others are not
  registry.add(score::kScoreDocuments);  // documents + classifier -> documents with a score
  registry.add(data::kTrainTokenizer);   // documents -> tokenizer
  registry.add(data::kMix);              // documents -> documents of each stage, in stated amounts
  registry.add(data::kPack);             // documents + tokenizer -> token shards and docmaps
  registry.add(data::kMixShards);        // token shards -> token shards of each stage, in stated amounts
  registry.add(data::kPlantProbes);      // texts + tokenizer -> token shards with probes of memorisation, and their table
  registry.add(data::kDescribe);         // documents -> statistics for their card
  registry.add(data::kExportDocuments);  // documents + decisions -> Parquet

  registry.add(train::kPretrain);            // token shards -> checkpoint
  registry.add(train::kDeriveInstructions);  // documents -> conversations, by rule
  registry.add(train::kSft);                 // checkpoint + conversations -> checkpoint
  registry.add(train::kAverage);             // checkpoints -> model with the mean of their weights
  registry.add(model::kExport);              // checkpoint + tokenizer -> Hugging Face folder
  registry.add(model::kExportMegatron);      // checkpoint -> tensors under Megatron's names
  registry.add(model::kImportMegatron);      // tensors under Megatron's names -> model folder

  registry.add(eval::kDeriveTasks);           // held-out documents -> tasks
  registry.add(eval::kEvaluate);              // models x tasks -> results, samples, report
  registry.add(eval::kEvaluateMemorisation);  // models x planted probes -> what they remember, by how often they read it

  registry.add(steps::kExec);  // any program
}

}  // namespace cairn
