#include "engine/data/optout.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/public_suffix.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kEnding = ".optout.json";

bool is_day(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00";
  if (text.size() != kForm.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (kForm[i] == '0' ? text[i] < '0' || text[i] > '9' : text[i] != '-') return false;
  }
  const int month = (text[5] - '0') * 10 + text[6] - '0', day = (text[8] - '0') * 10 + text[9] - '0';
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

}  // namespace

std::string add_optout(Disk& disk, const fs::path& folder, OptOut entry, const fs::path& evidence) {
  if (entry.name.starts_with("*.")) entry.name.erase(0, 2);
  if (entry.name.empty() || entry.name.size() > 253 || entry.name.find_first_of("/:?#@ \t\r\n*\\") != std::string::npos)
    fail_usage("optout: '{}' is no domain and no name of a source: no scheme, port or path", entry.name);
  if (entry.name.find('.') != std::string::npos) entry.name = canonical_host(entry.name);
  if (entry.name.empty() || entry.name.front() == '.') fail_usage("optout: a domain or the name of a source is wanted");
  if (!is_day(entry.received)) fail_usage("optout: --received '{}': expected a day, as 2026-11-24", entry.received);
  const MappedFile proof(evidence);
  std::string ending = evidence.extension().string();
  if (ending.size() > 8 || ending.find_first_of("/\\ ") != std::string::npos) ending.clear();
  entry.evidence = sha256(proof.text()).hex() + ending;
  disk.make_directories(folder / "evidence");
  if (!fs::exists(folder / "evidence" / entry.evidence))
    write_file_atomically(disk, folder / "evidence" / entry.evidence, proof.text());
  const std::string name = fmt::format("{}-{}-{}{}", entry.received, entry.name, entry.evidence.substr(0, 8), kEnding);
  if (fs::exists(folder / name)) return name;
  const Json json = {{"name", entry.name}, {"received", entry.received}, {"added", entry.added}, {"evidence", entry.evidence}};
  write_file_atomically(disk, folder / name, pretty_json(json));
  return name;
}

std::vector<OptOut> read_optouts(const fs::path& folder) {
  std::vector<OptOut> entries;
  if (!fs::is_directory(folder)) return entries;
  std::vector<fs::path> files;
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    if (file.path().filename().string().ends_with(kEnding)) files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  for (const fs::path& path : files) {
    const Json json = read_json(path);
    const auto text = [&](const char* key) {
      const auto found = json.find(key);
      if (found == json.end() || !found->is_string()) fail("{}: expected a string in \"{}\"", path.string(), key);
      return found->get<std::string>();
    };
    if (!json.is_object()) fail("{}: expected an object", path.string());
    entries.push_back({text("name"), text("received"), text("added"), text("evidence")});
    if (entries.back().name.empty() || !is_day(entries.back().received))
      fail("{}: no entry of a register of opt-outs", path.string());
  }
  std::sort(entries.begin(), entries.end(), [](const OptOut& a, const OptOut& b) {
    return a.name != b.name ? a.name < b.name : a.received != b.received ? a.received < b.received : a.evidence < b.evidence;
  });
  return entries;
}

bool covers(const OptOut& entry, std::string_view source) {
  if (source == entry.name) return true;
  const std::string host = canonical_host(source);
  return entry.name.find('.') != std::string::npos && (host == entry.name || host.ends_with("." + entry.name));
}

OptOutRegister::OptOutRegister(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail("{}: no register of opt-outs is there; `cairn optout add` makes it", folder.string());
  for (OptOut& entry : read_optouts(folder)) entries_.try_emplace(entry.name, entry);
}

const OptOut* OptOutRegister::covering(std::string_view source, std::string_view url) const {
  const auto named = entries_.find(std::string(source));
  if (named != entries_.end()) return &named->second;
  const auto below = [this](std::string_view host) -> const OptOut* {
    for (;;) {
      const auto found = entries_.find(std::string(host));
      if (found != entries_.end()) return &found->second;
      const std::size_t dot = host.find('.');
      if (dot == std::string_view::npos) return nullptr;
      host.remove_prefix(dot + 1);
    }
  };
  if (source.find('.') != std::string_view::npos) {
    if (const OptOut* entry = below(canonical_host(source))) return entry;
  }
  return url.find("://") == std::string_view::npos ? nullptr : below(canonical_host(url));
}

}  // namespace cairn::data
