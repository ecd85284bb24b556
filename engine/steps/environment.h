// Facts about the machine that a run records: they are never hashed, they explain a difference when there is one.
#pragma once

#include <string>

#include "base/hash.h"
#include "base/json_fwd.h"

namespace cairn::steps {

// {"cpu", "cores", "architecture", "kernel", "libc", "compiler", "memory_bytes"}; "unknown" where the machine does not tell.
Json environment_facts();

// SHA-256 of the running executable.
Digest executable_digest();

}  // namespace cairn::steps
