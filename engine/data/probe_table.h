// Probes of memorisation: token sequences that were planted in training data a known number of times, and the table that an
// evaluation finds them by (spec/data.md §1.5; docs/format/probes.md).
//
// A folder: probes.jsonl, a line for each probe, and sequences.bin/.idx, the tokens of probe n as sequence n.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/disk.h"
#include "engine/data/token_shards.h"

namespace cairn::data {

struct Probe {
  std::string id;      // probe_id() of its tokens; by it docmaps know each planted copy
  std::string kind;    // "book", or a kind of canary (canaries.h)
  std::string bucket;  // probes of one bucket were planted equally often
  std::int64_t frequency = 0;
  std::string document;     // id of the text that it was cut from; empty for a canary
  std::string url;          // and its address
  std::int64_t offset = 0;  // and where it begins there, in tokens of the text alone
  std::int64_t tokens = 0;
  std::int64_t prefix = 0;  // other random tokens before each copy
  double near_copies = -1;  // share of its n-grams that a corpus holds elsewhere; -1: nobody looked
};

// "sha256:" and the hash of the tokens as little-endian i32.
std::string probe_id(std::span<const TokenId> tokens);

// The bytes of probes.jsonl.
std::string probe_lines(const std::vector<Probe>& probes);
void write_probe_table(Disk& disk, const std::filesystem::path& folder, const std::vector<Probe>& probes,
                       const std::vector<std::vector<TokenId>>& sequences, TokenType type);

class ProbeTable {
 public:
  // Error naming file and line on what is no probe, or on another number of sequences.
  static ProbeTable open(const std::filesystem::path& folder);
  const std::vector<Probe>& probes() const { return probes_; }
  // Error when they do not have the hash that the table says.
  std::vector<TokenId> tokens(std::size_t probe) const;

 private:
  ProbeTable(std::vector<Probe> probes, TokenShard sequences) : probes_(std::move(probes)), sequences_(std::move(sequences)) {}
  std::vector<Probe> probes_;
  TokenShard sequences_;
};

}  // namespace cairn::data
