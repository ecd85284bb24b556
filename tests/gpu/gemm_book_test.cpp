#include "kernels/cuda/gemm_book.h"

#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::cuda;
using cairn::test::error_of;

namespace {

GemmKey gradient_of_weights() {
  return {.M = 256,
          .N = 1344,
          .K = 4096,
          .lda = 256,
          .ldb = 1344,
          .ldc = 1344,
          .transpose_a = true,
          .accumulate = true,
          .type_ab = "bfloat16",
          .type_c = "float32"};
}

GemmBook book_with_two() {
  GemmBook book("NVIDIA H200", "13.1.0");
  book.add({.M = 4096,
            .N = 1344,
            .K = 256,
            .lda = 256,
            .ldb = 256,
            .ldc = 1344,
            .transpose_b = true,
            .type_ab = "bfloat16",
            .type_c = "bfloat16"},
           {.id = 66, .tile = 20, .stages = 36, .swizzle = 1, .cluster_shape = 2});
  book.add(gradient_of_weights(), {.id = 67, .tile = 18});
  return book;
}

}  // namespace

TEST_CASE("a GEMM book says in another process what it said in this one") {
  const GemmBook book = book_with_two();
  GemmBook other("NVIDIA H200", "13.1.0");
  CHECK(other.take(parse_json(canonical_json(book.to_json()), "book"), "book").empty());
  CHECK(other.size() == 2);
  CHECK(canonical_json(other.to_json()) == canonical_json(book.to_json()));
  const GemmKey key = gradient_of_weights();
  REQUIRE(other.find(key));
  CHECK(*other.find(key) == GemmAlgorithm{.id = 67, .tile = 18});
  CHECK(key.text() == "256x1344x4096 tn bfloat16->float32 += ld 256 1344 1344");
  GemmKey without = key;
  without.accumulate = false;
  CHECK_FALSE(other.find(without));
}

TEST_CASE("a GEMM book of another device or library gives nothing, and says what differs") {
  const Json json = book_with_two().to_json();
  GemmBook device("NVIDIA H100 80GB HBM3", "13.1.0"), library("NVIDIA H200", "12.8.4");
  CHECK(device.take(json, "book") == "the GEMM book is of NVIDIA H200, this is NVIDIA H100 80GB HBM3");
  CHECK(library.take(json, "book") == "the GEMM book is of cuBLASLt 13.1.0, this is 12.8.4");
  CHECK(device.size() + library.size() == 0);
}

TEST_CASE("what is no GEMM book is refused, with the place") {
  GemmBook book("NVIDIA H200", "13.1.0");
  Json json = book_with_two().to_json();
  json["products"][0].erase("M");
  CHECK(error_of([&] { book.take(json, "state.json"); }) ==
        "state.json.products[0].M: missing; expected an integer >= 1 (of the product)");
  CHECK(book.size() == 0);
  json = book_with_two().to_json();
  json["format"] = "another";
  CHECK(error_of([&] { book.take(json, "state.json"); }).starts_with("state.json.format: expected"));
  json = book_with_two().to_json();
  json["products"][1]["split_k"] = 4;  // adds in an order of its own
  CHECK(error_of([&] { book.take(json, "state.json"); }).find("state.json.products[1].split_k: expected an integer") == 0);
  CHECK(book.size() == 0);
}
