#include "engine/train/checkpoint_folder.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"

namespace cairn::train {

namespace {

constexpr std::string_view kPrefix = "step-";

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::int64_t step_of(const StateFields& state) {
  for (const StateField& field : state) {
    if (field.name == "step") return *std::get<std::int64_t*>(field.value);
  }
  fail("the state of a training has no field 'step'");
}

}  // namespace

// Memory for a copy of the state, kept from one save to the next: nothing is allocated once the first has succeeded.
struct CheckpointFolder::Staging {
  std::unique_ptr<std::byte[]> memory;
  std::uint64_t bytes = 0;

  // Copies the last tensors of `files`, as many as fit into `limit` bytes, and lets `files` view the copies. Returns how many at
  // the front were not. Without `threads` in this one.
  std::size_t copy(CheckpointFiles& files, std::uint64_t limit, ThreadPool* threads) {
    std::vector<TensorBytes*> tensors;
    for (TensorFile& file : files.tensors) {
      for (TensorBytes& tensor : file.tensors) tensors.push_back(&tensor);
    }
    std::size_t lent = tensors.size();
    std::uint64_t needed = 0;
    while (lent > 0 && needed + tensors[lent - 1]->bytes.size() <= limit) needed += tensors[--lent]->bytes.size();
    if (needed > bytes) {
      memory.reset();  // first: the two need not fit beside each other
      memory = std::make_unique_for_overwrite<std::byte[]>(needed);
      bytes = needed;
    }
    struct Part {
      std::byte* to;
      std::span<const std::byte> from;
    };
    constexpr std::size_t kPart = std::size_t(4) << 20;
    std::vector<Part> parts;
    std::byte* to = memory.get();
    for (std::size_t i = lent; i < tensors.size(); ++i) {
      const std::span<const std::byte> from = tensors[i]->bytes;
      tensors[i]->bytes = {to, from.size()};
      if (Memory* device = std::exchange(tensors[i]->memory, nullptr)) {
        device->read_aside(to, from.data(), from.size());
      } else {
        for (std::size_t at = 0; at < from.size(); at += kPart) {
          parts.push_back({to + at, from.subspan(at, std::min(kPart, from.size() - at))});
        }
      }
      to += from.size();
    }
    const auto copy_part = [&](std::int64_t i) {
      const Part& part = parts[static_cast<std::size_t>(i)];
      std::memcpy(part.to, part.from.data(), part.from.size());
    };
    const auto count = static_cast<std::int64_t>(parts.size());
    if (threads != nullptr) {
      threads->parallel_for(count, copy_part);
    } else {
      for (std::int64_t i = 0; i < count; ++i) copy_part(i);
    }
    return lent;
  }
};

CheckpointFolder::CheckpointFolder(Disk& disk, fs::path folder, ThreadPool& threads, CheckpointOptions options)
    : disk_(disk), folder_(std::move(folder)), threads_(threads), options_(options), staging_(std::make_unique<Staging>()) {
  disk_.make_directories(folder_);
  for (const DiskEntry& entry : disk_.list(folder_)) {
    if (entry.name.ends_with(".partial") || entry.name.ends_with(".removed")) disk_.remove_tree(folder_ / entry.name);
  }
}

CheckpointFolder::~CheckpointFolder() = default;

fs::path CheckpointFolder::path_of(std::int64_t step) const {
  return folder_ / fmt::format("{}{:08}", kPrefix, step);
}

std::vector<std::int64_t> CheckpointFolder::steps() const {
  std::vector<std::int64_t> steps;
  for (const DiskEntry& entry : disk_.list(folder_)) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    std::int64_t step = 0;
    const char* end = entry.name.data() + entry.name.size();
    const auto parsed = std::from_chars(entry.name.data() + kPrefix.size(), end, step);
    if (parsed.ec == std::errc() && parsed.ptr == end) steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

double CheckpointFolder::save(const model::ModelConfig& config, const StateFields& state, const Json& facts) {
  const double begin = seconds_now();
  wait();
  failed_at_.reset();
  const std::int64_t step = step_of(state);
  auto files = std::make_shared<CheckpointFiles>(checkpoint_files(config, state, facts, options_.cut));
  const bool aside = !files->devices().empty();
  const auto stage = [this, files, aside] {
    return staging_->copy(*files, options_.staging_bytes, aside ? nullptr : &threads_);  // which the training uses meanwhile
  };
  std::size_t lent = aside ? 0 : stage();
  current_ = SaveReport{.step = step, .bytes = files->tensor_bytes()};
  auto released = std::make_shared<std::promise<void>>();
  released_ = released->get_future();
  writer_.submit([this, step, begin, lent, aside, stage, files, released]() mutable {
    bool held = true;  // the state, by this job
    const auto release = [&] {
      if (std::exchange(held, false)) released->set_value();
    };
    try {
      if (aside) lent = stage();
      if (lent == 0) release();
      write(step, *files, lent, release);
    } catch (const std::exception& error) {
      current_->error = error.what();
    } catch (...) {
      release();
      throw;
    }
    current_->write_s = seconds_now() - begin;
    release();
  });
  if (!aside) release_state();
  return seconds_now() - begin;
}

double CheckpointFolder::release_state() {
  if (!released_.valid()) return 0;
  const double begin = seconds_now();
  released_.get();
  return seconds_now() - begin;
}

void CheckpointFolder::write(std::int64_t step, const CheckpointFiles& files, std::size_t lent,
                             const std::function<void()>& returned) {
  const fs::path final = path_of(step);
  const fs::path partial = final.string() + ".partial";
  disk_.remove_tree(partial);
  try {
    write_checkpoint_files(disk_, partial, files, hasher_, lent, returned);
    disk_.remove_tree(final);  // of the same step: one that resume() passed over, or the same bytes
    disk_.rename(partial, final);
    disk_.sync_directory(folder_);
  } catch (const Error&) {
    try {
      disk_.remove_tree(partial);  // its bytes may be what the next attempt needs
    } catch (const Error&) {       // the first error is the one to hear about
    }
    throw;
  }
  remove_old();
}

void CheckpointFolder::remove_old() const {
  const std::vector<std::int64_t> kept = steps();
  for (std::size_t i = 0; i + static_cast<std::size_t>(options_.keep) < kept.size(); ++i) {
    if (is_major(kept[i])) continue;
    const fs::path old = path_of(kept[i]);
    const fs::path removed = old.string() + ".removed";
    disk_.remove_tree(removed);
    disk_.rename(old, removed);
    disk_.remove_tree(removed);
  }
}

void CheckpointFolder::wait() {
  writer_.wait();
  if (!current_) return;
  if (!current_->error.empty()) {
    failed_at_ = seconds_now();
    log_warning(fmt::format("checkpoint {}{} was not written: {}; the training goes on and tries again", kPrefix, current_->step,
                            current_->error));
  }
  ended_.push_back(*std::exchange(current_, std::nullopt));
}

std::optional<SaveReport> CheckpointFolder::take_report() {
  if (writer_.idle()) wait();
  if (ended_.empty()) return std::nullopt;
  SaveReport report = std::move(ended_.front());
  ended_.erase(ended_.begin());
  return report;
}

bool CheckpointFolder::retry_is_due() const {
  return failed_at_ && seconds_now() - *failed_at_ >= options_.retry_after_s;
}

bool CheckpointFolder::resume(const StateFields& state, const Json& facts) {
  std::vector<std::int64_t> candidates = steps();
  std::reverse(candidates.begin(), candidates.end());
  std::string passed_over;
  std::optional<Error> another;
  for (const std::int64_t step : candidates) {
    std::optional<CheckpointReader> checkpoint;
    try {
      checkpoint.emplace(path_of(step));
      checkpoint->verify(&threads_);
    } catch (const Error& error) {
      passed_over += fmt::format("checkpoint {}{} is damaged ({}); ", kPrefix, step, error.what());
      continue;
    }
    try {
      read_checkpoint(*checkpoint, state, facts);
    } catch (const Error& error) {
      passed_over += fmt::format("checkpoint {}{} does not fit ({}); ", kPrefix, step, error.what());
      if (!another) another = error;
      continue;
    }
    if (!passed_over.empty()) log_warning(fmt::format("{}resuming from {}{}", passed_over, kPrefix, step));
    return true;
  }
  if (another) throw *another;
  if (!passed_over.empty()) log_warning(passed_over + "starting over");
  return false;
}

}  // namespace cairn::train
