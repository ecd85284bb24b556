#include "engine/data/sources/source_reader.h"

#include <fmt/format.h>

#include "base/error.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/html/html_text.h"
#include "engine/data/sources/encoding.h"
#include "engine/data/sources/parquet_source.h"
#include "engine/data/sources/warc_source.h"

namespace cairn::data {

namespace {

// Name without a compression suffix, in lower case.
std::string plain_name(std::string_view name) {
  std::string lower = lower_case_ascii(name);
  for (const std::string_view suffix : {".gz", ".zst", ".zstd"}) {
    if (lower.ends_with(suffix)) return lower.substr(0, lower.size() - suffix.size());
  }
  return lower;
}

}  // namespace

bool looks_like_html(std::string_view bytes) {
  const std::string lower = lower_case_ascii(bytes.substr(0, 1024));
  return lower.find("<html") != std::string::npos || lower.find("<!doctype html") != std::string::npos ||
         lower.find("<body") != std::string::npos;
}

void HtmlReader::read(std::string_view bytes, const std::string& name, Intake& intake) const {
  if (intake.passes_over()) return;
  const bool packed = compression_of(bytes) != Compression::none;
  const std::string unpacked = packed ? decompress_all(bytes, name, kMaxTextFile) : std::string();
  const HtmlText page = extract_html((packed ? std::string_view(unpacked) : bytes).substr(0, kMaxHtml));
  Document document;
  document.text = page.text;
  document.language = page.language;
  document.signals = join_signal_lines(page.signals, "\n");
  set_licence(document, licence_of_marks(page.licences));
  intake.document(std::move(document));
}

void TextReader::read(std::string_view bytes, const std::string& name, Intake& intake) const {
  if (intake.passes_over()) return;
  Document document;
  document.text =
      to_utf8(compression_of(bytes) == Compression::none ? std::string(bytes) : decompress_all(bytes, name, kMaxTextFile));
  set_licence(document, licence_of_text(document.text));
  intake.document(std::move(document));
}

void JsonlReader::read(std::string_view bytes, const std::string& name, Intake& intake) const {
  LineReader lines(decompress(bytes, name), name, kMaxJsonLine);
  std::string_view line;
  for (;;) {
    try {
      if (!lines.next(line)) return;
    } catch (const Error& error) {
      if (!lines.can_go_on()) throw;
      intake.damaged("too_large", error.what());
      continue;
    }
    if (strip(line.substr(0, 64)).empty() && strip(line).empty()) continue;
    if (intake.passes_over()) continue;
    Document document;
    try {
      parse_document_line(line, document);
    } catch (const Error& error) {
      intake.damaged("line", fmt::format("{}: line {}: {}", name, lines.line_number(), error.what()));
      continue;
    }
    intake.document(std::move(document));
  }
}

void set_licence(Document& document, FoundLicence&& found) {
  if (found.licence.empty()) return;
  document.licence = std::move(found.licence);
  document.licence_evidence = std::move(found.evidence);
}

Error named(const Error& error, const std::string& name) {
  const std::string what = error.what();
  return Error(what.starts_with(name) ? what : fmt::format("{}: {}", name, what), error.code());
}

const SourceReader& source_reader(std::string_view kind, std::string_view name, std::string_view bytes) {
  static const HtmlReader html;
  static const TextReader text;
  static const JsonlReader jsonl;
  static const WarcReader warc;
  static const ParquetReader parquet;
  refuse_lz4(bytes);
  if (kind == "html") return html;
  if (kind == "text") return text;
  if (kind == "jsonl") return jsonl;
  if (kind == "warc") return warc;
  if (kind == "parquet") return parquet;
  if (kind != "auto") fail_usage("unknown kind of source '{}'; known: html, text, jsonl, warc, parquet, auto", kind);
  const std::string plain = plain_name(name);
  if (plain.ends_with(".html") || plain.ends_with(".htm") || plain.ends_with(".xhtml")) return html;
  if (plain.ends_with(".jsonl") || plain.ends_with(".ndjson")) return jsonl;
  if (plain.ends_with(".warc") || plain.ends_with(".wet") || plain.ends_with(".arc")) return warc;
  if (plain.ends_with(".parquet")) return parquet;
  if (plain.ends_with(".txt") || plain.ends_with(".md") || plain.ends_with(".rst")) return text;
  if (compression_of(bytes) == Compression::none && looks_like_html(bytes)) return html;
  return text;
}

}  // namespace cairn::data
