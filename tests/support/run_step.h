// Runs one step in a temporary folder, without a ledger: config in, folder of outputs out.
//
//   StepRun run(kPack, R"({"shard_tokens": 1000})");
//   run.input("documents", folder).input("tokenizer", file).run();
//   CHECK(fs::exists(run.output("data") / "shard-00000.bin"));
//
// run() may be called again: a new attempt with empty staging and the same scratch folder, as after a kill.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "engine/steps/external.h"
#include "engine/steps/ranks.h"
#include "engine/steps/step.h"
#include "engine/steps/step_context.h"
#include "lineage/tree.h"
#include "tests/support/test.h"

namespace cairn::test {

class StepRun {
 public:
  explicit StepRun(const steps::StepSpec& spec, const char* config = "{}") : StepRun(spec, parse_json(config, "config")) {}

  StepRun(const steps::StepSpec& spec, Json config) : spec_(spec) {
    Json runtime = Json::object();
    if (const auto given = config.find("runtime"); given != config.end()) {
      runtime = *given;
      config.erase(given);
    }
    setup_.config = Config(spec.config.complete(config, "config"));
    setup_.runtime = Config(spec.runtime.complete(runtime, "runtime"), "runtime");
    setup_.scratch = folder_.path() / "scratch";
    setup_.metrics = folder_.path() / "metrics.jsonl";
    setup_.started = 1'700'000'000'000'000;
    setup_.stop = &own_stop_;
    setup_.disk = &real_disk();
    setup_.progress_style = Progress::Style::quiet;
    std::filesystem::create_directories(setup_.scratch);
    if (spec.externals) {
      for (const steps::External& external : spec.externals(*setup_.config)) add_external(external);
    }
  }

  // A file or folder as the next artifact of a role; the digest is computed.
  StepRun& input(const std::string& role, const std::filesystem::path& path, std::string label = "") {
    const steps::InputSpec* declared = spec_.find_input(role);
    if (declared == nullptr) fail_usage("step {} has no input '{}'", spec_.name, role);
    if (label.empty()) label = path.filename().string();
    setup_.inputs[role].push_back({path, lineage::hash_content(path).digest, declared->kind, label, {}});
    return *this;
  }
  StepRun& seed(std::uint64_t seed) { return setup_.seed = seed, *this; }
  StepRun& started(std::int64_t microseconds) { return setup_.started = microseconds, *this; }
  StepRun& threads(int count) { return threads_ = std::make_unique<ThreadPool>(count), *this; }
  StepRun& stop_token(StopToken& token) { return setup_.stop = &token, *this; }
  // The next run() as one of `size` ranks, which share the folders of one StepRun in forked processes.
  StepRun& ranks(int rank, int size, double timeout_seconds = 60) {
    ranks_ = std::make_unique<steps::Ranks>(rank, size, real_disk(), folder_.path() / ("meeting-" + std::to_string(attempts_)),
                                            folder_.path() / "owner", "test", *setup_.stop, timeout_seconds);
    return setup_.ranks = ranks_.get(), *this;
  }
  // The next run() is the last one again, in the same staging folder, and its ranks find what they had done.
  StepRun& again() { return --attempts_, *this; }
  StepRun& disk(Disk& disk) { return setup_.disk = &disk, *this; }

  StepRun& run() {
    if (!threads_) threads_ = std::make_unique<ThreadPool>(2);
    setup_.threads = threads_.get();
    setup_.staging = folder_.path() / ("staging-" + std::to_string(++attempts_));
    std::filesystem::create_directories(setup_.staging);
    context_ = std::make_unique<steps::StepContext>(setup_);
    spec_.run(*context_);
    for (const steps::OutputSpec& declared : spec_.outputs) {
      if ((!ranks_ || ranks_->is_first()) && !std::filesystem::exists(output(declared.role)))
        fail("step {} did not write its output '{}'", spec_.name, declared.role);
    }
    ranks_.reset();  // its thread would not be there in a forked process
    setup_.ranks = nullptr;
    return *this;
  }

  // Of the last run().
  std::filesystem::path output(const std::string& role) const { return setup_.staging / role; }
  std::string digest(const std::string& role) const { return lineage::hash_content(output(role)).digest.hex(); }
  const std::string& summary() const { return context_->summary(); }
  Json facts(const std::string& role) const { return context_->output_facts(role); }
  const std::vector<steps::SourcePosting>& postings() const { return context_->postings(); }
  std::vector<Json> metrics() const {
    std::vector<Json> lines;
    if (!std::filesystem::exists(setup_.metrics)) return lines;
    const std::string text = read_file(setup_.metrics);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      lines.push_back(parse_json(std::string_view(text).substr(begin, end - begin), "metrics.jsonl"));
    }
    return lines;
  }
  const std::filesystem::path& folder() const { return folder_.path(); }
  std::filesystem::path scratch() const { return setup_.scratch; }

 private:
  void add_external(const steps::External& external) {
    const steps::InputSpec* declared = spec_.find_input(external.role);
    const std::string kind = declared ? declared->kind : "raw";
    if (!std::filesystem::is_directory(external.path)) {
      setup_.inputs[external.role].push_back(
          {external.path, lineage::hash_content(external.path).digest, kind, external.path, {}});
      return;
    }
    std::vector<std::string> files = steps::matching_members(external.path, external.globs);
    const Digest digest = lineage::hash_members(external.path, files).digest;
    setup_.inputs[external.role].push_back({external.path, digest, kind, external.path, std::move(files)});
  }

  const steps::StepSpec& spec_;
  TemporaryFolder folder_;
  steps::StepSetup setup_;
  StopToken own_stop_;
  std::unique_ptr<ThreadPool> threads_;
  std::unique_ptr<steps::Ranks> ranks_;
  std::unique_ptr<steps::StepContext> context_;
  int attempts_ = 0;
};

}  // namespace cairn::test
