#include "engine/train/data_inputs.h"

#include <algorithm>
#include <set>

#include "base/error.h"
#include "base/json.h"
#include "engine/train/row_stream.h"

namespace cairn::train {

namespace fs = std::filesystem;

namespace {

void check_vocabulary(const fs::path& folder, std::int64_t vocab) {
  const fs::path path = folder / "pack.json";
  if (!fs::exists(path)) return;  // not packed by us: each id is checked as it is read
  const Json report = read_json(path);
  if (!report.is_object() || !report.contains("vocab_size") || !report.at("vocab_size").is_number_integer()) return;
  const auto packed = report.at("vocab_size").get<std::int64_t>();
  if (packed > vocab) {
    fail_usage(
        "{}: packed with a vocabulary of {} tokens, the model has {}; use the tokenizer that the model has, or model.vocab={}",
        folder.string(), packed, vocab, packed);
  }
}

}  // namespace

std::vector<std::string> data_names(const Config& config, std::size_t count) {
  std::vector<std::string> names;
  if (config.has("data_names")) {
    names = config.strings("data_names");
    if (names.size() != count) fail_usage("config.data_names: {} names for {} data inputs", names.size(), count);
    if (std::set<std::string>(names.begin(), names.end()).size() != count)
      fail_usage("config.data_names: two inputs have one name");
    return names;
  }
  for (std::size_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

std::vector<std::vector<fs::path>> folders_by_input(std::size_t inputs, const std::vector<fs::path>& folders) {
  if (inputs == 1) return {folders};
  if (inputs != folders.size()) fail("{} data inputs, and {} folders", inputs, folders.size());
  std::vector<std::vector<fs::path>> groups;
  for (const fs::path& folder : folders) groups.push_back({folder});
  return groups;
}

std::vector<const SampleSource*> PlannedReading::pointers() const {
  std::vector<const SampleSource*> pointers;
  for (const auto& source : sources) pointers.push_back(source.get());
  return pointers;
}

PlannedReading plan_reading(const Config& config, const std::vector<fs::path>& folders, std::uint64_t seed, std::int64_t vocab) {
  const std::vector<std::string> names = data_names(config, folders.size());
  Curriculum curriculum = read_curriculum(config, names);
  const auto& stages = curriculum.stages();
  const bool apart = std::any_of(stages.begin(), stages.end(), [](const Stage& stage) { return !stage.weights.empty(); });
  for (const fs::path& folder : folders) check_vocabulary(folder, vocab);
  std::vector<DataSize> sizes;
  std::vector<std::unique_ptr<SampleSource>> sources;
  for (const std::vector<fs::path>& group : folders_by_input(apart ? folders.size() : 1, folders)) {
    const std::string name = apart ? names[sizes.size()] : "data";
    const auto packed = std::count_if(group.begin(), group.end(), has_rows);
    if (packed == 0) {
      auto stream = std::make_unique<ShardStream>(group, vocab);
      sizes.push_back({name, stream->size(), 0, 0});
      sources.push_back(std::move(stream));
    } else if (static_cast<std::size_t>(packed) == group.size()) {
      auto stream = std::make_unique<RowStream>(group, vocab);
      if (stream->rows() == 0) fail_usage("data input '{}' has no rows: its documents are empty", name);
      sizes.push_back({name, stream->tokens(), stream->rows(), stream->row_length()});
      sources.push_back(std::move(stream));
    } else {
      fail_usage("some of the data inputs are packed into rows and some are not: give each its weight (mix), or pack them alike");
    }
  }
  return {std::move(sources), ReadSet(seed, std::move(curriculum), std::move(sizes))};
}

}  // namespace cairn::train
