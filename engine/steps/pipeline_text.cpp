#include "engine/steps/pipeline_text.h"

#include <algorithm>
#include <set>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/json.h"
#include "base/schema.h"
#include "engine/steps/pipeline.h"

namespace cairn::steps {
namespace {

namespace fs = std::filesystem;

const Schema& pipeline_schema() {
  static const Schema schema = object({
      field("pipeline", string().min(1), "its name"),
      field("seed", integer().min(0).def(0), "of every step that has none of its own"),
      field("steps",
            map(object({
                field("step", string(), "which step"),
                field("inputs", map(anything()).def(Json::object()),
                      "role: \"STEP.OUTPUT\", an artifact, a path, or a list of these"),
                field("config", anything().def(Json::object()), "as the step's schema says"),
                field("runtime", anything().def(Json::object()), "how it is executed; recorded, never hashed"),
                field("seed", integer().min(0).def(nullptr), "of this step"),
            })),
            "name: step"),
      field("matrix", map(anything()).def(Json::object()), "\"STEP.config.KEY\": values; a grid"),
  });
  return schema;
}

// Follows `extends` to its end and applies the patches on the way back.
Json resolve_extends(const Json& value, const std::string& origin, const fs::path& folder, StepFolders& folders,
                     std::vector<std::string>& chain) {
  if (!value.is_object()) fail_usage("{}: expected a pipeline: an object with \"pipeline\" and \"steps\"", origin);
  Json result = value;
  if (const auto extends = value.find("extends"); extends != value.end()) {
    if (!extends->is_string()) fail_usage("{}: extends: expected the path of a pipeline file", origin);
    const fs::path base = (folder / extends->get<std::string>()).lexically_normal();
    if (std::find(chain.begin(), chain.end(), base.string()) != chain.end()) {
      fail_usage("{}: extends goes in a circle: {} -> {}", origin, fmt::join(chain, " -> "), base.string());
    }
    chain.push_back(base.string());
    result = resolve_extends(read_json(base), base.string(), base.parent_path(), folders, chain);
    Json patch = value;
    patch.erase("extends");
    result.merge_patch(patch);
  }
  if (const auto steps = value.find("steps"); steps != value.end() && steps->is_object()) {
    for (const auto& [name, step] : steps->items()) folders.emplace(name, folder);
  }
  return result;
}

void check_step_names(const Json& pipeline, const std::string& origin) {
  for (const auto& [name, step] : pipeline.at("steps").items()) {
    const bool fine = !name.empty() && std::all_of(name.begin(), name.end(),
                                                   [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; });
    if (!fine || name == "seed")
      fail_usage("{}: steps: '{}' cannot be a name: letters, digits, '-' and '_' can, 'seed' cannot", origin, name);
  }
}

// One part of "a.b[2].c".
struct Part {
  std::string text;
  bool is_index = false;
};

Part take_part(std::string& path) {
  const bool bracket = path.front() == '[';
  const std::size_t end = bracket ? path.find(']') : path.find_first_of(".[");
  Part part{path.substr(bracket ? 1 : 0, bracket ? end - 1 : end), bracket};
  path = end == std::string::npos ? "" : path.substr(end + (path[end] == '[' ? 0 : 1));
  if (!path.empty() && path.front() == '.') path.erase(0, 1);
  return part;
}

Json& list_entry(Json& list, const Part& part, const std::string& setting) {
  const bool is_number =
      !part.text.empty() && part.text.size() < 9 && part.text.find_first_not_of("0123456789") == std::string::npos;
  if (!is_number) fail_usage("--set {}: expected the index of a list entry, found '{}'", setting, part.text);
  const std::size_t index = std::stoul(part.text);
  if (index > list.size())
    fail_usage("--set {}: the list has {} entries, so the next index is {}", setting, list.size(), list.size());
  if (index == list.size()) list.push_back(nullptr);
  return list[index];
}

void set_at(Json& target, std::string path, const Json& value, const std::string& setting) {
  Json* place = &target;
  while (!path.empty()) {
    const Part part = take_part(path);
    if (part.text.empty()) fail_usage("--set {}: the path has an empty part", setting);
    if (part.is_index && place->is_null()) *place = Json::array();
    if (place->is_array()) {
      place = &list_entry(*place, part, setting);
    } else if (place->is_object() || place->is_null()) {
      place = &(*place)[part.text];
    } else {
      fail_usage("--set {}: '{}' lies inside a value that is no object", setting, part.text);
    }
  }
  *place = value;
}

Json parse_value(const std::string& text) {
  Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json(text) : value;
}

std::pair<std::string, Json> split_setting(const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0) fail_usage("--set {}: expected KEY=VALUE", setting);
  return {setting.substr(0, equals), parse_value(setting.substr(equals + 1))};
}

// "base.config.lr" as a place inside {"seed", "steps": {...}}: which step, and the path there.
struct Target {
  std::string step, path;  // step empty: of the whole pipeline
};

Target find_target(const Json& pipeline, const std::string& path, const std::string& where) {
  if (path == "seed") return {"", path};
  const std::string step = path.substr(0, path.find('.'));
  const Json& steps = pipeline.at("steps");
  if (!steps.contains(step)) {
    std::vector<std::string> names{"seed"};
    for (const auto& [name, declared] : steps.items()) names.push_back(name);
    const std::string near = nearest_name(step, names);
    fail_usage("{}: the pipeline has no step '{}'{}", where, step, near.empty() ? "" : ". Did you mean '" + near + "'?");
  }
  if (step.size() == path.size())
    fail_usage("{}: say what of '{}': {}.config.KEY, .runtime.KEY, .inputs.ROLE or .seed", where, step, step);
  const std::string rest = path.substr(step.size() + 1);
  const std::string block = rest.substr(0, rest.find_first_of(".["));
  static const std::vector<std::string> blocks{"config", "runtime", "inputs", "seed", "step"};
  if (std::find(blocks.begin(), blocks.end(), block) == blocks.end()) {
    fail_usage("{}: expected {}.config.KEY, .runtime.KEY, .inputs.ROLE or .seed, found '{}'. Did you mean '{}.config.{}'?", where,
               step, path, step, rest);
  }
  return {step, rest};
}

void apply_pipeline_setting(Json& pipeline, const std::string& setting) {
  const auto [path, value] = split_setting(setting);
  const Target target = find_target(pipeline, path, "--set " + setting);
  set_at(target.step.empty() ? pipeline : pipeline["steps"][target.step], target.path, value, setting);
}

// Matrix: one axis after the other multiplies the steps that depend on it.

struct AxisValue {
  std::string suffix;
  Json value;
};

std::vector<AxisValue> axis_values(const std::string& path, const Json& values, const std::string& where) {
  std::vector<AxisValue> axis;
  const std::string key = path.substr(path.find_last_of('.') + 1);
  if (values.is_object()) {
    for (const auto& [name, value] : values.items()) axis.push_back({"-" + name, value});
  } else if (values.is_array()) {
    for (const Json& value : values) {
      std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      if (value.is_structured() || text.size() > 24) text = std::to_string(axis.size() + 1);
      for (char& c : text) {
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
      }
      axis.push_back({"-" + key + "-" + text, value});
    }
  } else {
    fail_usage("{}: expected a list of values, or an object of named ones", where);
  }
  if (axis.empty()) fail_usage("{}: the axis has no values", where);
  return axis;
}

template <typename Fn>
void for_each_wire(Json& inputs, Fn&& fn) {
  for (auto& given : inputs) {
    if (given.is_string()) fn(given);
    if (!given.is_array()) continue;
    for (auto& each : given) {
      if (each.is_string()) fn(each);
    }
  }
}

std::string step_of_wire(const std::string& text) {
  return text.substr(0, text.find('.'));
}

// The step itself and all that read it, at any distance.
std::set<std::string> with_dependents(const Json& steps, const std::string& origin) {
  std::set<std::string> found{origin};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& entry : steps.items()) {
      Json inputs = entry.value().at("inputs");
      for_each_wire(inputs, [&](const Json& wire) {
        if (found.count(step_of_wire(wire)) > 0) grew |= found.insert(entry.key()).second;
      });
    }
  }
  return found;
}

void multiply(Json& pipeline, StepFolders& folders, const std::set<std::string>& targets, const std::string& rest,
              const std::vector<AxisValue>& axis, const std::string& where) {
  Json& steps = pipeline["steps"];
  std::set<std::string> affected;
  for (const std::string& target : targets) affected.merge(with_dependents(steps, target));
  Json multiplied = Json::object();
  for (const auto& [name, step] : steps.items()) {
    if (affected.count(name) == 0) multiplied[name] = step;
  }
  for (const AxisValue& each : axis) {
    for (const std::string& name : affected) {
      Json copy = steps.at(name);
      if (targets.count(name) > 0) set_at(copy, rest, each.value, where);
      for_each_wire(copy["inputs"], [&](Json& wire) {
        const std::string text = wire;
        const std::string source = step_of_wire(text);
        if (affected.count(source) > 0) wire = source + each.suffix + text.substr(source.size());
      });
      const std::string copy_name = name + each.suffix;
      if (multiplied.contains(copy_name))
        fail_usage("{}: two steps would be called '{}'; name the values: {{\"a\": .., \"b\": ..}}", where, copy_name);
      multiplied[copy_name] = std::move(copy);
      folders[copy_name] = folders.at(name);
    }
  }
  steps = std::move(multiplied);
}

void expand_matrix(Json& pipeline, StepFolders& folders, const std::string& origin) {
  const Json original = pipeline;
  // copies[step]: what an axis over `step` now has to change
  std::map<std::string, std::set<std::string>> copies;
  for (const auto& [name, step] : original.at("steps").items()) copies[name] = {name};
  for (const auto& [path, values] : original.at("matrix").items()) {
    const std::string where = origin + ": matrix." + path;
    const Target target = find_target(original, path, where);
    if (target.step.empty()) fail_usage("{}: an axis names a step: STEP.seed", where);
    const std::vector<AxisValue> axis = axis_values(path, values, where);
    const std::set<std::string> affected = with_dependents(original.at("steps"), target.step);
    multiply(pipeline, folders, copies.at(target.step), target.path, axis, where);
    for (const std::string& name : affected) {
      std::set<std::string> grown;
      for (const std::string& copy : copies.at(name)) {
        for (const AxisValue& each : axis) grown.insert(copy + each.suffix);
      }
      copies[name] = std::move(grown);
    }
  }
  pipeline.erase("matrix");
}

}  // namespace

void apply_setting(Json& target, const std::string& setting) {
  const auto [path, value] = split_setting(setting);
  set_at(target, path, value, setting);
}

Json complete_pipeline(const Json& value, const std::string& origin, const fs::path& folder,
                       const std::vector<std::string>& settings, StepFolders& folders) {
  std::vector<std::string> chain{origin};
  Json pipeline = resolve_extends(value, origin, folder, folders, chain);
  pipeline = pipeline_schema().complete(pipeline, origin);
  check_step_names(pipeline, origin);
  for (const std::string& setting : settings) apply_pipeline_setting(pipeline, setting);
  pipeline = pipeline_schema().complete(pipeline, origin);
  expand_matrix(pipeline, folders, origin);
  if (pipeline.at("steps").empty()) fail_usage("{}: the pipeline has no steps", origin);
  return pipeline;
}

}  // namespace cairn::steps
