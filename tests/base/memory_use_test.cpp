#include "base/memory_use.h"

#include <vector>

#include "tests/support/test.h"

using namespace cairn;

TEST_CASE("memory use: grows with what is touched, and the peak stays") {
  const std::uint64_t before = resident_bytes();
  REQUIRE(before > 0);
  constexpr std::size_t kBytes = 64 << 20;
  {
    const std::vector<char> touched(kBytes, 1);
    CHECK(touched[kBytes / 2] == 1);
    CHECK(resident_bytes() > before + kBytes / 2);
  }
  CHECK(peak_resident_bytes() > before + kBytes / 2);
}
