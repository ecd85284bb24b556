// Scratch memory of the calling thread: 64-byte aligned, grows and is kept until the thread ends. The pointer is valid until this
// thread asks again (null for no floats); nothing in it outlives one piece of one operation.
#pragma once

#include <cstdint>

namespace cairn::cpu {

float* thread_scratch(std::int64_t floats);

}  // namespace cairn::cpu
