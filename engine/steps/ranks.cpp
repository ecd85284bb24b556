#include "engine/steps/ranks.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <vector>

#include <unistd.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/format.h"

namespace cairn::steps {

namespace {

constexpr auto kFirstWait = std::chrono::milliseconds(2), kLongestWait = std::chrono::milliseconds(500);

}  // namespace

Ranks::Ranks(int rank, int size, Disk& disk, std::filesystem::path folder, std::filesystem::path owner, std::string session,
             const StopToken& stop, double timeout_seconds)
    : rank_(rank),
      size_(size),
      disk_(&disk),
      folder_(std::move(folder)),
      owner_(std::move(owner)),
      session_(std::move(session)),
      stop_(&stop),
      timeout_seconds_(timeout_seconds),
      started_(now_microseconds()) {
  attempt_ = fmt::format("{}-{}-{}", rank, getpid(), started_);
  if (size < 1 || rank < 0 || rank >= size) fail("rank {} of {} ranks", rank, size);
  disk.make_directories(folder_);
  disk.remove(sign("failed", rank_));
  if (has_left()) return;
  live();  // at once: who was this rank before sees it
  heartbeat_.emplace([this] { live(); });
}

std::filesystem::path Ranks::arrival(const std::string& name, int rank) const {
  return folder_ / fmt::format("{}.{}", name, rank);
}
std::filesystem::path Ranks::sign(std::string_view kind, int rank) const {
  return folder_ / fmt::format("{}-{}-{}", kind, session_, rank);
}

void Ranks::live() {
  const std::lock_guard lock(living_);
  look_for_company();
  if (!is_over_)
    write_file_atomically(*disk_, sign("alive", rank_), said_ = fmt::format("{} {} {}", started_, attempt_, ++beats_));
}

void Ranks::look_for_company() {
  if (is_over_) return;
  const std::filesystem::path sign_of_life = sign("alive", rank_);
  if (!said_.empty() && disk_->exists(sign_of_life) && is_newer(disk_->read(sign_of_life)))
    why_over_ = fmt::format("another process is rank {} of {} of this start now; this one ends", rank_, size_);
  else if (disk_->exists(owner_) && disk_->read(owner_) != session_)
    why_over_ = fmt::format("another start works on this step now; rank {} of {} of this one ends", rank_, size_);
  is_over_ = !why_over_.empty();
}

// Of two that write over one another's signs the one that began later goes on.
bool Ranks::is_newer(std::string_view sign_of_life) const {
  std::int64_t started = 0;
  std::from_chars(sign_of_life.data(), sign_of_life.data() + sign_of_life.size(), started);
  return started > started_;
}

void Ranks::check() const {
  if (is_over_) throw Error(why_over_);
}

void Ranks::give_up(std::string_view why) noexcept {
  if (size_ == 1) return;
  try {
    const std::lock_guard lock(living_);
    look_for_company();  // what this one failed of may be what the other has removed
    if (!is_over_) write_file_atomically(*disk_, sign("failed", rank_), why);
  } catch (const std::exception&) {  // the others run into their timeout
  }
}

void Ranks::refuse_failure() const {
  for (int rank = 0; rank < size_; ++rank) {
    const std::filesystem::path path = sign("failed", rank);
    if (rank != rank_ && disk_->exists(path)) fail("rank {} of {} gave up: {}", rank, size_, disk_->read(path));
  }
}

void Ranks::barrier(const std::string& name) {
  meet(name, "");
}

std::vector<std::string> Ranks::share(const std::string& name, std::string_view own) {
  if (size_ == 1) return {std::string(own)};
  meet(name, own);
  std::vector<std::string> all;
  for (int rank = 0; rank < size_; ++rank) all.push_back(disk_->read(arrival(name, rank)));
  return all;
}

// Rank 0 looks for all others and then says so in one file, which is all that they look for: few look-ups, however many ranks.
void Ranks::meet(const std::string& name, std::string_view own) {
  if (size_ == 1) return;
  {
    const std::lock_guard lock(living_);
    look_for_company();  // whatever the time: what the others find behind a barrier must be this start's
  }
  check();
  const auto arrive = [&] {
    if (!disk_->exists(arrival(name, rank_))) write_file_atomically(*disk_, arrival(name, rank_), own);
  };
  if (rank_ != 0) arrive();
  wait_for(name);
  if (rank_ == 0) arrive();
}

void Ranks::leave() {
  if (size_ == 1) return;
  if (rank_ == 0) wait_for("left");
  heartbeat_.reset();  // nothing is written any more to a folder that may be removed
  if (rank_ != 0) write_file_atomically(*disk_, arrival("left", rank_), "");
}

bool Ranks::has_left() const {
  return size_ > 1 && rank_ != 0 && disk_->exists(arrival("left", rank_));
}

void Ranks::wait_for(const std::string& name) {
  std::vector<int> missing;
  for (int rank = rank_ == 0 ? 1 : 0; rank < (rank_ == 0 ? size_ : 1); ++rank) missing.push_back(rank);
  std::vector<std::string> last(static_cast<std::size_t>(size_));
  std::vector<std::int64_t> seen(static_cast<std::size_t>(size_), now_microseconds());
  for (auto wait = kFirstWait;; wait = std::min(2 * wait, kLongestWait)) {
    std::erase_if(missing, [&](int rank) { return disk_->exists(arrival(name, rank)); });
    if (missing.empty()) return;
    stop_->throw_if_requested();
    refuse_failure();
    check();
    for (const int rank : missing) {
      const auto index = static_cast<std::size_t>(rank);
      const std::filesystem::path path = sign("alive", rank);
      const std::string sign_of_life = disk_->exists(path) ? disk_->read(path) : std::string();
      if (sign_of_life != last[index]) {
        last[index] = sign_of_life;
        seen[index] = now_microseconds();
      } else if (static_cast<double>(now_microseconds() - seen[index]) * 1e-6 > timeout_seconds_) {
        fail("rank {} of {} {} for {}: it has not come to '{}'. Start it again, or all of them: what is done is kept", rank,
             size_, sign_of_life.empty() ? "has not been seen" : "has shown no sign of life", format_duration(timeout_seconds_),
             name);
      }
    }
    std::this_thread::sleep_for(wait);
  }
}

}  // namespace cairn::steps
