#include "engine/train/placement.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "kernels/copy_lanes.h"

namespace cairn::train {
namespace {

struct Part {
  std::string_view name;
  bool Offload::*flag;
};
constexpr Part kParts[] = {{"moments", &Offload::moments}, {"masters", &Offload::masters}, {"residuals", &Offload::residuals}};

std::int64_t slot(std::int64_t bytes) {
  return (bytes + 63) / 64 * 64;
}

}  // namespace

Offload parse_offload(const std::string& text) {
  Offload offload;
  if (text == "none") return offload;
  if (text == "all") return {true, true, true};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('+', begin), text.size());
    bool known = false;
    for (const Part& part : kParts) {
      if (std::string_view(text).substr(begin, end - begin) == part.name) known = offload.*part.flag = true;
    }
    if (!known) fail_usage("offload: expected {}; found '{}'", kOffloadHelp, text);
    begin = end + 1;
  }
  return offload;
}

std::string offload_text(const Offload& offload) {
  std::string text;
  for (const Part& part : kParts) {
    if (offload.*part.flag) text += (text.empty() ? "" : "+") + std::string(part.name);
  }
  return text.empty() ? "none" : text;
}

Placement::Placement(Memory* memory, const Offload& offload) : memory_(memory), offload_(offload) {
  if (offload.any() && copy_lanes(memory) == nullptr)
    fail_usage("offload {}: a cpu computes where all of it lies; only a GPU has memory of its own", offload_text(offload));
}

std::int64_t Offload::staged_bytes(std::int64_t elements, std::int64_t master_bytes, std::int64_t moments_of_one,
                                   std::int64_t moment_bytes) const {
  return (masters ? slot(elements * master_bytes) : 0) + (moments ? moments_of_one * slot(elements * moment_bytes) : 0);
}

std::int64_t Offload::staged_masters_bytes(std::int64_t elements) const {
  return masters ? 2 * slot(std::min(elements, kStagedElements) * 4) : 0;
}

}  // namespace cairn::train
