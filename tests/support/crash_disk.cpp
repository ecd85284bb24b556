#include "tests/support/crash_disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <exception>

#include "base/error.h"
#include "tests/support/test.h"

namespace cairn::test {
namespace {

// A change that a power failure would undo.
struct Pending {
  enum class Kind { made, written, renamed, removed };
  Kind kind;
  fs::path path;           // renamed: where it went
  fs::path from;           // renamed: where it was
  fs::path kept;           // removed, or replaced by a rename: where the old file or tree is kept meanwhile; empty: none
  std::uint64_t size = 0;  // written: the file's size at its last sync
};

bool is_inside(const fs::path& path, const fs::path& folder) {
  const auto [end, ignored] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return end == folder.end();
}

// path, with the beginning `from` replaced by `to` when it lies there.
fs::path moved(const fs::path& path, const fs::path& from, const fs::path& to) {
  if (!is_inside(path, from)) return path;
  const fs::path rest = path.lexically_relative(from);
  return rest == "." ? to : to / rest;
}

}  // namespace

struct CrashDisk::State {
  fs::path folder;
  fs::path stash;  // beside the folder: what removals and replacing renames took away
  int stashed = 0;
  int left = -1;  // operations until the cut; -1: never
  CrashLoss loss = CrashLoss::nothing;
  bool crashed = false;
  std::vector<std::string> operations;
  std::vector<Pending> pending;  // oldest first

  ~State() { real_disk().remove_tree(stash); }

  fs::path absolute(const fs::path& path) const {
    fs::path normal = fs::absolute(path).lexically_normal();
    if (!normal.has_filename()) normal = normal.parent_path();
    if (!is_inside(normal, folder)) fail("{}: a CrashDisk of {} was asked to change it", path.string(), folder.string());
    return normal;
  }
  std::string relative(const fs::path& path) const { return path.lexically_relative(folder).string(); }

  // Counts an operation. Returns false when it must be ignored: the process is dead and only its destructors speak.
  bool begin(std::string operation, const std::function<void()>& tear = {}) {
    if (!crashed && left != 0) {
      if (left > 0) --left;
      operations.push_back(std::move(operation));
      return true;
    }
    const bool first = !crashed;
    crashed = true;
    if (first && loss == CrashLoss::torn && tear) tear();
    if (first && loss == CrashLoss::unsynced) undo_pending();
    if (std::uncaught_exceptions() > 0) return false;
    throw SimulatedCrash{operation};
  }

  fs::path take_away(const fs::path& path) {
    if (!real_disk().exists(path)) return {};
    real_disk().make_directories(stash);
    const fs::path kept = stash / std::to_string(stashed++);
    real_disk().rename(path, kept);
    return kept;
  }

  void undo_pending() {
    for (auto change = pending.rbegin(); change != pending.rend(); ++change) {
      switch (change->kind) {
        case Pending::Kind::made:
          real_disk().remove_tree(change->path);
          break;
        case Pending::Kind::written:
          if (fs::exists(change->path) && fs::file_size(change->path) > change->size) {
            // The file may be read-only by now.
            const fs::perms before = fs::status(change->path).permissions();
            fs::permissions(change->path, before | fs::perms::owner_write);
            fs::resize_file(change->path, change->size);
            fs::permissions(change->path, before);
          }
          break;
        case Pending::Kind::renamed:
          if (real_disk().exists(change->path)) real_disk().rename(change->path, change->from);
          if (!change->kept.empty()) real_disk().rename(change->kept, change->path);
          break;
        case Pending::Kind::removed:
          real_disk().rename(change->kept, change->path);
          break;
      }
    }
    pending.clear();
  }

  // Drops the changes that are durable now; those about things that a durable rename moved follow it to their new place.
  void make_durable(const std::function<bool(const Pending&)>& is_durable) {
    for (std::size_t i = 0; i < pending.size();) {
      if (!is_durable(pending[i])) {
        ++i;
        continue;
      }
      const Pending durable = pending[i];
      pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(i));
      if (durable.kind == Pending::Kind::removed) {
        // With a folder that is gone for good goes what was pending inside it.
        for (std::size_t k = i; k-- > 0;) {
          if (pending[k].kind == Pending::Kind::renamed || pending[k].path == durable.path) continue;
          if (!is_inside(pending[k].path, durable.path)) continue;
          pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(k));
          --i;
        }
      }
      if (durable.kind != Pending::Kind::renamed) continue;
      for (std::size_t k = i; k-- > 0;) {
        Pending& earlier = pending[k];
        // The entry itself is durable under its new name, however it came to its old one; its contents need not be.
        if ((earlier.kind == Pending::Kind::made || earlier.kind == Pending::Kind::renamed) && earlier.path == durable.from) {
          if (earlier.kind == Pending::Kind::renamed) {
            // What it had replaced stays gone from the old name only when that folder is synced; a removal remains.
            if (!earlier.kept.empty()) {
              earlier = {Pending::Kind::removed, durable.from, {}, earlier.kept, 0};
              continue;
            }
          }
          pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(k));
          --i;
          continue;
        }
        if (earlier.kind == Pending::Kind::removed && earlier.path == durable.from) continue;
        earlier.path = moved(earlier.path, durable.from, durable.path);
        if (!earlier.from.empty()) earlier.from = moved(earlier.from, durable.from, durable.path);
      }
    }
  }
};

namespace {

class CrashFile final : public DiskFile {
 public:
  CrashFile(std::shared_ptr<CrashDisk::State> state, std::unique_ptr<DiskFile> file, fs::path path)
      : state_(std::move(state)), file_(std::move(file)), path_(std::move(path)) {}

  void write(std::string_view bytes) override {
    if (!state_->begin("write " + state_->relative(path_) + " " + std::to_string(bytes.size()),
                       [&] { file_->write(bytes.substr(0, bytes.size() / 2)); })) {
      return;
    }
    state_->pending.push_back({Pending::Kind::written, path_, {}, {}, fs::file_size(path_)});
    file_->write(bytes);
  }

  void sync() override {
    if (!state_->begin("sync " + state_->relative(path_))) return;
    file_->sync();
    state_->make_durable([&](const Pending& change) { return change.kind == Pending::Kind::written && change.path == path_; });
  }

  void close() override {
    if (!state_->crashed) file_->close();
  }

 private:
  std::shared_ptr<CrashDisk::State> state_;
  std::unique_ptr<DiskFile> file_;
  fs::path path_;  // where it was opened: a file that is renamed must be closed first
};

}  // namespace

CrashDisk::CrashDisk(fs::path folder) : state_(std::make_shared<State>()) {
  state_->folder = fs::absolute(folder).lexically_normal();
  if (!state_->folder.has_filename()) state_->folder = state_->folder.parent_path();
  state_->stash = state_->folder;
  state_->stash += ".crash-stash";
}
CrashDisk::~CrashDisk() = default;

void CrashDisk::crash_after(int operations, CrashLoss loss) {
  state_->left = operations;
  state_->loss = loss;
}
bool CrashDisk::crashed() const {
  return state_->crashed;
}
const std::vector<std::string>& CrashDisk::operations() const {
  return state_->operations;
}

std::unique_ptr<DiskFile> CrashDisk::create(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  if (!state_->begin("create " + state_->relative(path))) throw SimulatedCrash{"create"};
  std::unique_ptr<DiskFile> file = real_disk().create(path);
  state_->pending.push_back({Pending::Kind::made, path, {}, {}, 0});
  return std::make_unique<CrashFile>(state_, std::move(file), path);
}

std::unique_ptr<DiskFile> CrashDisk::append(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  if (!state_->begin("append " + state_->relative(path))) throw SimulatedCrash{"append"};
  const bool existed = real_disk().exists(path);
  std::unique_ptr<DiskFile> file = real_disk().append(path);
  if (!existed) state_->pending.push_back({Pending::Kind::made, path, {}, {}, 0});
  return std::make_unique<CrashFile>(state_, std::move(file), path);
}

std::string CrashDisk::read(const fs::path& path) {
  return real_disk().read(path);
}
bool CrashDisk::exists(const fs::path& path) {
  return real_disk().exists(path);
}
std::uint64_t CrashDisk::size(const fs::path& path) {
  return real_disk().size(path);
}
std::vector<DiskEntry> CrashDisk::list(const fs::path& directory) {
  return real_disk().list(directory);
}

void CrashDisk::make_directories(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  std::vector<fs::path> missing;  // deepest first
  for (fs::path at = path; at != state_->folder && !real_disk().exists(at); at = at.parent_path()) missing.push_back(at);
  if (missing.empty()) return real_disk().make_directories(path);
  // One operation for each folder: a crash may come between them.
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (!state_->begin("make-directory " + state_->relative(*at))) return;
    real_disk().make_directories(*at);
    state_->pending.push_back({Pending::Kind::made, *at, {}, {}, 0});
  }
}

void CrashDisk::rename(const fs::path& given_from, const fs::path& given_to) {
  const fs::path from = state_->absolute(given_from);
  const fs::path to = state_->absolute(given_to);
  if (!state_->begin("rename " + state_->relative(from) + " -> " + state_->relative(to))) return;
  if (!real_disk().exists(from)) return real_disk().rename(from, to);  // fails in the real disk's words
  // Keep what is replaced, but replace atomically nevertheless: a rename onto a folder has to fail as it really does.
  fs::path kept;
  if (real_disk().exists(to) && !fs::is_directory(fs::symlink_status(to)) && from != to) {
    real_disk().make_directories(state_->stash);
    kept = state_->stash / std::to_string(state_->stashed++);
    fs::create_hard_link(to, kept);
  }
  real_disk().rename(from, to);
  if (from != to) state_->pending.push_back({Pending::Kind::renamed, to, from, kept, 0});
}

bool CrashDisk::rename_new(const fs::path& given_from, const fs::path& given_to) {
  const fs::path from = state_->absolute(given_from);
  const fs::path to = state_->absolute(given_to);
  if (!state_->begin("rename-new " + state_->relative(from) + " -> " + state_->relative(to))) return false;
  if (!real_disk().rename_new(from, to)) return false;
  state_->pending.push_back({Pending::Kind::renamed, to, from, {}, 0});
  return true;
}

void CrashDisk::link(const fs::path& given_from, const fs::path& given_to) {
  const fs::path from = state_->absolute(given_from);
  const fs::path to = state_->absolute(given_to);
  if (!state_->begin("link " + state_->relative(from) + " -> " + state_->relative(to))) return;
  real_disk().link(from, to);
  state_->pending.push_back({Pending::Kind::made, to, {}, {}, 0});
}

void CrashDisk::sync_directory(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  if (!state_->begin("sync-directory " + state_->relative(path))) return;
  real_disk().sync_directory(path);
  state_->make_durable(
      [&](const Pending& change) { return change.kind != Pending::Kind::written && change.path.parent_path() == path; });
}

void CrashDisk::make_read_only(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  if (!state_->begin("make-read-only " + state_->relative(path))) return;
  real_disk().make_read_only(path);
}

void CrashDisk::remove(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  if (!state_->begin("remove " + state_->relative(path))) return;
  if (fs::is_directory(fs::symlink_status(path))) return real_disk().remove(path);  // fails in the real disk's words
  if (const fs::path kept = state_->take_away(path); !kept.empty()) {
    state_->pending.push_back({Pending::Kind::removed, path, {}, kept, 0});
  }
}

void CrashDisk::remove_tree(const fs::path& given) {
  const fs::path path = state_->absolute(given);
  // A tree goes entry by entry, and a crash may come between: deepest first, as the real disk does it.
  if (real_disk().exists(path) && fs::is_directory(fs::symlink_status(path))) {
    for (const DiskEntry& entry : real_disk().list(path)) remove_tree(path / entry.name);
  }
  if (!state_->begin("remove " + state_->relative(path))) return;
  if (const fs::path kept = state_->take_away(path); !kept.empty()) {
    state_->pending.push_back({Pending::Kind::removed, path, {}, kept, 0});
  }
}

int replay_every_crash(CrashLoss loss, const std::function<void(Disk& disk, const fs::path& folder)>& run,
                       const std::function<void(const fs::path& folder, const CrashReport& crash)>& check,
                       const std::function<void(const fs::path& folder)>& prepare) {
  for (int after = 0;; ++after) {
    const TemporaryFolder folder;
    if (prepare) prepare(folder.path());
    CrashReport report{after, ""};
    bool ended = false;
    {
      CrashDisk disk(folder.path());
      disk.crash_after(after, loss);
      try {
        run(disk, folder.path());
        ended = !disk.crashed();
      } catch (const SimulatedCrash& crash) {
        report.cut = crash.operation;
      }
    }
    check(folder.path(), report);
    if (ended) return after;
  }
}

}  // namespace cairn::test
