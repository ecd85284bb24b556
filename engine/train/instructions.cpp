#include "engine/train/instructions.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>
#include <utility>

namespace cairn::train {

namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 58> kLanguages{{
    {"ar", "Arabic"},
    {"bg", "Bulgarian"},
    {"ca", "Catalan"},
    {"cs", "Czech"},
    {"da", "Danish"},
    {"de", "German"},
    {"el", "Greek"},
    {"en", "English"},
    {"es", "Spanish"},
    {"et", "Estonian"},
    {"eu", "Basque"},
    {"fa", "Persian"},
    {"fi", "Finnish"},
    {"fr", "French"},
    {"ga", "Irish"},
    {"gl", "Galician"},
    {"gsw", "Swiss German"},
    {"gu", "Gujarati"},
    {"he", "Hebrew"},
    {"hi", "Hindi"},
    {"hr", "Croatian"},
    {"hu", "Hungarian"},
    {"hy", "Armenian"},
    {"id", "Indonesian"},
    {"is", "Icelandic"},
    {"it", "Italian"},
    {"ja", "Japanese"},
    {"ka", "Georgian"},
    {"kk", "Kazakh"},
    {"km", "Khmer"},
    {"ko", "Korean"},
    {"lt", "Lithuanian"},
    {"lv", "Latvian"},
    {"mk", "Macedonian"},
    {"nb", "Norwegian"},
    {"nl", "Dutch"},
    {"nn", "Norwegian Nynorsk"},
    {"no", "Norwegian"},
    {"pl", "Polish"},
    {"pt", "Portuguese"},
    {"pt-br", "Brazilian Portuguese"},
    {"rm", "Romansh"},
    {"ro", "Romanian"},
    {"ru", "Russian"},
    {"sk", "Slovak"},
    {"sl", "Slovenian"},
    {"sq", "Albanian"},
    {"sr", "Serbian"},
    {"sv", "Swedish"},
    {"ta", "Tamil"},
    {"th", "Thai"},
    {"tr", "Turkish"},
    {"uk", "Ukrainian"},
    {"vi", "Vietnamese"},
    {"zh", "Chinese"},
    {"zh-cn", "Simplified Chinese"},
    {"zh-tw", "Traditional Chinese"},
    {"eo", "Esperanto"},
}};

constexpr std::size_t kLeastParagraph = 80, kMostParagraph = 600, kMostTitle = 90, kLeastContinuation = 20;
constexpr std::size_t kParagraphsAsked = 3;  // of one document, by rules that could ask about each paragraph

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t' || text.front() == '\r')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

// Tables and items of lists read badly by themselves.
bool is_prose(std::string_view line) {
  return line.front() != '-' && line.front() != '*' && line.find('|') == std::string_view::npos;
}

// The end of the first sentence of `text`, one past its mark; 0 when there is none before the end.
std::size_t sentence_end(std::string_view text) {
  for (std::size_t i = 0; i + 2 < text.size(); ++i) {
    const bool mark = text[i] == '.' || text[i] == '!' || text[i] == '?';
    if (mark && text[i + 1] == ' ' && i >= 30) return i + 1;
    // The ideographic full stop, U+3002.
    if (text.substr(i, 3) == "\xe3\x80\x82" && i >= 30 && i + 3 < text.size()) return i + 3;
  }
  return 0;
}

// A few paragraphs from all over the document, first and last left out where there are enough: those are often licences and lists
// of names.
std::vector<const std::string*> spread(const std::vector<std::string>& paragraphs) {
  std::vector<const std::string*> out;
  const std::size_t count = std::min(kParagraphsAsked, paragraphs.size());
  for (std::size_t i = 0; i < count; ++i) out.push_back(&paragraphs[(2 * i + 1) * paragraphs.size() / (2 * count)]);
  return out;
}

Instruction instruction(const data::Document& document, std::string rule, std::string user, std::string assistant) {
  std::string group = translation_key(document);
  if (group.empty()) group = document.id;
  return {std::move(rule),  document.id,     std::move(group),    document.source,
          document.licence, std::move(user), std::move(assistant)};
}

}  // namespace

std::string language_name(std::string_view tag) {
  const std::string whole = lower(tag);
  const std::string primary = whole.substr(0, whole.find('-'));
  std::string_view found;
  for (const auto& [code, name] : kLanguages) {
    if (code == whole) return std::string(name);
    if (code == primary) found = name;
  }
  return std::string(found);
}

Outline outline_of(const std::string& text) {
  Outline outline;
  bool first = true;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (line.empty()) continue;
    const bool ends_like_prose = line.back() == '.' || line.back() == ':' || line.ends_with("\xe3\x80\x82");
    if (first && line.size() <= kMostTitle && !ends_like_prose) outline.title = line;
    first = false;
    if (line.size() >= kLeastParagraph && line.size() <= kMostParagraph && is_prose(line)) {
      outline.paragraphs.emplace_back(line);
    }
  }
  return outline;
}

std::string translation_key(const data::Document& document) {
  const std::string language = lower(document.language);
  if (language.empty() || language == "und" || document.url.empty()) return "";
  // Parts between '/' and '.'; the last one that is the language is left out.
  std::string key;
  std::size_t found = std::string::npos, found_size = 0;
  for (std::size_t begin = 0; begin <= document.url.size();) {
    const std::size_t end = std::min(document.url.find_first_of("/.", begin), document.url.size());
    if (lower(std::string_view(document.url).substr(begin, end - begin)) == language) {
      found = begin;
      found_size = end - begin;
    }
    begin = end + 1;
  }
  if (found == std::string::npos) return "";
  return document.source + ":" + document.url.substr(0, found) + "*" + document.url.substr(found + found_size);
}

std::vector<Instruction> instructions_from(const data::Document& document) {
  const Outline outline = outline_of(document.text);
  std::vector<Instruction> out;
  if (outline.paragraphs.empty()) return out;
  const std::string& first = outline.paragraphs.front();
  if (!outline.title.empty()) {
    out.push_back(instruction(document, "topic", "What is \"" + outline.title + "\" about?", first));
    out.push_back(instruction(document, "title", "Give this text a title.\n\n" + first, outline.title));
  }
  const std::string language = language_name(document.language);
  for (const std::string* paragraph : spread(outline.paragraphs)) {
    if (!language.empty()) {
      out.push_back(
          instruction(document, "language", "In which language is this text written?\n\n" + *paragraph, language + "."));
    }
    const std::size_t end = sentence_end(*paragraph);
    const std::string_view rest = trimmed(std::string_view(*paragraph).substr(end));
    if (end == 0 || rest.size() < kLeastContinuation) continue;
    out.push_back(instruction(document, "continue", "Continue this text:\n\n" + paragraph->substr(0, end), std::string(rest)));
  }
  return out;
}

std::optional<TitledDocument> titled(const data::Document& document) {
  std::string key = translation_key(document);
  if (key.empty() || language_name(document.language).empty()) return std::nullopt;
  std::string title = outline_of(document.text).title;
  if (title.empty()) return std::nullopt;
  return TitledDocument{std::move(key), lower(document.language), std::move(title),
                        document.id,    document.source,          document.licence};
}

std::vector<Instruction> title_translations(std::vector<TitledDocument> documents) {
  std::sort(documents.begin(), documents.end(), [](const TitledDocument& a, const TitledDocument& b) {
    return std::tie(a.key, a.language, a.document) < std::tie(b.key, b.language, b.document);
  });
  std::vector<Instruction> out;
  for (std::size_t begin = 0, end; begin < documents.size(); begin = end) {
    end = begin + 1;
    while (end < documents.size() && documents[end].key == documents[begin].key) ++end;
    // Each with the next, around the circle: every title is asked for once.
    for (std::size_t i = begin; i < end; ++i) {
      const TitledDocument& from = documents[i];
      const TitledDocument& to = documents[i + 1 < end ? i + 1 : begin];
      if (from.language == to.language || from.title == to.title) continue;
      out.push_back({"translate", to.document, to.key, to.source, to.licence,
                     "Translate into " + language_name(to.language) + ": " + from.title, to.title});
    }
  }
  return out;
}

}  // namespace cairn::train
