#include "engine/data/decisions.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "engine/data/decisions_format.h"
#include "engine/data/xxhash64.h"

namespace cairn::data {

using namespace decisions_format;

namespace {

template <typename Number>
Number get(std::string_view bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

// Whether `a` read from its last byte to its first comes before `b` read likewise.
bool reads_before_from_the_end(std::string_view a, std::string_view b) {
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend(), [](char x, char y) {
    return static_cast<unsigned char>(x) < static_cast<unsigned char>(y);
  });
}

}  // namespace

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kept:
      return "kept";
    case Verdict::held_out:
      return "held out";
    case Verdict::dropped:
      return "dropped";
  }
  return "unknown";
}

std::string output_role(const Decision& decision) {
  if (decision.verdict == Verdict::held_out) return "held_out";
  return decision.filter.empty() ? "documents" : decision.filter;
}

Decisions::Decisions(const std::filesystem::path& path) : name_(path.string()), file_(path) {
  const std::string_view bytes = file_.text();
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) fail("{}: not a decisions file", name_);
  if (get<std::uint32_t>(bytes, 8) != kVersion)
    fail("{}: decisions in format {}, which another version of this program wrote; this one reads {}. Run the curation again",
         name_, get<std::uint32_t>(bytes, 8), kVersion);
  if (get<std::uint32_t>(bytes, 12) != kRecordBytes)
    fail("{}: byte 12: records of {} bytes, expected {}", name_, get<std::uint32_t>(bytes, 12), kRecordBytes);
  const auto count = get<std::uint64_t>(bytes, 16), string_bytes = get<std::uint64_t>(bytes, 24);
  const std::uint64_t room = bytes.size() - kHeaderBytes;
  constexpr std::uint64_t bytes_of_each = kRecordBytes + 2 * sizeof(std::uint64_t);
  if (count > room / bytes_of_each || string_bytes != room - count * bytes_of_each) {
    fail("{}: claims {} records and {} bytes of strings, the file has {} bytes", name_, count, string_bytes, bytes.size());
  }
  count_ = count;
  records_ = bytes.substr(kHeaderBytes, count * kRecordBytes);
  urls_ = bytes.substr(kHeaderBytes + records_.size(), count * 8);
  ends_ = bytes.substr(kHeaderBytes + records_.size() + urls_.size(), count * 8);
  strings_ = bytes.substr(kHeaderBytes + records_.size() + urls_.size() + ends_.size());
}

std::string_view Decisions::record(std::size_t index) const {
  if (index >= count_) fail("{}: record {} of {}", name_, index, count_);
  return records_.substr(index * kRecordBytes, kRecordBytes);
}

std::string_view Decisions::string_at(std::uint64_t offset) const {
  if (offset > strings_.size() || strings_.size() - offset < 4) fail("{}: string offset {} is beyond the file", name_, offset);
  const auto size = get<std::uint32_t>(strings_, offset);
  if (size > strings_.size() - offset - 4) fail("{}: string at offset {} is longer than the file", name_, offset);
  return strings_.substr(offset + 4, size);
}

std::string_view Decisions::url(std::size_t index) const {
  return string_at(get<std::uint64_t>(record(index), kUrl));
}

Decision Decisions::at(std::size_t index) const {
  const std::string_view r = record(index);
  Decision d;
  std::memcpy(d.id.bytes.data(), r.data() + kId, 32);
  const auto flags = get<std::uint8_t>(r, kFlags);
  if (flags & kHasDuplicate) {
    d.duplicate_of.emplace();
    std::memcpy(d.duplicate_of->bytes.data(), r.data() + kDuplicate, 32);
  }
  d.verdict = verdict(index);
  d.edited = flags & kEdited;
  d.url = url(index);
  d.reason = string_at(get<std::uint64_t>(r, kReason));
  d.evidence = string_at(get<std::uint64_t>(r, kEvidence));
  d.source = string_at(get<std::uint32_t>(r, kSource));
  d.language = string_at(get<std::uint32_t>(r, kLanguage));
  d.filter = string_at(get<std::uint32_t>(r, kFilter));
  d.rule = string_at(get<std::uint32_t>(r, kRule));
  d.shard = get<std::uint32_t>(r, kShard);
  d.ordinal = get<std::uint32_t>(r, kOrdinal);
  return d;
}

Verdict Decisions::verdict(std::size_t index) const {
  const auto verdict = get<std::uint8_t>(record(index), kVerdict);
  if (verdict > 2) fail("{}: record {}: verdict {} is unknown", name_, index, verdict);
  return static_cast<Verdict>(verdict);
}

DecisionGlance Decisions::glance(std::size_t index) const {
  const std::string_view r = record(index);
  return {url(index),
          string_at(get<std::uint32_t>(r, kSource)),
          string_at(get<std::uint32_t>(r, kLanguage)),
          string_at(get<std::uint32_t>(r, kFilter)),
          string_at(get<std::uint32_t>(r, kRule)),
          verdict(index),
          (get<std::uint8_t>(r, kFlags) & kEdited) != 0};
}

std::uint64_t Decisions::draw(std::size_t index, std::uint64_t seed) const {
  return xxhash64(url(index), xxhash64(record(index).substr(kId, 32), seed));
}

std::vector<std::size_t> Decisions::by_id(std::string_view hex_prefix, std::size_t most) const {
  const auto hex = [this](std::size_t index) {
    const std::string_view id = record(index).substr(kId, 32);
    return to_hex({reinterpret_cast<const std::uint8_t*>(id.data()), id.size()});
  };
  std::size_t low = 0, high = count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (hex(middle) < hex_prefix)
      low = middle + 1;
    else
      high = middle;
  }
  std::vector<std::size_t> found;
  for (; low < count_ && found.size() < most && hex(low).starts_with(hex_prefix); ++low) found.push_back(low);
  return found;
}

template <typename Before, typename Matches>
std::vector<std::size_t> Decisions::run_in(std::string_view order, std::size_t most, Before before, Matches matches) const {
  const auto index = [order](std::size_t rank) { return get<std::uint64_t>(order, rank * 8); };
  std::size_t low = 0, high = count_;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (before(url(index(middle))))
      low = middle + 1;
    else
      high = middle;
  }
  std::vector<std::size_t> found;
  for (; low < count_ && found.size() < most && matches(url(index(low))); ++low) found.push_back(index(low));
  std::sort(found.begin(), found.end());
  return found;
}

std::vector<std::size_t> Decisions::by_url(std::string_view prefix, bool whole, std::size_t most) const {
  return run_in(
      urls_, most, [prefix](std::string_view here) { return here < prefix; },
      [prefix, whole](std::string_view here) { return whole ? here == prefix : here.starts_with(prefix); });
}

std::vector<std::size_t> Decisions::by_url_suffix(std::string_view suffix, std::size_t most) const {
  const auto ending_in = [this, most](std::string_view end) {
    return run_in(
        ends_, most, [end](std::string_view here) { return reads_before_from_the_end(here, end); },
        [end](std::string_view here) { return here.ends_with(end); });
  };
  if (suffix.starts_with('/')) return ending_in(suffix);
  std::vector<std::size_t> found = ending_in("/" + std::string(suffix));
  for (const std::size_t whole : by_url(suffix, true, most)) found.push_back(whole);
  std::sort(found.begin(), found.end());
  if (found.size() > most) found.resize(most);
  return found;
}

}  // namespace cairn::data
