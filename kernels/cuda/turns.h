// Sums that blocks of one kernel add to in a fixed order: each waits for its turn, adds, and passes on. Who waits must know that
// those before it have begun.
#pragma once

#include "kernels/cuda/platform.h"

namespace cairn::cuda {

struct alignas(16) Four {
  float at[4];
};

#ifdef __CUDACC__

// Until *next is `turn`; what was written before it was passed on is seen. By one thread, before a barrier of those that go on.
__device__ inline void wait_for(const int* next, int turn) {
  int now = 0;
  do {
    asm volatile("ld.acquire.gpu.global.s32 %0, [%1];" : "=r"(now) : "l"(next) : "memory");
  } while (now != turn);
}
// By one thread, after a barrier of those that wrote: what they wrote comes before it (release at gpu scope is cumulative).
__device__ inline void pass_on(int* next, int turn) {
  asm volatile("st.release.gpu.global.s32 [%0], %1;" ::"l"(next), "r"(turn) : "memory");
}

__device__ inline void add_four(Four* to, const Four& values) {
  asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to), "f"(values.at[0]), "f"(values.at[1]),
               "f"(values.at[2]), "f"(values.at[3])
               : "memory");
}
__device__ inline Four load_four(const Four* from) {
  Four values;
  asm volatile("ld.relaxed.gpu.global.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(values.at[0]), "=f"(values.at[1]), "=f"(values.at[2]), "=f"(values.at[3])
               : "l"(from)
               : "memory");
  return values;
}

#endif

}  // namespace cairn::cuda
