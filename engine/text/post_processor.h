// The `post_processor` of a tokenizer: the special tokens around a text, or around a pair of texts. By the names of
// tokenizer.json: TemplateProcessing BertProcessing RobertaProcessing ByteLevel (which adds nothing) and Sequence of those.
#pragma once

#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "engine/text/model.h"

namespace cairn::text {

class PostProcessor {
 public:
  PostProcessor();  // adds nothing; of a pair one text follows the other
  // `json` is the value of the key "post_processor"; ids are below `vocab_size`. Errors begin with `origin`.
  PostProcessor(const Json& json, std::int64_t vocab_size, const std::string& origin);

  std::vector<TokenId> apply(const std::vector<TokenId>& text) const;
  std::vector<TokenId> apply(const std::vector<TokenId>& first, const std::vector<TokenId>& second) const;

 private:
  struct Item {
    enum class Kind { first, second, tokens } kind;
    std::vector<TokenId> tokens;
  };
  using Template = std::vector<Item>;
  void read(const Json& json, std::int64_t vocab_size, const std::string& origin);
  static std::vector<TokenId> fill(const Template& form, const std::vector<TokenId>& first, const std::vector<TokenId>& second);

  Template single_, pair_;
  bool adds_ = false;
};

}  // namespace cairn::text
