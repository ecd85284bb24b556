// The shapes that each family of operations is tested and timed at.
#include <array>

#include "tests/kernels/case_builders.h"

namespace cairn::test {

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> cases = [] {
    std::vector<OpCase> list;
    add_matmul(list);
    add_norm(list, {{1, 1, false},
                    {3, 5, false},
                    {7, 64, false},
                    {130, 67, false},
                    {1200, 33, false},
                    {4096, 256, true},
                    {32768, 32, true}});
    add_rope(list, {{1, 1, 2, 1, false}, {5, 3, 6, 4, false}, {33, 2, 66, 40, false}, {4096, 8, 32, 512, true}});
    add_attention(list, {{1, 1, 1, 1, 1, 2, Fill::start, false},           {2, 3, 3, 2, 1, 4, Fill::start, false},
                         {1, 37, 37, 4, 2, 20, Fill::documents, false},    {2, 131, 131, 6, 2, 33, Fill::documents, false},
                         {1, 300, 300, 2, 2, 64, Fill::documents, false},  {1, 290, 290, 2, 1, 96, Fill::start, false},
                         {2, 150, 150, 4, 2, 128, Fill::documents, false}, {1, 400, 400, 1, 1, 64, Fill::start, false},
                         {1, 300, 300, 1, 1, 128, Fill::start, false},     {1, 70, 200, 4, 2, 64, Fill::documents, false},
                         {1, 40, 170, 4, 2, 32, Fill::documents, false},   {2, 1, 77, 4, 2, 40, Fill::start, false},
                         {1, 1, 5, 3, 1, 7, Fill::start, false},           {2, 3, 150, 8, 2, 16, Fill::documents, false},
                         {1, 512, 512, 8, 4, 32, Fill::start, false},      {1, 512, 512, 4, 2, 32, Fill::documents, false},
                         {8, 512, 512, 8, 4, 32, Fill::start, true},       {8, 512, 512, 8, 4, 32, Fill::documents, true},
                         {1, 1024, 1024, 4, 2, 128, Fill::start, true},    {1, 1, 4096, 20, 4, 64, Fill::start, true}});
    const std::vector<Matrix> elements{{1, 1, false}, {3, 7, false}, {17, 63, false}, {40, 1000, false}, {4096, 1344, true}};
    add_elements(list, elements);
    add_optimizers(list, elements);
    add_vocabulary(list,
                   {{1, 1, 1, false}, {4, 3, 5, false}, {9, 131, 70, false}, {70, 1037, 200, false}, {512, 8192, 256, true}});
    add_fp8(list, {{1, 1, false}, {3, 7, false}, {64, 64, false}, {70, 131, false}, {4096, 1344, true}},
            {{16, 16, 16, false}, {32, 48, 64, false}, {80, 144, 208, false}, {512, 512, 512, true}});
    add_decode(list,
               {{1, 1, 1, 2, 1, 3, false},
                {3, 4, 2, 20, 16, 20, false},
                {4, 5, 1, 64, 16, 40, false},
                {3, 16, 2, 128, 32, 20, false},
                {2, 9, 1, 33, 8, 5, false},
                {8, 32, 8, 128, 16, 256, true}},
               {{1, 1, false}, {12, 3, false}, {24, 130, false}, {36, 3000, false}, {4, 131072, true}});
    return list;
  }();
  return cases;
}

const std::vector<OpCase>& gpu_cases() {
  static const std::vector<OpCase> cases = [] {
    constexpr Transpose n = Transpose::no, t = Transpose::yes;
    std::vector<OpCase> list;
    // One micro-batch of 16384 tokens of apertus-1b: D 2048, F 12288, 16 heads of 128, V 131072; the head in chunks.
    add_norm(list, {{16384, 2048, true}});
    add_rope(list, {{16384, 16, 128, 4096, true}});
    add_elements(list, {{8192, 12288, true}});
    add_optimizers(list, {{8192, 12288, true}});
    add_vocabulary(list, {{4096, 131072, 2048, true}});
    for (const auto& [in, out] :
         std::vector<std::array<std::int64_t, 2>>{{2048, 12288}, {12288, 2048}, {2048, 3072}, {2048, 2048}}) {
      list.push_back(matmul_case(16384, out, in, n, t, false, true));
      list.push_back(matmul_case(16384, in, out, n, n, false, true));
      list.push_back(matmul_case(out, in, 16384, t, n, true, true));
    }
    list.push_back(matmul_case(4096, 131072, 2048, n, t, false, true));
    list.push_back(matmul_case(8192, 8192, 8192, n, t, false, true));
    add_attention(list, {{1, 8192, 8192, 16, 16, 128, Fill::start, true},
                         {1, 8192, 8192, 16, 16, 64, Fill::start, true},
                         {4, 4096, 4096, 16, 4, 128, Fill::start, true},
                         {4, 4096, 4096, 16, 4, 128, Fill::documents, true}});
    add_fp8(list, {{16384, 12288, true}}, {{16384, 12288, 2048, true}, {16384, 2048, 12288, true}, {8192, 8192, 8192, true}});
    // Decoding with the 8B's heads, one sequence and many.
    add_decode(list, {{1, 32, 8, 128, 16, 512, true}, {32, 32, 8, 128, 16, 512, true}}, {{1, 131072, true}, {32, 131072, true}});
    return list;
  }();
  return cases;
}

}  // namespace cairn::test