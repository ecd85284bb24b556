// Some files of an ingestion, read one after the other into shards of their own: what one thread does at a time.
//
// A group is cut by the files' sizes alone, so its shards do not depend on who reads it. It is read as a stream: its memory is
// one record and one frame of the shard being written, however large the files. What is done is noted at the end of each shard,
// and a killed group goes on behind its last one, inside a file too: the records in front of that place are unpacked again, but
// not parsed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "engine/data/ingest_tally.h"
#include "engine/data/public_suffix.h"
#include "engine/data/sources/language.h"
#include "engine/steps/step_context.h"

namespace cairn::data {

// What the config says of a source.
struct IngestSource {
  std::string name, kind, licence, language, url_prefix, retrieved;
  std::unique_ptr<LanguageRule> language_rule;
  bool licence_from_pages = true;               // where the source declares none
  const PublicSuffixList* by_domain = nullptr;  // documents are of their address's registrable domain
};

struct IngestFile {
  const IngestSource* source = nullptr;
  std::filesystem::path path;
  std::string member;  // path inside the source
};

struct IngestGroup {
  IngestCounts counts;
  std::size_t shards = 0;  // in the group's folder, documents-00000.jsonl.zst and on
};

// Reads `files` into shards in `folder`, which is made, or goes on with what an earlier attempt left there. `skip_damaged`: count
// and name what cannot be read, else it is an Error. `breathe`: called now and then; may throw to end the reading.
IngestGroup read_group(Disk& disk, const std::filesystem::path& folder, std::span<const IngestFile> files,
                       std::uint64_t shard_bytes, bool skip_damaged, const std::function<void()>& breathe);

// Documents by source in one shard of a group that was read, ordered by source; `file` is left to the caller.
std::vector<steps::SourcePosting> postings_of(Disk& disk, const std::filesystem::path& folder, std::size_t shard);

// Files cut into groups, in order, each of at least `group_bytes` but for the last: [begins[i], begins[i + 1]). At least one.
std::vector<std::size_t> group_begins(const std::vector<IngestFile>& files, std::uint64_t group_bytes);

}  // namespace cairn::data
