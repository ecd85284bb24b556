#include "engine/data/robots/robots_files.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/compressed.h"
#include "engine/data/robots/robots.h"
#include "engine/data/sources/http_response.h"
#include "engine/data/sources/warc.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

using Take = std::function<void(const RobotsSnapshot&)>;

void from_folder(const fs::path& folder, const std::string& date, const Take& take) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& path : files) {
    const MappedFile file(path);
    take({path.filename().string(), date, 200, file.text()});
  }
}

void from_lines(std::string_view bytes, const std::string& name, const std::string& date, const Take& take) {
  LineReader lines(decompress(bytes, name), name, std::size_t{64} << 20);
  std::string_view text;
  while (lines.next(text)) {
    if (text.empty()) continue;
    const std::string where = fmt::format("{}: line {}", name, lines.line_number());
    const Json line = parse_json(text, where);
    const auto text_of = [&](const char* key) {
      const auto found = line.find(key);
      if (found == line.end() || !found->is_string()) fail("{}: expected a string in \"{}\"", where, key);
      return found->get<std::string>();
    };
    if (!line.is_object()) fail("{}: expected an object", where);
    const std::string body = text_of("body");
    const std::int64_t status =
        line.contains("status") && line["status"].is_number_integer() ? line["status"].get<std::int64_t>() : 200;
    if (status < 0 || status > 999) fail("{}: status {}", where, status);
    take({text_of("host"), line.contains("fetched") ? text_of("fetched") : date, static_cast<int>(status), body});
  }
}

void from_archive(std::string_view bytes, const std::string& name, std::string_view wanted, const Take& take) {
  ArchiveReader records(bytes, [&name](const RecordDamage& damage) {
    fail("{}: byte {}: {}; a file lost there would count as consent", name, damage.offset, damage.what);
  });
  ArchiveRecord record;
  while (records.next(record)) {
    if (record.type != "response") continue;
    const std::optional<std::string> path = robots_path(record.url, RobotsReading::rfc);
    if (!path || *path != wanted) continue;
    RobotsSnapshot snapshot{robots_host(record.url, RobotsReading::rfc), record.date, 0, {}};
    const std::optional<HttpResponse> response = parse_http_response(record.block);
    std::string body;
    if (response) {
      snapshot.status = response->status;
      body = decoded_body(*response, kMaxRecordBytes);
    }
    snapshot.body = body;
    take(snapshot);
  }
}

}  // namespace

void for_each_robots_file(const fs::path& collection, const std::string& date, const Take& take, std::string_view path) {
  if (fs::is_directory(collection)) return from_folder(collection, date, take);
  const MappedFile file(collection);
  const std::string name = collection.filename().string();
  if (name.find(".json") != std::string::npos) return from_lines(file.text(), name, date, take);
  if (name.find("arc") != std::string::npos) return from_archive(file.text(), name, path, take);
  fail("{}: expected a folder of files named by host, .jsonl, or a web archive", collection.string());
}

}  // namespace cairn::data
