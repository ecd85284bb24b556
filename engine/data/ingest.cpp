// step ingest: HTML, plain text and JSONL files -> documents, each with its source, address, licence, language and retrieval
// time.
//
// Documents stand in the order of the config's sources, within one in the order of the files' paths, within a file as they come;
// for any number of threads.
#include "engine/data/ingest.h"

#include <sys/stat.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/document.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/data/sources/source_reader.h"
#include "engine/steps/step_context.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::size_t kBatchFiles = 128;    // read side by side, then written in order
constexpr std::size_t kListedFiles = 1000;  // names of empty and damaged files in the report, at most

struct Source {
  std::string name, kind, licence, language, url_prefix, retrieved;
  std::unique_ptr<LanguageRule> language_rule;
};

struct File {
  std::size_t source;
  fs::path path;
  std::string member;  // path inside the source
};

struct Tally {
  std::int64_t files = 0, documents = 0, empty = 0, damaged = 0;
  std::uint64_t bytes = 0, text_bytes = 0;
};

std::vector<steps::External> externals(const Config& config) {
  std::vector<steps::External> found;
  for (const Config& source : config.objects("sources")) {
    found.push_back({"sources", source.string("path"), source.strings("glob")});
  }
  for (const Config& source : config.objects("sources")) {
    if (source.has("licence_file")) found.push_back({"licence_files", source.string("licence_file"), {}});
  }
  return found;
}

std::int64_t modified_seconds(const fs::path& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 ? static_cast<std::int64_t>(status.st_mtime) : 0;
}

std::vector<File> files_of(const steps::StepInput& input, std::size_t source) {
  if (!fs::is_directory(input.path)) return {{source, input.path, input.path.filename().string()}};
  std::vector<File> files;
  std::vector<std::string> members = input.files;
  if (members.empty()) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(input.path)) {
      if (entry.is_regular_file()) members.push_back(fs::relative(entry.path(), input.path).generic_string());
    }
  }
  std::sort(members.begin(), members.end());
  for (const std::string& member : members) files.push_back({source, input.path / member, member});
  return files;
}

// Licence, retrieval time and rules of each source of the config.
std::vector<Source> read_sources(steps::StepContext& ctx, const std::vector<std::vector<File>>& files) {
  std::vector<Source> sources;
  std::size_t licence_files = 0;
  for (const Config& config : ctx.config().objects("sources")) {
    Source source;
    source.name = config.string("name");
    source.kind = config.string("kind");
    if (config.has("language")) source.language = normal_language(config.string("language"));
    if (config.has("language_from")) source.language_rule = std::make_unique<LanguageRule>(config.string("language_from"));
    if (config.has("url_prefix")) source.url_prefix = config.string("url_prefix");
    source.licence = "unknown";
    if (config.has("licence_file")) {
      source.licence = licence_of_copyright_file(MappedFile(ctx.inputs("licence_files").at(licence_files++).path).text());
    }
    if (config.has("licence")) source.licence = config.string("licence");
    if (config.has("retrieved")) {
      source.retrieved = config.string("retrieved");
    } else {
      std::int64_t newest = 0;
      for (const File& file : files[sources.size()]) newest = std::max(newest, modified_seconds(file.path));
      source.retrieved = format_iso8601(newest * 1'000'000).substr(0, 19) + "Z";
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

// What the file does not say itself, the config does; but a language rule of the config knows better than the page.
void complete(Document& document, const Source& source, const File& file, std::size_t index, std::size_t count) {
  document.text = std::string(text::utf8_lossy(document.text));
  document.id = document_id(document.text);
  if (document.source.empty()) document.source = source.name;
  if (document.url.empty()) {
    document.url = text::utf8_lossy(source.url_prefix + file.member);
    if (count > 1) document.url += fmt::format("#{}", index);
  }
  if (document.licence.empty()) document.licence = source.licence;
  std::string language = source.language;
  if (language.empty() && source.language_rule) language = source.language_rule->language_of(file.member);
  document.language = language.empty() ? normal_language(document.language) : language;
  if (document.retrieved.empty()) document.retrieved = source.retrieved;
}

struct ReadFile {
  std::vector<Document> documents;
  std::int64_t empty = 0;
  std::uint64_t bytes = 0;
  std::string damage;  // the error, when damaged files are skipped
};

ReadFile read_one(const Source& source, const File& file, bool skip_damaged) {
  ReadFile result;
  const std::string name = source.name + "/" + file.member;
  try {
    const MappedFile mapped(file.path);
    result.bytes = mapped.size();
    source_reader(source.kind, file.member, mapped.text()).read(mapped.text(), name, [&result](Document&& document) {
      if (document.text.find_first_not_of(" \t\r\n") == std::string::npos)
        ++result.empty;
      else
        result.documents.push_back(std::move(document));
    });
    const std::size_t count = result.documents.size();
    for (std::size_t i = 0; i < count; ++i) complete(result.documents[i], source, file, i, count);
  } catch (const Error& error) {
    if (!skip_damaged || error.code() != ExitCode::failed) throw;
    result = ReadFile{};
    result.damage = error.what();
  }
  return result;
}

Json tallies(const std::map<std::string, Tally>& of) {
  Json out = Json::object();
  for (const auto& [name, tally] : of) {
    out[name] = {{"documents", tally.documents}, {"text_bytes", tally.text_bytes}};
    if (tally.files > 0) {
      out[name].update(
          {{"files", tally.files}, {"file_bytes", tally.bytes}, {"without_text", tally.empty}, {"damaged", tally.damaged}});
    }
  }
  return out;
}

void ingest(steps::StepContext& ctx) {
  const std::vector<steps::StepInput>& inputs = ctx.inputs("sources");
  std::vector<std::vector<File>> files_by_source;
  for (std::size_t i = 0; i < inputs.size(); ++i) files_by_source.push_back(files_of(inputs[i], i));
  const std::vector<Source> sources = read_sources(ctx, files_by_source);
  std::vector<File> files;
  for (const std::vector<File>& of_source : files_by_source) files.insert(files.end(), of_source.begin(), of_source.end());
  const bool skip_damaged = ctx.config().string("damaged") == "skip";

  DocumentWriter writer(ctx.disk(), ctx.staging("documents"), static_cast<std::uint64_t>(ctx.config().integer("shard_bytes")));
  std::map<std::string, Tally> by_source, by_language, by_licence;
  Tally total;
  Json without_text = Json::array(), damaged = Json::array();
  Progress& progress = ctx.progress("ingest", "files");
  progress.set_total(files.size());
  std::map<std::pair<std::string, std::string>, steps::SourcePosting> postings;
  for (std::size_t begin = 0; begin < files.size(); begin += kBatchFiles) {
    const std::size_t count = std::min(kBatchFiles, files.size() - begin);
    std::vector<ReadFile> batch(count);
    ctx.threads().parallel_for(static_cast<std::int64_t>(count), [&](std::int64_t i) {
      const File& file = files[begin + static_cast<std::size_t>(i)];
      batch[static_cast<std::size_t>(i)] = read_one(sources[file.source], file, skip_damaged);
      progress.add();
    });
    for (std::size_t i = 0; i < count; ++i) {
      const File& file = files[begin + i];
      const std::string name = sources[file.source].name + "/" + file.member;
      Tally& tally = by_source[sources[file.source].name];
      ++tally.files, ++total.files;
      tally.bytes += batch[i].bytes, total.bytes += batch[i].bytes;
      tally.empty += batch[i].empty, total.empty += batch[i].empty;
      if (batch[i].empty > 0 && without_text.size() < kListedFiles) without_text.push_back(text::utf8_lossy(name));
      if (!batch[i].damage.empty()) {
        ++tally.damaged, ++total.damaged;
        if (damaged.size() < kListedFiles) damaged.push_back(text::utf8_lossy(batch[i].damage));
      }
      for (const Document& document : batch[i].documents) {
        writer.append(document);
        for (Tally* t : {&by_source[document.source], &by_language[document.language], &by_licence[document.licence], &total}) {
          ++t->documents;
          t->text_bytes += document.text.size();
        }
        const std::string shard = DocumentWriter::shard_name(writer.shard());
        const auto [posting, fresh] = postings.try_emplace({shard, document.source});
        if (fresh) posting->second = {document.source, "documents", shard, writer.ordinal(), 0, 0};
        ++posting->second.documents;
      }
    }
    ctx.stop_if_asked();
  }
  writer.finish();
  for (const auto& [key, posting] : postings) ctx.post_source(posting);

  const Json report = {{"files", total.files},
                       {"documents", total.documents},
                       {"text_bytes", total.text_bytes},
                       {"without_text", total.empty},
                       {"damaged", total.damaged},
                       {"by_source", tallies(by_source)},
                       {"by_language", tallies(by_language)},
                       {"by_licence", tallies(by_licence)},
                       {"files_without_text", without_text},
                       {"damaged_files", damaged}};
  write_file_atomically(ctx.disk(), ctx.staging("report"), pretty_json(report));
  ctx.describe_output("documents", "documents", total.documents);
  ctx.describe_output("documents", "languages", by_language.size());
  ctx.describe_output("documents", "text_bytes", total.text_bytes);
  ctx.summarise(fmt::format("{} documents, {} of text, {} languages, {} sources{}", total.documents,
                            format_bytes(total.text_bytes), by_language.size(), by_source.size(),
                            total.damaged > 0 ? fmt::format(", {} damaged files", total.damaged) : ""));
}

}  // namespace

const steps::StepSpec kIngest{
    .name = "ingest",
    .version = 1,
    .summary = "read HTML, text and JSONL files into documents",
    .inputs = {{"sources", "raw", "the files that the config's sources name", true, true},
               {"licence_files", "raw", "copyright files that the config's sources name", true, true}},
    .outputs = {{"documents", "documents", "JSONL.zst shards in the order of sources and paths"},
                {"report", "report", "JSON: counts per source, language and licence; files without text; damaged files"}},
    .config = object({
        field("sources",
              list(object({
                       field("name", string().min(1), "who can opt out: package, dataset, domain"),
                       field("path", string().min(1), "file or folder"),
                       field("glob", list(string()).def(Json::array()),
                             "of a folder: patterns of the files that belong; empty = all"),
                       field("kind", string().one_of({"html", "text", "jsonl", "auto"}).def("auto"),
                             "auto: by file name, else by content"),
                       field("licence", string().def(nullptr), "SPDX expression; before licence_file"),
                       field("licence_file", string().def(nullptr), "a Debian copyright file to read the licence from"),
                       field("language", string().def(nullptr),
                             "of all documents; else language_from, else what the page declares"),
                       field("language_from", string().def(nullptr),
                             "regular expression with one group that finds the language in the path"),
                       field("url_prefix", string().def(nullptr), "put before the path to make the document's address"),
                       field("retrieved", string().def(nullptr),
                             "ISO 8601; default: newest modification time of the source's files"),
                   }))
                  .min(1),
              "what to read, in order"),
        field("damaged", string().one_of({"fail", "skip"}).def("fail"),
              "a file that cannot be decoded: fail, or skip and list it in the report"),
        field("shard_bytes", integer().min(1).def(64'000'000), "text in one shard, at most"),
    }),
    .exactness = steps::Exactness::everywhere,
    .externals = externals,
    .run = ingest,
};

}  // namespace cairn::data
