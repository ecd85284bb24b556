#include "engine/model/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/disk.h"
#include "base/hash.h"
#include "engine/model/compare.h"
#include "engine/model/number_formats.h"
#include "kernels/bf16.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::model;

namespace {

std::string little_endian(std::uint64_t value) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &value, 8);
  return bytes;
}

std::string safetensors(const std::string& header, std::size_t data_bytes) {
  return little_endian(header.size()) + header + std::string(data_bytes, '\x01');
}

// What opening a file with these bytes complains about, without the folder's name.
std::string complaint(const std::string& bytes) {
  test::TemporaryFolder folder;
  const fs::path path = folder.path() / "f.safetensors";
  write_file_atomically(path, bytes);
  std::string error = test::error_of([&] { SafetensorsFile file(path); });
  const std::string prefix = folder.path().string() + "/";
  for (std::size_t at; (at = error.find(prefix)) != std::string::npos;) error.erase(at, prefix.size());
  return error;
}

std::string complaint(const std::string& header, std::size_t data_bytes) {
  return complaint(safetensors(header, data_bytes));
}

}  // namespace

TEST_CASE("safetensors: the specification's example, byte by byte") {
  test::TemporaryFolder folder;
  const fs::path path = folder.path() / "a.safetensors";
  float numbers[] = {1, -2};
  write_safetensors(real_disk(), path, {{"a", StoredType::f32, Tensor(numbers, Dtype::f32, {2})}}, {});
  const std::string expected = little_endian(56) + R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )" +
                               std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8);
  CHECK(read_file(path) == expected);

  const SafetensorsFile file(path);
  REQUIRE(file.tensors().size() == 1);
  CHECK(file.require("a").describe() == "F32 [2]");
  double read[2];
  file.read(file.require("a"), Tensor(read, Dtype::f64, {2}));
  CHECK(read[0] == 1);
  CHECK(read[1] == -2);
  CHECK(file.find("b") == nullptr);
  CHECK(test::error_of([&] { file.require("b"); }) == path.string() + ": has no tensor 'b'");
  CHECK(test::error_of([&] {
          file.read(file.require("a"), Tensor(read, Dtype::f64, {2, 1}));
        }).find("expected the shape [2, 1]") != std::string::npos);
  std::int32_t whole[2];
  CHECK(test::error_of([&] { file.read(file.require("a"), Tensor(whole, Dtype::i32, {2})); }).find("cannot be read as int32") !=
        std::string::npos);
}

TEST_CASE("safetensors: a written file is a function of its arguments; scalars, empty tensors and metadata survive") {
  test::TemporaryFolder folder;
  double scalar = 0.25, none = 0;
  std::int32_t ids[] = {3, -1, 7};
  const std::vector<TensorToStore> tensors{{"z \"quoted\"", StoredType::f64, Tensor(&scalar, Dtype::f64, {})},
                                           {"empty", StoredType::f32, Tensor(&none, Dtype::f64, {0, 5})},
                                           {"ids", StoredType::i64, Tensor(ids, Dtype::i32, {3})},
                                           {"b", StoredType::bf16, Tensor(&scalar, Dtype::f64, {1})}};
  for (const char* name : {"1", "2"})
    write_safetensors(real_disk(), folder.path() / name, tensors, {{"format", "pt"}, {"k", "ü"}});
  CHECK(read_file(folder.path() / "1") == read_file(folder.path() / "2"));
  const SafetensorsFile file(folder.path() / "1");
  CHECK(file.metadata().at("k") == "ü");
  CHECK(file.require("empty").shape == std::vector<std::int64_t>{0, 5});
  CHECK(file.require("z \"quoted\"").shape.empty());
  std::int32_t back[3];
  file.read(file.require("ids"), Tensor(back, Dtype::i32, {3}));
  CHECK(std::memcmp(back, ids, sizeof ids) == 0);
  CHECK(test::error_of([&] { write_safetensors(real_disk(), folder.path() / "1", tensors); }) != "");  // exists
  CHECK(test::error_of([&] {
          write_safetensors(real_disk(), folder.path() / "3", {tensors[2], tensors[2]});
        }) == "tensor name 'ids' is used twice or reserved");
  CHECK(test::error_of([&] {
          write_safetensors(real_disk(), folder.path() / "4", {{"i", StoredType::bf16, tensors[2].tensor}});
        }) == "tensor 'i': int32 cannot be stored as BF16");
}

TEST_CASE("safetensors: number formats") {
  CHECK(Bf16(1.0f).bits == 0x3f80);
  CHECK(Bf16(std::bit_cast<float>(0x3f808000u)).bits == 0x3f80);  // a tie goes to the even neighbour
  CHECK(Bf16(std::bit_cast<float>(0x3f818000u)).bits == 0x3f82);
  CHECK(Bf16(std::bit_cast<float>(0x3f808001u)).bits == 0x3f81);
  CHECK(Bf16(3.4e38f).bits == 0x7f80);  // rounds to infinity
  CHECK(std::isnan(float(Bf16(std::bit_cast<float>(0x7f800001u)))));
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {  // every float16 comes back
    if (!std::isnan(f16_to_float(std::uint16_t(bits)))) CHECK_EQ(float_to_f16(f16_to_float(std::uint16_t(bits))), bits);
  }
  CHECK(float_to_f16(1.0f + 0x1p-11f) == 0x3c00);  // a tie goes to the even neighbour
  CHECK(float_to_f16(1.0f + 0x3p-11f) == 0x3c02);
  CHECK(float_to_f16(65519.0f) == 0x7bff);
  CHECK(float_to_f16(-65520.0f) == 0xfc00);
  CHECK(float_to_f16(0x1p-25f) == 0x0000);
  CHECK(float_to_f16(0x1.002p-25f) == 0x0001);
  CHECK(float_to_f16(0x1.ffcp-15f) == 0x0400);
  CHECK(std::isnan(f16_to_float(float_to_f16(std::bit_cast<float>(0x7f800001u)))));
  CHECK(f16_to_float(0x3c00) == 1.0f);
  CHECK(f16_to_float(0xc000) == -2.0f);
  CHECK(f16_to_float(0x7bff) == 65504.0f);
  CHECK(f16_to_float(0x0001) == std::ldexp(1.0f, -24));
  CHECK(f16_to_float(0x8000) == 0.0f);
  CHECK(std::signbit(f16_to_float(0x8000)));
  CHECK(std::isinf(f16_to_float(0xfc00)));
  CHECK(f8_e4m3_to_float(0x38) == 1.0f);
  CHECK(f8_e4m3_to_float(0x7e) == 448.0f);
  CHECK(f8_e4m3_to_float(0x81) == -std::ldexp(1.0f, -9));
  CHECK(std::isnan(f8_e4m3_to_float(0x7f)));
  CHECK(f8_e5m2_to_float(0x7b) == 57344.0f);
}

TEST_CASE("safetensors: lying files are refused, each with the reason") {
  const std::string good = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  CHECK(complaint(good, 8) == "");

  CHECK(complaint("1234") == "f.safetensors: 4 bytes; a safetensors file begins with an 8-byte header length");
  CHECK(complaint(little_endian(999) + "{}") == "f.safetensors: claims a header of 999 bytes, the file has 2");
  CHECK(complaint(little_endian(~0ull) + "{}") ==
        "f.safetensors: claims a header of 18446744073709551615 bytes; at most 100000000 are allowed");
  CHECK(complaint("", 0) == "f.safetensors: the header does not begin with '{'");
  CHECK(complaint("[1]", 0) == "f.safetensors: the header does not begin with '{'");
  CHECK(complaint(R"({"a":)", 0).find("f.safetensors: header") == 0);
  CHECK(complaint(R"({"a":3})", 0) == "f.safetensors: tensor 'a': expected an object in the header, found number");
  CHECK(complaint(
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8)
            .find("twice") != std::string::npos);
  CHECK(complaint(R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': unknown dtype \"F33\"");
  CHECK(complaint(R"({"a":{"shape":[2],"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': dtype is missing in the header");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})", 8) ==
        "f.safetensors: tensor 'a': unknown key 'x' in the header; expected dtype, shape, data_offsets");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': shape: expected whole numbers in 0..2^63-1, found -2");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': shape: expected whole numbers in 0..2^63-1, found 2.0");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":2,"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': shape: expected a list of sizes, found number");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8]}})", 8) ==
        "f.safetensors: tensor 'a': data_offsets: expected [begin, end]");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 4) ==
        "f.safetensors: tensor 'a' claims bytes 0..8, the file has 4");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8) ==
        "f.safetensors: tensor 'a' claims bytes 8..0, the file has 8");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8) ==
        "f.safetensors: tensor 'a': F32 [3] needs 12 bytes, the header gives it 8 (0..8)");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0) ==
        "f.safetensors: tensor 'a': F32 [4294967296, 4294967296] is too large");
  CHECK(
      complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                12) == "f.safetensors: tensors 'a' and 'b' overlap: bytes 0..8 and 4..12");
  CHECK(complaint(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12) ==
        "f.safetensors: bytes 0..4 belong to no tensor");
  CHECK(complaint(good, 9) == "f.safetensors: bytes 8..9 belong to no tensor");
  CHECK(complaint(R"({"__metadata__":{"k":1}})", 0) == "f.safetensors: __metadata__: expected a string in 'k', found number");
  CHECK(complaint(R"({"__metadata__":[]})", 0) == "f.safetensors: __metadata__: expected an object of strings");
}

TEST_CASE("safetensors: every truncation of a file is refused") {
  test::TemporaryFolder folder;
  float numbers[] = {1, 2, 3};
  write_safetensors(real_disk(), folder.path() / "f", {{"a", StoredType::f32, Tensor(numbers, Dtype::f32, {3})}});
  const std::string whole = read_file(folder.path() / "f");
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK(complaint(whole.substr(0, size)) != "");
}

TEST_CASE("compare: the first difference of two weight files, by tensor, element, bits and units in the last place") {
  test::TemporaryFolder folder;
  float a[] = {1, 2, 3, 4}, b[] = {1, 2, 3, 4}, c[] = {0.0f, 5};
  const auto write = [&](const char* name, float* values, std::initializer_list<std::int64_t> shape,
                         const char* metadata = "pt") {
    write_safetensors(
        real_disk(), folder.path() / name,
        {{"c", StoredType::f32, Tensor(c, Dtype::f32, {2})}, {"w", StoredType::f32, Tensor(values, Dtype::f32, shape)}},
        {{"format", metadata}});
    return folder.path() / name;
  };
  const fs::path first = write("first", a, {2, 2});
  CHECK(first_difference(first, write("same", b, {2, 2})) == "");
  b[2] = std::nextafter(3.0f, 4.0f);
  b[3] = -4;
  CHECK(first_difference(first, write("other", b, {2, 2})) ==
        "tensor 'w' element [1, 0]: 0x40400000 (3) and 0x40400001 (3.000000238418579), 1 ULP apart; 2 of 4 elements differ");
  CHECK(first_difference(first, write("flat", a, {4})) == "tensor 'w' is F32 [2, 2] in the first file, F32 [4] in the second");
  CHECK(first_difference(first, write("meta", a, {2, 2}, "np")) ==
        "all tensors are the same; the headers differ (metadata, order or spacing)");
  c[0] = -0.0f;
  CHECK(first_difference(first, write("zero", a, {2, 2})) ==
        "tensor 'c' element [0]: 0x00000000 (0) and 0x80000000 (-0), 0 ULP apart; 1 of 2 elements differ");
  write_safetensors(real_disk(), folder.path() / "short", {{"w", StoredType::f32, Tensor(a, Dtype::f32, {2, 2})}});
  CHECK(first_difference(first, folder.path() / "short") == "tensor 'c' is in the first file only");
  CHECK(first_difference(folder.path() / "short", first) == "tensor 'c' is in the second file only");
}
