// The `normalizer` of a tokenizer: what is done to text before it is cut into words. One class a kind, by the names of
// tokenizer.json: NFC NFD NFKC NFKD Lowercase StripAccents (unicode_normalizers.cpp), BertNormalizer and Nmt
// (cleaning_normalizers.cpp), Precompiled (charsmap.h), and Sequence Replace Prepend Strip ByteLevel (normalizer.cpp).
//
// Unicode forms are ICU's: characters newer than the installed ICU stay as they are.
#pragma once

#include <memory>
#include <string>

#include "base/json_fwd.h"

namespace cairn::text {

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Changes `text` in place: valid UTF-8 in, valid UTF-8 out. Error on a text that would grow beyond all sense. Any thread.
  virtual void apply(std::string& text) const = 0;
};

using NormalizerPtr = std::unique_ptr<const Normalizer>;

// `json` is the value of the key "normalizer"; null for null. Errors begin with `origin`.
NormalizerPtr read_normalizer(const Json& json, const std::string& origin);

// The kinds of the other files; `json` is the normalizer's object.
NormalizerPtr unicode_normalizer(const std::string& type);  // null: not one of those
NormalizerPtr bert_normalizer(const Json& json, const std::string& origin);
NormalizerPtr nmt_normalizer();
NormalizerPtr precompiled_normalizer(const Json& json, const std::string& origin);

}  // namespace cairn::text
