#include "engine/data/filters/substring_dedup.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <mutex>
#include <span>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mapped_file.h"
#include "engine/data/exchange.h"
#include "engine/data/sort_key.h"
#include "engine/data/suffix_array.h"

namespace cairn::data {

namespace {

// A window that stands elsewhere before: where, in all texts one after the other.
struct Mark {
  std::uint64_t position, first;
  auto operator<=>(const Mark&) const = default;
};

// The texts that are long enough, of all ranks, one after the other in a file.
class Corpus {
 public:
  Corpus(const Comparison& c, std::size_t window) : window_(window) {
    const Workbench bench = c.bench.in("texts", 4);
    Exchange<std::string> texts(bench, "texts", [](const std::string&) { return 0; });
    if (!texts.is_sent()) {
      c.for_each([&](DocumentNumber document, const CuratedRow& row, std::span<const std::uint64_t>) {
        if (row.text.size() < window) return;
        std::string record;
        append_key(record, document);
        texts.add(record += row.text);
      });
    }
    texts.send();
    begins_.push_back(0);
    if (!bench.ranks.is_first()) return;
    const std::filesystem::path path = bench.own / "all";
    {
      GatheringFile file(bench.disk, path);
      texts.for_each([&](std::string_view record) {
        documents_.push_back(take_number_key(record));
        begins_.push_back(begins_.back() + record.size());
        file.write(record);
      });
      file.finish();
    }
    file_ = MappedFile(path);
    bench.disk.remove(path);  // it is read as long as it is mapped
  }
  std::uint64_t size() const { return begins_.back(); }
  std::size_t texts() const { return documents_.size(); }
  DocumentNumber document(std::size_t text) const { return documents_[text]; }
  std::uint64_t begin(std::size_t text) const { return begins_[text]; }
  std::size_t text_at(std::uint64_t position) const {
    return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), position) - begins_.begin()) - 1;
  }
  const char* at(std::uint64_t position) const { return file_.text().data() + position; }
  // Bytes [begin, end), copied.
  std::string bytes(std::uint64_t begin, std::uint64_t end) const { return std::string(file_.text().substr(begin, end - begin)); }
  // For each of positions [begin, end): whether a whole window of one text begins there.
  std::vector<bool> window_starts(std::uint64_t begin, std::uint64_t end) const {
    std::vector<bool> starts(end - begin, false);
    for (std::size_t t = text_at(begin); t < texts() && begins_[t] < end; ++t) {
      const std::uint64_t from = std::max(begin, begins_[t]), to = std::min(end, begins_[t + 1] - window_ + 1);
      for (std::uint64_t p = from; p < to; ++p) starts[p - begin] = true;
    }
    return starts;
  }

 private:
  std::size_t window_;
  std::vector<DocumentNumber> documents_;
  std::vector<std::uint64_t> begins_;
  MappedFile file_;
};

constexpr std::uint32_t kSame = 0x80000000u;  // of an entry: the same window as the entry before it

// Window starts of one shard in order of (window, position), as offsets in the shard; in memory, or in a file that is read as it
// is needed (a mapped one would count as memory).
struct Run {
  std::uint64_t begin = 0;  // of the shard
  std::uint64_t entries = 0;
  std::vector<std::uint32_t> held{};
  std::filesystem::path path{};

  std::uint64_t position(std::uint32_t entry) const { return begin + (entry & ~kSame); }
};

// Entries [at, end) of a run, one after the other. Its file is open only while the buffer is filled: there may be more runs than
// files that a process may have open.
class RunReader {
 public:
  RunReader(const Run& run, std::uint64_t at, std::uint64_t end, std::size_t buffer_entries)
      : run_(&run), at_(at), end_(end), buffer_entries_(buffer_entries) {
    if (run.path.empty()) {
      window_ = {run.held.data() + at, end - at};
      at_ = end_;
      return;
    }
    refill();
  }
  bool done() const { return window_.empty(); }
  std::uint32_t entry() const { return window_.front(); }
  std::uint64_t position() const { return run_->position(entry()); }
  void next() {
    window_ = window_.subspan(1);
    if (window_.empty()) refill();
  }

 private:
  void refill() {
    if (at_ == end_) return;
    buffer_.resize(std::min<std::uint64_t>(end_ - at_, buffer_entries_));
    std::ifstream file(run_->path, std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at_ * sizeof(std::uint32_t)));
    if (!file.read(reinterpret_cast<char*>(buffer_.data()), static_cast<std::streamsize>(buffer_.size() * sizeof(std::uint32_t))))
      fail("{}: cut short", run_->path.string());
    at_ += buffer_.size();
    window_ = buffer_;
  }

  const Run* run_;
  std::uint64_t at_, end_;  // that are not in the buffer yet
  std::size_t buffer_entries_;
  std::vector<std::uint32_t> buffer_;
  std::span<const std::uint32_t> window_;
};

// `alone`: there is no other shard, so windows that stand once are left out.
std::vector<std::uint32_t> sorted_windows(const Corpus& corpus, std::uint64_t begin, std::uint64_t end, std::size_t window,
                                          bool alone) {
  const std::string text = corpus.bytes(begin, std::min<std::uint64_t>(end + window - 1, corpus.size()));
  const std::vector<bool> starts = corpus.window_starts(begin, end);
  // Entries are written over the suffixes that have been read.
  std::vector<std::uint32_t> entries = suffix_array(text);
  std::size_t written = 0, group = 0;  // `group`: where the last window's entries begin
  const auto finish = [&] {
    if (alone && written == group + 1) --written;
    std::sort(entries.data() + group, entries.data() + written);
    for (std::size_t i = group + 1; i < written; ++i) entries[i] |= kSame;
    group = written;
  };
  for (const std::uint32_t suffix : entries) {
    if (suffix >= starts.size() || !starts[suffix]) continue;
    if (written > group && std::memcmp(&text[entries[group]], &text[suffix], window) != 0) finish();
    entries[written++] = suffix;
  }
  finish();
  entries.resize(written);
  return entries;
}

// Part of a run.
struct RunPart {
  const Run* run;
  std::uint64_t begin, end;
};

// Calls mark(position, first) for every window of the parts, one of each run in order, that does not stay. First is where the
// window stands first, or itself when no place stays.
template <typename Fn>
void merge(const Corpus& corpus, const std::vector<RunPart>& parts, std::size_t window, int copies, std::size_t buffer_entries,
           Fn&& mark) {
  struct Source {
    std::size_t order;  // positions of a later run are greater
    RunReader reader;
    const char* window = nullptr;  // where it stands
  };
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<Source*> heap;
  const auto later = [window](const Source* x, const Source* y) {
    const int order = std::memcmp(x->window, y->window, window);
    return order > 0 || (order == 0 && x->order > y->order);
  };
  const auto push = [&](Source& source) {
    if (source.reader.done()) return;
    source.window = corpus.at(source.reader.position());
    heap.push_back(&source);
    std::push_heap(heap.begin(), heap.end(), later);
  };
  for (const RunPart& part : parts) {
    if (part.begin == part.end) continue;
    sources.push_back(
        std::make_unique<Source>(Source{sources.size(), RunReader(*part.run, part.begin, part.end, buffer_entries), nullptr}));
    push(*sources.back());
  }
  std::vector<Source*> same;  // sources that hold the least window, in order
  while (!heap.empty()) {
    same.clear();
    do {
      std::pop_heap(heap.begin(), heap.end(), later);
      same.push_back(heap.back());
      heap.pop_back();
    } while (!heap.empty() && std::memcmp(heap.front()->window, same[0]->window, window) == 0);
    const std::uint64_t first = same[0]->reader.position();
    std::uint64_t seen = 0;
    for (Source* source : same) {
      do {
        const std::uint64_t position = source->reader.position();
        source->reader.next();
        if (++seen == 2 && copies == 0) mark(first, first);
        if (seen > 1) mark(position, copies == 0 ? position : first);
      } while (!source->reader.done() && (source->reader.entry() & kSame));
    }
    for (Source* source : same) push(*source);
  }
}

// One entry after another of a run, anywhere.
class RunAccess {
 public:
  explicit RunAccess(const Run& run) : run_(run) {
    if (!run.path.empty()) file_.open(run.path, std::ios::binary);
  }
  std::uint64_t position(std::uint64_t entry) {
    if (run_.path.empty()) return run_.position(run_.held[entry]);
    std::uint32_t value = 0;
    file_.seekg(static_cast<std::streamoff>(entry * sizeof value));
    if (!file_.read(reinterpret_cast<char*>(&value), sizeof value)) fail("{}: cut short", run_.path.string());
    return run_.position(value);
  }

 private:
  const Run& run_;
  std::ifstream file_;
};

// All runs cut at the same windows, so that the parts can be merged side by side.
std::vector<std::vector<RunPart>> parts_of(const Corpus& corpus, const std::vector<Run>& runs, std::size_t window) {
  const Run& largest =
      *std::max_element(runs.begin(), runs.end(), [](const Run& x, const Run& y) { return x.entries < y.entries; });
  const std::uint64_t parts = std::min<std::uint64_t>(64, largest.entries / 1000 + 1);
  std::vector<const char*> limits;
  RunAccess sample(largest);
  for (std::uint64_t part = 1; part < parts; ++part) limits.push_back(corpus.at(sample.position(part * largest.entries / parts)));
  std::vector<std::vector<RunPart>> all(parts);
  for (const Run& run : runs) {
    RunAccess access(run);
    std::uint64_t begin = 0;
    for (std::size_t part = 0; part < parts; ++part) {
      std::uint64_t end = run.entries;
      if (part < limits.size()) {  // the first entry whose window is not before the limit
        std::uint64_t low = begin;
        while (low < end) {
          const std::uint64_t middle = low + (end - low) / 2;
          if (std::memcmp(corpus.at(access.position(middle)), limits[part], window) < 0)
            low = middle + 1;
          else
            end = middle;
        }
      }
      all[part].push_back({&run, begin, end});
      begin = end;
    }
  }
  return all;
}

std::vector<Run> make_runs(const Corpus& corpus, std::size_t window, const Workbench& bench) {
  constexpr std::uint64_t kBytesEach = 8;        // of memory, for each byte of a shard
  constexpr std::uint64_t kMost = 0x7FFF'0000u;  // what a suffix array can be of, less a window
  const std::uint64_t budget = std::max<std::uint64_t>(bench.memory / kBytesEach, 4 * window);
  std::vector<Run> runs;
  if (corpus.size() <= std::min(budget, kMost - window)) {
    Run& run = runs.emplace_back();
    run.held = sorted_windows(corpus, 0, corpus.size(), window, true);
    run.entries = run.held.size();
    return runs;
  }
  const std::uint64_t shard =
      std::clamp<std::uint64_t>(budget / static_cast<std::uint64_t>(bench.threads.threads()), 2 * window, kMost - window);
  runs.resize((corpus.size() + shard - 1) / shard);
  bench.threads.parallel_for(static_cast<std::int64_t>(runs.size()), [&](std::int64_t i) {
    if (bench.stop.stop_requested()) return;
    Run& run = runs[static_cast<std::size_t>(i)];
    run.begin = static_cast<std::uint64_t>(i) * shard;
    const std::vector<std::uint32_t> entries =
        sorted_windows(corpus, run.begin, std::min(run.begin + shard, corpus.size()), window, false);
    run.entries = entries.size();
    run.path = bench.own / fmt::format("run-{:06d}", i);
    const auto file = bench.disk.create(run.path);
    file->write({reinterpret_cast<const char*>(entries.data()), entries.size() * sizeof(std::uint32_t)});
    file->close();
  });
  return runs;
}

}  // namespace

void SubstringDedup::compare(Comparison& c) const {
  const std::size_t window = params_.min_bytes;
  const Corpus corpus(c, window);
  if (corpus.texts() == 0) return;  // also on all ranks but the first
  const Workbench& bench = c.bench;
  ExternalSorter<Mark> marks(bench.disk, bench.own / "marks", bench.memory / 4, bench.threads);
  {
    const std::vector<Run> runs = make_runs(corpus, window, bench.in("runs", 2));
    const std::vector<std::vector<RunPart>> parts = parts_of(corpus, runs, window);
    const std::size_t buffer_entries = std::clamp<std::size_t>(
        bench.memory / 4 / sizeof(std::uint32_t) / (runs.size() * static_cast<std::size_t>(bench.threads.threads())), 1024,
        1 << 18);
    std::mutex mutex;
    bench.threads.parallel_for(static_cast<std::int64_t>(parts.size()), [&](std::int64_t i) {
      if (bench.stop.stop_requested()) return;
      std::vector<Mark> found;
      const auto hand_over = [&] {
        const std::lock_guard lock(mutex);
        for (const Mark& one : found) marks.add(one);
        found.clear();
      };
      merge(corpus, parts[static_cast<std::size_t>(i)], window, params_.copies, buffer_entries,
            [&](std::uint64_t position, std::uint64_t first) {
              found.push_back({position, first});
              if (found.size() == 4096) hand_over();
            });
      hand_over();
    });
  }
  bench.disk.remove_tree(bench.own / "runs");

  // Marked windows by text; those that meet are one finding.
  std::size_t text = corpus.texts();
  Finding finding;
  const auto finish = [&] {
    if (text != corpus.texts()) c.found(finding);
  };
  marks.for_each_sorted([&](const Mark& mark) {
    const bool same_text = text != corpus.texts() && mark.position < corpus.begin(text + 1);
    const std::uint64_t begin = mark.position - (same_text ? corpus.begin(text) : 0);
    if (same_text && begin <= finding.end) {
      finding.end = std::max(finding.end, begin + window);
      return;
    }
    finish();
    text = corpus.text_at(mark.position);
    const std::uint64_t at = mark.position - corpus.begin(text);
    finding = {corpus.document(text), at, at + window,
               params_.copies == 0 ? kNoDocument : corpus.document(corpus.text_at(mark.first))};
  });
  finish();
}

void SubstringDedup::apply(DedupRow& row, std::span<const Finding> findings) const {
  const std::string_view bytes = row.row->text;
  const auto inside = [&bytes](std::uint64_t at) { return at < bytes.size() && (bytes[at] & '\xc0') == '\x80'; };
  std::vector<Cut> cuts;
  for (const Finding& finding : findings) {  // whole characters
    Cut cut{finding.begin, finding.end, finding.other};
    while (cut.begin < cut.end && inside(cut.begin)) ++cut.begin;
    while (cut.end > cut.begin && inside(cut.end)) --cut.end;
    cuts.push_back(cut);
  }
  cut_or_remove(row, *this, std::move(cuts), params_.drop_share);
}

std::string SubstringDedup::rule(const Removal&) const {
  return "repeated";
}

std::string SubstringDedup::reason(const Removal& removal, std::string_view kept_url) const {
  return fmt::format("{}% of its bytes stand elsewhere, in passages of at least {} bytes{}{}", removal.detail, params_.min_bytes,
                     kept_url.empty() ? "" : ", first in ", kept_url);
}

std::string SubstringDedup::cut_reason(const std::vector<Cut>& cuts) const {
  return fmt::format("{} passage{}, {} bytes", cuts.size(), cuts.size() == 1 ? "" : "s", bytes_of(cuts));
}

Variant SubstringDedup::variant() {
  const SubstringDedupParams d;
  return {"substring_dedup",
          {field("min_bytes", integer().min(16).max(1'000'000).def(static_cast<std::int64_t>(d.min_bytes)),
                 "shortest passage that is a repeat"),
           field("copies", integer().min(0).max(1).def(d.copies), "places that stay: the first, or none"),
           field("drop_share", number().above(0).max(1).def(d.drop_share),
                 "drop a document when this share of its bytes would be cut; one of which nothing is left is dropped anyway")},
          "cut passages that stand elsewhere in the corpus, found by suffix arrays"};
}

std::unique_ptr<Deduplicator> SubstringDedup::make(const Config& config) {
  SubstringDedupParams p;
  p.min_bytes = static_cast<std::size_t>(config.integer("min_bytes"));
  p.copies = static_cast<int>(config.integer("copies"));
  p.drop_share = config.number("drop_share");
  return std::make_unique<SubstringDedup>(p);
}

}  // namespace cairn::data
