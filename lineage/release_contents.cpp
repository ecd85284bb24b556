#include "lineage/release_contents.h"

#include <algorithm>
#include <set>

#include "base/error.h"

namespace cairn::lineage {

namespace {

std::vector<fs::path> files_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(folder)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::map<std::string, Json> read_folder(const fs::path& root, const std::string& part) {
  std::map<std::string, Json> found;
  for (const fs::path& path : files_in(root / part)) {
    const std::string name = part + "/" + path.filename().string();
    found[name] = parse_json(read_file(path), name);
  }
  return found;
}

// Whether a text in the config is the path that an adopted artifact was found at: the step names it itself, as an external file.
bool config_names(const Json& config, const fs::path& adopted) {
  if (config.is_string()) {
    const fs::path named = fs::path(config.get<std::string>()).lexically_normal();
    return !named.filename().empty() && named.filename() == adopted.lexically_normal().filename();
  }
  return config.is_structured() &&
         std::any_of(config.begin(), config.end(), [&](const Json& part) { return config_names(part, adopted); });
}

std::string step_name(const Record& record, std::set<std::string>& taken) {
  std::string name = record.run->start.op;
  if (!record.refs.empty()) name = record.refs.front().name.substr(0, record.refs.front().name.find('.'));
  std::replace(name.begin(), name.end(), '/', '-');
  std::string unique = name;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}-{}", name, i);
  return unique;
}

}  // namespace

ReleaseContents read_release_contents(const fs::path& folder, const std::string& name, const Digest& artifact,
                                      const std::string& kind) {
  ReleaseContents contents{.name = name, .artifact = artifact, .kind = kind, .records = {}, .reports = {}, .evaluations = {}};
  for (const fs::path& path : files_in(folder / "records")) {
    contents.records.push_back(parse_record(read_file(path), "records/" + path.filename().string()));
  }
  std::sort(contents.records.begin(), contents.records.end(),
            [](const Record& a, const Record& b) { return a.journal.seq < b.journal.seq; });
  contents.reports = read_folder(folder, "reports");
  contents.evaluations = read_folder(folder, "evaluations");
  return contents;
}

std::map<Digest, std::size_t> makers_of(const std::vector<Record>& records) {
  std::map<Digest, std::size_t> makers;
  const auto put = [&](const Content& content, std::size_t at) {
    makers.try_emplace(content.digest, at);
    for (const TreeEntry& entry : content.entries) makers.try_emplace(entry.digest, at);
  };
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].run) {
      for (const SealedOutput& output : records[i].run->outputs) put(output.content, i);
    }
    if (records[i].adoption) put(records[i].adoption->artifact.content, i);
  }
  return makers;
}

bool is_repetition(const ReleaseContents& contents, const RecordedRun& run) {
  return run.reproduction_of && std::any_of(contents.records.begin(), contents.records.end(), [&](const Record& other) {
           return other.run && other.run->start.uuid == *run.reproduction_of;
         });
}

std::map<std::string, Tally> tallies(const ReleaseContents& contents, const std::string& key) {
  std::map<std::string, Tally> sums;
  for (const auto& [file, report] : contents.reports) {
    const Json* table = report.is_object() && report.contains(key) ? &report.at(key) : nullptr;
    if (!table || !table->is_object()) continue;
    const auto count = [](const Json& counts, const char* name) {
      return counts.contains(name) && counts.at(name).is_number_integer() ? counts.at(name).get<std::int64_t>() : 0;
    };
    for (const auto& [name, counts] : table->items()) {
      if (!counts.is_object()) continue;
      sums[name].documents += count(counts, "documents");
      sums[name].text_bytes += count(counts, "text_bytes");
    }
  }
  return sums;
}

std::string rebuilding_pipeline(const ReleaseContents& contents) {
  std::map<Digest, std::string> wires;  // artifact -> "step.role"
  std::map<Digest, const RecordedAdoption*> adopted;
  std::set<std::string> taken;
  Json steps = Json::object();
  for (const Record& record : contents.records) {
    if (record.adoption) adopted[record.adoption->artifact.content.digest] = &*record.adoption;
    if (!record.run) continue;
    const RecordedRun& run = *record.run;
    if (is_repetition(contents, run)) continue;
    const std::string name = step_name(record, taken);
    const Json config = parse_json(run.start.config, "config");
    std::map<std::string, Json> inputs;
    for (const RecordedInput& input : run.inputs) {
      if (const auto made = wires.find(input.digest); made != wires.end()) {
        inputs[input.role].push_back(made->second);
      } else if (const auto found = adopted.find(input.digest); found == adopted.end()) {
        inputs[input.role].push_back("sha256:" + input.digest.hex());
      } else if (!config_names(config, found->second->path)) {
        const std::string& path = found->second->path;
        inputs[input.role].push_back(path.starts_with(".") ? path : "./" + path);
      }
    }
    Json& step = steps[name] = {{"step", run.start.op}, {"config", config}, {"seed", run.start.seed}};
    for (const auto& [role, list] : inputs) step["inputs"][role] = list.size() == 1 ? list.front() : list;
    for (const SealedOutput& output : run.outputs) {
      wires.try_emplace(output.content.digest, name + "." + output.role);
      for (const TreeEntry& entry : output.content.entries) wires.try_emplace(entry.digest, "sha256:" + entry.digest.hex());
    }
  }
  return pretty_json({{"pipeline", contents.name}, {"steps", std::move(steps)}});
}

}  // namespace cairn::lineage
