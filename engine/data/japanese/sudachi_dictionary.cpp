#include "engine/data/japanese/sudachi_dictionary.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"

namespace cairn::data {

namespace {

constexpr std::string_view kMagic = "SudachiBinaryDic";
constexpr std::uint64_t kVersion = 1;

// Of an entry: classes and cost (3 int16), part of speech (int16), headword and reading (places of strings), normal and
// dictionary form (entries), bytes that are looked up (int16), and lengths of lists, which follow (int8; -1: as the one before).
constexpr std::size_t kEntryBytes = 32, kPartOfSpeech = 6, kHeadword = 8, kNormalForm = 16, kIndexedBytes = 24, kLongParts = 26,
                      kMiddleParts = 27, kShortParts = 28;
constexpr int kEntryShift = 3;                        // entries stand at multiples of 8 bytes
constexpr std::uint32_t kEntryOfSystem = 0x0FFFFFFF;  // the upper bits name a dictionary

// Numbers and strings one after the other.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& name) : bytes_(bytes), name_(name) {}
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size()) fail("{}: cut short", name_);
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::uint64_t varint() {  // 7 bits a byte, the lowest first
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("{}: damaged", name_);
  }
  std::string_view string() { return take(varint()); }

 private:
  std::string_view bytes_;
  const std::string& name_;
};

std::string utf8_of(std::string_view utf16) {
  std::string text;
  const auto unit = [utf16](std::size_t i) {
    std::uint16_t value = 0;
    std::memcpy(&value, utf16.data() + 2 * i, sizeof value);
    return value;
  };
  for (std::size_t i = 0; i < utf16.size() / 2; ++i) {
    char32_t point = unit(i);
    if (point >= 0xD800 && point < 0xDC00 && 2 * (i + 1) < utf16.size()) {
      const char32_t low = unit(i + 1);
      if (low >= 0xDC00 && low < 0xE000) {
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
        ++i;
      }
    }
    append_utf8(text, point >= 0xD800 && point < 0xE000 ? 0xFFFD : point);
  }
  return text;
}

// The double array of Yata's darts-clone: what a unit says.
std::size_t offset_of(std::uint32_t unit) {
  return static_cast<std::size_t>(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

}  // namespace

SudachiDictionary::SudachiDictionary(std::string_view bytes, std::string name) : name_(std::move(name)), bytes_(bytes) {
  if (!bytes.starts_with(kMagic))
    fail("{}: expected a dictionary of Sudachi as SudachiPy 0.7 has it (system.dic of sudachidict_core from 2026 on)", name_);
  Reader reader(bytes.substr(kMagic.size()), name_);
  if (const auto version = reader.number<std::uint64_t>(); version != kVersion)
    fail("{}: version {} of Sudachi's dictionaries; expected {}", name_, version, kVersion);
  reader.take(2 * sizeof(std::uint64_t));  // when it was made, flags
  reader.string();                         // comment
  reader.string();                         // signature
  if (!reader.string().empty()) fail("{}: a user dictionary of Sudachi; expected a system dictionary", name_);
  words_ = block("WordPointers");
  trie_ = block("TrieIndex");
  strings_ = block("Strings");
  entries_ = block("Entries");
  const std::string_view matrix = block("ConnMatrix");
  left_classes_ = number<std::uint16_t>(matrix, 0);
  right_classes_ = number<std::uint16_t>(matrix, 2);
  connections_ = matrix.substr(4);
  if (connections_.size() / 2 < static_cast<std::size_t>(left_classes_) * static_cast<std::size_t>(right_classes_) ||
      left_classes_ == 0 || right_classes_ == 0)
    fail("{}: a matrix of {} x {} costs in {} bytes", name_, left_classes_, right_classes_, connections_.size());
  if (trie_.size() < sizeof(std::uint32_t)) fail("{}: cut short", name_);
  read_parts_of_speech(block("POS"));
}

std::string_view SudachiDictionary::block(std::string_view wanted) const {
  Reader reader(bytes_.substr(kMagic.size()), name_);
  reader.take(3 * sizeof(std::uint64_t));
  for (int i = 0; i < 3; ++i) reader.string();
  reader.varint();  // words that can be looked up
  reader.varint();  // words
  for (std::uint64_t left = reader.varint(); left > 0; --left) {
    const std::string_view name = reader.string();
    const std::uint64_t begin = reader.varint(), size = reader.varint();
    if (begin > bytes_.size() || size > bytes_.size() - begin) fail("{}: cut short", name_);
    if (name == wanted) return bytes_.substr(begin, size);
  }
  fail("{}: it has no part '{}'", name_, wanted);
}

void SudachiDictionary::read_parts_of_speech(std::string_view bytes) {
  Reader reader(bytes, name_);
  for (int left = reader.number<std::int16_t>(); left > 0; --left) {
    for (std::string& field : parts_of_speech_.emplace_back())
      field = utf8_of(reader.take(2u * static_cast<std::uint16_t>(reader.number<std::int16_t>())));
  }
}

template <typename Number>
Number SudachiDictionary::number(std::string_view block, std::size_t at) const {
  if (at > block.size() || block.size() - at < sizeof(Number)) fail("{}: damaged", name_);
  Number value;
  std::memcpy(&value, block.data() + at, sizeof value);
  return value;
}

void SudachiDictionary::find_prefixes(std::string_view text, std::size_t at, std::vector<Prefix>& found) const {
  const auto unit_at = [this](std::size_t node) {
    const std::size_t byte = node * sizeof(std::uint32_t);
    return number<std::uint32_t>(trie_, byte);
  };
  std::size_t node = offset_of(unit_at(0));
  for (std::size_t i = at; i < text.size(); ++i) {
    const auto label = static_cast<unsigned char>(text[i]);
    node ^= label;
    const std::uint32_t unit = unit_at(node);
    if ((unit & (1u << 31 | 0xFF)) != label) return;
    node ^= offset_of(unit);
    if (!(unit >> 8 & 1)) continue;
    const std::size_t list = unit_at(node) & 0x7FFFFFFF;
    if (list >= words_.size()) fail("{}: damaged", name_);
    Reader reader(words_.substr(list), name_);
    Entry entry = 0;
    for (std::uint64_t left = reader.varint(); left > 0; --left)  // each as the distance from the one before
      found.push_back({entry += static_cast<Entry>(reader.varint()), i + 1});
  }
}

std::size_t SudachiDictionary::place(Entry entry) const {
  const std::size_t at = static_cast<std::size_t>(entry & kEntryOfSystem) << kEntryShift;
  if (at > entries_.size() || entries_.size() - at < kEntryBytes) fail("{}: damaged", name_);
  return at;
}

SudachiDictionary::Costs SudachiDictionary::costs(Entry entry) const {
  const std::size_t at = place(entry);
  const Costs costs{number<std::uint16_t>(entries_, at), number<std::uint16_t>(entries_, at + 2),
                    number<std::int16_t>(entries_, at + 4)};
  if (costs.left >= right_classes_ || costs.right >= left_classes_) fail("{}: damaged", name_);
  return costs;
}

std::int16_t SudachiDictionary::connection(std::uint16_t right, std::uint16_t left) const {
  std::int16_t cost = 0;
  const std::size_t index = static_cast<std::size_t>(left) * static_cast<std::size_t>(left_classes_) + right;
  std::memcpy(&cost, connections_.data() + index * sizeof cost, sizeof cost);
  return cost;
}

std::optional<int> SudachiDictionary::part_of_speech(const std::array<std::string_view, 6>& fields) const {
  const auto found = std::find_if(parts_of_speech_.begin(), parts_of_speech_.end(),
                                  [&fields](const auto& own) { return std::equal(fields.begin(), fields.end(), own.begin()); });
  if (found == parts_of_speech_.end()) return std::nullopt;
  return static_cast<int>(found - parts_of_speech_.begin());
}

int SudachiDictionary::part_of_speech(Entry entry) const {
  return number<std::int16_t>(entries_, place(entry) + kPartOfSpeech);
}

std::uint16_t SudachiDictionary::indexed_bytes(Entry entry) const {
  return number<std::uint16_t>(entries_, place(entry) + kIndexedBytes);
}

// 5 bits of length; above 19 they say how many bits more there are, without the first one. The longer a string, the rounder the
// place where it stands.
SudachiDictionary::Text SudachiDictionary::headword(Entry entry) const {
  constexpr std::uint32_t kSimple = 19;
  const auto packed = number<std::uint32_t>(entries_, place(entry) + kHeadword);
  const std::uint32_t head = packed >> 27, more = head > kSimple ? head - kSimple : 0;
  const std::uint32_t first = more == 0 ? 0 : 1u << (more - 1);
  const std::uint32_t rest = more < 2 ? 0 : (packed & 0x07FFFFFF) >> (28 - more);
  const std::uint32_t shift = more == 0 ? 0 : more - 1;
  const Text text{static_cast<std::size_t>(packed & (0x07FFFFFFu >> shift)) << shift, (head - more) + (first | rest)};
  if (2 * text.at > strings_.size() || 2 * text.units > strings_.size() - 2 * text.at) fail("{}: damaged", name_);
  return text;
}

std::string SudachiDictionary::normal_form(Entry entry) const {
  const Text text = headword(number<std::uint32_t>(entries_, place(entry) + kNormalForm));
  return utf8_of(strings_.substr(2 * text.at, 2 * text.units));
}

char SudachiDictionary::normal_character(Entry entry) const {
  const Text text = headword(number<std::uint32_t>(entries_, place(entry) + kNormalForm));
  if (text.units != 1) return 0;
  const auto unit = number<std::uint16_t>(strings_, 2 * text.at);
  return unit < 0x80 ? static_cast<char>(unit) : '\0';
}

void SudachiDictionary::parts(Entry entry, std::vector<Entry>& found) const {
  found.clear();
  const std::size_t at = place(entry);
  const auto length = [&](std::size_t field) { return static_cast<int>(number<std::int8_t>(entries_, at + field)); };
  // Three lists, one after the other, each of which may be the one before.
  std::size_t end = at + kEntryBytes, begin = end;
  int units = 0;
  for (const std::size_t field : {kLongParts, kMiddleParts, kShortParts}) {
    if (const int own = length(field); own >= 0) {
      begin = end;
      units = own;
      end += sizeof(Entry) * static_cast<std::size_t>(own);
    }
  }
  for (int i = 0; i < units; ++i)
    found.push_back(number<std::uint32_t>(entries_, begin + sizeof(Entry) * static_cast<std::size_t>(i)));
}

}  // namespace cairn::data
