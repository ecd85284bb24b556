#include "engine/data/document.h"

#include <zstd.h>

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "engine/data/compressed.h"
#include "engine/data/json_line.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr int kZstdLevel = 3;
constexpr std::uint64_t kMostRatio = 32;        // of a piece: a piece that unpacks to more is cut earlier
constexpr std::size_t kFrameBytes = 1'000'000;  // of lines, before a frame is closed
constexpr std::string_view kShardSuffix = ".jsonl.zst";

std::vector<std::string> shard_names(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("{}: not a folder of documents", folder.string());
  std::vector<std::string> names;
  for (const DiskEntry& entry : real_disk().list(folder)) {
    if (entry.name.ends_with(kShardSuffix)) names.push_back(entry.name);
  }
  if (names.empty()) fail("{}: no *{} in this folder", folder.string(), kShardSuffix);
  // By name; of DocumentWriter's, the one of number 100000 has a digit more and stands behind number 99999.
  constexpr std::string_view prefix = "documents-";
  std::stable_sort(names.begin(), names.end(), [prefix](const std::string& a, const std::string& b) {
    return a.starts_with(prefix) && b.starts_with(prefix) && a.size() < b.size();
  });
  return names;
}

[[noreturn]] void fail_at_line(const std::string& shard, std::int64_t line, const Error& error) {
  throw Error(fmt::format("{}: line {}: {}", shard, line, error.what()), error.code());
}

std::string* field_of(Document& document, std::string_view key) {
  if (key == "source") return &document.source;
  if (key == "url") return &document.url;
  if (key == "licence" || key == "license") return &document.licence;
  if (key == "language") return &document.language;
  if (key == "retrieved") return &document.retrieved;
  if (key == "record_id") return &document.record_id;
  if (key == "record_place") return &document.record_place;
  if (key == "content_type") return &document.content_type;
  if (key == "signals") return &document.signals;
  if (key == "licence_evidence") return &document.licence_evidence;
  return nullptr;
}

constexpr std::string_view kScoreSuffix = "_score";

bool take_score(JsonLine& line, std::string_view key, Document& document) {
  if (!key.ends_with(kScoreSuffix) || key.size() == kScoreSuffix.size()) return false;
  if (std::string_view(line.kind_that_follows()) != "a number") return false;
  set_score(document.scores, {std::string(key.substr(0, key.size() - kScoreSuffix.size())), line.take_number()});
  return true;
}

void take_member_string(JsonLine& line, std::string_view key, std::string& value) {
  if (!line.string_follows()) {
    // Other makers may mean something else by "signals".
    if (std::string_view(line.kind_that_follows()) == "null" || key == "signals") return line.skip_value();
    fail("\"{}\": expected a string, found {}", key, line.kind_that_follows());
  }
  line.take_string(value);
}

}  // namespace

std::string document_id(std::string_view text) {
  return std::string(kIdPrefix) + sha256(text).hex();
}

double rounded_score(double score) {
  return std::round(score * 1e6) / 1e6;
}

void set_score(std::vector<Score>& scores, const Score& score) {
  const auto at = std::lower_bound(scores.begin(), scores.end(), score.name,
                                   [](const Score& s, const std::string& name) { return s.name < name; });
  if (at != scores.end() && at->name == score.name)
    at->value = score.value;
  else
    scores.insert(at, score);
}

void append_document_line(std::string& out, const Document& document) {
  const auto member = [&out](std::string_view before, std::string_view value) {
    out += before;
    append_json_string(out, value);
  };
  member("{\"id\":", document.id);
  member(",\"text\":", document.text);
  member(",\"metadata\":{\"source\":", document.source);
  member(",\"url\":", document.url);
  member(",\"licence\":", document.licence);
  member(",\"language\":", document.language);
  member(",\"retrieved\":", document.retrieved);
  if (!document.record_id.empty()) member(",\"record_id\":", document.record_id);
  if (!document.record_place.empty()) member(",\"record_place\":", document.record_place);
  if (!document.content_type.empty()) member(",\"content_type\":", document.content_type);
  if (!document.signals.empty()) member(",\"signals\":", document.signals);
  if (!document.licence_evidence.empty()) member(",\"licence_evidence\":", document.licence_evidence);
  for (const Score& score : document.scores) {
    out += ',';
    append_json_string(out, score.name + std::string(kScoreSuffix));
    out += fmt::format(":{}", score.value);
  }
  out += "}}";
}

void parse_document_line(std::string_view text, Document& document) {
  JsonLine line(text);
  std::string key;
  bool has_text = false;
  for (line.open_object(); line.next_member(key);) {
    if (key == "text") {
      if (!line.string_follows()) fail("\"text\": expected a string, found {}", line.kind_that_follows());
      line.take_string(document.text);
      has_text = true;
    } else if (key == "id") {
      // Numbers serve as ids in some collections; they are told apart by url or content hash here.
      if (line.string_follows())
        line.take_string(document.id);
      else
        line.skip_value();
    } else if (key == "metadata" && std::string_view(line.kind_that_follows()) == "an object") {
      for (line.open_object(); line.next_member(key);) {
        if (std::string* field = field_of(document, key))
          take_member_string(line, key, *field);
        else if (!take_score(line, key, document))
          line.skip_value();
      }
    } else if (std::string* field = field_of(document, key)) {
      take_member_string(line, key, *field);
    } else if (!take_score(line, key, document)) {
      line.skip_value();
    }
  }
  line.finish();
  if (!has_text) fail("expected a member \"text\"");
}

// ---- reading in order

struct DocumentReader::State {
  fs::path folder;
  std::vector<std::string> names;
  std::vector<std::uint64_t> sizes;
  std::uint64_t total = 0, before = 0;  // compressed bytes: of all, of the shards that are done
  std::size_t next_shard = 0;
  std::size_t shard = 0;
  std::int64_t ordinal = -1;
  MappedFile file;
  std::unique_ptr<LineReader> lines;
};

DocumentReader::DocumentReader(const fs::path& folder) : state_(std::make_unique<State>()) {
  state_->folder = folder;
  state_->names = shard_names(folder);
  for (const std::string& name : state_->names) {
    state_->sizes.push_back(fs::file_size(folder / name));
    state_->total += state_->sizes.back();
  }
}
DocumentReader::~DocumentReader() = default;

bool DocumentReader::next(Document& document) {
  State& state = *state_;
  std::string_view line;
  for (;;) {
    if (!state.lines) {
      if (state.next_shard == state.names.size()) return false;
      state.shard = state.next_shard++;
      state.ordinal = -1;
      state.file = MappedFile(state.folder / state.names[state.shard]);
      state.lines =
          std::make_unique<LineReader>(decompress(state.file.text(), state.names[state.shard]), state.names[state.shard]);
    }
    if (state.lines->next(line)) break;
    state.lines.reset();
    state.before += state.sizes[state.shard];
  }
  ++state.ordinal;
  document = Document();
  try {
    parse_document_line(line, document);
  } catch (const Error& error) {
    fail_at_line(state.names[state.shard], state.ordinal + 1, error);
  }
  if (document.id.empty()) document.id = document_id(document.text);
  return true;
}

std::size_t DocumentReader::shard_count() const {
  return state_->names.size();
}
std::size_t DocumentReader::shard() const {
  return state_->shard;
}
std::int64_t DocumentReader::ordinal() const {
  return state_->ordinal;
}
std::string DocumentReader::shard_name(std::size_t shard) const {
  return state_->names.at(shard);
}
std::uint64_t DocumentReader::bytes_read() const {
  return state_->before + (state_->lines ? state_->lines->offset() : 0);
}
std::uint64_t DocumentReader::bytes_total() const {
  return state_->total;
}

// ---- reading in pieces

struct DocumentPieces::State {
  std::vector<std::string> names;
  std::vector<MappedFile> files;  // by shard; those that are left out are empty
  std::vector<DocumentPiece> pieces;
};

DocumentPieces::DocumentPieces(const fs::path& folder, std::uint64_t piece_bytes, std::uint64_t first_shard,
                               std::uint64_t behind_shard)
    : state_(std::make_unique<State>()) {
  state_->names = shard_names(folder);
  state_->files.resize(state_->names.size());
  for (std::uint64_t shard = first_shard; shard < std::min<std::uint64_t>(behind_shard, state_->names.size()); ++shard) {
    MappedFile& file = state_->files[shard] = MappedFile(folder / state_->names[shard]);
    const std::string_view bytes = file.text();
    DocumentPiece piece{shard, 0, 0};
    std::uint64_t unpacked = 0;
    for (std::size_t at = 0; at < bytes.size();) {
      // Damage is reported by whoever reads the piece; here it only ends the cutting.
      const std::size_t frame = ZSTD_findFrameCompressedSize(bytes.data() + at, bytes.size() - at);
      const std::size_t taken = ZSTD_isError(frame) ? bytes.size() - at : frame;
      const unsigned long long content = ZSTD_getFrameContentSize(bytes.data() + at, taken);
      if (content != ZSTD_CONTENTSIZE_UNKNOWN && content != ZSTD_CONTENTSIZE_ERROR) unpacked += content;
      at += taken;
      piece.bytes += taken;
      if (piece.bytes >= piece_bytes || unpacked / kMostRatio >= piece_bytes || at == bytes.size()) {
        state_->pieces.push_back(piece);
        piece = {piece.shard, at, 0};
        unpacked = 0;
      }
    }
    file.release();
  }
}
std::uint64_t DocumentPieces::shard_count(const fs::path& folder) {
  return shard_names(folder).size();
}
DocumentPieces::~DocumentPieces() = default;
DocumentPieces::DocumentPieces(DocumentPieces&&) noexcept = default;
std::size_t DocumentPieces::size() const {
  return state_->pieces.size();
}
const DocumentPiece& DocumentPieces::piece(std::size_t index) const {
  return state_->pieces.at(index);
}

std::vector<Document> DocumentPieces::read(std::size_t index) const {
  const DocumentPiece& piece = state_->pieces.at(index);
  const std::string& name = state_->names[piece.shard];
  const std::string_view shard = state_->files[piece.shard].text();
  std::vector<Document> documents;
  LineReader lines(decompress(shard.substr(piece.offset, piece.bytes), name), name);
  std::string_view line;
  while (lines.next(line)) {
    Document& document = documents.emplace_back();
    try {
      parse_document_line(line, document);
    } catch (const Error& error) {
      // The line's number in the shard needs the frames before; counted only now that it is wanted.
      std::int64_t number = lines.line_number();
      LineReader before(decompress(shard.substr(0, piece.offset), name), name);
      while (before.next(line)) ++number;
      fail_at_line(name, number, error);
    }
    if (document.id.empty()) document.id = document_id(document.text);
  }
  state_->files[piece.shard].release();
  return documents;
}

// ---- writing

struct DocumentWriter::State {
  State(Disk& disk, fs::path folder, std::uint64_t shard_bytes)
      : disk(disk), folder(std::move(folder)), shard_bytes(shard_bytes), context(ZSTD_createCCtx(), &ZSTD_freeCCtx) {
    if (!context) fail("no memory to encode zstd");
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, kZstdLevel);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
    ZSTD_CCtx_setParameter(context.get(), ZSTD_c_contentSizeFlag, 1);
  }

  void open_shard() {
    file = disk.create(folder / shard_name(shard));
    ordinal = 0;
    text_in_shard = 0;
    stored = 0;
  }
  void write_frame() {
    if (lines.empty()) return;
    frame.resize(ZSTD_compressBound(lines.size()));
    const std::size_t size = ZSTD_compress2(context.get(), frame.data(), frame.size(), lines.data(), lines.size());
    if (ZSTD_isError(size)) fail("{}: zstd: {}", (folder / shard_name(shard)).string(), ZSTD_getErrorName(size));
    file->write(std::string_view(frame).substr(0, size));
    stored += size;
    lines.clear();
  }
  void close_shard() {
    if (!file) return;
    write_frame();
    file->sync();
    file->close();
    file.reset();
  }

  Disk& disk;
  fs::path folder;
  std::uint64_t shard_bytes;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context;
  std::unique_ptr<DiskFile> file;
  std::string lines, frame;
  std::size_t shard = 0;
  std::int64_t ordinal = 0;  // documents in the open shard
  std::int64_t documents = 0;
  std::uint64_t text_in_shard = 0;
  std::uint64_t stored = 0;  // compressed bytes of the open shard
  bool finished = false;
};

DocumentWriter::DocumentWriter(Disk& disk, const fs::path& folder, std::uint64_t shard_bytes, std::size_t first_shard)
    : state_(std::make_unique<State>(disk, folder, shard_bytes)) {
  disk.make_directories(folder);
  state_->shard = first_shard;
  state_->open_shard();
}
DocumentWriter::~DocumentWriter() = default;

void DocumentWriter::append(const Document& document) {
  State& state = *state_;
  const std::size_t valid = text::valid_utf8_prefix(document.text);
  if (valid != document.text.size()) fail("document {}: byte {} of its text is not UTF-8", document.url, valid);
  if (is_full_for(document.text.size())) end_shard();
  if (!state.file) state.open_shard();
  append_document_line(state.lines, document);
  state.lines += '\n';
  state.text_in_shard += document.text.size();
  ++state.ordinal;
  ++state.documents;
  if (state.lines.size() >= kFrameBytes) state.write_frame();
}

bool DocumentWriter::is_full_for(std::uint64_t text_bytes) const {
  return state_->text_in_shard > 0 && state_->text_in_shard + text_bytes > state_->shard_bytes;
}

void DocumentWriter::end_shard() {
  state_->close_shard();
  ++state_->shard;
  state_->text_in_shard = 0;
}

void DocumentWriter::finish() {
  if (state_->finished) return;
  state_->close_shard();
  state_->disk.sync_directory(state_->folder);
  state_->finished = true;
}

std::int64_t DocumentWriter::documents() const {
  return state_->documents;
}
std::size_t DocumentWriter::shard() const {
  return state_->shard;
}
std::int64_t DocumentWriter::ordinal() const {
  return state_->ordinal - 1;
}
std::uint64_t DocumentWriter::stored_bytes() const {
  return state_->stored;
}
std::string DocumentWriter::shard_name(std::size_t shard) {
  return fmt::format("documents-{:05d}{}", shard, kShardSuffix);
}

}  // namespace cairn::data
