// Conversations out of documents by rule: what a document's own structure answers needs no one to write it.
//
//   language   "In which language is this text written?"  a paragraph                     -> the language's name
//   topic      "What is TITLE about?"                                                     -> the first paragraph
//   continue   "Continue this text:"                      a sentence                       -> the sentence after it
//   title      "Give this text a title."                  the first paragraph              -> the title
//   translate  "Translate into German:"                   a title in another language      -> the title in German
//
// Titles are translated between documents whose paths differ in the language alone (manual.de.html, manual.en.html; de/manual,
// en/manual).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/data/document.h"

namespace cairn::train {

struct Instruction {
  std::string rule;
  std::string document;  // id
  std::string group;     // documents that are translations of one another share it; a split must not part them
  std::string source, licence;
  std::string user, assistant;
};

// English name of a BCP 47 tag, by its primary language and, for a few, its region ("pt-br"): empty when unknown.
std::string language_name(std::string_view tag);

// A document's title (its first line, when it looks like one) and its paragraphs; texts that do not read as prose have few.
struct Outline {
  std::string title;                    // empty when there is none
  std::vector<std::string> paragraphs;  // 80 to 600 bytes each, in order
};
Outline outline_of(const std::string& text);

// The path without its language: "x/manual.de.html" and "x/manual.en.html" give the same key. Empty when no part of it is the
// language.
std::string translation_key(const data::Document& document);

// From one document: all rules but translate.
std::vector<Instruction> instructions_from(const data::Document& document);

// One document's title, to be paired with its translations.
struct TitledDocument {
  std::string key, language, title, document, source, licence;
};
std::optional<TitledDocument> titled(const data::Document& document);
// Pairs of titles, in the order of key and language; titles that are the same in both languages teach nothing and are left out.
std::vector<Instruction> title_translations(std::vector<TitledDocument> documents);

}  // namespace cairn::train
