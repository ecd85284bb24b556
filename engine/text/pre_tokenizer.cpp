#include "engine/text/pre_tokenizer.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/json_fields.h"
#include "engine/text/replacement.h"

namespace cairn::text {
namespace {

constexpr std::size_t kMostStages = 64;  // each may keep a copy of the text

// ByteLevel's add_prefix_space.
class PrefixSpace : public PreTokenizerStage {
 public:
  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>& store) const override {
    out.push_back(piece[0] == ' ' ? piece : std::string_view(store.emplace_back(" " + std::string(piece))));
    return true;
  }
};

class ToAlphabet : public PreTokenizerStage {
 public:
  bool split(std::string_view piece, bool, std::vector<std::string_view>& out, std::deque<std::string>& store) const override {
    out.push_back(store.emplace_back(to_alphabet(piece)));
    return true;
  }
};

}  // namespace

void PreTokenizer::add_known(const KnownPattern& pattern) {
  known_stages_.emplace_back(stages_.size(), pattern);
  stages_.push_back(known_pattern_stage(pattern));
}

void PreTokenizer::add(const Json& json, const std::string& origin) {
  const std::string type = string_field(json, "type", origin);
  if (type == "Sequence") {
    const Json& list = array_field(json, "pretokenizers", origin);
    for (std::size_t i = 0; i < list.size(); ++i) add(list[i], fmt::format("{}.pretokenizers[{}]", origin, i));
    return;
  }
  if (byte_level_) stages_.push_back(std::make_unique<ToAlphabet>()), byte_level_ = false;
  if (type == "ByteLevel") {
    if (bool_field(json, "add_prefix_space", origin, true)) stages_.push_back(std::make_unique<PrefixSpace>());
    if (bool_field(json, "use_regex", origin, true)) add_known({});
    byte_level_ = true;
    return;
  }
  if (type == "Metaspace") return stages_.push_back(metaspace_stage(json, origin));
  std::vector<KnownPattern> known;
  PreTokenizerStagePtr stage = split_stage(type, json, origin, known);
  if (!stage) fail("{}.type: pre-tokenizer \"{}\" is not known", origin, type);
  if (!known.empty()) known_stages_.emplace_back(stages_.size(), known.front());
  stages_.push_back(std::move(stage));
}

PreTokenizer::PreTokenizer(const Json& json, std::string_view origin, bool bytes) : place_(origin) {
  if (json.is_null()) return;
  if (!json.is_object()) fail("{}: expected an object or null, found {}", place_, json.type_name());
  add(json, place_);
  if (stages_.size() > kMostStages) fail("{}: {} stages; expected at most {}", place_, stages_.size(), kMostStages);
  if (byte_level_ && !bytes) stages_.push_back(std::make_unique<ToAlphabet>()), byte_level_ = false;
  if (stages_.size() == 1 && known_stages_.size() == 1 && byte_level_) known_ = known_stages_[0].second;
}

PreTokenizer::PreTokenizer(const KnownPattern& pattern) : byte_level_(true), known_(pattern) {
  add_known(pattern);
}

void PreTokenizer::forget_known() {
  known_.reset();
  for (const auto& [at, pattern] : known_stages_) stages_[at] = regex_stage(pattern_regex(pattern), "pattern");
  known_stages_.clear();
}

void PreTokenizer::split(std::string_view text, std::vector<std::string_view>& pieces, std::deque<std::string>& store,
                         bool at_start) const {
  pieces.assign(1, text);
  if (text.empty()) pieces.clear();
  std::vector<std::string_view> next;
  for (const PreTokenizerStagePtr& stage : stages_) {
    next.clear();
    bool still_at_start = false;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      const bool starts = stage->split(pieces[i], at_start && i == 0, next, store);
      if (i == 0) still_at_start = at_start && starts;
    }
    at_start = still_at_start;
    pieces.swap(next);
    std::size_t bytes = 0;
    for (const std::string_view piece : pieces) bytes += piece.size();
    Replacement::check_growth(bytes, text.size(), place_);
  }
}

}  // namespace cairn::text
