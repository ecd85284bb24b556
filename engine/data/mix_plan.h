// Which documents a mixture takes, for which stage, and how often: a plan worked out from their sizes alone, before anything is
// written.
//
// The documents of a source stand in the order of a hash of seed, id and address, in a ring. A stage takes what it asks for from
// the ring on: so many whole rounds, then the documents that follow until the next would be too much. So the choice is a function
// of the documents and the seed, whatever machine, number of threads or order of files; a larger budget takes the same documents
// and more; and whole repeats come before a drawn part.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

inline constexpr std::uint32_t kNoMixSource = 0xFFFFFFFF;

struct MixDocument {
  std::uint64_t key = 0;                // mix_key() of it
  std::int64_t size = 0;                // in the mixture's unit: tokens, bytes, or 1
  std::uint32_t source = kNoMixSource;  // of the mixture, by number
  std::uint32_t domain = 0;             // registrable domain, by number
  double weight = 1;                    // how often one round of the ring holds it: 2.5 is twice, or with even odds three times
};
std::uint64_t mix_key(std::string_view id, std::string_view url, std::uint64_t seed);

struct MixSource {
  std::string name;
  std::optional<std::int64_t> domain_cap;  // of one registrable domain, at most, in the unit
  double max_repeats = 1;                  // rounds of the ring, over all stages together
};

// What a stage asks of a source, as it is written and as an amount in the unit.
struct MixRequest {
  enum class Kind { none, weight, budget, passes } kind = Kind::none;
  double value = 0;
};

struct MixStage {
  std::string name;
  std::optional<std::int64_t> size;  // shared by the weights
  std::vector<MixRequest> requests;  // of each source
};

struct MixAmount {
  std::int64_t documents = 0, size = 0;
  bool operator==(const MixAmount&) const = default;
  MixAmount& operator+=(const MixAmount& other);
};

// Sums: matched = capped + weightless + the documents of a round's ring; over sources and unmatched, all that came in.
struct MixSourceTally {
  MixAmount matched;     // documents that the source's rules name
  MixAmount capped;      // of these, those beyond the cap of their domain
  MixAmount weightless;  // of these, those whose weight came to no copy
  MixAmount available;   // one round: copies, not documents, where weights are not 1
  MixAmount never;       // of the ring: documents that no stage took
};

struct MixShare {
  std::int64_t asked = 0;     // as an amount
  MixAmount taken;            // copies
  std::int64_t distinct = 0;  // documents among them
};

struct MixPlan {
  std::vector<MixSourceTally> sources;
  MixAmount unmatched;
  std::vector<std::vector<MixShare>> shares;       // [stage][source]
  std::vector<std::vector<std::uint32_t>> copies;  // [stage][document]
  std::vector<std::uint32_t> ring_copies;          // of each document in one round; 0: beyond a cap, or without weight
  std::vector<bool> capped;                        // of each document
};

enum class MixReuse {
  go_on,    // a stage begins where the one before it ended: nothing repeats before all has been taken
  restart,  // each stage begins anew, so stages share documents
};

// Error (usage), naming all of them, on requests that the sources cannot meet: more than a round times max_repeats, less what
// earlier stages took.
MixPlan plan_mix(const std::vector<MixDocument>& documents, const std::vector<MixSource>& sources,
                 const std::vector<MixStage>& stages, MixReuse reuse, std::string_view unit);

}  // namespace cairn::data
