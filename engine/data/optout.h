// The register of those who want their documents left out: a folder with one file for each request, which never changes.
//
// docs/format/optout.md. Filters read it (filters/optout.h), `cairn optout` writes it, `cairn audit` and `cairn impact` tell
// which checkpoints had already read what it names.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/disk.h"
#include "base/hash.h"

namespace cairn::data {

struct OptOut {
  std::string name;      // a domain (canonical_host) with all below it, or a source as ingest names it
  std::string received;  // the day of the request, "2026-11-24"
  std::string added;     // when it was entered, ISO 8601
  std::string evidence;  // name of the file in the register's folder `evidence`: its SHA-256 and ending
};

// Enters a request and copies its evidence. Error (usage) for a name with anything but a host or source in it, or a date that is
// none. Entering the same again changes nothing. Returns the entry's file name.
std::string add_optout(Disk& disk, const std::filesystem::path& folder, OptOut entry, const std::filesystem::path& evidence);

// All entries by name and date; none when the folder is missing. Error naming the file for one that cannot be read.
std::vector<OptOut> read_optouts(const std::filesystem::path& folder);

// Whether a request names this source: by its name, or as a domain at or above it.
bool covers(const OptOut& entry, std::string_view source);

class OptOutRegister {
 public:
  explicit OptOutRegister(const std::filesystem::path& folder);
  // The earliest entry that covers a document of this source and address; nullptr when none.
  const OptOut* covering(std::string_view source, std::string_view url) const;

 private:
  std::unordered_map<std::string, OptOut> entries_;
};

}  // namespace cairn::data
