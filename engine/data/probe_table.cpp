#include "engine/data/probe_table.h"

#include <bit>

#include <fmt/format.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "base/schema.h"
#include "engine/data/document.h"

namespace cairn::data {

namespace {

static_assert(std::endian::native == std::endian::little, "tokens are hashed as they lie");

const Schema& line_schema() {
  static const Schema schema = object({
      field("id", string().min(1), "hash of the tokens"),
      field("kind", string().min(1), "of probe"),
      field("bucket", string(), "that it is in"),
      field("frequency", integer().min(0), "copies that were planted"),
      field("document", string().def(""), "that it was cut from"),
      field("url", string().def(""), "of that"),
      field("offset", integer().min(0).def(0), "in that, in tokens"),
      field("tokens", integer().min(1), "how many"),
      field("prefix", integer().min(0).def(0), "random tokens before each copy"),
      field("near_copies", number().min(0).max(1).def(nullptr), "share of its n-grams that the corpus holds"),
  });
  return schema;
}

Probe probe_of(const Json& json) {
  const Config line(line_schema().complete(json, "probe"), "probe");
  return {line.string("id"),       line.string("kind"),
          line.string("bucket"),   line.integer("frequency"),
          line.string("document"), line.string("url"),
          line.integer("offset"),  line.integer("tokens"),
          line.integer("prefix"),  line.has("near_copies") ? line.number("near_copies") : -1.0};
}

}  // namespace

std::string probe_id(std::span<const TokenId> tokens) {
  return std::string(kIdPrefix) +
         sha256(std::string_view(reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(TokenId))).hex();
}

std::string probe_lines(const std::vector<Probe>& probes) {
  std::string lines;
  for (const Probe& probe : probes) {
    Json json = {{"id", probe.id},
                 {"kind", probe.kind},
                 {"bucket", probe.bucket},
                 {"frequency", probe.frequency},
                 {"tokens", probe.tokens}};
    if (!probe.document.empty()) {
      json["document"] = probe.document;
      json["url"] = probe.url;
      json["offset"] = probe.offset;
    }
    if (probe.prefix > 0) json["prefix"] = probe.prefix;
    if (probe.near_copies >= 0) json["near_copies"] = probe.near_copies;
    lines += canonical_json(json) + "\n";
  }
  return lines;
}

void write_probe_table(Disk& disk, const std::filesystem::path& folder, const std::vector<Probe>& probes,
                       const std::vector<std::vector<TokenId>>& sequences, TokenType type) {
  disk.make_directories(folder);
  write_file_atomically(disk, folder / "probes.jsonl", probe_lines(probes));
  TokenShardWriter writer(disk, folder / "sequences", type);
  for (const std::vector<TokenId>& sequence : sequences) writer.append(sequence);
  writer.finish();
}

ProbeTable ProbeTable::open(const std::filesystem::path& folder) {
  const MappedFile file(folder / "probes.jsonl");
  const std::string_view text = file.text();
  TokenShard sequences = TokenShard::open(folder / "sequences");
  std::vector<Probe> probes;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string where = fmt::format("probes.jsonl: line {}", probes.size() + 1);
    try {
      probes.push_back(probe_of(parse_json(text.substr(begin, end - begin), "probe")));
    } catch (const Error& error) {
      fail("{}: {}", where, error.what());
    }
    const auto index = static_cast<std::int64_t>(probes.size()) - 1;
    if (index >= sequences.documents()) fail("{}: sequences.idx has only {} sequences", where, sequences.documents());
    const std::int64_t stored = sequences.first_token(index + 1) - sequences.first_token(index);
    if (stored != probes.back().tokens) fail("{}: {} tokens, its sequence has {}", where, probes.back().tokens, stored);
    begin = end + 1;
  }
  if (static_cast<std::int64_t>(probes.size()) != sequences.documents())
    fail("probes.jsonl: {} probes, sequences.idx has {} sequences", probes.size(), sequences.documents());
  return {std::move(probes), std::move(sequences)};
}

std::vector<TokenId> ProbeTable::tokens(std::size_t probe) const {
  const auto index = static_cast<std::int64_t>(probe);
  std::vector<TokenId> tokens(static_cast<std::size_t>(probes_.at(probe).tokens));
  sequences_.read(sequences_.first_token(index), tokens);
  if (probe_id(tokens) != probes_[probe].id)
    fail("probes.jsonl: line {}: its tokens have another hash than {}; one of the two files is damaged", probe + 1,
         probes_[probe].id);
  return tokens;
}

}  // namespace cairn::data
