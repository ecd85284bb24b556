#include "base/crc32c.h"

#include <string>

#include "tests/support/test.h"

using cairn::crc32c;

TEST_CASE("crc32c: the vectors of RFC 3720 B.4") {
  std::string up, down;
  for (int i = 0; i < 32; ++i) {
    up += static_cast<char>(i);
    down += static_cast<char>(31 - i);
  }
  CHECK(crc32c(std::string(32, '\0')) == 0x8A9136AA);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62A8AB43);
  CHECK(crc32c(up) == 0x46DD794E);
  CHECK(crc32c(down) == 0x113FDB5C);
  CHECK(crc32c("123456789") == 0xE3069283);
  CHECK(crc32c("") == 0);
}
