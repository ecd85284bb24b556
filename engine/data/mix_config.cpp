#include "engine/data/mix_config.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"

namespace cairn::data {

namespace {

bool is_role(const std::string& name) {
  return name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string::npos && name != "decisions" &&
         name != "report";
}

std::vector<std::string> names_of_inputs(const Config& config, std::size_t count) {
  std::vector<std::string> names;
  if (!config.has("input_names")) {
    for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
    return names;
  }
  names = config.strings("input_names");
  if (names.size() != count) fail_usage("config.input_names: {} names for {} inputs", names.size(), count);
  if (std::set<std::string>(names.begin(), names.end()).size() != count)
    fail_usage("config.input_names: two inputs have one name");
  return names;
}

std::string known_or_near(const std::string& name, const std::vector<std::string>& known) {
  const std::string near = nearest_name(name, known);
  return near.empty() ? fmt::format("; known: {}", fmt::join(known, ", ")) : ". Did you mean '" + near + "'?";
}

MixStage read_stage(const Config& config, const std::vector<std::string>& names) {
  MixStage stage{config.string("name"), std::nullopt, std::vector<MixRequest>(names.size())};
  if (config.has("size")) stage.size = config.integer("size");
  bool weighs = false, asks = false;
  for (const auto& [field, kind] :
       {std::pair{"weights", MixRequest::Kind::weight}, std::pair{"budgets", MixRequest::Kind::budget},
        std::pair{"passes", MixRequest::Kind::passes}}) {
    for (const auto& [name, value] : config.json(field).items()) {
      const auto at = std::find(names.begin(), names.end(), name);
      if (at == names.end())
        fail_usage("stage '{}': {}: there is no source '{}'{}", stage.name, field, name, known_or_near(name, names));
      MixRequest& request = stage.requests[static_cast<std::size_t>(at - names.begin())];
      if (request.kind != MixRequest::Kind::none)
        fail_usage("stage '{}': source '{}' is asked for twice; give it a weight, a budget or passes", stage.name, name);
      request = {kind, value.get<double>()};
      asks = asks || request.value > 0;
      weighs = weighs || kind == MixRequest::Kind::weight;
    }
  }
  if (!asks) fail_usage("stage '{}' asks for nothing; give weights, budgets or passes", stage.name);
  if (weighs && !stage.size) fail_usage("stage '{}': weights share a size, which it does not give", stage.name);
  if (!weighs && stage.size) fail_usage("stage '{}': its size is shared by no weights", stage.name);
  return stage;
}

}  // namespace

std::set<std::string> set_of(const Config& config, std::string_view field) {
  const std::vector<std::string> list = config.strings(field);
  return {list.begin(), list.end()};
}

std::vector<std::string> mix_stage_names(const Config& config) {
  std::vector<std::string> names;
  for (const Config& stage : config.objects("stages")) {
    const std::string name = stage.string("name");
    if (!is_role(name))
      fail_usage("config.stages: '{}' cannot name an output; expected small letters, digits, '_' and '-'", name);
    if (std::find(names.begin(), names.end(), name) != names.end()) fail_usage("config.stages: two are called '{}'", name);
    names.push_back(name);
  }
  return names;
}

MixConfig read_mix_config(const Config& config, std::size_t inputs) {
  MixConfig mixture;
  const std::vector<std::string> input_names = names_of_inputs(config, inputs);
  std::vector<std::string> names;
  for (const Config& source : config.objects("sources")) {
    const std::string name = source.string("name");
    if (std::find(names.begin(), names.end(), name) != names.end()) fail_usage("config.sources: two are called '{}'", name);
    names.push_back(name);
    MixSource& rules = mixture.sources.emplace_back();
    rules.name = name;
    if (source.has("domain_cap")) rules.domain_cap = source.integer("domain_cap");
    rules.max_repeats = source.number("max_repeats");
    std::set<std::size_t>& of_source = mixture.inputs.emplace_back();
    for (const std::string& input : source.strings("inputs")) {
      const auto at = std::find(input_names.begin(), input_names.end(), input);
      if (at == input_names.end())
        fail_usage("source '{}': there is no input '{}'{}", name, input, known_or_near(input, input_names));
      of_source.insert(static_cast<std::size_t>(at - input_names.begin()));
    }
  }
  mix_stage_names(config);
  for (const Config& stage : config.objects("stages")) mixture.stages.push_back(read_stage(stage, names));
  mixture.reuse = config.string("reuse") == "restart" ? MixReuse::restart : MixReuse::go_on;
  return mixture;
}

std::vector<Field> mix_config_fields(std::vector<Field> more) {
  std::vector<Field> source{
      field("name", string().min(1), "as stages call it"),
      field("inputs", list(string()).def(Json::array()), "by name; empty = all"),
      field("sources", list(string()).def(Json::array()), "of documents: package, dataset, domain; empty = all"),
      field("domain_cap", integer().min(1).def(nullptr), "of one site, at most, in the unit"),
      field("max_repeats", number().above(0).def(1.0), "how often it may be read, over all stages together"),
  };
  for (Field& field : more) source.push_back(std::move(field));
  return {
      field("input_names", list(string().min(1)).def(nullptr), "of the inputs, in order; \"0\", \"1\", ... when left out"),
      field("sources", list(object(std::move(source))).min(1), "a document belongs to the first that takes it"),
      field("stages",
            list(object({
                     field("name", string().min(1).def("documents"), "of the stage and of its output"),
                     field("size", integer().min(1).def(nullptr), "that the weights share, in the unit"),
                     field("weights", map(number().min(0)).def(Json::object()), "source -> its part of the size"),
                     field("budgets", map(integer().min(0)).def(Json::object()), "source -> an amount in the unit"),
                     field("passes", map(number().min(0)).def(Json::object()), "source -> how often; 1.5 is once and half again"),
                 }))
                .min(1),
            "in order"),
      field("reuse", string().one_of({"go_on", "restart"}).def("go_on"),
            "go_on: a stage begins where the one before ended; restart: each begins anew"),
  };
}

}  // namespace cairn::data
