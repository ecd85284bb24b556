// audit: does everything that is recorded hold? (spec/lineage.md §4.2)
//
// Two things can be audited: a workspace, and the folder of a release without any workspace. Nothing is changed. Codes are
// stable:
//   LIN-01xx database   LIN-02xx journal   LIN-03xx bytes   LIN-04xx graph   LIN-05xx names   LIN-06xx policies   LIN-07xx
//   signatures, cards
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/json_fwd.h"
#include "base/progress.h"
#include "lineage/signing.h"
#include "lineage/workspace.h"

namespace cairn::lineage {

enum class Severity { note, warning, error };
const char* severity_name(Severity severity);

struct Finding {
  std::string code{};  // "LIN-0303"
  Severity severity = Severity::error;
  std::string object{};                   // the file, artifact, run or entry
  std::string reason{};                   // one line
  std::string remedy{};                   // one line
  std::optional<std::uint64_t> offset{};  // of the one changed byte, or the first of a range, where it is known
};

struct AuditReport {
  std::string subject;                 // the folder, as given
  std::vector<Finding> findings;       // worst first, in the order found
  std::uint64_t files = 0, bytes = 0;  // hashed
  std::uint64_t artifacts = 0, runs = 0, journal_entries = 0;
  std::map<std::string, std::int64_t> licences{};  // documents under each, as they came in; "" where none is stated
  std::string key_id;                              // of a release

  bool holds() const;  // no finding is an error
  Json to_json() const;
  std::string to_text() const;  // lines for people; the last one says whether it holds
};

struct AuditOptions {
  ThreadPool* threads = nullptr;
  Progress* progress = nullptr;  // counts bytes
  // SPDX identifiers, '*' at the end stands for any rest; empty: any. In an expression one side of OR is enough, AND needs both.
  std::vector<std::string> allowed_licences = {};
  // Own rules on the graph of a workspace: opt-outs, dates. Called last.
  std::function<std::vector<Finding>(Workspace&)> policy = {};
};

// LIN-0601 for each licence that `allowed` does not have, LIN-0602 for documents without one.
void judge_licences(const std::vector<std::string>& allowed, AuditReport& report);

// Every check of the ledger, and every byte of every object and adopted artifact hashed again.
AuditReport audit_workspace(Workspace& workspace, const AuditOptions& options = {});

// Every file against the manifest, the manifest against the signed statement, records against each other and against the card and
// pipeline that follow from them. A key that is not among `trusted` is a note when `trusted` is empty (nobody said whom to
// trust), else an error.
AuditReport audit_release(const fs::path& folder, const std::vector<PublicKey>& trusted = {}, const AuditOptions& options = {});

}  // namespace cairn::lineage
