// Collections of robots.txt files: one for each host, as it was at some date.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/hash.h"

namespace cairn::data {

struct RobotsSnapshot {
  std::string host;       // as the collection has it
  std::string fetched;    // ISO 8601; empty when the collection does not say
  int status = 200;       // of the fetch; 0: not reached
  std::string_view body;  // until the call returns
};

// Calls `take` for each file of a collection:
// - a folder whose files are named by host ("example.org", "example.org:8080"), all fetched at `date`;
// - JSONL (.gz, .zst), a line each: {"host": ..., "body": ..., "fetched": ..., "status": ...}, the last two at will;
// - a web archive (.warc.gz, ...): the responses whose path is /robots.txt.
// `path`: of the file on its host, for other files that sites have in one place; only a web archive tells it.
// What cannot be read is an Error: a robots.txt that is lost unseen would mean consent. Files of a folder come in order of name,
// the rest as they stand.
void for_each_robots_file(const std::filesystem::path& collection, const std::string& date,
                          const std::function<void(const RobotsSnapshot&)>& take, std::string_view path = "/robots.txt");

}  // namespace cairn::data
