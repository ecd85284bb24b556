#include "engine/text/sentencepiece_file.h"

#include <cmath>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/utf8.h"
#include "engine/text/metaspace.h"
#include "engine/text/protobuf.h"
#include "engine/text/sentencepiece_merges.h"

namespace cairn::text {
namespace {

using Type = SentencePieceFile::Type;

SentencePieceFile::Piece read_piece(ProtobufReader message) {
  SentencePieceFile::Piece piece;
  while (message.next()) {
    switch (message.field()) {
      case 1:
        piece.text = message.bytes();
        break;
      case 2:
        piece.score = message.number();
        break;
      case 3: {
        const int type = message.integer();
        if (type < 1 || type > 6) fail("{}: type {} is not known", message.place(), type);
        piece.type = static_cast<Type>(type);
        break;
      }
      default:
        break;
    }
  }
  if (piece.text.empty()) fail("{}: is empty", message.place());
  if (find_invalid_utf8(piece.text) != std::string::npos) fail("{}: is not UTF-8", message.place());
  if (!std::isfinite(piece.score)) fail("{}: its score is no number", message.place());
  return piece;
}

void read_trainer(ProtobufReader message, SentencePieceFile& file) {
  while (message.next()) {
    if (message.field() == 3) {
      const int type = message.integer();
      if (type < 1 || type > 4)
        fail("{}: model type {} is not known; expected 1 (unigram), 2 (bpe), 3 (word) or 4 (char)", message.place(), type);
      file.algorithm = static_cast<SentencePieceFile::Algorithm>(type);
    } else if (message.field() == 24 && message.boolean()) {
      fail("{}: treat_whitespace_as_suffix is not supported", message.place());
    } else if (message.field() == 35) {
      file.byte_fallback = message.boolean();
    }
  }
}

void read_normalizer_spec(ProtobufReader message, SentencePieceFile& file) {
  while (message.next()) {
    switch (message.field()) {
      case 2:
        file.charsmap = message.bytes();
        break;
      case 3:
        file.add_dummy_prefix = message.boolean();
        break;
      case 4:
        file.remove_extra_whitespaces = message.boolean();
        break;
      case 5:
        file.escape_whitespaces = message.boolean();
        break;
      default:
        break;
    }
  }
}

}  // namespace

SentencePieceFile read_sentencepiece(std::string_view bytes, const std::string& origin) {
  SentencePieceFile file;
  ProtobufReader model(bytes, origin);
  int unknown = -1;
  while (model.next()) {
    if (model.field() == 1) {
      const std::size_t id = file.pieces.size();
      file.pieces.push_back(read_piece(model.message(fmt::format("{}: piece {}", origin, id))));
      if (file.pieces.back().type != Type::unknown) continue;
      if (unknown >= 0) fail("{}: pieces {} and {} are both unknown tokens", origin, unknown, id);
      unknown = static_cast<int>(id);
    } else if (model.field() == 2) {
      read_trainer(model.message(origin + ": trainer_spec"), file);
    } else if (model.field() == 3) {
      read_normalizer_spec(model.message(origin + ": normalizer_spec"), file);
    }
  }
  if (file.pieces.empty()) fail("{}: has no pieces; expected a SentencePiece model", origin);
  if (unknown < 0) fail("{}: no piece is the unknown token", origin);
  file.unknown = unknown;
  return file;
}

namespace {

Json normalizer_of(const SentencePieceFile& file) {
  const auto replace = [](Json pattern, const char* content) {
    return Json{{"type", "Replace"}, {"pattern", std::move(pattern)}, {"content", content}};
  };
  const char* space = file.escape_whitespaces ? kMetaspace : " ";
  Json parts = Json::array();
  if (!file.charsmap.empty()) parts.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", base64_encode(file.charsmap)}});
  if (file.remove_extra_whitespaces) {
    parts.push_back(replace({{"Regex", "\\A +| +\\z"}}, ""));
    parts.push_back(replace({{"Regex", " {2,}"}}, " "));
  }
  if (file.add_dummy_prefix) parts.push_back({{"type", "Prepend"}, {"prepend", space}});
  if (file.escape_whitespaces) parts.push_back(replace({{"String", " "}}, kMetaspace));
  return parts.empty() ? Json() : Json{{"type", "Sequence"}, {"normalizers", parts}};
}

Json decoder_of(const SentencePieceFile& file) {
  Json parts = Json::array();
  parts.push_back({{"type", "Replace"}, {"pattern", {{"String", kMetaspace}}}, {"content", " "}});
  parts.push_back({{"type", "ByteFallback"}});
  parts.push_back({{"type", "Fuse"}});
  if (file.add_dummy_prefix) parts.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", parts}};
}

Json vocabulary_of(const SentencePieceFile& file) {
  Json vocab = Json::object();
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const std::string& text = file.pieces[id].text;
    if (vocab.contains(text))
      fail("pieces {} and {} are both \"{}\", which a tokenizer.json cannot say", vocab[text].dump(), id, text);
    vocab[text] = id;
  }
  return vocab;
}

std::string unknown_of(const SentencePieceFile& file) {
  return file.pieces[static_cast<std::size_t>(file.unknown)].text;
}

// Also of characters: BPE without merges.
Json bpe_model(const SentencePieceFile& file) {
  Json merges = Json::array();
  const bool merges_pieces = file.algorithm == SentencePieceFile::Algorithm::bpe;
  for (const RankedMerge& merge : merges_pieces ? sentencepiece_merges(file) : std::vector<RankedMerge>()) {
    const auto text = [&](TokenId id) { return file.pieces[static_cast<std::size_t>(id)].text; };
    merges.push_back({text(merge.left), text(merge.right)});
  }
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", unknown_of(file)},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", true},
          {"byte_fallback", file.byte_fallback},
          {"ignore_merges", false},
          {"vocab", vocabulary_of(file)},
          {"merges", merges}};
}

Json unigram_model(const SentencePieceFile& file) {
  Json vocab = Json::array();
  for (std::size_t id = 0; id < file.pieces.size(); ++id)
    vocab.push_back({file.pieces[id].text, sentencepiece_score(file, static_cast<TokenId>(id))});
  return {{"type", "Unigram"}, {"unk_id", file.unknown}, {"byte_fallback", file.byte_fallback}, {"vocab", vocab}};
}

Json word_cutter() {
  return {{"type", "Split"}, {"pattern", {{"String", kMetaspace}}}, {"behavior", "MergedWithNext"}, {"invert", false}};
}

Json word_model(const SentencePieceFile& file) {
  return {{"type", "WordLevel"}, {"unk_token", unknown_of(file)}, {"vocab", vocabulary_of(file)}};
}

}  // namespace

Json tokenizer_json_of(const SentencePieceFile& file) {
  using Algorithm = SentencePieceFile::Algorithm;
  const bool words = file.algorithm == Algorithm::words;
  const bool cuts_symbols = file.algorithm == Algorithm::bpe || file.algorithm == Algorithm::characters;
  if (words && file.byte_fallback) fail("a model of words with byte fallback has no form as tokenizer.json");
  Json added = Json::array();
  for (std::size_t id = 0; id < file.pieces.size(); ++id) {
    const SentencePieceFile::Piece& piece = file.pieces[id];
    const bool special = piece.type == Type::control || piece.type == Type::unknown;
    if (!special && !(cuts_symbols && piece.type == Type::user_defined)) continue;
    added.push_back({{"id", id},
                     {"content", piece.text},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", special}});
  }
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", normalizer_of(file)},
          {"pre_tokenizer", words ? word_cutter() : Json()},
          {"post_processor", nullptr},
          {"decoder", decoder_of(file)},
          {"model", words          ? word_model(file)
                    : cuts_symbols ? bpe_model(file)
                                   : unigram_model(file)}};
}

}  // namespace cairn::text
