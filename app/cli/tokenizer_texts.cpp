#include "app/cli/tokenizer_texts.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <string_view>
#include <utility>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/document.h"
#include "engine/data/sources/html_text.h"
#include "engine/text/unicode.h"

namespace cairn::app {
namespace {

// The text of XML: each run between two tags on a line of its own, its white space as one space, for the indentation of markup is
// none of a language's text.
std::string text_of_xml(std::string_view markup) {
  std::string out;
  for (std::size_t at = 0; at < markup.size();) {
    const std::size_t tag = std::min(markup.find('<', at), markup.size());
    std::string run;
    for (const char c : markup.substr(at, tag - at)) {
      const bool space = c == ' ' || c == '\t' || c == '\r' || c == '\n';
      if (!space) run += c;
      if (space && !run.empty() && run.back() != ' ') run += ' ';
    }
    if (!run.empty() && run.back() == ' ') run.pop_back();
    if (!run.empty()) out += run + "\n";
    at = std::min(markup.find('>', tag), markup.size() - 1) + 1;
  }
  constexpr std::pair<std::string_view, std::string_view> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&apos;", "'"}, {"&amp;", "&"}};  // & last: it makes no new ones
  for (const auto& [entity, character] : kEntities) {
    for (std::size_t at = 0; (at = out.find(entity, at)) != std::string::npos; at += character.size()) {
      out.replace(at, entity.size(), character);
    }
  }
  return out;
}

void read_documents(const fs::path& folder, std::vector<text::LabelledText>& texts) {
  std::map<std::string, std::string> by_language;
  data::DocumentReader reader(folder);
  data::Document document;
  while (reader.next(document)) {
    std::string& text = by_language[document.language.empty() ? "unknown" : document.language];
    text += document.text + "\n";
  }
  for (auto& [language, text] : by_language) texts.push_back({language, std::move(text)});
}

void read_text(const fs::path& file, const std::string& name, std::vector<text::LabelledText>& texts) {
  const std::string bytes = read_file(file);
  std::string text = file.extension() == ".html" ? data::extract_html(bytes, "").text : text::utf8_lossy(bytes);
  if (file.extension() == ".xml") text = text_of_xml(text);
  texts.push_back({name.empty() ? file.stem().string() : name, std::move(text)});
}

bool is_jsonl(const fs::path& file) {
  return file.filename().string().find(".jsonl") != std::string::npos;
}

void read_folder(const fs::path& folder, const std::string& name, std::vector<text::LabelledText>& texts) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (std::any_of(files.begin(), files.end(), is_jsonl)) return read_documents(folder, texts);
  for (const fs::path& file : files) read_text(file, name, texts);
}

}  // namespace

std::vector<text::LabelledText> read_labelled_texts(const std::vector<std::string>& paths) {
  std::vector<text::LabelledText> texts;
  for (const std::string& given : paths) {
    const std::size_t equals = fs::exists(given) ? std::string::npos : given.find('=');
    const std::string name = equals == std::string::npos ? "" : given.substr(0, equals);
    const fs::path path = equals == std::string::npos ? given : given.substr(equals + 1);
    if (fs::is_directory(path))
      read_folder(path, name, texts);
    else
      read_text(path, name, texts);
  }
  if (std::all_of(texts.begin(), texts.end(), [](const text::LabelledText& text) { return text.text.empty(); }))
    fail("there is no text in {}", paths.empty() ? "nothing" : paths[0]);
  return texts;
}

}  // namespace cairn::app
