// TensorBoard event files, written by hand: TFRecord framing around Event messages (docs/format/metrics.md tells the bytes).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/disk.h"
#include "lineage/metrics.h"

namespace cairn::lineage {

// One record: length as u64, its masked CRC-32C, the bytes, their masked CRC-32C; little-endian.
std::string tfrecord(std::string_view bytes);

// One run's metrics in FOLDER/events.out.tfevents.SECONDS.cairn.UUID, that TensorBoard may read while it is written. The file
// begins with the version record and the run's config as hyperparameters; then one event a step, with all that the step told:
// `train/loss`, `train/lr`, ..., and `time/...` for parts of a step, which end in _s. Values become float32, as TensorBoard
// keeps them.
class TensorBoardFile {
 public:
  // Replaces an earlier export of the same run. Error when the file cannot be made.
  TensorBoardFile(Disk& disk, const std::filesystem::path& folder, const Run& run);

  // Appends what `metrics` has beyond what was written. Call it once after each refresh(): where an attempt did steps again, a
  // session start tells TensorBoard to drop what it had from there on. Returns how many steps were written.
  std::size_t append(const RunMetrics& metrics);
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<DiskFile> file_;
  double started_ = 0;      // seconds since 1970
  std::int64_t next_step_;  // the first one that is not written
};

}  // namespace cairn::lineage
