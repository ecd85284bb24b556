// step ingest: web archives, HTML, plain text, JSONL and Parquet files -> documents, each with its source, address, licence,
// language and retrieval time.
//
// The funnel adds up: records that came in = documents + without text + skipped (by reason) + damaged (by reason).
//
// Documents stand in the order of the config's sources, within one in the order of the files' paths, within a file as they come;
// for any number of threads.
#include "engine/data/ingest.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/document.h"
#include "engine/data/licences/licence_marks.h"
#include "engine/data/public_suffix.h"
#include "engine/data/signals/signals.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/data/sources/source_reader.h"
#include "engine/steps/step_context.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::size_t kBatchFiles = 128;           // read side by side, then written in order
constexpr std::uint64_t kBatchBytes = 64'000'000;  // for each thread; a larger file is a batch's last
constexpr std::size_t kListed = 1000;              // files without text and damaged records that the report names, at most

struct Source {
  std::string name, kind, licence, language, url_prefix, retrieved;
  std::unique_ptr<LanguageRule> language_rule;
  bool licence_from_pages = true;               // where the source declares none
  const PublicSuffixList* by_domain = nullptr;  // documents are of their address's registrable domain
};

struct File {
  std::size_t source;
  fs::path path;
  std::string member;  // path inside the source
};

struct Tally {
  std::int64_t files = 0, documents = 0;
  std::int64_t records = 0, read = 0, empty = 0;         // that came in; of them documents, and without text
  std::map<std::string, std::int64_t> skipped, damaged;  // records, by reason
  std::uint64_t bytes = 0, text_bytes = 0;
};

std::vector<steps::External> externals(const Config& config) {
  std::vector<steps::External> found;
  for (const Config& source : config.objects("sources")) {
    found.push_back({"sources", source.string("path"), source.strings("glob")});
  }
  if (config.has("suffixes")) found.push_back({"suffixes", config.string("suffixes"), {}});
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
std::vector<Source> read_sources(steps::StepContext& ctx, const std::vector<std::vector<File>>& files,
                                 const PublicSuffixList* suffixes) {
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
    if (config.boolean("by_domain")) {
      if (suffixes == nullptr)
        fail_usage("config.sources: {}: by_domain needs config.suffixes, a public suffix list", source.name);
      source.by_domain = suffixes;
    }
    if (config.has("licence_file")) {
      source.licence = licence_of_copyright_file(MappedFile(ctx.inputs("licence_files").at(licence_files++).path).text());
    }
    if (config.has("licence")) source.licence = config.string("licence");
    source.licence_from_pages = config.boolean("licence_from_pages") && source.licence == "unknown";
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

// A licence that a data set states for the document stands; what was found on a page counts where the source declares none.
void complete_licence(Document& document, const Source& source) {
  const bool found = !document.licence_evidence.empty();
  if (!document.licence.empty() && (!found || source.licence_from_pages)) return;
  document.licence = source.licence;
  document.licence_evidence = source.licence == "unknown" ? "" : "declared for " + source.name;
}

// What the file does not say itself, the config does; but a language rule of the config knows better than the page.
void complete(Document& document, const Source& source, const File& file, std::size_t index, std::size_t count) {
  // An archive's header may hold any bytes, a document's line of JSON only UTF-8.
  for (std::string* field :
       {&document.text, &document.url, &document.source, &document.licence, &document.retrieved, &document.record_id,
        &document.record_place, &document.content_type, &document.signals, &document.licence_evidence})
    if (text::valid_utf8_prefix(*field) != field->size()) *field = text::utf8_lossy(*field);
  document.id = document_id(document.text);
  if (source.by_domain != nullptr && document.source.empty() && document.url.find("://") != std::string::npos)
    document.source = text::utf8_lossy(source.by_domain->registrable(canonical_host(document.url)));
  if (document.source.empty()) document.source = source.name;
  if (document.url.empty()) {
    document.url = text::utf8_lossy(source.url_prefix + file.member);
    if (count > 1) document.url += fmt::format("#{}", index);
  }
  complete_licence(document, source);
  std::string language = source.language;
  if (language.empty() && source.language_rule) language = source.language_rule->language_of(file.member);
  document.language = language.empty() ? normal_language(document.language) : language;
  if (document.retrieved.empty()) document.retrieved = source.retrieved;
}

// How much text the files of a batch hold in memory together. A small file may unpack to more than any memory: beyond `most`
// bytes, files put what they have read so far on disk.
struct Room {
  std::uint64_t most;
  std::uint64_t least_of_file;  // a file that holds less keeps it
  std::atomic<std::uint64_t> held{0};
};

// What a file gave.
class ReadFile : public Intake {
 public:
  // Of a file that goes to disk, `scratch` is the folder.
  ReadFile(const Source& source, const File& file, bool skip_damaged, Room& room, Disk& disk, fs::path scratch)
      : source_(source), file_(file), skip_damaged_(skip_damaged), room_(room), disk_(disk), scratch_(std::move(scratch)) {}

  void document(Document&& document) override {
    ++records;
    if (document.text.find_first_not_of(" \t\r\n") == std::string::npos) {
      ++empty;
      return;
    }
    held_ += document.text.size();
    room_.held += document.text.size();
    held_documents_.push_back(std::move(document));
    if (held_documents_.size() > 1 && room_.held > room_.most && held_ >= room_.least_of_file) {
      disk_failed_ = true;  // unless it comes back
      put_on_disk();
      disk_failed_ = false;
    }
  }
  void skipped(std::string_view reason) override {
    ++records;
    ++skipped_by[std::string(reason)];
  }
  void damaged(std::string_view reason, const std::string& message) override {
    if (!skip_damaged_) throw Error(message);
    ++records;
    ++damaged_by[std::string(reason)];
    if (damage.size() < kListed) damage.push_back(message);
  }

  // Whether it was our own disk that ended the reading.
  bool disk_failed() const { return disk_failed_; }
  void finish() {
    complete_held();
    if (on_disk_) on_disk_->finish();
  }
  std::int64_t documents() const { return on_disk_documents_ + static_cast<std::int64_t>(held_documents_.size()); }
  // In order; once, after finish().
  template <typename Take>
  void for_each_document(Take&& take) {
    if (on_disk_) {
      DocumentReader reader(scratch_);
      for (Document document; reader.next(document);) take(document);
      on_disk_.reset();
      disk_.remove_tree(scratch_);
    }
    for (const Document& document : held_documents_) take(document);
  }

  std::int64_t records = 0, empty = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, std::int64_t> skipped_by, damaged_by;
  std::vector<std::string> damage;  // in words

 private:
  void complete_held() {
    auto index = static_cast<std::size_t>(on_disk_documents_);
    for (Document& document : held_documents_) complete(document, source_, file_, index++, static_cast<std::size_t>(documents()));
  }
  void put_on_disk() {
    complete_held();
    if (!on_disk_) {
      disk_.remove_tree(scratch_);  // of an attempt that was killed
      on_disk_ = std::make_unique<DocumentWriter>(disk_, scratch_, ~std::uint64_t{0});
    }
    for (const Document& document : held_documents_) on_disk_->append(document);
    on_disk_documents_ += static_cast<std::int64_t>(held_documents_.size());
    held_documents_.clear();
    room_.held -= held_;
    held_ = 0;
  }

  const Source& source_;
  const File& file_;
  bool skip_damaged_;
  Room& room_;
  Disk& disk_;
  fs::path scratch_;
  bool disk_failed_ = false;
  std::vector<Document> held_documents_;
  std::uint64_t held_ = 0;  // bytes of their texts
  std::unique_ptr<DocumentWriter> on_disk_;
  std::int64_t on_disk_documents_ = 0;
};

void read_one(const Source& source, const File& file, bool skip_damaged, ReadFile& result) {
  const std::string name = source.name + "/" + file.member;
  try {
    const MappedFile mapped(file.path);
    result.bytes = mapped.size();
    source_reader(source.kind, file.member, mapped.text()).read(mapped.text(), name, result);
  } catch (const Error& error) {  // what was read before it stays
    if (result.disk_failed()) throw;
    const Error told = named(error, name);
    if (!skip_damaged || error.code() != ExitCode::failed) throw told;
    result.damaged("file", told.what());
  }
  result.finish();
}

// Files from `begin` on that are read side by side: bounded in number and, but for the last, in bytes.
std::size_t batch_end(const std::vector<File>& files, std::size_t begin, int threads) {
  std::uint64_t bytes = 0;
  std::size_t end = begin;
  while (end < files.size() && end - begin < kBatchFiles && bytes < kBatchBytes * static_cast<std::uint64_t>(threads)) {
    std::error_code unreadable;  // told when it is read
    const std::uint64_t size = fs::file_size(files[end++].path, unreadable);
    bytes += unreadable ? 0 : size;
  }
  return end;
}

std::int64_t sum(const std::map<std::string, std::int64_t>& by_reason) {
  std::int64_t all = 0;
  for (const auto& [reason, count] : by_reason) all += count;
  return all;
}

void add(std::map<std::string, std::int64_t>& to, const std::map<std::string, std::int64_t>& from) {
  for (const auto& [reason, count] : from) to[reason] += count;
}

Json records(const Tally& tally) {
  if (tally.records != tally.read + tally.empty + sum(tally.skipped) + sum(tally.damaged))
    fail("ingest: the funnel does not add up");
  return {{"in", tally.records},
          {"documents", tally.read},
          {"without_text", tally.empty},
          {"skipped", tally.skipped},
          {"damaged", tally.damaged}};
}

Json tallies(const std::map<std::string, Tally>& of) {
  Json out = Json::object();
  for (const auto& [name, tally] : of) {
    out[name] = {{"documents", tally.documents}, {"text_bytes", tally.text_bytes}};
    if (tally.files > 0) {
      out[name].update({{"files", tally.files}, {"file_bytes", tally.bytes}, {"records", records(tally)}});
    }
  }
  return out;
}

// Documents with signal lines of a place and name ("meta robots"), and with a licence by a kind of mark ("rel=license").
void count_marks(const Document& document, std::map<std::string, std::int64_t>& signals,
                 std::map<std::string, std::int64_t>& licence_marks) {
  std::set<std::string> names;
  for (const SignalLine& line : split_signal_lines(document.signals, "\n"))
    names.insert(fmt::format("{} {}", signal_place_name(line.place), line.name));
  for (const std::string& name : names) ++signals[name];
  const std::string& evidence = document.licence_evidence;
  if (evidence.empty()) return;
  ++licence_marks[evidence.starts_with("declared for ") ? "declared" : evidence.substr(0, evidence.find(": "))];
}

void ingest(steps::StepContext& ctx) {
  const std::vector<steps::StepInput>& inputs = ctx.inputs("sources");
  std::vector<std::vector<File>> files_by_source;
  for (std::size_t i = 0; i < inputs.size(); ++i) files_by_source.push_back(files_of(inputs[i], i));
  std::unique_ptr<PublicSuffixList> suffixes;
  if (ctx.has_input("suffixes")) suffixes = std::make_unique<PublicSuffixList>(MappedFile(ctx.input("suffixes").path).text());
  const std::vector<Source> sources = read_sources(ctx, files_by_source, suffixes.get());
  std::vector<File> files;
  for (const std::vector<File>& of_source : files_by_source) files.insert(files.end(), of_source.begin(), of_source.end());
  const bool skip_damaged = ctx.config().string("damaged") == "skip";
  const auto memory = static_cast<std::uint64_t>(ctx.runtime().integer("memory"));

  DocumentWriter writer(ctx.disk(), ctx.staging("documents"), static_cast<std::uint64_t>(ctx.config().integer("shard_bytes")));
  std::map<std::string, Tally> by_source, by_language, by_licence;
  Tally total;
  Json without_text = Json::array(), damaged = Json::array();
  std::map<std::string, std::int64_t> signals, licence_marks;
  Progress& progress = ctx.progress("ingest", "files");
  progress.set_total(files.size());
  std::map<std::pair<std::string, std::string>, steps::SourcePosting> postings;
  for (std::size_t begin = 0, count = 0; begin < files.size(); begin += count) {
    count = batch_end(files, begin, ctx.threads().threads()) - begin;
    Room room{memory, memory / (8 * static_cast<std::uint64_t>(ctx.threads().threads()))};
    std::vector<std::unique_ptr<ReadFile>> batch;
    for (std::size_t i = begin; i < begin + count; ++i)
      batch.push_back(std::make_unique<ReadFile>(sources[files[i].source], files[i], skip_damaged, room, ctx.disk(),
                                                 ctx.scratch() / fmt::format("file-{}", i)));
    ctx.threads().parallel_for(static_cast<std::int64_t>(count), [&](std::int64_t i) {
      const File& file = files[begin + static_cast<std::size_t>(i)];
      read_one(sources[file.source], file, skip_damaged, *batch[static_cast<std::size_t>(i)]);
      progress.add();
    });
    for (std::size_t i = 0; i < count; ++i) {
      const File& file = files[begin + i];
      const std::string name = sources[file.source].name + "/" + file.member;
      ReadFile& read = *batch[i];
      Tally& tally = by_source[sources[file.source].name];
      ++tally.files, ++total.files;
      tally.bytes += read.bytes, total.bytes += read.bytes;
      if (read.empty > 0 && without_text.size() < kListed) without_text.push_back(text::utf8_lossy(name));
      for (Tally* t : {&tally, &total}) {
        t->records += read.records;
        t->read += read.documents();
        t->empty += read.empty;
        add(t->skipped, read.skipped_by);
        add(t->damaged, read.damaged_by);
      }
      for (const std::string& what : read.damage) {
        if (damaged.size() < kListed) damaged.push_back(text::utf8_lossy(what));
      }
      read.for_each_document([&](const Document& document) {
        writer.append(document);
        count_marks(document, signals, licence_marks);
        for (Tally* t : {&by_source[document.source], &by_language[document.language], &by_licence[document.licence], &total}) {
          ++t->documents;
          t->text_bytes += document.text.size();
        }
        const std::string shard = DocumentWriter::shard_name(writer.shard());
        const auto [posting, fresh] = postings.try_emplace({shard, document.source});
        if (fresh) posting->second = {document.source, "documents", shard, writer.ordinal(), 0, 0};
        ++posting->second.documents;
      });
      batch[i].reset();
    }
    ctx.stop_if_asked();
  }
  writer.finish();
  for (const auto& [key, posting] : postings) ctx.post_source(posting);

  const Json report = {{"files", total.files},
                       {"documents", total.documents},
                       {"text_bytes", total.text_bytes},
                       {"records", records(total)},
                       {"by_source", tallies(by_source)},
                       {"by_language", tallies(by_language)},
                       {"by_licence", tallies(by_licence)},
                       {"licence_marks", licence_marks},
                       {"signals", signals},
                       {"files_without_text", without_text},
                       {"damaged_records", damaged}};
  write_file_atomically(ctx.disk(), ctx.staging("report"), pretty_json(report));
  ctx.describe_output("documents", "documents", total.documents);
  ctx.describe_output("documents", "languages", by_language.size());
  ctx.describe_output("documents", "text_bytes", total.text_bytes);
  ctx.summarise(fmt::format("{} documents, {} of text, {} languages, {} sources{}", total.documents,
                            format_bytes(total.text_bytes), by_language.size(), by_source.size(),
                            total.damaged.empty() ? "" : fmt::format(", {} damaged records", sum(total.damaged))));
}

}  // namespace

const steps::StepSpec kIngest{
    .name = "ingest",
    .version = 5,
    .summary = "read web archives, HTML, text, JSONL and Parquet files into documents",
    .inputs = {{"sources", "raw", "the files that the config's sources name", true, true},
               {"suffixes", "raw", "the public suffix list that config.suffixes names", true, false},
               {"licence_files", "raw", "copyright files that the config's sources name", true, true}},
    .outputs = {{"documents", "documents", "JSONL.zst shards in the order of sources and paths"},
                {"report", "report",
                 "JSON: counts per source, language, licence, marks of licences, signals; files without text; damaged records"}},
    .config = object({
        field("sources",
              list(object({
                       field("name", string().min(1), "who can opt out: package, dataset, domain"),
                       field("path", string().min(1), "file or folder"),
                       field("glob", list(string()).def(Json::array()),
                             "of a folder: patterns of the files that belong; empty = all"),
                       field("by_domain", boolean().def(false),
                             "documents with a URL are of the source of its registrable domain, which can opt out"),
                       field("kind", string().one_of({"html", "text", "jsonl", "warc", "parquet", "auto"}).def("auto"),
                             "warc: also WET and ARC; auto: by file name, else by content"),
                       field("licence", string().def(nullptr), "SPDX expression; before licence_file"),
                       field("licence_from_pages", boolean().def(true),
                             "where neither licence nor licence_file is given: by the marks that a page bears, else unknown"),
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
        field("suffixes", string().def(nullptr), "public_suffix_list.dat, for by_domain"),
        field("damaged", string().one_of({"fail", "skip"}).def("skip"),
              "a record or file that cannot be read: fail, or skip, count and name it in the report"),
        field("shard_bytes", integer().min(1).def(64'000'000), "text in one shard, at most"),
    }),
    .runtime =
        object({field("memory", integer().min(0).def(1'000'000'000),
                      "bytes of text that the files read side by side may hold; beyond them they go through scratch files")}),
    .exactness = steps::Exactness::everywhere,
    .externals = externals,
    .run = ingest,
};

}  // namespace cairn::data
