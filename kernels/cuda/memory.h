// The memory of one GPU. Copies pass through page-locked waves: to the GPU without waiting for it, so that uploads hide behind
// the work before them; from it with one wave under way while the host takes the one before.
#pragma once

#include <memory>

#include "kernels/copy_lanes.h"
#include "kernels/memory.h"
#include "kernels/work_graph.h"

namespace cairn::cuda {

class GpuMemory : public Memory, public WorkRecorder, public CopyLanes {
 public:
  GpuMemory(int device, void* stream);  // of GPU `device`, in the order of `stream`
  ~GpuMemory() override;

  std::string name() const override;
  void* take(std::size_t bytes) override;
  void give_back(void* block, std::size_t bytes) noexcept override;
  void fill_zero(void* at, std::size_t bytes) override;
  void move(void* to, const void* from, std::size_t bytes) override;
  void write(void* at, const void* host, std::size_t bytes) override;
  void read(void* host, const void* at, std::size_t bytes) override;
  void begin_aside() override;
  void read_aside(void* host, const void* at, std::size_t bytes) override;
  std::unique_ptr<WorkClock> clock() override;
  void synchronize() override;
  std::unique_ptr<WorkGraph> record(const std::function<void()>& work) override;
  void* take_host(std::size_t bytes) override;
  void give_back_host(void* block, std::size_t bytes) noexcept override;
  void copy_in(void* at, const void* host, std::size_t bytes) override;
  void copy_out(void* host, const void* at, std::size_t bytes) override;
  void order(Lane first, Lane then) override;
  void wait(Lane lane) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cairn::cuda
