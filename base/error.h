// The one error type that is thrown, and the exit codes of every verb.
//
// An error is one line for the person who reads it: what happened, to which thing, where, what was expected. Code on the way
// up may add context ("while loading checkpoint step-1200"); main prints the line, and the whole chain with -v.
#pragma once

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <fmt/core.h>

namespace cairn {

enum class ExitCode : int {
  done = 0,         // done, or: it holds
  failed = 1,       // failed, or: it does not hold
  usage = 2,        // wrong usage or config
  unchecked = 3,    // could not be checked
  try_again = 75,   // interrupted at a safe point; can be resumed
};

class Error : public std::exception {
 public:
  explicit Error(std::string message, ExitCode code = ExitCode::failed) : message_(std::move(message)), code_(code) {}

  const char* what() const noexcept override { return message_.c_str(); }
  ExitCode code() const { return code_; }

  // Outermost context last. Returns *this so that `throw error.add_context(...)` reads well.
  Error& add_context(std::string context) {
    contexts_.push_back(std::move(context));
    return *this;
  }
  const std::vector<std::string>& contexts() const { return contexts_; }

 private:
  std::string message_;
  ExitCode code_;
  std::vector<std::string> contexts_;
};

// fail("{}: line {}: expected a string", path, line)
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// As fail, for mistakes in usage or config (exit code 2).
template <typename... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...), ExitCode::usage);
}

}  // namespace cairn
