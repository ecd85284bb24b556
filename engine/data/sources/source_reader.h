// Files of many kinds to documents: bytes in, documents out.
//
// A reader fills text, and of the other fields what the file itself says (language; for JSONL also url, licence, source); the
// step that calls it fills the rest from its config. Readers hold no state: any thread may use one. Garbage gives poor text or an
// Error, never a crash.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "engine/data/document.h"

namespace cairn::data {

using EmitDocument = std::function<void(Document&&)>;

class SourceReader {
 public:
  virtual ~SourceReader() = default;
  // `bytes`: the file as stored, perhaps compressed with gzip or zstd; `name`: what errors call it.
  virtual void read(std::string_view bytes, const std::string& name, const EmitDocument& emit) const = 0;
};

inline constexpr std::uint64_t kMaxTextFile = 256'000'000;  // bytes of one HTML or text file once unpacked; JSONL has no limit

// One document: the main content of the page.
class HtmlReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, const EmitDocument& emit) const override;
};

// One document: the file.
class TextReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, const EmitDocument& emit) const override;
};

// A document per line (document.h, parse_document_line); empty lines are skipped.
class JsonlReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, const EmitDocument& emit) const override;
};

// "html", "text", "jsonl", or "auto": by the name without .gz and .zst, else by the first bytes. Error (usage) for a kind
// unknown.
const SourceReader& source_reader(std::string_view kind, std::string_view name, std::string_view bytes);

}  // namespace cairn::data
