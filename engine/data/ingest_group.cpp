#include "engine/data/ingest_group.h"

#include <map>
#include <optional>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/document.h"
#include "engine/data/sources/source_reader.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kStateName = "state.json";
constexpr std::int64_t kRecordsBetween = 5000;     // breathes, lets pages of the file go
constexpr std::uint64_t kTextBetween = 8'000'000;  // or so much text

fs::path postings_path(const fs::path& folder, std::size_t shard) {
  return folder / fmt::format("postings-{:05d}.json", shard);
}

// A licence that a data set states for the document stands; what was found on a page counts where the source declares none.
void complete_licence(Document& document, const IngestSource& source) {
  const bool found = !document.licence_evidence.empty();
  if (!document.licence.empty() && (!found || source.licence_from_pages)) return;
  document.licence = source.licence;
  document.licence_evidence = source.licence == "unknown" ? "" : "declared for " + source.name;
}

// What the file does not say itself, the config does; but a language rule of the config knows better than the page.
// `index`: of the document among those of its file, `alone`: the only one.
void complete(Document& document, const IngestFile& file, std::int64_t index, bool alone) {
  const IngestSource& source = *file.source;
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
    if (!alone) document.url += fmt::format("#{}", index);
  }
  complete_licence(document, source);
  std::string language = source.language;
  if (language.empty() && source.language_rule) language = source.language_rule->language_of(file.member);
  document.language = language.empty() ? normal_language(document.language) : language;
  if (document.retrieved.empty()) document.retrieved = source.retrieved;
}

class GroupReader : public Intake {
 public:
  GroupReader(Disk& disk, const fs::path& folder, std::span<const IngestFile> files, std::uint64_t shard_bytes, bool skip_damaged,
              const std::function<void()>& breathe)
      : disk_(disk), folder_(folder), files_(files), skip_damaged_(skip_damaged), breathe_(breathe) {
    disk_.make_directories(folder_);
    load();
    if (!done_) writer_.emplace(disk_, folder_, shard_bytes, sizes_.size());
  }

  IngestGroup read() {
    if (!done_) {
      for (; place_.file < files_.size(); place_ = {place_.file + 1, 0, 0}) read_file();
      writer_->finish();
      sizes_.push_back(writer_->stored_bytes());
      save_postings(writer_->shard());
      done_ = true;
      save(place_);
    }
    return {std::move(counts_), sizes_.size()};
  }

  bool passes_over() override {
    if (seen_ == place_.records) return false;
    if (++seen_ % kRecordsBetween == 0) guarded([&] { breathe(); });
    return true;
  }
  void document(Document&& document) override {
    guarded([&] { take(std::move(document)); });
  }
  void skipped(std::string_view reason) override {
    guarded([&] {
      take_record();
      counts_.skipped(source(), reason);
    });
  }
  void damaged(std::string_view reason, const std::string& message) override {
    guarded([&] {
      if (passes_over()) return;
      if (!skip_damaged_) throw Error(message);
      take_record();
      counts_.damaged(source(), reason, message);
    });
  }

 private:
  // Between two records.
  struct Place {
    std::size_t file = 0;
    std::int64_t records = 0, documents = 0;  // of the file in front of it
  };

  // What goes wrong on this side (a full disk, a stop) is no damage of the file, although the reader between may take it for
  // that.
  template <typename Fn>
  void guarded(Fn&& fn) {
    if (failed_) throw *failed_;
    try {
      fn();
    } catch (const Error& error) {
      failed_ = error;
      throw;
    }
  }

  void take(Document&& document) {
    const Place here = place_;
    take_record();
    if (document.text.find_first_not_of(" \t\r\n") == std::string::npos) return counts_.without_text(source(), name());
    // A file's only document is called as the file is, so the first one waits for another.
    if (here.documents == 0 && document.url.empty()) {
      ++place_.documents;
      first_ = std::move(document);
      return;
    }
    write_first(false);
    complete(document, file(), here.documents, false);
    if (writer_->is_full_for(document.text.size())) end_shard(here);
    ++place_.documents;
    counts_.read(source());
    append(document);
  }
  const IngestFile& file() const { return files_[place_.file]; }
  const std::string& source() const { return file().source->name; }
  std::string name() const { return source() + "/" + file().member; }

  void read_file() {
    breathe_();
    seen_ = 0;
    std::uint64_t bytes = 0;
    try {
      mapped_ = MappedFile(file().path);
      bytes = mapped_.size();
      source_reader(file().source->kind, file().member, mapped_.text()).read(mapped_.text(), name(), *this);
      if (failed_) throw *failed_;
    } catch (const Error& error) {  // what was read before it stays
      if (failed_) throw *failed_;
      const Error told = named(error, name());
      if (!skip_damaged_ || error.code() != ExitCode::failed) throw told;
      damaged("file", told.what());
    }
    write_first(true);
    counts_.file(source(), bytes);
    mapped_ = MappedFile();
  }

  void take_record() {
    ++place_.records;
    seen_ = place_.records;
    if (place_.records % kRecordsBetween == 0) breathe();
  }
  void breathe() {
    breathe_();
    mapped_.release();
    text_since_ = 0;
  }

  void write_first(bool alone) {
    if (!first_) return;
    Document document = std::move(*first_);
    first_.reset();
    complete(document, file(), 0, alone);
    // The records behind it are counted already, so this is no place to go on from.
    if (writer_->is_full_for(document.text.size())) end_shard({});
    counts_.read(source());
    append(document);
  }

  void append(const Document& document) {
    writer_->append(document);
    counts_.written(document);
    steps::SourcePosting& posting = postings_[document.source];
    if (posting.documents++ == 0) posting.first = writer_->ordinal();
    if ((text_since_ += document.text.size()) > kTextBetween) breathe();
  }

  // `here`: where the shard's last document ends.
  void end_shard(const std::optional<Place>& here) {
    save_postings(writer_->shard());
    writer_->end_shard();
    sizes_.push_back(writer_->stored_bytes());
    if (!here) return;
    save(*here);
    breathe();
  }

  void save_postings(std::size_t shard) {
    Json list = Json::array();
    for (const auto& [source, posting] : postings_) list.push_back({source, posting.first, posting.documents});
    postings_.clear();
    write_file_atomically(disk_, postings_path(folder_, shard), list.dump());
  }

  void save(const Place& place) {
    const Json state = {
        {"place", {place.file, place.records, place.documents}}, {"sizes", sizes_}, {"done", done_}, {"counts", counts_.state()}};
    write_file_atomically(disk_, folder_ / kStateName, state.dump());
  }

  // What an earlier attempt noted; shards behind it are written anew.
  void load() {
    try {
      if (disk_.exists(folder_ / kStateName)) {
        const Json state = read_json(folder_ / kStateName);
        const IngestCounts counts = IngestCounts::of_state(state.at("counts"));
        place_ = {state.at("place").at(0), state.at("place").at(1), state.at("place").at(2)};
        sizes_ = state.at("sizes").get<std::vector<std::uint64_t>>();
        for (std::size_t shard = 0; shard < sizes_.size(); ++shard) {
          if (disk_.size(folder_ / DocumentWriter::shard_name(shard)) != sizes_[shard]) fail("shard {} is not whole", shard);
        }
        done_ = state.at("done");
        counts_ = counts;
      }
    } catch (const std::exception&) {  // damaged: from the beginning
      place_ = {};
      sizes_.clear();
      done_ = false;
    }
    for (const DiskEntry& entry : disk_.list(folder_)) {  // not up to the first gap: what is behind one would be in the way
      if (entry.name.starts_with("documents-") && entry.name >= DocumentWriter::shard_name(sizes_.size()))
        disk_.remove(folder_ / entry.name);
    }
  }

  Disk& disk_;
  fs::path folder_;
  std::span<const IngestFile> files_;
  bool skip_damaged_;
  const std::function<void()>& breathe_;
  std::optional<DocumentWriter> writer_;
  MappedFile mapped_;
  Place place_;
  std::int64_t seen_ = 0;  // records of the open file that went by, also those of earlier attempts
  std::uint64_t text_since_ = 0;
  std::optional<Document> first_;
  std::optional<Error> failed_;
  IngestCounts counts_;
  std::map<std::string, steps::SourcePosting> postings_;  // of the open shard
  // Of the whole shards, as they were written: a file of another size is not the one, whoever put it there.
  std::vector<std::uint64_t> sizes_;
  bool done_ = false;
};

}  // namespace

IngestGroup read_group(Disk& disk, const fs::path& folder, std::span<const IngestFile> files, std::uint64_t shard_bytes,
                       bool skip_damaged, const std::function<void()>& breathe) {
  return GroupReader(disk, folder, files, shard_bytes, skip_damaged, breathe).read();
}

std::vector<steps::SourcePosting> postings_of(Disk& disk, const fs::path& folder, std::size_t shard) {
  std::vector<steps::SourcePosting> postings;
  const fs::path path = postings_path(folder, shard);
  for (const Json& one : parse_json(disk.read(path), path.string()))
    postings.push_back({one.at(0), "documents", "", one.at(1), one.at(2), 0});
  return postings;
}

std::vector<std::size_t> group_begins(const std::vector<IngestFile>& files, std::uint64_t group_bytes) {
  std::vector<std::size_t> begins = {0};
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (bytes >= group_bytes) {
      begins.push_back(i);
      bytes = 0;
    }
    std::error_code unreadable;  // told when it is read
    const std::uint64_t size = fs::file_size(files[i].path, unreadable);
    bytes += unreadable ? 0 : size;
  }
  begins.push_back(files.size());
  return begins;
}

}  // namespace cairn::data
