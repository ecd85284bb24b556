#include "engine/data/japanese/sudachi_settings.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"

namespace cairn::data {

namespace {

// The plugins of a list, by the last part of their class, "com.worksap.nlp.sudachi.JoinNumericPlugin".
struct Plugin {
  std::string name;
  const Json* settings;
};
std::vector<Plugin> plugins_of(const Json& json, const char* list, const std::string& file) {
  std::vector<Plugin> plugins;
  if (!json.contains(list)) return plugins;
  for (const Json& entry : json.at(list)) {
    if (!entry.is_object() || !entry.contains("class") || !entry.at("class").is_string())
      fail("{}: {}: expected objects with a class", file, list);
    const std::string name = entry.at("class").get<std::string>();
    plugins.push_back({name.substr(name.rfind('.') + 1), &entry});
  }
  return plugins;
}

const Json& member(const Plugin& plugin, const char* key, const std::string& file) {
  const auto found = plugin.settings->find(key);
  if (found == plugin.settings->end()) fail("{}: {}: expected {}", file, plugin.name, key);
  return *found;
}

template <typename Number>
Number number_of(const Plugin& plugin, const char* key, std::int64_t least, std::int64_t most, const std::string& file) {
  const Json& value = member(plugin, key, file);
  if (!value.is_number_integer() || value.get<std::int64_t>() < least || value.get<std::int64_t>() > most)
    fail("{}: {}: {}: expected a whole number from {} to {}", file, plugin.name, key, least, most);
  return static_cast<Number>(value.get<std::int64_t>());
}

std::vector<std::string> strings_of(const Plugin& plugin, const char* key, const std::string& file) {
  std::vector<std::string> strings;
  const Json& list = member(plugin, key, file);
  if (!list.is_array()) fail("{}: {}: {}: expected a list", file, plugin.name, key);
  for (const Json& entry : list) {
    if (!entry.is_string()) fail("{}: {}: {}: expected strings", file, plugin.name, key);
    strings.push_back(entry.get<std::string>());
  }
  return strings;
}

std::vector<char32_t> characters_of(const Plugin& plugin, const char* key, const std::string& file) {
  std::vector<char32_t> characters;
  for (const std::string& text : strings_of(plugin, key, file)) {
    const CodePoint point = text.empty() ? CodePoint() : decode_utf8(text, 0);
    if (point.bytes == 0 || static_cast<std::size_t>(point.bytes) != text.size())
      fail("{}: {}: {}: '{}': expected one character", file, plugin.name, key, text);
    characters.push_back(point.value);
  }
  return characters;
}

}  // namespace

SudachiSettings SudachiSettings::read(std::string_view json, const std::string& name) {
  const Json all = parse_json(json, name);
  if (!all.is_object()) fail("{}: expected an object", name);
  SudachiSettings settings;
  int last = 0;
  const auto in_order = [&](const Plugin& plugin, int place) {
    if (place <= last) fail("{}: {} in another place than SudachiPy's own settings have it", name, plugin.name);
    last = place;
  };
  for (const Plugin& plugin : plugins_of(all, "inputTextPlugin", name)) {
    if (plugin.name == "DefaultInputTextPlugin") {
      in_order(plugin, 1);
      settings.rewrite.normalises = true;
    } else if (plugin.name == "ProlongedSoundMarkPlugin") {
      in_order(plugin, 2);
      settings.rewrite.sound_marks = characters_of(plugin, "prolongedSoundMarks", name);
      const Json& mark = member(plugin, "replacementSymbol", name);
      if (!mark.is_string()) fail("{}: {}: replacementSymbol: expected a string", name, plugin.name);
      settings.rewrite.sound_mark = mark.get<std::string>();
    } else if (plugin.name == "IgnoreYomiganaPlugin") {
      in_order(plugin, 3);
      settings.rewrite.left_brackets = characters_of(plugin, "leftBrackets", name);
      settings.rewrite.right_brackets = characters_of(plugin, "rightBrackets", name);
      settings.rewrite.longest_reading = number_of<std::size_t>(plugin, "maxYomiganaLength", 1, 1000, name);
    } else {
      fail("{}: a plugin that is not known: {}", name, plugin.name);
    }
  }
  for (const Plugin& plugin : plugins_of(all, "oovProviderPlugin", name)) {
    if (plugin.name == "MeCabOovPlugin") {
      in_order(plugin, 4);
      settings.makes_up_by_classes = true;
    } else if (plugin.name == "SimpleOovPlugin") {
      in_order(plugin, 5);
      settings.unknown = {number_of<std::uint16_t>(plugin, "leftId", 0, 65535, name),
                          number_of<std::uint16_t>(plugin, "rightId", 0, 65535, name),
                          number_of<std::int16_t>(plugin, "cost", -32768, 32767, name), -1};
      settings.unknown_part_of_speech = strings_of(plugin, "oovPOS", name);
    } else {
      fail("{}: a plugin that is not known: {}", name, plugin.name);
    }
  }
  if (settings.unknown_part_of_speech.size() != 6) fail("{}: expected SimpleOovPlugin, with six fields of oovPOS", name);
  for (const Plugin& plugin : plugins_of(all, "pathRewritePlugin", name)) {
    if (plugin.name == "JoinNumericPlugin") {
      in_order(plugin, 6);
      settings.joins_numbers = true;
      settings.normalises_numbers = plugin.settings->value("enableNormalize", true);
    } else if (plugin.name == "JoinKatakanaOovPlugin") {
      in_order(plugin, 7);
      settings.joins_katakana = true;
      settings.shortest_katakana = number_of<std::size_t>(plugin, "minLength", 0, 1000, name);
    } else {
      fail("{}: a plugin that is not known: {}", name, plugin.name);
    }
  }
  if (!plugins_of(all, "connectionCostPlugin", name).empty() || !plugins_of(all, "connectCostPlugin", name).empty())
    fail("{}: plugins that change the costs of connections are not known", name);
  return settings;
}

}  // namespace cairn::data
