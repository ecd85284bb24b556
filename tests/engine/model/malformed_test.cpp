// Weight files with claims that no sum or product of the reader may overflow on, and files with any one byte changed.
#include <vector>

#include "engine/model/safetensors.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;

namespace {

std::string with_length(std::uint64_t length, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&length), 8) + rest;
}

// The error of opening a file with these bytes, without the file's name in front.
std::string complaint(const std::string& bytes) {
  const test::TemporaryFolder temporary;
  const auto file = real_disk().create(temporary.path() / "f");
  file->write(bytes);
  file->close();
  const std::string error = test::error_of([&] {
    const SafetensorsFile opened(temporary.path() / "f");
    for (const StoredTensor& tensor : opened.tensors()) CHECK(opened.bytes(tensor).size() <= bytes.size());
  });
  const std::string name = (temporary.path() / "f").string();
  if (!error.empty()) CHECK(error.substr(0, name.size()) == name);
  CHECK(error.find('\n') == std::string::npos);
  return error.empty() ? "" : error.substr(std::min(error.size(), name.size()));
}

}  // namespace

TEST_CASE("safetensors: numbers at the edge of 64 bits") {
  const auto shaped = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    const std::string header = "{\"a\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}}";
    return complaint(with_length(header.size(), header));
  };
  CHECK(complaint(with_length(~std::uint64_t(0) - 7, "{}")).find("at most 100000000 are allowed") != std::string::npos);
  CHECK(shaped("F64", "[2305843009213693952]", "[0,0]") == ": tensor 'a': F64 [2305843009213693952] is too large");
  CHECK(shaped("U8", "[18446744073709551615]", "[0,0]").find("tensor 'a': shape: expected whole numbers") != std::string::npos);
  CHECK(shaped("U8", "[0]", "[-8,0]").find("tensor 'a': data_offsets: expected whole numbers") != std::string::npos);
  CHECK(shaped("U8", "[0]", "[0,9223372036854775807]").find("tensor 'a' claims bytes") != std::string::npos);
  CHECK(shaped("U8", "[9223372036854775807,0,9223372036854775807]", "[0,0]") == "");
  const std::string deep = "{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}";
  CHECK(!complaint(with_length(deep.size(), deep)).empty());
}

TEST_CASE("safetensors: a file with one byte changed is refused in one line, or stays inside of itself") {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )";
  const std::string bytes = with_length(header.size(), header + std::string(8, '\1'));
  CHECK(complaint(bytes) == "");
  int refused = 0;
  for (std::size_t at = 0; at < 8 + header.size(); ++at) {
    for (const char other : {'\0', '"', '9', '-', '\xff', '}', '{'}) {
      std::string changed = bytes;
      changed[at] = other;
      refused += complaint(changed) != "";
    }
  }
  CHECK(refused > 300);
}
