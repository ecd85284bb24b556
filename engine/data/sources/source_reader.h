// Files of many kinds to documents: bytes in, documents out.
//
// A reader fills text, and of the other fields what the file itself says (language; for JSONL also url, licence, source; for web
// archives address, date and record); the step that calls it fills the rest from its config. Readers hold no state: any thread
// may use one. Garbage gives poor text, damaged records, or an Error when nothing more of the file can be read; never a crash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/data/document.h"
#include "engine/data/licences/licence_marks.h"

namespace cairn::data {

// Where a reader puts what it finds: each record of a file is one of the three.
class Intake {
 public:
  virtual ~Intake() = default;
  // Asked before the work on a record: whether an earlier attempt took it already. The reader then goes to the one behind it,
  // without a call for this. (Records that the reader cannot even find the end of come to damaged() unasked.)
  virtual bool passes_over() { return false; }
  virtual void document(Document&& document) = 0;
  // A record that is no document, by a stable reason ("request").
  virtual void skipped(std::string_view reason) = 0;
  // A record that cannot be read, by a stable reason ("digest"); `message` names file and place. May throw to end the reading.
  virtual void damaged(std::string_view reason, const std::string& message) = 0;
};

class SourceReader {
 public:
  virtual ~SourceReader() = default;
  // `bytes`: the file as stored, perhaps compressed with gzip or zstd; `name`: what messages call it.
  virtual void read(std::string_view bytes, const std::string& name, Intake& intake) const = 0;
};

inline constexpr std::size_t kMaxHtml = 32'000'000;  // bytes of a page that are looked at: its tree takes up to 35 times as much
inline constexpr std::uint64_t kMaxTextFile = 256'000'000;  // bytes of one HTML or text file once unpacked
inline constexpr std::size_t kMaxJsonLine = 256'000'000;    // bytes of one line of JSONL; the file has no limit

// One document: the main content of the page.
class HtmlReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, Intake& intake) const override;
};

// One document: the file.
class TextReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, Intake& intake) const override;
};

// A document per line (document.h, parse_document_line); empty lines do not count. Damaged: "line" (not such a document),
// "too_large".
class JsonlReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, Intake& intake) const override;
};

// The error with `name` and a colon before its message, unless that begins with the name already.
Error named(const Error& error, const std::string& name);

// Licence and evidence, where something was found.
void set_licence(Document& document, FoundLicence&& found);

// Whether bytes of unknown type begin like a page.
bool looks_like_html(std::string_view bytes);

// "html", "text", "jsonl", "warc" (also WET and ARC), "parquet", or "auto": by the name without .gz and .zst, else by the first
// bytes. Error (usage) for a kind unknown; Error for a file in lz4.
const SourceReader& source_reader(std::string_view kind, std::string_view name, std::string_view bytes);

}  // namespace cairn::data
