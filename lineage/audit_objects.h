// The part of the audit that hashes every byte of a workspace again.
#pragma once

#include "lineage/audit.h"

namespace cairn::lineage {

// Every place where an artifact is said to lie: files are there, of the right length and hash, and a folder in objects/ holds
// nothing else. Names the damaged file; where another copy of it is whole, also the first byte that differs.
void audit_objects(Workspace& workspace, const AuditOptions& options, AuditReport& report);

}  // namespace cairn::lineage
