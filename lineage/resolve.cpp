// From what a person typed to an artifact.
#include <algorithm>
#include <charconv>
#include <chrono>

#include "base/error.h"
#include "base/schema.h"
#include "lineage/rows.h"

namespace cairn::lineage {

namespace {

std::optional<int> whole_number(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

// The first microsecond after a day written 2026-11-24.
std::optional<std::int64_t> end_of_day(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    std::string_view digits = text.substr(at, size);
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    return whole_number(digits);
  };
  const std::optional<int> year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  const auto days = (std::chrono::sys_days(date) + std::chrono::days(1)).time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(days).count();
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

// "name" or "name@generation" or "name@day".
std::optional<ArtifactId> by_name(const Ledger& ledger, Database& database, const std::string& text) {
  const std::size_t at = text.rfind('@');
  const std::string name = text.substr(0, at);
  if (at == std::string::npos) {
    const std::optional<Ref> ref = ledger.ref(name);
    return ref ? std::optional(ref->artifact) : std::nullopt;
  }
  const std::optional<Ref> current = ledger.ref(name);
  if (!current) return std::nullopt;
  const std::string which = text.substr(at + 1);
  if (const std::optional<std::int64_t> end = end_of_day(which)) {
    Query row =
        database.query("SELECT artifact FROM ref WHERE name = ?1 AND moved < ?2 ORDER BY generation DESC LIMIT 1", name, *end);
    if (!row.next()) fail_usage("'{}' had no meaning yet on {}", name, which);
    return row.integer(0);
  }
  const std::optional<int> generation = whole_number(which);
  if (!generation && which.find('.') != std::string::npos) return std::nullopt;  // base@1.log: an output of what made base@1
  if (!generation)
    fail_usage("'{}': expected a generation or a day after '@', such as {}@{} or {}@2026-11-24", text, name, current->generation,
               name);
  const std::optional<Ref> ref = ledger.ref(name, *generation);
  if (!ref) fail_usage("'{}' has the generations 1 to {}, not {}", name, current->generation, *generation);
  return ref->artifact;
}

// Runs that a number or the beginning of a uuid names.
std::vector<Run> runs_named(const Ledger& ledger, Database& database, const std::string& text) {
  std::vector<Run> runs;
  if (const std::optional<int> number = whole_number(text); number && text.size() < 8) {
    if (database.query("SELECT 1 FROM run WHERE id = ?1", *number).next()) runs.push_back(ledger.run(*number));
    return runs;
  }
  if (text.size() < 6 || !is_hex(text)) return runs;
  std::string hex = text;
  std::erase(hex, '-');
  for (Query rows = database.query("SELECT id FROM run WHERE lower(hex(uuid)) LIKE ?1 || '%' ORDER BY uuid LIMIT 10", hex);
       rows.next();) {
    runs.push_back(ledger.run(rows.integer(0)));
  }
  return runs;
}

std::optional<ArtifactId> output_of(const Run& run, const std::string& role) {
  for (const RunOutput& output : run.outputs) {
    if (output.role == role && output.ordinal == 0) return output.artifact;
  }
  return std::nullopt;
}

std::string roles_of(const Run& run) {
  std::string roles;
  for (const RunOutput& output : run.outputs) roles += (roles.empty() ? "" : ", ") + output.role;
  return roles.empty() ? "none" : roles;
}

}  // namespace

Artifact Ledger::resolve(const std::string& text) const {
  if (const std::optional<ArtifactId> named = by_name(*this, database_, text)) return artifact(*named);

  if (const std::size_t dot = text.rfind('.'); dot != std::string::npos) {
    const std::string owner = text.substr(0, dot), role = text.substr(dot + 1);
    if (const std::optional<ArtifactId> named = by_name(*this, database_, owner)) {
      const std::optional<Run> run = producer(*named);
      if (!run) fail_usage("'{}': no run here made '{}', so it has no other outputs", text, owner);
      if (const std::optional<ArtifactId> output = output_of(*run, role)) return artifact(*output);
      fail_usage("'{}': the run that made '{}' has no output '{}'; it has {}", text, owner, role, roles_of(*run));
    }
    const std::vector<Run> runs = runs_named(*this, database_, owner);
    if (runs.size() == 1) {
      if (const std::optional<ArtifactId> output = output_of(runs.front(), role)) return artifact(*output);
      fail_usage("'{}': run {} ({}, {}) has no output '{}'; it has {}", text, runs.front().id, runs.front().op,
                 run_state_name(runs.front().state), role, roles_of(runs.front()));
    }
    if (runs.size() > 1) {
      std::string list;
      for (const Run& run : runs) list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", run.uuid.text(), run.op);
      fail_usage("'{}' could be any of the runs {}", text, list);
    }
  }

  std::string prefix = text.starts_with("sha256:") ? text.substr(7) : text;
  if (prefix.size() >= 6 && prefix.size() <= 64 && is_hex(prefix) && prefix.find('-') == std::string::npos) {
    // A range of the index on digest: from the prefix followed by zeros to the prefix followed by ones.
    const Digest low = Digest::from_hex(prefix + std::string(64 - prefix.size(), '0'));
    const Digest high = Digest::from_hex(prefix + std::string(64 - prefix.size(), 'f'));
    std::vector<ArtifactId> found;
    for (Query rows =
             database_.query("SELECT id FROM artifact WHERE digest BETWEEN ?1 AND ?2 ORDER BY digest LIMIT 10", low, high);
         rows.next();) {
      found.push_back(rows.integer(0));
    }
    if (found.size() == 1) return artifact(found.front());
    if (found.size() > 1) {
      std::string list;
      for (const ArtifactId id : found)
        list += fmt::format("{}{} ({})", list.empty() ? "" : ", ", artifact(id).digest.short_hex(), artifact(id).kind);
      fail_usage("'{}' could be any of {}", text, list);
    }
  }

  std::vector<std::string> names;
  for (const Ref& ref : refs()) names.push_back(ref.name);
  const std::string nearest = nearest_name(text.substr(0, text.find('@')), names);
  if (!nearest.empty()) fail_usage("nothing is called '{}'. Did you mean '{}'?", text, nearest);
  fail_usage("nothing is called '{}'; a name, name@generation, run.role or at least 6 letters of a digest are understood", text);
}

}  // namespace cairn::lineage
