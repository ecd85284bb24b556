#include "engine/data/sources/warc.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/hash.h"
#include "engine/data/characters.h"

namespace cairn::data {

namespace {

constexpr std::size_t kMaxHeader = 1 << 16;
constexpr std::size_t kStep = 1 << 16;
constexpr std::size_t kLook = 8192;  // enough for the line of an ARC record and most headers

bool digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The fields of an ARC record's line, "URL IP date type length", from the right, for the URL may hold spaces. False when it is no
// such line.
bool arc_fields(std::string_view line, std::array<std::string_view, 5>& fields) {
  if (line.empty() || !std::isalpha(static_cast<unsigned char>(line[0]))) return false;
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon > 12 || line.size() >= kLook) return false;
  for (std::size_t i = 4; i > 0; --i) {
    const std::size_t space = line.rfind(' ');
    if (space == std::string_view::npos || space < colon) return false;
    fields[i] = line.substr(space + 1);
    line = line.substr(0, space);
  }
  fields[0] = line;
  return fields[2].size() >= 12 && digits(fields[2]) && !fields[4].empty();
}

std::string_view first_line(std::string_view bytes) {
  std::string_view line = bytes.substr(0, std::min(bytes.find('\n'), bytes.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool begins_record(std::string_view bytes) {
  if (bytes.starts_with("WARC/") && bytes.size() > 5 && std::isdigit(static_cast<unsigned char>(bytes[5]))) return true;
  std::array<std::string_view, 5> fields;
  return arc_fields(first_line(bytes.substr(0, kLook)), fields);
}

// Of "2014-02-16T05:02:20Z" and the like; empty for anything else.
std::string iso_date(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00";
  if (text.size() < kForm.size() + 1 || text.size() > 40) return {};
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !std::isdigit(static_cast<unsigned char>(text[i])) : text[i] != kForm[i]) return {};
  }
  const std::string_view rest = text.substr(kForm.size());
  if (!rest.ends_with('Z') || rest.substr(0, rest.size() - 1).find_first_not_of(".0123456789") != std::string_view::npos)
    return {};
  return std::string(text.substr(0, kForm.size())) + "Z";
}

std::string arc_date(std::string_view d) {  // "20140216050221", or without the seconds
  return fmt::format("{}-{}-{}T{}:{}:{}Z", d.substr(0, 4), d.substr(4, 2), d.substr(6, 2), d.substr(8, 2), d.substr(10, 2),
                     d.size() >= 14 ? d.substr(12, 2) : "00");
}

std::string_view without_brackets(std::string_view text) {
  return text.starts_with('<') && text.ends_with('>') && text.size() > 1 ? text.substr(1, text.size() - 2) : text;
}

bool parse_length(std::string_view text, std::uint64_t& length) {
  if (!digits(text) || text.size() > 18) return false;
  length = 0;
  for (const char c : text) length = length * 10 + static_cast<std::uint64_t>(c - '0');
  return true;
}

// Where the header that `bytes` begin with ends: behind its empty line.
std::size_t header_end(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (bytes.substr(at + 1, 1) == "\n") return at + 2;
    if (bytes.substr(at + 1, 2) == "\r\n") return at + 3;
  }
  return std::string_view::npos;
}

void take_field(ArchiveRecord& record, const std::string& name, std::string_view value, std::string& length) {
  if (name == "warc-type") record.type = lower_case_ascii(value);
  if (name == "warc-record-id") record.id = without_brackets(value);
  if (name == "warc-target-uri") record.url = without_brackets(value);
  if (name == "warc-date") record.date = iso_date(value);
  if (name == "content-type") record.content_type = media_type(value, &record.charset);
  if (name == "warc-identified-payload-type") record.payload_type = media_type(value);
  if (name == "warc-block-digest") record.block_digest = value;
  if (name == "warc-payload-digest") record.payload_digest = value;
  if (name == "warc-truncated") record.truncated = value;
  if (name == "content-length") length = value;
}

}  // namespace

std::string media_type(std::string_view value, std::string* charset) {
  const std::size_t semicolon = std::min(value.find(';'), value.size());
  if (charset != nullptr) {
    const std::string lower = lower_case_ascii(value);
    const std::size_t at = lower.find("charset=", semicolon);
    if (at != std::string::npos) {
      std::string_view name = value.substr(at + 8);
      name = strip(name.substr(0, std::min(name.find_first_of(";,"), name.size())));
      while (!name.empty() && (name.front() == '"' || name.front() == '\'')) name.remove_prefix(1);
      while (!name.empty() && (name.back() == '"' || name.back() == '\'')) name.remove_suffix(1);
      *charset = name.substr(0, 40);
    }
  }
  return lower_case_ascii(strip(value.substr(0, semicolon)));
}

bool digest_matches(std::string_view digest, std::string_view bytes) {
  const std::size_t colon = digest.find(':');
  if (colon == std::string_view::npos) return true;
  const std::string name = lower_case_ascii(digest.substr(0, colon));
  std::string_view value = digest.substr(colon + 1);
  const EVP_MD* kind = name == "sha1"                          ? EVP_sha1()
                       : name == "sha256" || name == "sha-256" ? EVP_sha256()
                       : name == "md5"                         ? EVP_md5()
                                                               : nullptr;
  if (kind == nullptr) return true;
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> hash;
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, kind, nullptr);

  const std::span<const std::uint8_t> sum(hash.data(), size);
  if (lower_case_ascii(value) == to_hex(sum)) return true;
  while (value.ends_with('=')) value.remove_suffix(1);
  std::string base32;
  std::uint32_t bits = 0;
  int held = 0;
  for (const std::uint8_t byte : sum) {
    bits = bits << 8 | byte;
    for (held += 8; held >= 5; held -= 5) base32 += "abcdefghijklmnopqrstuvwxyz234567"[bits >> (held - 5) & 31];
    bits &= (1u << held) - 1;
  }
  if (held > 0) base32 += "abcdefghijklmnopqrstuvwxyz234567"[bits << (5 - held) & 31];
  if (lower_case_ascii(value) == base32) return true;
  std::string base64 = base64_encode({reinterpret_cast<const char*>(sum.data()), sum.size()});
  base64.resize(base64.find_last_not_of('=') + 1);
  std::string given(value);
  std::replace(given.begin(), given.end(), '-', '+');
  std::replace(given.begin(), given.end(), '_', '/');
  return given == base64;
}

ArchiveReader::ArchiveReader(std::string_view stored, std::function<void(const RecordDamage&)> on_damage)
    : bytes_(stored, begins_record), on_damage_(std::move(on_damage)) {}

// Goes to where the next record begins, at the beginning of a line; or to the end.
void ArchiveReader::seek_record() {
  for (;;) {
    const std::string_view here = bytes_.look(kStep + kLook).substr(0, kStep + kLook);
    for (std::size_t at = here.find('\n'); at != std::string_view::npos; at = here.find('\n', at + 1)) {
      if (!begins_record(here.substr(at + 1))) continue;
      bytes_.skip(at + 1);
      return;
    }
    if (here.size() < kStep + kLook) {
      bytes_.skip(here.size());
      if (!bytes_.resync()) return;
      if (begins_record(bytes_.look(kLook))) return;
    } else {
      bytes_.skip(kStep);
    }
  }
}

void ArchiveReader::give_up(std::string reason, std::uint64_t offset, std::string what) {
  on_damage_({std::move(reason), offset, std::move(what)});
}

bool ArchiveReader::parse_header(ArchiveRecord& record, std::uint64_t& length) {
  record = ArchiveRecord();
  record.offset = bytes_.offset();
  std::string_view bytes = bytes_.look(kLook).substr(0, kMaxHeader);
  if (!bytes.starts_with("WARC/")) {
    std::array<std::string_view, 5> fields;
    arc_fields(first_line(bytes), fields);
    record.arc = true;
    record.type = fields[0].starts_with("filedesc:") ? "warcinfo" : "response";
    record.url = fields[0];
    record.date = arc_date(fields[2]);
    record.content_type = lower_case_ascii(fields[3]);
    const bool good = parse_length(fields[4], length);
    if (!good) give_up("length", record.offset, fmt::format("the length '{}' is no number of bytes", fields[4].substr(0, 40)));
    const std::size_t line = std::min(bytes.find('\n'), bytes.size());
    bytes_.skip(good ? line + 1 : line);  // seek_record() wants the end of the line
    return good;
  }
  std::size_t end = header_end(bytes);
  if (end == std::string_view::npos) {
    bytes = bytes_.look(kMaxHeader).substr(0, kMaxHeader);
    end = header_end(bytes);
  }
  if (end == std::string_view::npos) {
    if (bytes_.broken())
      give_up("stream", record.offset, bytes_.damage());
    else if (bytes.size() < kMaxHeader)
      give_up("cut_short", record.offset, "the file ends inside a record's header");
    else
      give_up("header", record.offset, fmt::format("the header is longer than {} bytes", kMaxHeader));
    bytes_.skip(5);
    return false;
  }
  std::string content_length, name, value;
  const auto take = [&] {
    if (!name.empty()) take_field(record, name, value, content_length);
  };
  std::string_view lines = bytes.substr(0, end);
  for (bool first = true; !lines.empty(); first = false) {
    const std::size_t line_end = lines.find('\n');
    std::string_view line = lines.substr(0, line_end);
    lines.remove_prefix(line_end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (first || line.empty()) continue;
    if (line[0] == ' ' || line[0] == '\t') {  // goes on with the line before
      value.append(" ").append(strip(line));
      continue;
    }
    take();
    const std::size_t colon = std::min(line.find(':'), line.size());
    name = lower_case_ascii(strip(line.substr(0, colon)));
    value = strip(line.substr(std::min(colon + 1, line.size())));
  }
  take();
  if (!parse_length(content_length, length)) {
    give_up("length", record.offset, fmt::format("Content-Length '{}' is no number of bytes", content_length.substr(0, 40)));
    bytes_.skip(5);
    return false;
  }
  bytes_.skip(end);
  return true;
}

bool ArchiveReader::take_block(ArchiveRecord& record, std::uint64_t length) {
  if (length > kMaxRecordBytes) {
    give_up("too_large", record.offset, fmt::format("a record of {} bytes; {} are read at most", length, kMaxRecordBytes));
    while (length > 0) {
      const std::string_view some = bytes_.look(kStep);
      if (some.empty()) break;
      const std::size_t taken = static_cast<std::size_t>(std::min<std::uint64_t>(some.size(), length));
      bytes_.skip(taken);
      length -= taken;
    }
    if (bytes_.broken() && bytes_.look(1).empty()) bytes_.resync();
    return false;
  }
  // A little more than the block: its end must lie where the next record begins, and only then a member's checksum was seen.
  const std::string_view bytes = bytes_.look(length + kLook);
  if (bytes_.broken() && (bytes.size() < length || bytes_.broken_member() == record.offset)) {
    give_up("stream", record.offset, bytes_.damage());
    bytes_.resync();
    return false;
  }
  if (bytes.size() < length) {
    give_up("cut_short", record.offset, fmt::format("the file ends {} bytes into a record of {}", bytes.size(), length));
    seek_record();
    return false;
  }
  // Up to the next member, which may be damaged without being this record's fault.
  std::string_view behind = bytes.substr(length);
  if (const std::size_t member = bytes_.member_behind(length); member != std::string::npos)
    behind = behind.substr(0, member - length);
  behind.remove_prefix(std::min(behind.find_first_not_of(std::string_view("\r\n\0", 3)), behind.size()));
  if (!behind.empty() && !begins_record(behind)) {
    give_up("length", record.offset, fmt::format("no record begins behind its {} bytes", length));
    seek_record();
    return false;
  }
  record.block = bytes.substr(0, length);
  unread_ = length;
  return true;
}

bool ArchiveReader::next(ArchiveRecord& record) {
  bytes_.skip(unread_);
  unread_ = 0;
  for (;;) {
    const std::string_view bytes = bytes_.look(kLook);
    const std::size_t blank = bytes.find_first_not_of(std::string_view("\r\n\0", 3));
    if (blank == std::string_view::npos && !bytes.empty()) {
      bytes_.skip(bytes.size());
      continue;
    }
    if (bytes.empty()) {
      if (!bytes_.broken()) return false;
      give_up("stream", bytes_.broken_member(), bytes_.damage());
      if (!bytes_.resync()) return false;
      continue;
    }
    if (blank > 0) {
      bytes_.skip(blank);
      continue;
    }
    if (!begins_record(bytes)) {
      give_up("no_record", bytes_.offset(), "no record begins where one should");
      seek_record();
      continue;
    }
    std::uint64_t length = 0;
    if (!parse_header(record, length)) {
      seek_record();
      continue;
    }
    if (take_block(record, length)) return true;
  }
}

}  // namespace cairn::data
