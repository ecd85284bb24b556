// Several processes that run one step together: each does its share, and they meet at barriers.
//
// They speak through a folder that all of them see, which every cluster has: files are written under another name and renamed, so
// whoever sees one sees all of it. What a rank has done is a file too, and a rank that was killed and starts again finds it and
// the barriers that it had passed. So all that a rank writes must be a function of the step's inputs and of the ranks' number.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/disk.h"
#include "base/stop.h"
#include "engine/steps/heartbeat.h"

namespace cairn::steps {

class Ranks {
 public:
  Ranks() = default;  // one process alone, which waits for nobody
  // `folder`: of the action, for this number of ranks, kept between attempts. `session`: of the job that started these processes:
  // signs of life and failures of other jobs do not count. `owner`: the file that names the job which the action's scratch folder
  // belongs to. While it lives it gives a sign of life each second, in the background.
  Ranks(int rank, int size, Disk& disk, std::filesystem::path folder, std::filesystem::path owner, std::string session,
        const StopToken& stop, double timeout_seconds);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_first() const { return rank_ == 0; }
  // Of this process and no other: what it writes under this name is its own, also where another is taken for the same rank.
  const std::string& attempt() const { return attempt_; }

  // Returns once all ranks have come to the barrier of this name; each name once. Error when a rank has shown no sign of life for
  // the timeout, which names it, or when one has failed, with its words; try_again when a stop is asked for.
  void barrier(const std::string& name);
  // A barrier at which each rank says something: what they say, by rank. Of one that was killed and started again, what it said
  // first holds.
  std::vector<std::string> share(const std::string& name, std::string_view own);
  // The end of the step, once on each rank: the first returns when all others are out of the folder, which it may then remove.
  void leave();
  bool has_left() const;  // this rank, also before it was killed and started again
  // Error when the scratch folder is another start's, or another process is this rank: two must not go on there. To be called
  // during long work, from any thread; costs next to nothing.
  void check() const;
  // Tells the others that this rank gives up, and why.
  void give_up(std::string_view why) noexcept;

 private:
  std::filesystem::path arrival(const std::string& name, int rank) const;
  std::filesystem::path sign(std::string_view kind, int rank) const;
  void meet(const std::string& name, std::string_view own);
  void wait_for(const std::string& name);
  void refuse_failure() const;
  void live();
  bool is_newer(std::string_view sign_of_life) const;
  void look_for_company();

  int rank_ = 0, size_ = 1;
  Disk* disk_ = nullptr;
  std::filesystem::path folder_{}, owner_{};
  std::string session_{}, attempt_ = "alone";
  const StopToken* stop_ = nullptr;
  double timeout_seconds_ = 0;
  std::mutex living_{};
  std::int64_t started_ = 0, beats_ = 0;  // microseconds; count
  std::string said_{};                    // by the last sign of life
  std::atomic<bool> is_over_{false};      // then why_over_ does not change any more
  std::string why_over_{};
  std::optional<Heartbeat> heartbeat_{};  // last: its thread uses all of it
};

}  // namespace cairn::steps
