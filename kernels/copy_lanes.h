// Copies between a device and page-locked memory of the host that run beside the device's work: what does not fit on the device
// lies on the host, and comes and goes behind the work.
//
// There are three lanes. What is asked for on one lane happens in that order; between lanes nothing is ordered but by order().
#pragma once

#include <cstddef>

#include "kernels/memory.h"

namespace cairn {

// A Memory that has lanes. For one thread, the one that asks for work.
class CopyLanes {
 public:
  enum class Lane {
    work,  // operations, and the copies of Memory
    in,    // copy_in: from the host
    out,   // copy_out: to the host
  };

  virtual ~CopyLanes() = default;

  // Zeroed page-locked memory of the host. Error naming the size when it cannot be had.
  virtual void* take_host(std::size_t bytes) = 0;
  virtual void give_back_host(void* block, std::size_t bytes) noexcept = 0;

  // `host` lies in a block of take_host(), and stays as it is until the copy is done.
  virtual void copy_in(void* at, const void* host, std::size_t bytes) = 0;
  virtual void copy_out(void* host, const void* at, std::size_t bytes) = 0;
  // What is asked for on `then` from now on begins when all is done that was asked for on `first`.
  virtual void order(Lane first, Lane then) = 0;
  virtual void wait(Lane lane) = 0;  // the host, for all that was asked for on it
};

// Null where there are none: for the host's own memory.
CopyLanes* copy_lanes(Memory* memory);

}  // namespace cairn
