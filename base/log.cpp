#include "base/log.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <mutex>
#include <string>

#include "base/console.h"

namespace cairn {
namespace {

// Standard error is one thing per process, so its state is too.
struct Console {
  std::mutex mutex;
  std::string status;
};

Console& console() {
  static Console instance;
  return instance;
}

std::atomic<LogLevel> g_level{LogLevel::normal};

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nobody listens; there is no better place to say so
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

constexpr std::string_view kEraseLine = "\r\x1b[K";

void prefixed(std::string_view prefix, std::string_view line) {
  console_line(std::string(prefix).append(line));
}

}  // namespace

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

int stderr_width() {
  winsize size{};
  if (!stderr_is_terminal() || ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0) return 0;
  return size.ws_col;
}

void console_line(std::string_view line) {
  Console& to = console();
  const std::lock_guard lock(to.mutex);
  std::string bytes;
  if (!to.status.empty()) bytes += kEraseLine;
  bytes.append(line).append("\n").append(to.status);
  write_all(bytes);
}

void console_status(std::string_view status) {
  Console& to = console();
  const std::lock_guard lock(to.mutex);
  if (status.empty() && to.status.empty()) return;
  write_all(std::string(kEraseLine).append(status));
  to.status = status;
}

void set_log_level(LogLevel level) {
  g_level.store(level, std::memory_order_relaxed);
}
LogLevel log_level() {
  return g_level.load(std::memory_order_relaxed);
}

void log_note(std::string_view line) {
  if (log_level() != LogLevel::quiet) prefixed("note: ", line);
}
void log_warning(std::string_view line) {
  prefixed("warning: ", line);
}
void log_detail(std::string_view line) {
  if (log_level() == LogLevel::verbose) prefixed("", line);
}

}  // namespace cairn
