#include "engine/text/decoder.h"

#include "base/error.h"
#include "base/json.h"
#include "engine/text/byte_alphabet.h"
#include "engine/text/characters.h"
#include "engine/text/json_fields.h"
#include "engine/text/metaspace.h"
#include "engine/text/replacement.h"
#include "engine/text/vocabulary.h"

namespace cairn::text {
namespace {

std::string join(const std::vector<std::string>& tokens) {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t at = from.empty() ? std::string::npos : text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  std::size_t done = 0;
  for (; at != std::string::npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  out.append(text, done);
  text = std::move(out);
}

std::size_t bytes_of(const std::vector<std::string>& tokens) {
  std::size_t bytes = 0;
  for (const std::string& token : tokens) bytes += token.size();
  return bytes;
}

// English punctuation and contractions without the space that tokens were joined with.
void clean_up(std::string& text) {
  static constexpr std::pair<std::string_view, std::string_view> kChanges[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kChanges) replace_all(text, from, to);
}

class ByteLevel : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::string bytes;
    for (const std::string& token : tokens) bytes += from_alphabet(token).value_or(token);
    tokens.assign(1, std::move(bytes));
  }
};

class ByteFallback : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (find_invalid_utf8(bytes) == std::string::npos)
        out.push_back(bytes);
      else
        for (std::size_t i = 0; i < bytes.size(); ++i) out.emplace_back("\xEF\xBF\xBD");
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = byte_of_token(token)) {
        bytes += static_cast<char>(*byte);
        continue;
      }
      flush();
      out.push_back(std::move(token));
    }
    flush();
    tokens = std::move(out);
  }
};

class Fuse : public Decoder {
 public:
  void apply(std::vector<std::string>& tokens) const override { tokens.assign(1, join(tokens)); }
};

class Strip : public Decoder {
 public:
  Strip(std::string content, std::size_t start, std::size_t stop) : content_(std::move(content)), start_(start), stop_(stop) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::size_t begin = 0, end = token.size();
      for (std::size_t i = 0; i < start_ && token.compare(begin, content_.size(), content_) == 0; ++i) begin += content_.size();
      for (std::size_t i = 0; i < stop_ && end >= begin + content_.size(); ++i) {
        if (token.compare(end - content_.size(), content_.size(), content_) != 0) break;
        end -= content_.size();
      }
      token = token.substr(begin, end - begin);
    }
  }

 private:
  std::string content_;
  std::size_t start_, stop_;
};

class Replace : public Decoder {
 public:
  Replace(Replacement replacement, std::string place) : replacement_(std::move(replacement)), place_(std::move(place)) {}
  void apply(std::vector<std::string>& tokens) const override {
    const std::size_t before = bytes_of(tokens);
    std::size_t made = 0;
    for (std::string& token : tokens) {
      replacement_.apply(token);
      made += token.size();
      Replacement::check_growth(made, before, place_);
    }
  }

 private:
  Replacement replacement_;
  std::string place_;
};

class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      std::string& token = tokens[i];
      if (i > 0) {
        if (token.compare(0, prefix_.size(), prefix_) == 0)
          token.erase(0, prefix_.size());
        else
          token.insert(token.begin(), ' ');
      }
      if (cleanup_) clean_up(token);
    }
  }

 private:
  std::string prefix_;
  bool cleanup_;
};

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool drop = i == 0 && metaspace_.prepend != PrependScheme::never;
      replace_all(tokens[i], metaspace_.replacement, drop ? "" : " ");
    }
  }

 private:
  Metaspace metaspace_;
};

class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}
  void apply(std::vector<std::string>& tokens) const override {
    for (std::size_t i = 0; i < tokens.size(); ++i) replace_all(tokens[i], suffix_, i + 1 == tokens.size() ? "" : " ");
  }

 private:
  std::string suffix_;
};

class Ctc : public Decoder {
 public:
  Ctc(std::string pad, std::string delimiter, bool cleanup)
      : pad_(std::move(pad)), delimiter_(std::move(delimiter)), cleanup_(cleanup) {}
  void apply(std::vector<std::string>& tokens) const override {
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    std::vector<std::string> out;
    for (std::string& token : tokens) {
      replace_all(token, pad_, "");
      if (cleanup_) {
        clean_up(token);
        replace_all(token, delimiter_, " ");
      }
      if (!token.empty()) out.push_back(std::move(token));
    }
    tokens = std::move(out);
  }

 private:
  std::string pad_, delimiter_;
  bool cleanup_;
};

class Sequence : public Decoder {
 public:
  Sequence(std::vector<DecoderPtr> parts, std::string place) : parts_(std::move(parts)), place_(std::move(place)) {}
  void apply(std::vector<std::string>& tokens) const override {
    const std::size_t before = bytes_of(tokens);
    for (const DecoderPtr& part : parts_) {
      part->apply(tokens);
      Replacement::check_growth(bytes_of(tokens), before, place_);
    }
  }

 private:
  std::vector<DecoderPtr> parts_;
  std::string place_;
};

std::string text_or(const Json& json, const char* key, const std::string& origin, const char* missing) {
  return json.contains(key) ? string_field(json, key, origin) : missing;
}

std::size_t count_field(const Json& json, const char* key, const std::string& origin) {
  return static_cast<std::size_t>(id_value(json.value(key, Json(0)), origin + "." + key));
}

// Sequences in a sequence are parts of the one, so that one bound holds for what they make of a text.
void read_parts(const Json& json, const std::string& origin, std::vector<DecoderPtr>& parts) {
  const Json& list = array_field(json, "decoders", origin);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string place = fmt::format("{}.decoders[{}]", origin, i);
    if (list[i].is_null()) fail("{}: expected a decoder, found null", place);
    if (string_field(list[i], "type", place) == "Sequence")
      read_parts(list[i], place, parts);
    else
      parts.push_back(read_decoder(list[i], place));
  }
}

DecoderPtr read_sequence(const Json& json, const std::string& origin) {
  std::vector<DecoderPtr> parts;
  read_parts(json, origin, parts);
  return std::make_unique<Sequence>(std::move(parts), origin);
}

}  // namespace

DecoderPtr read_decoder(const Json& json, const std::string& origin) {
  if (json.is_null()) return nullptr;
  const std::string type = string_field(json, "type", origin);
  if (type == "ByteLevel") return std::make_unique<ByteLevel>();
  if (type == "ByteFallback") return std::make_unique<ByteFallback>();
  if (type == "Fuse") return std::make_unique<Fuse>();
  if (type == "Strip") {
    std::string content = string_field(json, "content", origin);
    if (content.empty()) fail("{}.content: is empty", origin);
    return std::make_unique<Strip>(std::move(content), count_field(json, "start", origin), count_field(json, "stop", origin));
  }
  if (type == "Replace") return std::make_unique<Replace>(Replacement::read(json, origin), origin);
  if (type == "WordPiece")
    return std::make_unique<WordPieceDecoder>(text_or(json, "prefix", origin, "##"), bool_field(json, "cleanup", origin, true));
  if (type == "Metaspace") return std::make_unique<MetaspaceDecoder>(Metaspace::read(json, origin));
  if (type == "BPEDecoder") return std::make_unique<BpeDecoder>(text_or(json, "suffix", origin, "</w>"));
  if (type == "CTC")
    return std::make_unique<Ctc>(text_or(json, "pad_token", origin, "<pad>"), text_or(json, "word_delimiter_token", origin, "|"),
                                 bool_field(json, "cleanup", origin, true));
  if (type == "Sequence") return read_sequence(json, origin);
  fail("{}.type: decoder \"{}\" is not known", origin, type);
}

std::string decode_tokens(const Decoder* decoder, std::vector<std::string> tokens) {
  if (decoder) {
    decoder->apply(tokens);
    return join(tokens);
  }
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i) text += (i > 0 ? " " : "") + tokens[i];
  return text;
}

bool decoder_has(const Json& json, const std::string& type) {
  if (!json.is_object()) return false;
  if (json.value("type", Json()) == type) return true;
  const auto parts = json.find("decoders");
  if (parts == json.end() || !parts->is_array()) return false;
  return std::any_of(parts->begin(), parts->end(), [&](const Json& part) { return decoder_has(part, type); });
}

}  // namespace cairn::text
