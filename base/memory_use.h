// How much memory this process takes, as the system counts it.
#pragma once

#include <cstdint>

namespace cairn {

std::uint64_t resident_bytes();       // now; 0 where the system does not tell
std::uint64_t peak_resident_bytes();  // the most since this program was started (VmHWM; a parent's peak does not count)

}  // namespace cairn
