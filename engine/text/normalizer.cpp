#include "engine/text/normalizer.h"

#include <optional>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/replacement.h"

namespace cairn::text {
namespace {

class Sequence : public Normalizer {
 public:
  Sequence(std::vector<NormalizerPtr> parts, std::string place) : parts_(std::move(parts)), place_(std::move(place)) {}
  void apply(std::string& text) const override {
    const std::size_t before = text.size();
    for (const NormalizerPtr& part : parts_) {
      part->apply(text);
      Replacement::check_growth(text.size(), before, place_);
    }
  }

 private:
  std::vector<NormalizerPtr> parts_;
  std::string place_;
};

class Replace : public Normalizer {
 public:
  explicit Replace(Replacement replacement) : replacement_(std::move(replacement)) {}
  void apply(std::string& text) const override { replacement_.apply(text); }

 private:
  Replacement replacement_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void apply(std::string& text) const override {
    if (right_) text.resize(text.size() - run_at_end(text, is_white_space));
    if (left_) text.erase(0, run_at_start(text, is_white_space));
  }

 private:
  bool left_, right_;
};

class ByteLevel : public Normalizer {
 public:
  void apply(std::string& text) const override { text = to_alphabet(text); }
};

// Sequences in a sequence are parts of the one, so that one bound holds for what they make of a text.
void read_parts(const Json& json, const std::string& origin, std::vector<NormalizerPtr>& parts) {
  const Json& list = array_field(json, "normalizers", origin);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}.normalizers[{}]", origin, i);
    if (list[i].is_null()) fail("{}: expected a normalizer, found null", place);
    if (string_field(list[i], "type", place) == "Sequence")
      read_parts(list[i], place, parts);
    else
      parts.push_back(read_normalizer(list[i], place));
  }
}

NormalizerPtr read_sequence(const Json& json, const std::string& origin) {
  std::vector<NormalizerPtr> parts;
  read_parts(json, origin, parts);
  if (parts.empty()) return nullptr;
  return std::make_unique<Sequence>(std::move(parts), origin);
}

}  // namespace

NormalizerPtr read_normalizer(const Json& json, const std::string& origin) {
  if (json.is_null()) return nullptr;
  const std::string type = string_field(json, "type", origin);
  if (type == "Sequence") return read_sequence(json, origin);
  if (auto form = unicode_normalizer(type)) return form;
  if (type == "Replace") return std::make_unique<Replace>(Replacement::read(json, origin));
  if (type == "Prepend") return std::make_unique<Prepend>(string_field(json, "prepend", origin));
  if (type == "Strip")
    return std::make_unique<Strip>(bool_field(json, "strip_left", origin, true), bool_field(json, "strip_right", origin, true));
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "BertNormalizer") return bert_normalizer(json, origin);
  if (type == "Nmt") return nmt_normalizer();
  if (type == "Precompiled") return precompiled_normalizer(json, origin);
  fail("{}.type: normalizer \"{}\" is not known", origin, type);
}

}  // namespace cairn::text
