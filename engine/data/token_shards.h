// Token shards: Megatron's indexed dataset, a pair NAME.bin (ids back to back) and NAME.idx (spec/apertus.md §4.1;
// docs/format/token_shards.md).
//
// Here a sequence is a document, as `pack` and Megatron's own tools write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/mapped_file.h"

namespace cairn::data {

using TokenId = std::int32_t;

// The codes of Megatron's dtype byte that hold token ids.
enum class TokenType : std::uint8_t { i32 = 4, u16 = 8 };
std::size_t token_bytes(TokenType type);
// u16 when every id of the vocabulary fits by Megatron's rule (fewer than 65500 tokens), else i32.
TokenType smallest_token_type(std::int64_t vocab_size);

// Writes NAME.bin and NAME.idx. The bytes are a function of type and documents alone.
class TokenShardWriter {
 public:
  // `stem` is the path without extension; the files must not exist.
  TokenShardWriter(Disk& disk, const std::filesystem::path& stem, TokenType type);
  ~TokenShardWriter();
  // One document. Error on an id that the type cannot hold, or on 2^31 tokens or more.
  void append(std::span<const TokenId> tokens);
  void finish();  // required; writes the index and syncs both
  std::int64_t documents() const;
  std::int64_t tokens() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A shard mapped into memory. Opening checks the whole index against the sizes of both files, so that nothing that a damaged or
// hostile index says is followed; errors name file, field and place. Any thread may read.
class TokenShard {
 public:
  // `stem`, or the path of either file.
  static TokenShard open(const std::filesystem::path& path);

  TokenType type() const { return type_; }
  std::int64_t documents() const { return static_cast<std::int64_t>(first_.size()) - 1; }
  std::int64_t tokens() const { return first_.back(); }
  // Document d holds the tokens [first_token(d), first_token(d + 1)) of the shard; d in [0, documents()].
  std::int64_t first_token(std::int64_t document) const { return first_[static_cast<std::size_t>(document)]; }
  std::int64_t document_of(std::int64_t token) const;  // by binary search; token in [0, tokens())
  // Copies tokens [first, first + out.size()). Error outside of the shard, and on an id not in [0, vocab_size) when that is
  // given.
  void read(std::int64_t first, std::span<TokenId> out, std::int64_t vocab_size = 0) const;
  const std::filesystem::path& path() const { return path_; }  // of the .bin

 private:
  TokenShard() = default;

  std::filesystem::path path_;
  MappedFile bin_;
  TokenType type_ = TokenType::i32;
  std::vector<std::int64_t> first_;  // documents() + 1
};

// The stems of all shards of a folder, sorted by name. Error when there is none or a .bin lacks its .idx (or the reverse).
std::vector<std::filesystem::path> list_token_shards(const std::filesystem::path& folder);

}  // namespace cairn::data
