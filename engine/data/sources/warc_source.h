// Web archives to documents: pages through the main-content extraction, plain text and WET as it is.
#pragma once

#include "engine/data/sources/source_reader.h"

namespace cairn::data {

// A document per record that holds text: response (status 200 to 299 but 206; HTML, XHTML or plain text by the type that the
// crawler identified, else by the server's, else by its looks), resource of these types, conversion. It keeps the record's id,
// place, address, date and content type.
//
// Skipped, by reason: "warcinfo", "request", "metadata" (also what a crawler stored of itself), "revisit", "continuation",
// "unknown_record" (other types), "status", "not_text", "robots_txt". Damaged, by reason: those of warc.h, and "no_http", "body"
// (transfer or content coding), "digest", "clipped" (WARC-Truncated). The payload's digest decides where it is given, over the
// body as stored, in clear, or the whole block (writers differ); else the block's.
class WarcReader : public SourceReader {
 public:
  void read(std::string_view bytes, const std::string& name, Intake& intake) const override;
};

}  // namespace cairn::data
