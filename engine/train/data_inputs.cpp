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

// One input, and in `size` what it holds.
std::unique_ptr<SampleSource> open_source(const std::vector<fs::path>& folders, std::int64_t vocab, DataSize& size) {
  const auto packed = std::count_if(folders.begin(), folders.end(), has_rows);
  if (packed == 0) {
    auto stream = std::make_unique<ShardStream>(folders, vocab);
    size.tokens = stream->size();
    return stream;
  }
  if (static_cast<std::size_t>(packed) != folders.size()) {
    fail_usage("some of the data inputs are packed into rows and some are not: give each its weight (mix), or pack them alike");
  }
  auto stream = std::make_unique<RowStream>(folders, vocab);
  if (stream->rows() == 0) fail_usage("data input '{}' has no rows: its documents are empty", size.name);
  size.tokens = stream->tokens();
  size.rows = stream->rows();
  size.row_length = stream->row_length();
  return stream;
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

std::vector<const SampleSource*> pointers(const std::vector<std::unique_ptr<SampleSource>>& sources) {
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
    sizes.push_back({apart ? names[sizes.size()] : "data", 0, 0, 0});
    sources.push_back(open_source(group, vocab, sizes.back()));
  }
  return {std::move(sources), ReadSet(seed, std::move(curriculum), std::move(sizes))};
}

std::vector<std::unique_ptr<SampleSource>> open_sources(const ReadSet& read, const std::vector<fs::path>& folders,
                                                        std::int64_t vocab) {
  std::vector<std::unique_ptr<SampleSource>> sources;
  const auto groups = folders_by_input(read.data().size(), folders);
  for (std::size_t input = 0; input < groups.size(); ++input) {
    const DataSize& expected = read.data()[input];
    DataSize found{expected.name, 0, 0, 0};
    sources.push_back(open_source(groups[input], vocab, found));
    if (found.tokens != expected.tokens || found.rows != expected.rows) {
      fail("data input '{}' holds {} tokens in {} rows, the training read {} in {}", expected.name, found.tokens, found.rows,
           expected.tokens, expected.rows);
    }
  }
  return sources;
}

MaskOptions read_masks(const Config& config, std::int32_t eod, std::int32_t pad) {
  MaskOptions masks;
  masks.eod = eod;
  masks.pad = pad;
  const Config options = config.object("masks");
  masks.mask_eod = options.boolean("eod_loss");
  masks.reset_positions = options.boolean("reset_positions");
  masks.document_attention = options.boolean("document_attention");
  if (config.has("goldfish")) {
    const Config goldfish = config.object("goldfish");
    masks.goldfish = GoldfishParams{goldfish.integer("k"), goldfish.integer("h")};
  }
  return masks;
}

}  // namespace cairn::train
