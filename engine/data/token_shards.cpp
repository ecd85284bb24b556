#include "engine/data/token_shards.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <map>

#include "base/error.h"

namespace cairn::data {
namespace {

constexpr std::string_view kMagic("MMIDIDX\0\0", 9);
constexpr std::size_t kHeaderBytes = 34;
constexpr std::size_t kFlushBytes = 1 << 20;

template <typename T>
void put(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof value; ++i)
    out.push_back(static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i) & 0xFF));
}

// Little-endian value at an unaligned place that the caller has checked.
template <typename T>
T get(const MappedFile& file, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value |= static_cast<std::uint64_t>(std::to_integer<std::uint8_t>(file.data()[at + i])) << (8 * i);
  return static_cast<T>(value);
}

fs::path with_extension(fs::path stem, const char* extension) {
  return stem += extension;
}

}  // namespace

std::size_t token_bytes(TokenType type) {
  return type == TokenType::i32 ? 4 : 2;
}

TokenType smallest_token_type(std::int64_t vocab_size) {
  return vocab_size < 65500 ? TokenType::u16 : TokenType::i32;
}

struct TokenShardWriter::State {
  Disk& disk;
  fs::path stem;
  TokenType type;
  std::unique_ptr<DiskFile> bin;
  std::string buffer;
  std::vector<std::int32_t> lengths;
  std::int64_t tokens = 0;
};

TokenShardWriter::TokenShardWriter(Disk& disk, const fs::path& stem, TokenType type)
    : state_(std::make_unique<State>(State{disk, stem, type, disk.create(with_extension(stem, ".bin")), {}, {}})) {}

TokenShardWriter::~TokenShardWriter() = default;

void TokenShardWriter::append(std::span<const TokenId> tokens) {
  if (tokens.size() > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    fail("{}: document {} has {} tokens; the format ends at 2147483647", state_->stem.string(), state_->lengths.size(),
         tokens.size());
  }
  const TokenId highest = state_->type == TokenType::u16 ? 65535 : std::numeric_limits<TokenId>::max();
  std::string& buffer = state_->buffer;
  for (const TokenId token : tokens) {
    if (token < 0 || token > highest) fail("{}: id {} does not fit the shard's type", state_->stem.string(), token);
    if (state_->type == TokenType::i32)
      put(buffer, token);
    else
      put(buffer, static_cast<std::uint16_t>(token));
  }
  state_->lengths.push_back(static_cast<std::int32_t>(tokens.size()));
  state_->tokens += static_cast<std::int64_t>(tokens.size());
  if (buffer.size() >= kFlushBytes) state_->bin->write(buffer), buffer.clear();
}

void TokenShardWriter::finish() {
  state_->bin->write(state_->buffer);
  state_->bin->sync();
  state_->bin->close();
  const std::size_t documents = state_->lengths.size();
  std::string index(kMagic);
  index.reserve(kHeaderBytes + 20 * documents + 8);
  put<std::uint64_t>(index, 1);
  put(index, static_cast<std::uint8_t>(state_->type));
  put<std::uint64_t>(index, documents);
  put<std::uint64_t>(index, documents + 1);
  for (const std::int32_t length : state_->lengths) put(index, length);
  std::int64_t offset = 0;
  for (const std::int32_t length : state_->lengths) {
    put(index, offset);
    offset += static_cast<std::int64_t>(length) * static_cast<std::int64_t>(token_bytes(state_->type));
  }
  for (std::size_t document = 0; document <= documents; ++document) put<std::int64_t>(index, static_cast<std::int64_t>(document));
  const auto file = state_->disk.create(with_extension(state_->stem, ".idx"));
  file->write(index);
  file->sync();
  file->close();
}

std::int64_t TokenShardWriter::documents() const {
  return static_cast<std::int64_t>(state_->lengths.size());
}
std::int64_t TokenShardWriter::tokens() const {
  return state_->tokens;
}

TokenShard TokenShard::open(const fs::path& path) {
  fs::path stem = path;
  if (stem.extension() == ".bin" || stem.extension() == ".idx") stem.replace_extension();
  const fs::path index_path = with_extension(stem, ".idx");
  const std::string name = index_path.string();
  TokenShard shard;
  shard.path_ = with_extension(stem, ".bin");
  const MappedFile index(index_path);
  shard.bin_ = MappedFile(shard.path_);

  if (index.size() < kHeaderBytes) fail("{}: expected a header of {} bytes, the file has {}", name, kHeaderBytes, index.size());
  if (index.text().substr(0, kMagic.size()) != kMagic) fail("{}: not a Megatron index: it does not begin with MMIDIDX", name);
  const auto version = get<std::uint64_t>(index, 9);
  if (version != 1) fail("{}: version {} of the format is not known; expected 1", name, version);
  const auto code = get<std::uint8_t>(index, 17);
  if (code != static_cast<std::uint8_t>(TokenType::i32) && code != static_cast<std::uint8_t>(TokenType::u16)) {
    fail("{}: dtype code {} is not supported; expected 4 (int32) or 8 (uint16)", name, code);
  }
  shard.type_ = static_cast<TokenType>(code);
  const auto sequences = get<std::uint64_t>(index, 18), boundaries = get<std::uint64_t>(index, 26);
  const std::size_t body = index.size() - kHeaderBytes;
  if (sequences > body / 12 || boundaries > body / 8 || 12 * sequences + 8 * boundaries > body) {
    fail("{}: claims {} sequences and {} document boundaries, the file has {} bytes", name, sequences, boundaries, index.size());
  }
  const std::size_t used = 12 * sequences + 8 * boundaries;
  if (body != used && body != used + sequences) {  // one mode byte a sequence may follow
    fail("{}: {} bytes expected for {} sequences and {} document boundaries, the file has {}", name, kHeaderBytes + used,
         sequences, boundaries, index.size());
  }

  const auto width = static_cast<std::int64_t>(token_bytes(shard.type_));
  const auto bin_bytes = static_cast<std::int64_t>(shard.bin_.size());
  std::vector<std::int64_t> sequence_first(sequences + 1);
  for (std::size_t i = 0; i < sequences; ++i) {
    const auto length = get<std::int32_t>(index, kHeaderBytes + 4 * i);
    const auto offset = get<std::int64_t>(index, kHeaderBytes + 4 * sequences + 8 * i);
    if (length < 0) fail("{}: sequence {} has length {}", name, i, length);
    if (offset != sequence_first[i] * width) {
      fail("{}: sequence {} begins at byte {}; expected {}, sequences back to back", name, i, offset, sequence_first[i] * width);
    }
    sequence_first[i + 1] = sequence_first[i] + length;
    if (sequence_first[i + 1] > bin_bytes / width) {
      fail("{}: sequence {} claims tokens up to {}, {} has {}", name, i, sequence_first[i + 1], shard.path_.string(),
           bin_bytes / width);
    }
  }
  if (sequence_first[sequences] * width != bin_bytes) {
    fail("{}: {} tokens in all, {} holds {} bytes of {} each", name, sequence_first[sequences], shard.path_.string(), bin_bytes,
         width);
  }
  if (boundaries == 0) fail("{}: no document boundaries; expected at least the first, 0", name);
  shard.first_.resize(boundaries);
  std::int64_t previous = 0;
  for (std::size_t i = 0; i < boundaries; ++i) {
    const auto boundary = get<std::int64_t>(index, kHeaderBytes + 12 * sequences + 8 * i);
    if (boundary < previous || boundary > static_cast<std::int64_t>(sequences) || (i == 0 && boundary != 0)) {
      fail("{}: document boundary {} is {}; expected 0 first, never falling, at most {}", name, i, boundary, sequences);
    }
    shard.first_[i] = sequence_first[static_cast<std::size_t>(boundary)];
    previous = boundary;
  }
  if (previous != static_cast<std::int64_t>(sequences)) {
    fail("{}: the last document boundary is {}; expected the number of sequences, {}", name, previous, sequences);
  }
  return shard;
}

std::int64_t TokenShard::document_of(std::int64_t token) const {
  if (token < 0 || token >= tokens()) fail("{}: token {} asked for, the shard has {}", path_.string(), token, tokens());
  return std::upper_bound(first_.begin(), first_.end(), token) - first_.begin() - 1;
}

void TokenShard::read(std::int64_t first, std::span<TokenId> out, std::int64_t vocab_size) const {
  const auto count = static_cast<std::int64_t>(out.size());
  if (first < 0 || first > tokens() || count > tokens() - first) {
    fail("{}: tokens {} to {} asked for, the shard has {}", path_.string(), first, first + count, tokens());
  }
  if (type_ == TokenType::i32) {
    if (count > 0) std::memcpy(out.data(), bin_.data() + 4 * first, 4 * out.size());
  } else {
    const std::byte* from = bin_.data() + 2 * first;
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = std::to_integer<TokenId>(from[2 * i]) | std::to_integer<TokenId>(from[2 * i + 1]) << 8;
    }
  }
  if (vocab_size <= 0) return;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i] < 0 || out[i] >= vocab_size) {
      fail("{}: token {} is id {}; the vocabulary has {}", path_.string(), first + static_cast<std::int64_t>(i), out[i],
           vocab_size);
    }
  }
}

std::vector<fs::path> list_token_shards(const fs::path& folder) {
  std::map<std::string, int> found;  // stem -> 1 .bin, 2 .idx, 3 both
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path file = entry.path();
    if (file.extension() == ".bin") found[file.stem().string()] |= 1;
    if (file.extension() == ".idx") found[file.stem().string()] |= 2;
  }
  if (error) fail("{}: {}", folder.string(), error.message());
  if (found.empty()) fail("{}: expected token shards (NAME.bin and NAME.idx), found none", folder.string());
  std::vector<fs::path> stems;
  for (const auto& [stem, parts] : found) {
    if (parts != 3) fail("{}: {}.{} is missing", folder.string(), stem, parts == 1 ? "idx" : "bin");
    stems.push_back(folder / stem);
  }
  return stems;
}

}  // namespace cairn::data
