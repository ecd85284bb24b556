#include "engine/data/words.h"

#include <array>

#include "engine/data/characters.h"
#include "engine/data/chunk_splitter.h"
#include "engine/data/word_exceptions.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

using text::decode_valid;

// Bytes by what they are in a chunk.
enum ByteKind : std::uint8_t { kLetterByte, kDigitByte, kMarkByte, kWideByte, kSpaceByte };  // wide: of a character beyond ASCII
constexpr std::array<std::uint8_t, 256> kByteKind = [] {
  std::array<std::uint8_t, 256> kinds{};
  for (int c = 0; c < 256; ++c) kinds[c] = c >= 0x80 ? kWideByte : kMarkByte;
  for (int c = 'a'; c <= 'z'; ++c) kinds[c] = kinds[c - 32] = kLetterByte;
  for (int c = '0'; c <= '9'; ++c) kinds[c] = kDigitByte;
  for (const int c : {0x9, 0xA, 0xB, 0xC, 0xD, 0x1C, 0x1D, 0x1E, 0x1F, 0x20}) kinds[c] = kSpaceByte;  // kSpace of ASCII
  return kinds;
}();
std::uint8_t kind_of(char c) {
  return kByteKind[static_cast<unsigned char>(c)];
}

// The common chunks that are not letters alone: a core of letters, or of digits, with at most one mark that opens it and one that
// closes it. They are parted here as ChunkSplitter would, without its machinery; false: not one of those.
bool split_simple(std::string_view chunk, WordStyle style, Unspaced unspaced, const WordExceptions& exceptions,
                  std::vector<std::string_view>& words) {
  std::size_t begin = 0, end = chunk.size();
  if (kind_of(chunk.front()) == kMarkByte) {
    if (!(character_bits(static_cast<unsigned char>(chunk.front())) & (kSymbol | kIcon | kCurrency))) return false;
    begin = 1;
  }
  bool dot = false;
  if (end - begin >= 2 && kind_of(chunk.back()) == kMarkByte) {
    dot = chunk.back() == '.';
    if (!dot && !(character_bits(static_cast<unsigned char>(chunk.back())) & (kSymbol | kIcon))) return false;
    --end;
  }
  if (begin == end) return false;
  const std::string_view core = chunk.substr(begin, end - begin);
  bool last_is_lower = false, last_is_upper = false, two_upper = false;
  if (kind_of(core.front()) == kDigitByte) {
    for (const char c : core) {
      if (kind_of(c) != kDigitByte) return false;
    }
    if (dot && style == WordStyle::german) return false;
    last_is_lower = true;  // as good as a small letter before a dot
  } else {
    for (std::size_t at = 0; at < core.size();) {
      int length = 1;
      std::uint16_t bits;
      if (const std::uint8_t kind = kind_of(core[at]); kind == kLetterByte) {
        bits = core[at] >= 'a' ? kAlpha | kLowerCase : kAlpha | kUpperCase;
      } else if (kind == kWideByte) {
        bits = character_bits(decode_valid(core.data() + at, length));
        if (!(bits & kAlpha) || (bits & (kSymbol | kIcon | kCurrency))) return false;
        if ((bits & kUnspaced) && unspaced == Unspaced::letters) return false;
      } else {
        return false;
      }
      at += static_cast<std::size_t>(length);
      two_upper = last_is_upper && !(bits & kLowerCase);
      last_is_upper = !(bits & kLowerCase);
      last_is_lower = !(bits & kUpperCase);
    }
  }
  if (dot && !last_is_lower && !two_upper) return false;
  const bool opened = begin > 0, closed = end < chunk.size();
  if (exceptions.find(chunk) || exceptions.find(core)) return false;
  if (opened && closed && (exceptions.find(chunk.substr(0, end)) || exceptions.find(chunk.substr(begin)))) return false;
  if (opened) words.push_back(chunk.substr(0, 1));
  words.push_back(core);
  if (closed) words.push_back(chunk.substr(end));
  return true;
}

// Calls take(chunk, letters) for each chunk between white space; `letters`: it has nothing but a to z, A to Z.
template <typename Take>
void for_each_chunk(std::string_view text, Take&& take) {
  const char* at = text.data();
  const char* const stop = at + text.size();
  while (at < stop) {
    std::uint8_t kind = kind_of(*at);
    int length = 1;
    if (kind == kSpaceByte || (kind == kWideByte && (character_bits(decode_valid(at, length)) & kSpace))) {
      at += length;
      continue;
    }
    const char* const begin = at;
    std::uint8_t others = 0;
    for (;;) {
      while (at < stop && (kind = kind_of(*at)) <= kMarkByte) others |= kind, ++at;
      if (at == stop || kind == kSpaceByte) break;
      if (character_bits(decode_valid(at, length)) & kSpace) break;
      others |= kWideByte;
      at += length;
    }
    take(std::string_view(begin, static_cast<std::size_t>(at - begin)), others == 0);
  }
}

}  // namespace

void split_words(std::string_view text, std::vector<std::string_view>& words, WordStyle style, RunSegmenter* segmenter,
                 Unspaced unspaced) {
  ChunkSplitter splitter(style, segmenter, unspaced, words);
  const WordExceptions& exceptions = WordExceptions::of(style);
  for_each_chunk(text, [&](std::string_view chunk, bool letters) {
    // Letters alone are the common case, done without a second look.
    if (letters && (chunk.size() < 2 || chunk.size() > 11 || !exceptions.find(chunk))) return words.push_back(chunk);
    if (style != WordStyle::indic && split_simple(chunk, style, unspaced, exceptions, words)) return;
    splitter.split(chunk);
  });
}

void split_words_by_rules(std::string_view text, std::vector<std::string_view>& words, WordStyle style, Unspaced unspaced) {
  ChunkSplitter splitter(style, nullptr, unspaced, words);
  for_each_chunk(text, [&](std::string_view chunk, bool) { splitter.split(chunk); });
}

}  // namespace cairn::data
