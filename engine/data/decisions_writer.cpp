// Decisions are sorted by id and address, in files where memory does not hold them, and gone through several times: to find which
// strings are the same and where each stands first, and then for each part of the file.
#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>

#include "base/error.h"
#include "engine/data/decisions.h"
#include "engine/data/decisions_format.h"
#include "engine/data/external_sort.h"
#include "engine/data/sort_key.h"
#include "engine/data/text_key.h"

namespace cairn::data {

using namespace decisions_format;

namespace {

constexpr std::size_t kNames = 4, kOthers = 3, kStrings = kNames + kOthers;
// Of a decision's strings in the order in which they stand in the file: first the few names, so that 4 bytes address them.
constexpr std::array<std::size_t, kStrings> kFields = {kSource, kLanguage, kFilter, kRule, kUrl, kReason, kEvidence};
constexpr std::size_t kUrlString = kNames;

template <typename Number>
void put(std::string& out, std::size_t at, Number number) {
  std::memcpy(out.data() + at, &number, sizeof number);
}

void put_string(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out += text;
}

// A decision as it is sorted: id, address, record without offsets, strings.
std::string pack(const Decision& d) {
  std::string record(kRecordBytes, '\0');
  std::memcpy(record.data() + kId, d.id.bytes.data(), 32);
  if (d.duplicate_of) std::memcpy(record.data() + kDuplicate, d.duplicate_of->bytes.data(), 32);
  put(record, kShard, d.shard);
  put(record, kOrdinal, d.ordinal);
  put(record, kVerdict, static_cast<std::uint8_t>(d.verdict));
  put(record, kFlags, static_cast<std::uint8_t>((d.edited ? kEdited : 0) | (d.duplicate_of ? kHasDuplicate : 0)));
  std::string packed(reinterpret_cast<const char*>(d.id.bytes.data()), 32);
  append_key(packed, d.url);
  packed += record;
  for (const std::string* text : {&d.source, &d.language, &d.filter, &d.rule, &d.url, &d.reason, &d.evidence})
    put_string(packed, *text);
  return packed;
}

struct Unpacked {
  std::string_view record;
  std::array<std::string_view, kStrings> strings;
};
Unpacked unpack(std::string_view packed) {
  const auto take = [&packed](std::size_t bytes) {
    if (packed.size() < bytes) fail("a sorted decision ends early: {} bytes expected, {} are left", bytes, packed.size());
    const std::string_view taken = packed.substr(0, bytes);
    packed.remove_prefix(bytes);
    return taken;
  };
  take(32);
  skip_string_key(packed);
  Unpacked decision{take(kRecordBytes), {}};
  for (std::string_view& text : decision.strings) {
    std::uint32_t size = 0;
    std::memcpy(&size, take(sizeof size).data(), sizeof size);
    text = take(size);
  }
  return decision;
}

// One string of one decision. `place`: among all strings of the file if none were the same; `field`: among those of the decisions
// one after the other.
struct Occurrence {
  TextKey key;
  std::uint64_t place = 0, field = 0, size = 0;
  auto operator<=>(const Occurrence&) const = default;
};
struct SameAs {
  std::uint64_t first = 0, field = 0, size = 0;  // first: place of the string that is written
  auto operator<=>(const SameAs&) const = default;
};
struct FieldOffset {
  std::uint64_t field = 0, offset = 0;
  auto operator<=>(const FieldOffset&) const = default;
};

// Keys of strings, of which many come again and again.
class Keys {
 public:
  TextKey of(std::string_view text) {
    if (text.size() > kMostBytes) return text_key(text);
    if (known_.size() == kMost) known_.clear();
    const auto [at, fresh] = known_.try_emplace(std::string(text));
    if (fresh) at->second = text_key(text);
    return at->second;
  }

 private:
  static constexpr std::size_t kMost = 4096, kMostBytes = 64;
  std::unordered_map<std::string, TextKey> known_;
};

void write_numbers(ExternalSorter<std::string>& sorted, GatheringFile& file) {
  sorted.for_each_sorted([&file](std::string_view key) {
    std::string_view number = key.substr(key.size() - sizeof(std::uint64_t));
    const std::uint64_t index = take_number_key(number);
    file.write({reinterpret_cast<const char*>(&index), sizeof index});
  });
}

}  // namespace

struct DecisionsWriter::State {
  State(Disk& disk, std::filesystem::path scratch, std::uint64_t memory, ThreadPool& threads)
      : disk(disk),
        scratch(std::move(scratch)),
        memory(memory),
        threads(threads),
        decisions(disk, this->scratch / "decisions", memory / 2, threads) {}

  template <typename Record>
  ExternalSorter<Record> sorter(const char* name) const {
    return {disk, scratch / name, memory / 8, threads};
  }
  std::uint64_t place(std::uint64_t decision, std::size_t string) const {
    return string < kNames ? decision * kNames + string : decisions.records() * kNames + decision * kOthers + string - kNames;
  }
  template <typename Fn>
  void for_each(Fn&& fn) {  // fn(number, decision), in order
    std::uint64_t number = 0;
    decisions.for_each_sorted([&](std::string_view packed) { fn(number++, unpack(packed)); });
  }
  void find_strings();
  void write_strings(GatheringFile& file, std::size_t begin, std::size_t end, SortedRecords<std::uint64_t>& firsts);

  Disk& disk;
  std::filesystem::path scratch;
  std::uint64_t memory;
  ThreadPool& threads;
  ExternalSorter<std::string> decisions;
  // Made by find_strings():
  ExternalSorter<std::string> by_url = sorter<std::string>("by-address"), by_end = sorter<std::string>("by-end");
  ExternalSorter<FieldOffset> offsets = sorter<FieldOffset>("offsets");
  ExternalSorter<std::uint64_t> firsts = sorter<std::uint64_t>("firsts");  // places of strings that are written
  std::uint64_t string_bytes = 0;
};

void DecisionsWriter::State::find_strings() {
  auto same = sorter<SameAs>("same");
  {
    auto occurrences = sorter<Occurrence>("occurrences");
    Keys keys;
    for_each([&](std::uint64_t number, const Unpacked& decision) {
      for (std::size_t s = 0; s < kStrings; ++s)
        occurrences.add({s == kUrlString ? text_key(decision.strings[s]) : keys.of(decision.strings[s]), place(number, s),
                         number * kStrings + s, decision.strings[s].size()});
      const std::string_view url = decision.strings[kUrlString];
      std::string forward, backward;
      append_key(forward, url);
      append_key(backward, std::string(url.rbegin(), url.rend()));
      for (std::string* key : {&forward, &backward}) append_key(*key, number);
      by_url.add(std::move(forward));
      by_end.add(std::move(backward));
    });
    Occurrence first;
    bool any = false;
    occurrences.for_each_sorted([&](const Occurrence& one) {
      if (!any || one.key != first.key) first = one;
      any = true;
      same.add({first.place, one.field, one.size});
    });
  }
  std::uint64_t last = 0, offset = 0;
  bool any = false;
  same.for_each_sorted([&](const SameAs& one) {
    if (!any || one.first != last) {
      offset = string_bytes;
      string_bytes += sizeof(std::uint32_t) + one.size;
      last = one.first;
      firsts.add(last);
      if (last < decisions.records() * kNames && string_bytes > 0xFFFFFFFFu)
        fail("too many different names of sources for one decisions file");
    }
    any = true;
    offsets.add({one.field, offset});
  });
}

// Strings [begin, end) of each decision, where they stand first.
void DecisionsWriter::State::write_strings(GatheringFile& file, std::size_t begin, std::size_t end,
                                           SortedRecords<std::uint64_t>& firsts_left) {
  std::string text;
  for_each([&](std::uint64_t number, const Unpacked& decision) {
    for (std::size_t s = begin; s < end; ++s) {
      if (firsts_left.done() || firsts_left.record() != place(number, s)) continue;
      text.clear();
      put_string(text, decision.strings[s]);
      file.write(text);
      firsts_left.next();
    }
  });
}

DecisionsWriter::DecisionsWriter(Disk& disk, std::filesystem::path scratch, std::uint64_t memory, ThreadPool& threads)
    : state_(std::make_unique<State>(disk, std::move(scratch), memory, threads)) {}
DecisionsWriter::~DecisionsWriter() = default;

void DecisionsWriter::add(const Decision& decision) {
  state_->decisions.add(pack(decision));
}

void DecisionsWriter::finish(const std::filesystem::path& path) {
  State& state = *state_;
  state.find_strings();
  GatheringFile file(state.disk, path);
  std::string header(kHeaderBytes, '\0');
  std::memcpy(header.data(), kMagic.data(), kMagic.size());
  put(header, 8, kVersion);
  put(header, 12, static_cast<std::uint32_t>(kRecordBytes));
  put(header, 16, state.decisions.records());
  put(header, 24, state.string_bytes);
  file.write(header);
  {
    auto offsets = state.offsets.sorted();
    state.for_each([&](std::uint64_t, const Unpacked& decision) {
      std::string record(decision.record);
      for (std::size_t s = 0; s < kStrings; ++s, offsets.next()) {
        if (s < kNames)
          put(record, kFields[s], static_cast<std::uint32_t>(offsets.record().offset));
        else
          put(record, kFields[s], offsets.record().offset);
      }
      file.write(record);
    });
  }
  write_numbers(state.by_url, file);
  write_numbers(state.by_end, file);
  auto firsts = state.firsts.sorted();
  state.write_strings(file, 0, kNames, firsts);
  state.write_strings(file, kNames, kStrings, firsts);
  file.finish();
}

}  // namespace cairn::data
