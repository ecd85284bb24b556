#include "engine/text/post_processor.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/json_fields.h"

namespace cairn::text {
namespace {

constexpr std::size_t kMostItems = 100;  // of a template: each may be a copy of the text

TokenId token_id(const Json& value, std::int64_t vocab_size, const std::string& place) {
  const TokenId id = id_value(value, place);
  if (id >= vocab_size) fail("{}: no token has id {}; the vocabulary ends at {}", place, id, vocab_size - 1);
  return id;
}

// ["[SEP]", 102]
std::vector<TokenId> named_token(const Json& json, const char* key, std::int64_t vocab_size, const std::string& origin) {
  const Json& value = array_field(json, key, origin);
  if (value.size() != 2) fail("{}.{}: expected a token and its id", origin, key);
  return {token_id(value[1], vocab_size, fmt::format("{}.{}[1]", origin, key))};
}

std::vector<TokenId> special_token(const Json& table, const std::string& name, std::int64_t vocab_size,
                                   const std::string& origin) {
  const std::string place = fmt::format("{}.special_tokens[\"{}\"]", origin, name);
  const auto found = table.find(name);
  if (found == table.end()) fail("{}: is missing", place);
  std::vector<TokenId> ids;
  for (const Json& id : array_field(*found, "ids", place)) ids.push_back(token_id(id, vocab_size, place + ".ids"));
  return ids;
}

}  // namespace

PostProcessor::PostProcessor() : single_{{Item::Kind::first, {}}}, pair_{{Item::Kind::first, {}}, {Item::Kind::second, {}}} {}

PostProcessor::PostProcessor(const Json& json, std::int64_t vocab_size, const std::string& origin) : PostProcessor() {
  if (!json.is_null()) read(json, vocab_size, origin);
}

void PostProcessor::read(const Json& json, std::int64_t vocab_size, const std::string& origin) {
  const std::string type = string_field(json, "type", origin);
  if (type == "ByteLevel") return;
  if (type == "Sequence") {
    const Json& list = array_field(json, "processors", origin);
    for (std::size_t i = 0; i < list.size(); ++i) read(list[i], vocab_size, fmt::format("{}.processors[{}]", origin, i));
    return;
  }
  if (adds_) fail("{}: a second post-processor that adds tokens is not supported", origin);
  adds_ = true;
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    const Item first{Item::Kind::first, {}}, second{Item::Kind::second, {}};
    const Item cls{Item::Kind::tokens, named_token(json, "cls", vocab_size, origin)};
    const Item sep{Item::Kind::tokens, named_token(json, "sep", vocab_size, origin)};
    single_ = {cls, first, sep};
    pair_ = type == "BertProcessing" ? Template{cls, first, sep, second, sep} : Template{cls, first, sep, sep, second, sep};
    return;
  }
  if (type != "TemplateProcessing") fail("{}.type: post-processor \"{}\" is not known", origin, type);
  const Json& table = object_field(json, "special_tokens", origin);
  for (const auto& [key, form] : {std::pair("single", &single_), std::pair("pair", &pair_)}) {
    const Json& list = array_field(json, key, origin);
    if (list.size() > kMostItems) fail("{}.{}: {} items; expected at most {}", origin, key, list.size(), kMostItems);
    form->clear();
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string place = fmt::format("{}.{}[{}]", origin, key, i);
      if (list[i].is_object() && list[i].contains("SpecialToken")) {
        const std::string name = string_field(list[i]["SpecialToken"], "id", place + ".SpecialToken");
        form->push_back({Item::Kind::tokens, special_token(table, name, vocab_size, origin)});
      } else {
        const std::string name = string_field(object_field(list[i], "Sequence", place), "id", place + ".Sequence");
        if (name != "A" && name != "B") fail("{}.Sequence.id: expected A or B, found \"{}\"", place, name);
        form->push_back({name == "A" ? Item::Kind::first : Item::Kind::second, {}});
      }
    }
  }
}

std::vector<TokenId> PostProcessor::fill(const Template& form, const std::vector<TokenId>& first,
                                         const std::vector<TokenId>& second) {
  std::vector<TokenId> ids;
  for (const Item& item : form) {
    const std::vector<TokenId>& more = item.kind == Item::Kind::first    ? first
                                       : item.kind == Item::Kind::second ? second
                                                                         : item.tokens;
    ids.insert(ids.end(), more.begin(), more.end());
  }
  return ids;
}

std::vector<TokenId> PostProcessor::apply(const std::vector<TokenId>& text) const {
  return fill(single_, text, {});
}

std::vector<TokenId> PostProcessor::apply(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const {
  return fill(pair_, first, second);
}

}  // namespace cairn::text
