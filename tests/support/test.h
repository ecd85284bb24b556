// What every test file includes: doctest, a way to skip out loud, where shared data lies, temporary folders.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>

namespace cairn::test {

// Ends the test case, counted as skipped by tests/count_results.py. Use when the machine lacks something, and say what.
#define SKIP_TEST(reason)                                                       \
  do {                                                                          \
    std::cout << "[skipped] " << (reason) << std::endl;                         \
    return;                                                                     \
  } while (false)

// The folder of shared data and goldens beside the checkout, or an empty path.
inline std::filesystem::path shared_folder() {
  const char* set = std::getenv("CAIRN_SHARED");
  const std::filesystem::path folder = set ? set : "../shared";
  return std::filesystem::is_directory(folder / "data") ? folder : std::filesystem::path();
}

// Ends the test case as skipped when the shared folder is absent.
#define REQUIRE_SHARED(variable)                                                \
  const std::filesystem::path variable = ::cairn::test::shared_folder();        \
  if ((variable).empty()) SKIP_TEST("needs ../shared/data")

// The root of the source tree (goldens that are committed lie under tests/golden).
inline std::filesystem::path source_folder() {
  const char* set = std::getenv("CAIRN_SOURCE");
  return set ? set : ".";
}

// A fresh folder, removed at the end of the scope.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::random_device random;
    do {
      path_ = std::filesystem::temp_directory_path() / ("cairn-test-" + std::to_string(random()) + std::to_string(random()));
    } while (!std::filesystem::create_directory(path_));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    for (auto it = std::filesystem::recursive_directory_iterator(path_, ignored); it != std::filesystem::recursive_directory_iterator(); it.increment(ignored)) {
      if (it->is_directory(ignored)) std::filesystem::permissions(it->path(), std::filesystem::perms::owner_all, ignored);
    }
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The message of the cairn::Error (or other std::exception) that fn() throws; "" when it throws nothing.
template <typename Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace cairn::test
