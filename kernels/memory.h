// Where numbers lie: in the host's memory, or in that of a device which only its own operations and these copies reach.
//
// Arenas take their memory from here (kernels/arena.h), and tensors name it, so that whoever holds a tensor can move its numbers
// without knowing where they are. A null pointer stands for the host's memory.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "kernels/tensor.h"

namespace cairn {

class WorkClock;

// The memory of one device. What is asked of it happens in the order in which it was asked, before and after the operations of
// the same queue. For one thread, but for read_aside(), which may be called by one other.
class Memory {
 public:
  virtual ~Memory() = default;

  virtual std::string name() const = 0;  // "GPU 0"
  // A block of zeroes that begins at a multiple of 256. Error naming the size and what is free when it cannot be had.
  virtual void* take(std::size_t bytes) = 0;
  virtual void give_back(void* block, std::size_t bytes) noexcept = 0;

  virtual void fill_zero(void* at, std::size_t bytes) = 0;
  virtual void move(void* to, const void* from, std::size_t bytes) = 0;  // inside of this memory
  // From the host, whose bytes may change as soon as this returns; it does not wait for the device.
  virtual void write(void* at, const void* host, std::size_t bytes) = 0;
  // To the host, where the bytes have arrived when this returns.
  virtual void read(void* host, const void* at, std::size_t bytes) = 0;
  // The same beside the queue's work, from another thread: the bytes as the work left them that was asked for before the last
  // begin_aside(). Until it returns, nothing that writes them may be asked for.
  virtual void begin_aside() = 0;
  virtual void read_aside(void* host, const void* at, std::size_t bytes) = 0;
  virtual std::unique_ptr<WorkClock> clock() = 0;  // of the work in the queue
  virtual void synchronize() = 0;                  // waits for all work; Error naming what went wrong in it
};

// All bytes become 0.   Contiguous, as below.
void zero(const Tensor& tensor);
// to = from, of the same type and size, wherever each lies; two devices are not the same place, Error.
void copy(const Tensor& to, const Tensor& from);
// Calls use(part) for consecutive parts [n] of a tensor: the whole as it is where it lies on the host, else copies on the host of
// a few megabytes each, which are valid during the call.
void in_waves(const Tensor& tensor, const std::function<void(const Tensor& part)>& use);

}  // namespace cairn
