#include "engine/data/text_key.h"

#include <openssl/sha.h>

#include <cstring>

namespace cairn::data {

TextKey text_key(std::string_view text) {
  // In one call: lines are short, and what base/hash.h makes for longer contents would cost more than their hash.
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  TextKey key;
  std::memcpy(&key, digest, sizeof key);
  return key;
}

}  // namespace cairn::data
