#include "engine/data/document_encoder.h"

#include "base/json.h"
#include "engine/text/bpe_trainer.h"

namespace cairn::data {

using text::SpecialTokens;
using text::TokenId;

std::vector<Field> document_encoder_fields() {
  return {
      field("bos", string().min(1).def("<s>"), "token before each document"),
      field("eos", string().min(1).def("</s>"), "token after each document"),
      field("special", string().one_of({"as_text", "parse"}).def("as_text"),
            "what control tokens in a document's text become: text, or the tokens"),
      field("markers", list(string().min(1)).def(Json(text::pii_markers())), "tokens that the text holds on purpose"),
  };
}

DocumentEncoder::DocumentEncoder(const text::Tokenizer& tokenizer, const Config& config)
    : tokenizer_(tokenizer), special_(config.string("special") == "parse" ? SpecialTokens::parse : SpecialTokens::as_text) {
  for (const auto& [name, id] : {std::pair{"bos", &bos_}, std::pair{"eos", &eos_}}) {
    if (config.has(name)) *id = tokenizer.require(config.string(name));
  }
  for (const std::string& marker : config.strings("markers")) {
    const auto id = tokenizer.id_of(marker);
    if (id && tokenizer.is_special(*id)) markers_.emplace_back(marker, *id);  // others are found as the tokenizer finds them
  }
}

std::vector<TokenId> DocumentEncoder::encode(std::string_view text) const {
  std::vector<TokenId> ids;
  ids.reserve(text.size() / 3 + 2);
  if (bos_) ids.push_back(*bos_);
  while (!text.empty()) {
    TokenId marker = -1;
    std::size_t at = text.size(), length = 0;
    for (const auto& [written, id] : markers_) {
      const std::size_t found = text.substr(0, at).find(written);
      if (found != std::string_view::npos) at = found, length = written.size(), marker = id;
    }
    tokenizer_.encode_to(text.substr(0, at), special_, ids);
    if (marker >= 0) ids.push_back(marker);
    text.remove_prefix(at + length);
  }
  if (eos_) ids.push_back(*eos_);
  return ids;
}

}  // namespace cairn::data
