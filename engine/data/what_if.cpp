#include "engine/data/what_if.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <unordered_map>

#include <fmt/format.h>

#include "base/error.h"
#include "base/forwarding_disk.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/curate.h"
#include "engine/data/decisions.h"
#include "engine/data/document.h"
#include "engine/data/sample_text.h"
#include "engine/data/xxhash64.h"
#include "lineage/docmap.h"

namespace cairn::data {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSampleBytes = 160;

class NoFile : public DiskFile {
 public:
  void write(std::string_view) override {}
  void sync() override {}
  void close() override {}
};

// The real disk, but for files below some folders, which are written to nowhere.
class DiscardingDisk : public ForwardingDisk {
 public:
  explicit DiscardingDisk(std::vector<fs::path> discarded) : discarded_(std::move(discarded)) {}

  std::unique_ptr<DiskFile> create(const fs::path& path) override {
    if (discards(path)) return std::make_unique<NoFile>();
    return ForwardingDisk::create(path);
  }

 private:
  bool discards(const fs::path& path) const {
    return std::find(discarded_.begin(), discarded_.end(), path.parent_path()) != discarded_.end();
  }
  std::vector<fs::path> discarded_;
};

struct DigestHash {
  std::size_t operator()(const Digest& digest) const {
    std::size_t hash;
    std::memcpy(&hash, digest.bytes.data(), sizeof hash);
    return hash;
  }
};

void for_each_document(const std::vector<steps::StepInput>& inputs, const std::function<void(const Document&)>& see) {
  for (const steps::StepInput& input : inputs) {
    DocumentReader reader(input.path);
    for (Document document; reader.next(document);) see(document);
  }
}

std::string begins_of(const Document& document) {
  std::string begins = sample_text(document.text, kSampleBytes);
  std::replace(begins.begin(), begins.end(), '\n', ' ');
  return begins;
}

std::string rule_of(const Decision& decision) {
  return decision.rule.empty() ? decision.filter : decision.filter + "." + decision.rule;
}

void add(Change& change, std::uint64_t bytes) {
  ++change.documents;
  change.bytes += bytes;
}

Json change_json(const Change& change) {
  return {{"documents", change.documents}, {"text_bytes", change.bytes}};
}

Json group_json(const GroupChange& group) {
  return {{"in", group.in},
          {"kept", change_json(group.kept)},
          {"lost", change_json(group.lost)},
          {"gained", change_json(group.gained)}};
}

}  // namespace

fs::path decide(const WhatIfSetup& setup) {
  steps::StepSetup step;
  step.config = Config(*setup.config);
  step.runtime = Config(*setup.runtime, "runtime");
  step.inputs["documents"] = setup.documents;
  for (const steps::External& external : kCurate.externals(*step.config)) {
    const fs::path given = external.path, path = given.is_absolute() ? given : setup.folder / given;
    if (!fs::exists(path)) fail_usage("{}: no such file or folder", path.string());
    step.inputs[external.role].push_back({path, {}, "raw", external.path, {}});
  }
  step.staging = setup.scratch / "outputs";
  step.scratch = setup.scratch / "pieces";
  step.metrics = setup.scratch / "metrics";
  fs::create_directories(step.staging);
  fs::create_directories(step.scratch);
  DiscardingDisk disk({step.staging / "documents", step.staging / "held_out"});
  step.disk = &disk;
  step.seed = setup.seed;
  step.threads = setup.threads;
  step.stop = setup.stop;
  step.progress_style = setup.progress_style;
  steps::StepContext context(step);
  kCurate.run(context);
  fs::remove_all(step.scratch);
  return step.staging / "decisions";
}

WhatIf compare_decisions(const fs::path& before_file, const fs::path& after_file, const std::vector<steps::StepInput>& documents,
                         std::size_t samples) {
  const Decisions before(before_file), after(after_file);
  std::unordered_map<Digest, std::uint64_t, DigestHash> bytes_of;
  for_each_document(documents,
                    [&](const Document& document) { bytes_of[lineage::document_digest(document.id)] = document.text.size(); });
  if (before.size() != after.size())
    fail("{} and {} are of other documents: {} and {}", before_file.string(), after_file.string(), before.size(), after.size());

  WhatIf result;
  struct Picked {
    std::uint64_t hash;
    Digest id;
    ChangedDocument document;
  };
  std::vector<Picked> picked;  // a heap of those with the least hashes
  const auto less = [](const Picked& a, const Picked& b) {
    return a.hash != b.hash ? a.hash < b.hash : a.document.url < b.document.url;
  };
  for (std::size_t i = 0; i < before.size(); ++i) {
    const Decision was = before.at(i), would = after.at(i);
    if (was.id != would.id || was.url != would.url)
      fail("{} and {} are of other documents: {} and {}", before_file.string(), after_file.string(), was.url, would.url);
    const auto found = bytes_of.find(was.id);
    const std::uint64_t bytes = found == bytes_of.end() ? 0 : found->second;
    const bool stays = was.verdict != Verdict::dropped, would_stay = would.verdict != Verdict::dropped;
    const std::string rule = would_stay ? rule_of(was) : rule_of(would);
    std::vector<GroupChange*> groups = {&result.total, &result.by_language[would.language], &result.by_source[would.source]};
    if (stays != would_stay) groups.push_back(&result.by_rule[rule]);
    for (GroupChange* group : groups) {
      ++group->in;
      if (stays) add(group->kept, bytes);
      if (stays && !would_stay) add(group->lost, bytes);
      if (!stays && would_stay) add(group->gained, bytes);
    }
    result.other_rule += !stays && !would_stay && rule_of(was) != rule_of(would);
    if (stays == would_stay || samples == 0) continue;
    Picked candidate{xxhash64(std::string_view(reinterpret_cast<const char*>(was.id.bytes.data()), was.id.bytes.size())),
                     was.id,
                     {was.url, would.language, was.source, stays, bytes, rule, would_stay ? was.reason : would.reason, {}}};
    if (picked.size() == samples && !less(candidate, picked.front())) continue;
    if (picked.size() == samples) {
      std::pop_heap(picked.begin(), picked.end(), less);
      picked.pop_back();
    }
    picked.push_back(std::move(candidate));
    std::push_heap(picked.begin(), picked.end(), less);
  }
  std::sort_heap(picked.begin(), picked.end(), less);
  if (!picked.empty()) {
    for_each_document(documents, [&](const Document& document) {
      for (Picked& sample : picked) {
        if (sample.document.begins.empty() && sample.document.url == document.url &&
            sample.id == lineage::document_digest(document.id))
          sample.document.begins = begins_of(document);
      }
    });
  }
  for (Picked& sample : picked) result.samples.push_back(std::move(sample.document));
  return result;
}

Json what_if_json(const WhatIf& what_if) {
  Json out = {{"total", group_json(what_if.total)}, {"dropped_by_another_rule", what_if.other_rule}};
  for (const auto& [key, groups] : {std::pair{"by_language", &what_if.by_language}, std::pair{"by_source", &what_if.by_source},
                                    std::pair{"by_rule", &what_if.by_rule}}) {
    out[key] = Json::object();
    for (const auto& [name, group] : *groups) out[key][name] = group_json(group);
  }
  out["samples"] = Json::array();
  for (const ChangedDocument& sample : what_if.samples) {
    out["samples"].push_back({{"url", sample.url},
                              {"language", sample.language},
                              {"source", sample.source},
                              {"change", sample.lost ? "lost" : "gained"},
                              {"text_bytes", sample.bytes},
                              {"rule", sample.rule},
                              {"reason", sample.reason},
                              {"begins", sample.begins}});
  }
  return out;
}

}  // namespace cairn::data
