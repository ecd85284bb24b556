// step ingest: web archives, HTML, plain text, JSONL and Parquet files -> documents, each with its source, address, licence,
// language and retrieval time.
//
// The funnel adds up: records that came in = documents + without text + skipped (by reason) + damaged (by reason).
//
// Documents stand in the order of the config's sources, within one in the order of the files' paths, within a file as they come;
// for any number of threads. Files are read in groups of at least 16 MB, each into shards of its own (ingest_group.h): memory
// does not grow with files or documents, and a killed ingestion goes on behind the last whole shard of each group.
#include "engine/data/ingest.h"

#include <sys/stat.h>

#include <algorithm>
#include <functional>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/document.h"
#include "engine/data/ingest_group.h"
#include "engine/data/public_suffix.h"
#include "engine/data/sources/language.h"
#include "engine/data/sources/licence_file.h"
#include "engine/steps/ranks.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

namespace {

// Files read by one thread at a time; their shards are cut there too, so this is part of the step's version.
constexpr std::uint64_t kGroupBytes = 16'000'000;

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

std::vector<IngestFile> files_of(const steps::StepInput& input) {
  if (!fs::is_directory(input.path)) return {{nullptr, input.path, input.path.filename().string()}};
  std::vector<IngestFile> files;
  std::vector<std::string> members = input.files;
  if (members.empty()) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(input.path)) {
      if (entry.is_regular_file()) members.push_back(fs::relative(entry.path(), input.path).generic_string());
    }
  }
  std::sort(members.begin(), members.end());
  for (const std::string& member : members) files.push_back({nullptr, input.path / member, member});
  return files;
}

// Licence, retrieval time and rules of each source of the config.
std::vector<IngestSource> read_sources(steps::StepContext& ctx, const std::vector<std::vector<IngestFile>>& files,
                                       const PublicSuffixList* suffixes) {
  std::vector<IngestSource> sources;
  std::size_t licence_files = 0;
  for (const Config& config : ctx.config().objects("sources")) {
    IngestSource source;
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
      for (const IngestFile& file : files[sources.size()]) newest = std::max(newest, modified_seconds(file.path));
      source.retrieved = format_iso8601(newest * 1'000'000).substr(0, 19) + "Z";
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

void ingest(steps::StepContext& ctx) {
  std::vector<std::vector<IngestFile>> files_by_source;
  for (const steps::StepInput& input : ctx.inputs("sources")) files_by_source.push_back(files_of(input));
  std::unique_ptr<PublicSuffixList> suffixes;
  if (ctx.has_input("suffixes")) suffixes = std::make_unique<PublicSuffixList>(MappedFile(ctx.input("suffixes").path).text());
  const std::vector<IngestSource> sources = read_sources(ctx, files_by_source, suffixes.get());
  std::vector<IngestFile> files;
  for (std::size_t i = 0; i < sources.size(); ++i) {
    for (IngestFile& file : files_by_source[i]) {
      file.source = &sources[i];
      files.push_back(std::move(file));
    }
  }
  const bool skip_damaged = ctx.config().string("damaged") == "skip";
  const auto shard_bytes = static_cast<std::uint64_t>(ctx.config().integer("shard_bytes"));

  const std::vector<std::size_t> begins = group_begins(files, kGroupBytes);
  const std::size_t groups = begins.size() - 1;
  const auto folder_of = [&ctx](std::size_t group) { return ctx.scratch() / fmt::format("group-{:06d}", group); };
  const std::function<void()> breathe = [&ctx] {
    ctx.stop_if_asked();
    ctx.ranks().check();
  };
  const auto read = [&](std::size_t group) {
    const std::span<const IngestFile> own(files.data() + begins[group], begins[group + 1] - begins[group]);
    return read_group(ctx.disk(), folder_of(group), own, shard_bytes, skip_damaged, breathe);
  };
  Progress& progress = ctx.progress("ingest", "files");
  progress.set_total(files.size());
  const auto rank = static_cast<std::size_t>(ctx.ranks().rank()), ranks = static_cast<std::size_t>(ctx.ranks().size());
  const std::size_t own = groups / ranks + (rank < groups % ranks);  // every so many-th
  ctx.threads().parallel_for(static_cast<std::int64_t>(own), [&](std::int64_t i) {
    const std::size_t group = static_cast<std::size_t>(i) * ranks + rank;
    read(group);
    progress.add(begins[group + 1] - begins[group]);
  });
  ctx.ranks().barrier("read");
  if (!ctx.ranks().is_first()) return;

  // The groups' shards in order, those without a document only where there is no other.
  ctx.disk().make_directories(ctx.staging("documents"));
  IngestCounts counts;
  std::size_t shards = 0;
  for (std::size_t group = 0; group < groups; ++group) {
    const IngestGroup done = read(group);  // nothing is left to read
    counts.add(done.counts);
    if (done.counts.total().documents == 0 && (shards > 0 || group + 1 < groups)) continue;
    for (std::size_t shard = 0; shard < done.shards; ++shard) {
      const std::string name = DocumentWriter::shard_name(shards++);
      ctx.disk().link(folder_of(group) / DocumentWriter::shard_name(shard), ctx.staging("documents") / name);
      for (steps::SourcePosting& posting : postings_of(ctx.disk(), folder_of(group), shard)) {
        posting.file = name;
        ctx.post_source(std::move(posting));
      }
    }
  }
  ctx.disk().sync_directory(ctx.staging("documents"));

  write_file_atomically(ctx.disk(), ctx.staging("report"), pretty_json(counts.report()));
  const IngestTally& total = counts.total();
  ctx.describe_output("documents", "documents", total.documents);
  ctx.describe_output("documents", "languages", counts.languages());
  ctx.describe_output("documents", "text_bytes", total.text_bytes);
  ctx.summarise(fmt::format("{} documents, {} of text, {} languages, {} sources{}", total.documents,
                            format_bytes(total.text_bytes), counts.languages(), counts.sources(),
                            total.damaged.empty() ? "" : fmt::format(", {} damaged records", sum(total.damaged))));
}

}  // namespace

const steps::StepSpec kIngest{
    .name = "ingest",
    .version = 9,
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
    .exactness = steps::Exactness::everywhere,
    .shared = true,
    .externals = externals,
    .run = ingest,
};

}  // namespace cairn::data
