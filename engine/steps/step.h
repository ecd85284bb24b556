// A step: a function from recorded inputs to recorded outputs. Every capability of the program is one (DESIGN.md §1).
//
//   const StepSpec kPack{.name = "pack", .version = 1, .inputs = {...}, .outputs = {...}, .config = object({...}), .run = pack};
//
// The action key hashes name, version, config without its `runtime` block, the inputs' digests, the seed and, for steps that are
// not exact everywhere, the determinism class. A step reads and writes through its StepContext only (step_context.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/schema.h"

namespace cairn::steps {

class StepContext;

// The closed vocabulary of artifact kinds; also the ids in the ledger's table `kind` (lineage/schema.sql).
// raw, documents, decisions, report, tokenizer, token_shards, checkpoint, model, task, eval_result, release, run_record, file,
// partial

struct InputSpec {
  std::string role{};
  std::string kind{};  // "any" accepts all
  std::string help{};
  bool optional = false;
  bool many = false;  // a list of artifacts, order matters
};

struct OutputSpec {
  std::string role{};
  std::string kind{};
  std::string help{};
};

// Files outside the workspace that the config names; the executor hashes and adopts them, in place, as inputs of role `role`, so
// that they are in the action key and in the lineage like all else. The step finds them as ctx.inputs(role), in the order given
// here (external.h says which files of a folder belong). A role that `inputs` does not declare has kind "raw".
struct External {
  std::string role{};
  std::string path{};                // file or folder; relative paths are relative to the pipeline file, or to the current folder
  std::vector<std::string> globs{};  // of a folder: what belongs to it ("**/*.html"); empty = all
};

enum class Exactness {
  everywhere,    // L3: same bits on any machine and thread count: curation, tokenizing, packing
  within_class,  // L1: same bits for the same binary, device type and instruction set: training, generation
  none,          // L0: not reproducible by nature (exec of an unknown program)
};

struct StepSpec {
  std::string name{};     // as typed: "train-tokenizer"
  int version = 1;        // bump when the same inputs would give other bytes
  std::string summary{};  // one line
  std::vector<InputSpec> inputs{};
  std::vector<OutputSpec> outputs{};
  Schema config = object({});
  // How it is executed; recorded, never hashed but for `class_fields` (threads, cache sizes). Given as the `runtime` block of the
  // config.
  Schema runtime = object({});
  // Fields of `runtime` that the bits of a step exact within a class depend on (the backend that computes): they become part of
  // its determinism class, and so of the action key.
  std::vector<std::string> class_fields{};
  // What the bits depend on beside this machine, by name, for a runtime block that is complete with defaults; empty for nothing.
  // It enters the determinism class, and the run's environment as "device".
  std::function<std::map<std::string, std::string>(const Json& runtime)> device = nullptr;
  Exactness exactness = Exactness::everywhere;
  bool shared = false;  // ranks share the work (ranks.h): each runs it, does its part, and the first writes the outputs
  std::function<std::vector<External>(const Config&)> externals = nullptr;  // optional
  // For steps whose inputs and outputs the config declares (exec): inputs of any role are taken, as kind "any", and outputs are
  // these beside `outputs`.
  bool open_inputs = false;
  std::function<std::vector<OutputSpec>(const Config&)> more_outputs = nullptr;
  std::function<void(StepContext&)> run{};

  const InputSpec* find_input(const std::string& role) const;  // nullptr when undeclared
  const OutputSpec* find_output(const std::string& role) const;
  std::vector<OutputSpec> outputs_with(const Config& config) const;  // outputs and more_outputs

  // The class in which a run's bits must repeat: `machine` (what is installed here) and the class fields of `runtime`, complete
  // with defaults, and its device: "cpu x86_64 avx2 glibc 2.36, backend ref". "" for a step that is exact everywhere, or nowhere.
  std::string determinism_class(const std::string& machine, const Json& runtime) const;
  // `machine`, an object as canonical JSON, with the device.
  std::string environment(const std::string& machine, const Json& runtime) const;
};

class StepRegistry {
 public:
  void add(StepSpec spec);  // Error on a name taken or ill-formed, or without run
  bool knows(const std::string& name) const;
  const StepSpec& find(const std::string& name) const;  // Error (usage) with the nearest known name
  std::vector<const StepSpec*> all() const;             // in order of addition

 private:
  std::vector<std::unique_ptr<const StepSpec>> specs_;  // addresses stay
};

}  // namespace cairn::steps
