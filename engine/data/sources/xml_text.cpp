#include "engine/data/sources/xml_text.h"

#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include "base/error.h"

namespace cairn::data {
namespace {

struct Collector {
  std::string text, run, error;

  void add(std::string_view characters) {
    for (const char c : characters) {
      const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
      if (!space) run += c;
      if (space && !run.empty() && run.back() != ' ') run += ' ';
    }
  }
  void end_run() {
    if (!run.empty() && run.back() == ' ') run.pop_back();
    if (!run.empty()) text += run + "\n";
    run.clear();
  }
};

Collector& collector(void* user) {
  return *static_cast<Collector*>(user);
}

void characters(void* user, const xmlChar* text, int bytes) {
  collector(user).add({reinterpret_cast<const char*>(text), static_cast<std::size_t>(bytes)});
}

void start_element(void* user, const xmlChar*, const xmlChar*, const xmlChar*, int, const xmlChar**, int, int, const xmlChar**) {
  collector(user).end_run();
}

void end_element(void* user, const xmlChar*, const xmlChar*, const xmlChar*) {
  collector(user).end_run();
}

void keep_first_error(void* user, xmlError* error) {
  Collector& found = collector(user);
  // A prefix that nobody declared leaves the text what it is.
  if (!found.error.empty() || error->level < XML_ERR_ERROR || error->domain == XML_FROM_NAMESPACE) return;
  std::string message = error->message ? error->message : "is not well-formed";
  message.erase(message.find_last_not_of('\n') + 1);
  std::replace(message.begin(), message.end(), '\n', ' ');
  found.error = fmt::format("line {}: {}", error->line, message);
}

struct FreeParser {
  void operator()(xmlParserCtxt* parser) const { xmlFreeParserCtxt(parser); }
};

}  // namespace

std::string xml_text(std::string_view bytes, std::string_view origin) {
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    fail("{}: {} bytes of XML; expected at most 2 GB", origin, bytes.size());
  const std::unique_ptr<xmlParserCtxt, FreeParser> parser(
      xmlCreateMemoryParserCtxt(bytes.data(), static_cast<int>(bytes.size())));
  if (!parser) fail("{}: expected an XML document", origin);
  xmlSAXHandler& handler = *parser->sax;
  std::memset(&handler, 0, sizeof handler);
  handler.startElementNs = start_element;
  handler.endElementNs = end_element;
  handler.characters = characters;
  handler.cdataBlock = characters;
  handler.initialized = XML_SAX2_MAGIC;
  handler.serror = reinterpret_cast<xmlStructuredErrorFunc>(keep_first_error);
  xmlCtxtUseOptions(parser.get(), XML_PARSE_NONET);
  Collector found;
  parser->userData = &found;  // not the parser itself: then libxml2 looks for no entities of the document's own
  xmlParseDocument(parser.get());
  if (!parser->wellFormed || !found.error.empty())
    fail("{}: {}", origin, found.error.empty() ? "is not well-formed XML" : found.error);
  return found.text;
}

}  // namespace cairn::data
