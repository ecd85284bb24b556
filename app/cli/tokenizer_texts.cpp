#include "app/cli/tokenizer_texts.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "base/disk.h"
#include "base/error.h"
#include "engine/data/document.h"
#include "engine/data/html/html_text.h"
#include "engine/data/sources/xml_text.h"
#include "engine/text/unicode.h"

namespace cairn::app {
namespace {

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
  std::string text;
  if (file.extension() == ".html")
    text = data::extract_html(bytes, "").text;
  else if (file.extension() == ".xml")
    text = data::xml_text(bytes, file.string());
  else
    text = text::utf8_lossy(bytes);
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
