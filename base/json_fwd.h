// Forward declaration of Json, the only JSON value type in the program.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace cairn {
using Json = nlohmann::json;
}
