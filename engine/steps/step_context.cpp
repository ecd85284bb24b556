#include "engine/steps/step_context.h"

#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/ranks.h"

namespace cairn::steps {
namespace {

// JSON has no NaN or infinity, and a loss that became one is what its reader most needs to see.
Json with_finite_numbers(const Json& value) {
  if (value.is_number_float() && !std::isfinite(value.get<double>())) {
    const double number = value.get<double>();
    return std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
  }
  if (!value.is_structured()) return value;
  Json copy = value;
  for (auto& member : copy) member = with_finite_numbers(member);
  return copy;
}

}  // namespace

struct StepContext::State {
  explicit State(StepSetup given) : setup(std::move(given)) {}

  StepSetup setup;
  std::unique_ptr<DiskFile> metrics;
  std::optional<Progress> progress;
  std::string summary;
  std::map<std::string, Json> facts;
  std::vector<SourcePosting> postings;
  Ranks alone;
};

StepContext::StepContext(StepSetup setup) : state_(std::make_unique<State>(std::move(setup))) {
  const StepSetup& given = state_->setup;
  if (!given.config || !given.runtime) fail("a step needs its config and runtime, completed");
  if (given.threads == nullptr || given.stop == nullptr || given.disk == nullptr)
    fail("a step needs threads, a stop token and a disk");
}

StepContext::~StepContext() = default;

const Config& StepContext::config() const {
  return *state_->setup.config;
}
const Config& StepContext::runtime() const {
  return *state_->setup.runtime;
}

const std::vector<StepInput>& StepContext::inputs(const std::string& role) const {
  static const std::vector<StepInput> none;
  const auto found = state_->setup.inputs.find(role);
  return found == state_->setup.inputs.end() ? none : found->second;
}

const StepInput& StepContext::input(const std::string& role) const {
  const std::vector<StepInput>& given = inputs(role);
  if (given.size() != 1) fail("input '{}': expected one artifact, found {}", role, given.size());
  return given.front();
}

bool StepContext::has_input(const std::string& role) const {
  return !inputs(role).empty();
}

std::vector<std::string> StepContext::input_roles() const {
  std::vector<std::string> roles;
  for (const auto& [role, given] : state_->setup.inputs) roles.push_back(role);
  return roles;
}

fs::path StepContext::staging(const std::string& role) const {
  return state_->setup.staging / role;
}
fs::path StepContext::scratch() const {
  return state_->setup.scratch;
}
Disk& StepContext::disk() const {
  return *state_->setup.disk;
}
std::uint64_t StepContext::seed() const {
  return state_->setup.seed;
}
std::int64_t StepContext::started() const {
  return state_->setup.started;
}
ThreadPool& StepContext::threads() const {
  return *state_->setup.threads;
}
Ranks& StepContext::ranks() const {
  return state_->setup.ranks != nullptr ? *state_->setup.ranks : state_->alone;
}
StopToken& StepContext::stop_token() const {
  return *state_->setup.stop;
}
void StepContext::stop_if_asked() const {
  state_->setup.stop->throw_if_requested();
}

Progress& StepContext::progress(const std::string& label, const std::string& unit) {
  state_->progress.reset();
  return state_->progress.emplace(label, unit, state_->setup.progress_style);
}

void StepContext::metric(const Json& line) {
  if (state_->setup.metrics.empty()) return;
  if (!line.is_object()) fail("a metric line is an object of names and numbers");
  if (!state_->metrics) state_->metrics = disk().append(state_->setup.metrics);
  Json timed = with_finite_numbers(line);
  timed["time"] = now_microseconds();
  state_->metrics->write(canonical_json(timed) + "\n");
}

void StepContext::summarise(std::string line) {
  state_->summary = std::move(line);
}

void StepContext::describe_output(const std::string& role, const std::string& key, Json value) {
  state_->facts[role][key] = std::move(value);
}

void StepContext::post_source(SourcePosting posting) {
  state_->postings.push_back(std::move(posting));
}

const std::string& StepContext::summary() const {
  return state_->summary;
}

Json StepContext::output_facts(const std::string& role) const {
  const auto found = state_->facts.find(role);
  return found == state_->facts.end() ? Json::object() : found->second;
}

const std::vector<SourcePosting>& StepContext::postings() const {
  return state_->postings;
}

}  // namespace cairn::steps
