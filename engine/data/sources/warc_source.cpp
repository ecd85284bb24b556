#include "engine/data/sources/warc_source.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/html/html_text.h"
#include "engine/data/signals/page_lines.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/http_response.h"
#include "engine/data/sources/warc.h"

namespace cairn::data {

namespace {

bool is_html(std::string_view type) {
  return type == "text/html" || type == "application/xhtml+xml";
}

// What a page may be called when nobody looked.
bool says_nothing(std::string_view type) {
  return type.empty() || type == "application/octet-stream" || type == "unknown/unknown" || type == "unk" || type == "no-type";
}

bool is_robots_file(std::string_view url) {
  const std::size_t host = url.find("://");
  if (host == std::string_view::npos) return false;
  const std::size_t path = url.find('/', host + 3);
  return path != std::string_view::npos && url.substr(path).substr(0, url.substr(path).find_first_of("?#")) == "/robots.txt";
}

std::string_view skipped_record(std::string_view type) {
  for (const std::string_view known : {"warcinfo", "request", "metadata", "revisit", "continuation"}) {
    if (type == known) return known;
  }
  return "unknown_record";
}

void take(const ArchiveRecord& record, const std::string& name, Intake& intake) {
  const auto damaged = [&](std::string_view reason, std::string_view what) {
    intake.damaged(reason, fmt::format("{}: byte {}: {}", name, record.offset, what));
  };
  if (intake.passes_over()) return;
  const bool response = record.type == "response";
  if (!response && record.type != "resource" && record.type != "conversion") return intake.skipped(skipped_record(record.type));
  if (record.url.starts_with("metadata:")) return intake.skipped("metadata");  // a crawler's own log
  if (!record.truncated.empty()) return damaged("clipped", "the crawler clipped the record: " + record.truncated);

  HttpResponse http;
  http.body = record.block;
  http.content_type = record.content_type;
  http.charset = record.charset;
  const bool has_http = response && (record.arc ? record.block.starts_with("HTTP/") : true);
  if (has_http) {
    std::optional<HttpResponse> parsed = parse_http_response(record.block);
    if (!parsed) return damaged("no_http", "a response without a status line");
    http = std::move(*parsed);
    if (http.status < 200 || http.status > 299 || http.status == 206) return intake.skipped("status");
  }
  if (is_robots_file(record.url)) return intake.skipped("robots_txt");
  std::string type = !says_nothing(record.payload_type) ? record.payload_type : http.content_type;
  const bool unknown = says_nothing(type);
  if (!unknown && !is_html(type) && type != "text/plain") return intake.skipped("not_text");

  std::string body;
  try {
    body = decoded_body(http, kMaxRecordBytes);
  } catch (const Error& error) {
    return damaged("body", error.what());
  }
  const bool digest = record.payload_digest.empty()
                          ? digest_matches(record.block_digest, record.block)
                          : digest_matches(record.payload_digest, http.body) || digest_matches(record.payload_digest, body) ||
                                digest_matches(record.payload_digest, record.block);
  if (!digest) {
    return damaged("digest", fmt::format("the bytes do not have the digest {}",
                                         record.payload_digest.empty() ? record.block_digest : record.payload_digest));
  }
  if (unknown) {
    if (!looks_like_html(body)) return intake.skipped("not_text");
    type = "text/html";
  }
  Document document;
  PageLines lines;
  std::vector<LicenceMark> licences;
  for (const auto& [field, value] : http.uses) {
    lines.add_header(field, value);
    if (field != "link") continue;
    for (LicenceMark& mark : licences_of_link_header(value)) licences.push_back(std::move(mark));
  }
  std::vector<SignalLine> signals = lines.lines();
  if (is_html(type)) {
    HtmlText page = extract_html(body, http.charset);
    document.text = std::move(page.text);
    document.language = std::move(page.language);
    signals.insert(signals.end(), page.signals.begin(), page.signals.end());
    licences.insert(licences.end(), page.licences.begin(), page.licences.end());
    set_licence(document, licence_of_marks(licences));
  } else {
    document.text = to_utf8(body, http.charset);
    set_licence(document, licences.empty() ? licence_of_text(document.text) : licence_of_marks(licences));
  }
  document.signals = join_signal_lines(signals, "\n");
  document.url = record.url;
  document.retrieved = record.date;
  document.record_id = record.id;
  document.record_place = fmt::format("{}:{}", name, record.offset);
  document.content_type = type;
  intake.document(std::move(document));
}

}  // namespace

void WarcReader::read(std::string_view bytes, const std::string& name, Intake& intake) const {
  try {
    ArchiveReader records(bytes, [&](const RecordDamage& damage) {
      intake.damaged(damage.reason, fmt::format("{}: byte {}: {}", name, damage.offset, damage.what));
    });
    ArchiveRecord record;
    while (records.next(record)) take(record, name, intake);
  } catch (const Error& error) {
    throw named(error, name);
  }
}

}  // namespace cairn::data
