// cairn doctor: what of this machine and this build can be used, and why not the rest.
#include <fmt/ranges.h>
#include <sys/statvfs.h>

#include "app/cli/cli.h"
#include "app/cli/verbs.h"
#include "base/format.h"
#include "base/json.h"
#include "engine/steps/environment.h"
#include "engine/steps/step.h"
#include "kernels/backend.h"
#include "lineage/workspace.h"
#ifdef CAIRN_CUDA
#include "kernels/arena.h"
#include "kernels/compute_device.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/libraries.h"
#include "kernels/work_graph.h"
#endif

namespace cairn::app {
namespace {

struct Finding {
  std::string what, state, detail;  // state: ok, no, note
};

Finding instruction_sets() {
  const std::vector<std::string> usable = cpu_isa_names();
  return {"vector units", "ok",
          fmt::format("kernels use {}; can also use {}", usable.front(), fmt::join(usable.begin() + 1, usable.end(), ", "))};
}

Finding disk_space(const fs::path& folder) {
  struct statvfs disk {};
  if (statvfs(folder.c_str(), &disk) != 0) return {"disk", "no", "cannot be asked"};
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  return {"disk", free < 2'000'000'000 ? "note" : "ok",
          format_bytes(free) + " free" + (free < 2'000'000'000 ? "; a small model's run wants 2 GB" : "")};
}

Finding workspace_state(Session& session) {
  try {
    lineage::Workspace& workspace = session.workspace_for_reading();
    std::size_t open = workspace.ledger().open_runs().size();
    return {"workspace", "ok",
            fmt::format("{}, {} names, {} open runs", workspace.folder().string(), workspace.ledger().refs().size(), open)};
  } catch (const Error& error) {
    return {"workspace", "note", error.what()};
  }
}

#ifdef CAIRN_CUDA
template <typename Functions>
Finding library(const cuda::Library<Functions>& found) {
  return {found.name, found.functions ? "ok" : "no", found.functions ? found.version : found.reason};
}

// Whether work can be recorded and replayed, as training and decoding do; without, they ask for each operation by itself.
Finding graphs(int index) {
  const std::string what = fmt::format("gpu {} graphs", index);
  try {
    const std::unique_ptr<ComputeDevice> device = open_compute_device(fmt::format("cuda:{}", index));
    ThreadPool threads(0);
    const Context context = device->context(threads);
    ArenaPlan plan;
    const ArenaSlot slot = plan.add("x", Dtype::f32, {64});
    const Arena arena(plan, context.memory());
    work_recorder(context)->record([&] { zero(arena.tensor(slot)); })->run();
    context.memory()->synchronize();
    return {what, "ok", "passes of training and decoding are recorded and replayed"};
  } catch (const Error& error) {
    return {what, "no", fmt::format("{}; passes are asked for operation by operation", error.what())};
  }
}

std::vector<Finding> gpus() {
  std::vector<Finding> findings;
  const cuda::DeviceList list = cuda::list_devices();
  if (list.devices.empty()) findings.push_back({"gpu", "no", list.reason});
  for (const cuda::DeviceFacts& device : list.devices) {
    findings.push_back({fmt::format("gpu {}", device.index), device.refusal.empty() ? "ok" : "no",
                        device.refusal.empty() ? fmt::format("{}, {} multiprocessors, {}", device.name, device.multiprocessors,
                                                             format_bytes(device.memory))
                                               : device.refusal});
    if (device.refusal.empty()) findings.push_back(graphs(device.index));
  }
  findings.push_back(library(cuda::cublaslt_library()));
  findings.push_back(library(cuda::cudnn_library()));
  findings.push_back(library(cuda::nccl_library()));
  findings.push_back(library(cuda::nvml_library()));
  return findings;
}
#else
std::vector<Finding> gpus() {
  return {{"gpu", "no", "this build computes on the CPU only (Meson option cuda)"}};
}
#endif

std::vector<Finding> examine(Session& session) {
  const Json facts = steps::environment_facts();
  std::vector<Finding> findings;
  findings.push_back({"program", "ok",
                      fmt::format("cairn {}, {} steps, compiler {}", session.version(), session.steps().all().size(),
                                  facts.at("compiler").get<std::string>())});
  findings.push_back(
      {"system", "ok", fmt::format("{}, {}", facts.at("kernel").get<std::string>(), facts.at("libc").get<std::string>())});
  findings.push_back(
      {"cpu", "ok", fmt::format("{}, {} cores", facts.at("cpu").get<std::string>(), facts.at("cores").get<int>())});
  findings.push_back(instruction_sets());
  findings.push_back({"memory", "ok", format_bytes(facts.at("memory_bytes").get<std::uint64_t>())});
  findings.push_back(disk_space(fs::current_path()));
  for (Finding& finding : gpus()) findings.push_back(std::move(finding));
  findings.push_back(workspace_state(session));
  return findings;
}

ExitCode doctor(Session& session) {
  const std::vector<Finding> findings = examine(session);
  if (session.json()) {
    Json list = Json::array();
    for (const Finding& finding : findings)
      list.push_back({{"what", finding.what}, {"state", finding.state}, {"detail", finding.detail}});
    print_json(list);
    return ExitCode::done;
  }
  TextTable table({"what", "", "detail"});
  for (const Finding& finding : findings) table.add({finding.what, finding.state, finding.detail});
  fmt::print("{}", table.render(terminal_width()));
  return ExitCode::done;
}

}  // namespace

void add_doctor(CommandLine& line, Session& session) {
  line.verb("doctor", Phase::begin, "what of this machine and this build can be used, and why not the rest").run([&session] {
    return doctor(session);
  });
}

}  // namespace cairn::app
