#include "engine/steps/environment.h"

#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "base/json.h"

namespace cairn::steps {
namespace {

// The value of the first line "KEY...: value" of a file of /proc.
std::string proc_value(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(':');
    if (!line.starts_with(key) || colon == std::string::npos) continue;
    const std::size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "unknown";
}

}  // namespace

Json environment_facts() {
  utsname name{};
  const bool named = uname(&name) == 0;
  const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGE_SIZE);
  return {
      {"cpu", proc_value("/proc/cpuinfo", "model name")},
      {"cores", std::thread::hardware_concurrency()},
      {"architecture", named ? name.machine : "unknown"},
      {"kernel", named ? std::string(name.sysname) + " " + name.release : "unknown"},
      {"libc", std::string("glibc ") + gnu_get_libc_version()},
      {"compiler", __VERSION__},
      {"memory_bytes", pages > 0 && page > 0 ? std::int64_t{pages} * page : 0},
  };
}

Digest executable_digest() {
  return sha256_file("/proc/self/exe");
}

}  // namespace cairn::steps
