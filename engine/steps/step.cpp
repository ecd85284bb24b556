#include "engine/steps/step.h"

#include "base/error.h"
#include "base/json.h"

namespace cairn::steps {
namespace {

bool is_step_name(const std::string& name) {
  if (name.empty() || name.front() == '-' || name.back() == '-') return false;
  for (const char c : name) {
    if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-') return false;
  }
  return true;
}

}  // namespace

const InputSpec* StepSpec::find_input(const std::string& role) const {
  for (const InputSpec& input : inputs) {
    if (input.role == role) return &input;
  }
  return nullptr;
}

const OutputSpec* StepSpec::find_output(const std::string& role) const {
  for (const OutputSpec& output : outputs) {
    if (output.role == role) return &output;
  }
  return nullptr;
}

std::vector<OutputSpec> StepSpec::outputs_with(const Config& config) const {
  std::vector<OutputSpec> all = outputs;
  if (more_outputs) {
    for (OutputSpec& output : more_outputs(config)) all.push_back(std::move(output));
  }
  return all;
}

std::string StepSpec::determinism_class(const std::string& machine, const Json& runtime) const {
  if (exactness != Exactness::within_class) return "";
  std::string all = machine;
  for (const std::string& field : class_fields) {
    const Json& value = runtime.at(field);
    all += fmt::format(", {} {}", field, value.is_string() ? value.get<std::string>() : canonical_json(value));
  }
  if (!device) return all;
  for (const auto& [name, value] : device(runtime)) all += fmt::format(", {} {}", name, value);
  return all;
}

std::string StepSpec::environment(const std::string& machine, const Json& runtime) const {
  const auto facts = device ? device(runtime) : std::map<std::string, std::string>();
  if (facts.empty()) return machine;
  Json all = parse_json(machine, "environment");
  all["device"] = facts;
  return canonical_json(all);
}

void StepRegistry::add(StepSpec spec) {
  if (!is_step_name(spec.name)) fail("step '{}': a name is lower-case letters, digits and inner '-'", spec.name);
  if (!spec.run) fail("step '{}' has no function to run", spec.name);
  if (knows(spec.name)) fail("step '{}' is registered twice", spec.name);
  const Json runtime = spec.runtime.json_schema().value("properties", Json::object());
  for (const std::string& field : spec.class_fields) {
    if (!runtime.contains(field)) fail("step '{}': its runtime has no field '{}' to be part of the class", spec.name, field);
  }
  specs_.push_back(std::make_unique<const StepSpec>(std::move(spec)));
}

bool StepRegistry::knows(const std::string& name) const {
  for (const auto& spec : specs_) {
    if (spec->name == name) return true;
  }
  return false;
}

const StepSpec& StepRegistry::find(const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& spec : specs_) {
    if (spec->name == name) return *spec;
    names.push_back(spec->name);
  }
  const std::string near = nearest_name(name, names);
  if (near.empty()) fail_usage("there is no step '{}'; `cairn schema` lists the steps", name);
  fail_usage("there is no step '{}'. Did you mean '{}'?", name, near);
}

std::vector<const StepSpec*> StepRegistry::all() const {
  std::vector<const StepSpec*> specs;
  for (const auto& spec : specs_) specs.push_back(spec.get());
  return specs;
}

}  // namespace cairn::steps
