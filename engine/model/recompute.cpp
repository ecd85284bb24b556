#include "engine/model/recompute.h"

#include <string_view>

#include "base/error.h"

namespace cairn::model {
namespace {

struct Part {
  std::string_view name;
  bool Recompute::*flag;
};
constexpr Part kParts[] = {{"norms", &Recompute::norms},
                           {"activation", &Recompute::activation},
                           {"mlp", &Recompute::mlp},
                           {"attention", &Recompute::attention},
                           {"block", &Recompute::residual}};

}  // namespace

Recompute parse_recompute(const std::string& text) {
  Recompute recompute;
  if (text == "none") return recompute;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find('+', begin), text.size());
    const std::string_view name = std::string_view(text).substr(begin, end - begin);
    bool known = false;
    for (const Part& part : kParts) {
      if (name == part.name) known = recompute.*part.flag = true;
    }
    if (!known)
      fail_usage("recompute: expected none, or norms, activation, mlp, attention, block joined by '+'; found '{}'", text);
    begin = end + 1;
  }
  return recompute;
}

std::string recompute_text(const Recompute& recompute) {
  if (recompute.residual) return "block";
  std::string text;
  for (const Part& part : kParts) {
    if (recompute.*part.flag) text += (text.empty() ? "" : "+") + std::string(part.name);
  }
  return text.empty() ? "none" : text;
}

}  // namespace cairn::model
