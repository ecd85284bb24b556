#include "engine/steps/pipeline.h"

#include <algorithm>
#include <functional>
#include <set>

#include <fmt/ranges.h>

#include "base/error.h"
#include "engine/steps/pipeline_text.h"

namespace cairn::steps {
namespace {

// The declarations of one pipeline, before they are put in order.
class Reader {
 public:
  Reader(const Json& value, std::string origin, const StepFolders& folders, const StepRegistry& registry)
      : value_(value), origin_(std::move(origin)), folders_(folders), registry_(registry) {}

  Pipeline read() {
    Pipeline pipeline;
    pipeline.name = value_.at("pipeline");
    const Json& declared_steps = value_.at("steps");
    for (const auto& [name, declared] : declared_steps.items()) steps_.emplace(name, read_step(name, declared));
    for (auto& [name, step] : steps_) read_inputs(step, declared_steps.at(name).at("inputs"));
    for (const std::string& name : order()) pipeline.steps.push_back(std::move(steps_.at(name)));
    return pipeline;
  }

 private:
  std::string place(const std::string& step) const { return origin_.empty() ? step : origin_ + ": " + step; }

  const StepSpec& find_spec(const std::string& name, const Json& declared) const {
    try {
      return registry_.find(declared.at("step"));
    } catch (const Error& error) {
      fail_usage("{}: {}", place(name), error.what());
    }
  }

  PipelineStep read_step(const std::string& name, const Json& declared) {
    PipelineStep step;
    step.name = name;
    step.spec = &find_spec(name, declared);
    step.config = step.spec->config.complete(declared.at("config"), place(name) + ": config");
    step.runtime = step.spec->runtime.complete(declared.at("runtime"), place(name) + ": runtime");
    step.seed = (declared.at("seed").is_null() ? value_ : declared).at("seed").get<std::uint64_t>();
    step.folder = folders_.at(name);
    step.outputs = step.spec->outputs_with(Config(step.config, place(name) + ": config"));
    return step;
  }

  void read_inputs(PipelineStep& step, const Json& inputs) const {
    for (const auto& [role, given] : inputs.items()) step.inputs[role] = read_input(step, role, given);
    check_all_given(step);
  }

  std::vector<Wire> read_input(const PipelineStep& step, const std::string& role, const Json& given) const {
    const std::string& name = step.name;
    static const InputSpec any{.role = "", .kind = "any", .help = "", .optional = true, .many = true};
    const InputSpec* declared = step.spec->find_input(role);
    if (declared == nullptr && step.spec->open_inputs) declared = &any;
    if (declared == nullptr) {
      std::vector<std::string> roles;
      for (const InputSpec& input : step.spec->inputs) roles.push_back(input.role);
      const std::string near = nearest_name(role, roles);
      if (!near.empty())
        fail_usage("{}: step {} has no input '{}'. Did you mean '{}'?", place(name), step.spec->name, role, near);
      fail_usage("{}: step {} has no input '{}'{}", place(name), step.spec->name, role,
                 roles.empty() ? "; it takes none" : fmt::format("; it takes {}", fmt::join(roles, ", ")));
    }
    const std::string where = fmt::format("{}: inputs.{}", place(name), role);
    std::vector<Wire> wires;
    const Json several = given.is_array() ? given : Json::array({given});
    for (const Json& text : several) {
      if (!text.is_string()) fail_usage("{}: expected \"STEP.OUTPUT\", an artifact or a path, found {}", where, text.dump());
      wires.push_back(read_wire(text, *declared, where));
    }
    if (wires.size() > 1 && !declared->many) fail_usage("{}: expected one artifact, found {}", where, wires.size());
    return wires;
  }

  Wire read_wire(const std::string& text, const InputSpec& declared, const std::string& where) const {
    Wire wire{.text = text, .step = {}, .output = {}, .hint = {}};
    if (names_path(text) || text.starts_with("sha256:") || text.find('@') != std::string::npos) return wire;
    const std::string step = text.substr(0, text.find('.'));
    const auto source = steps_.find(step);
    if (source == steps_.end()) {
      wire.hint = nearest_name(text, all_outputs());
      return wire;
    }
    wire.step = step;
    wire.output = step.size() < text.size() ? text.substr(step.size() + 1) : only_fitting_output(source->second, declared, where);
    const auto output = std::find_if(source->second.outputs.begin(), source->second.outputs.end(),
                                     [&](const OutputSpec& each) { return each.role == wire.output; });
    if (output == source->second.outputs.end()) {
      std::vector<std::string> roles;
      for (const OutputSpec& each : source->second.outputs) roles.push_back(each.role);
      const std::string near = nearest_name(wire.output, roles);
      fail_usage("{}: {} (step {}) has no output '{}'{}", where, step, source->second.spec->name, wire.output,
                 near.empty() ? fmt::format("; it has {}", fmt::join(roles, ", ")) : fmt::format(". Did you mean '{}'?", near));
    }
    check_kind(declared, output->kind, text, where);
    return wire;
  }

  // "clean" for "clean.documents": its one output, or the one of the right kind.
  static std::string only_fitting_output(const PipelineStep& source, const InputSpec& declared, const std::string& where) {
    if (source.outputs.size() == 1) return source.outputs.front().role;
    std::vector<std::string> fitting, all;
    for (const OutputSpec& output : source.outputs) {
      all.push_back(source.name + "." + output.role);
      if (declared.kind == output.kind) fitting.push_back(output.role);
    }
    if (fitting.size() == 1) return fitting.front();
    fail_usage("{}: which output of '{}'? {}", where, source.name, fmt::join(all, ", "));
  }

  std::vector<std::string> all_outputs() const {
    std::vector<std::string> outputs;
    for (const auto& [name, step] : steps_) {
      for (const OutputSpec& output : step.outputs) outputs.push_back(name + "." + output.role);
    }
    return outputs;
  }

  void check_all_given(const PipelineStep& step) const {
    std::set<std::string> from_config;
    if (step.spec->externals) {
      for (const External& external : step.spec->externals(Config(step.config, place(step.name) + ": config")))
        from_config.insert(external.role);
    }
    for (const InputSpec& input : step.spec->inputs) {
      const auto given = step.inputs.find(input.role);
      const bool there = (given != step.inputs.end() && !given->second.empty()) || from_config.count(input.role) > 0;
      if (!input.optional && !there)
        fail_usage("{}: step {} needs the input '{}' ({}: {})", place(step.name), step.spec->name, input.role, input.kind,
                   input.help);
    }
  }

  // Depth first, so that a cycle is the path back to where it began.
  std::vector<std::string> order() const {
    std::vector<std::string> sorted, path;
    std::set<std::string> done;
    const std::function<void(const std::string&)> visit = [&](const std::string& name) {
      if (done.count(name) > 0) return;
      const auto begun = std::find(path.begin(), path.end(), name);
      if (begun != path.end())
        fail_usage("{}: the steps go in a circle: {} -> {}", origin_, fmt::join(begun, path.end(), " -> "), name);
      path.push_back(name);
      for (const auto& [role, wires] : steps_.at(name).inputs) {
        for (const Wire& wire : wires) {
          if (!wire.step.empty()) visit(wire.step);
        }
      }
      path.pop_back();
      done.insert(name);
      sorted.push_back(name);
    };
    for (const auto& [name, step] : steps_) visit(name);
    return sorted;
  }

  const Json& value_;
  const std::string origin_;
  const StepFolders& folders_;
  const StepRegistry& registry_;
  std::map<std::string, PipelineStep> steps_;
};

}  // namespace

bool names_path(const std::string& text) {
  return text.starts_with("./") || text.starts_with("../") || text.starts_with("/") || text == "." || text == "..";
}

void check_kind(const InputSpec& declared, const std::string& kind, const std::string& what, const std::string& place) {
  if (declared.kind == "any" || declared.kind == kind) return;
  fail_usage("{}: expected an artifact of kind {}, '{}' is {}", place, declared.kind, what, kind);
}

Pipeline parse_pipeline(const Json& value, const std::string& origin, const std::filesystem::path& folder,
                        const std::vector<std::string>& settings, const StepRegistry& registry) {
  StepFolders folders;
  const Json complete = complete_pipeline(value, origin, folder, settings, folders);
  return Reader(complete, origin, folders, registry).read();
}

Pipeline read_pipeline(const std::filesystem::path& file, const std::vector<std::string>& settings,
                       const StepRegistry& registry) {
  Json value;
  try {
    value = read_json(file);
  } catch (const Error& error) {
    throw Error(error.what(), ExitCode::usage);  // a pipeline that cannot be read is wrong usage, as one that makes no sense
  }
  return parse_pipeline(value, file.string(), file.parent_path(), settings, registry);
}

}  // namespace cairn::steps
