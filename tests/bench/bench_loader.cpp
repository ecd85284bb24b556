// Speed of what feeds a training: opening and ordering a million samples, batches a second, and how long a step waits for its
// batch beside a real training of a small model.
//   bench_loader FOLDER [DOCUMENTS] [THREADS]
// FOLDER gets token shards of DOCUMENTS documents of 128 tokens, once. One JSON object a figure on standard output.
#include <chrono>
#include <filesystem>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "base/disk.h"
#include "base/json.h"
#include "base/random.h"
#include "engine/data/row_index.h"
#include "engine/data/token_shards.h"
#include "engine/model/config.h"
#include "engine/train/prefetch.h"
#include "engine/train/row_stream.h"
#include "engine/train/shard_stream.h"
#include "engine/train/trainer.h"
#include "kernels/backend.h"

using namespace cairn;

namespace {

constexpr std::int64_t kDocument = 128;  // tokens
constexpr std::int64_t kVocab = 32000;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void print(const std::string& what, double value, const std::string& unit, Json more = Json::object()) {
  more["what"] = what;
  more["value"] = value;
  more["unit"] = unit;
  std::cout << more.dump() << std::endl;
}

void write_shards(const fs::path& folder, std::int64_t documents, bool rows) {
  if (fs::exists(folder)) return;
  fs::create_directories(folder);
  const Random random(1, "bench tokens");
  std::vector<std::int32_t> ids(static_cast<std::size_t>(kDocument));
  const std::int64_t in_shard = 500'000;
  for (std::int64_t first = 0; first < documents; first += in_shard) {
    const std::string name = "shard-0000" + std::to_string(first / in_shard);
    data::TokenShardWriter writer(real_disk(), folder / name, data::TokenType::u16);
    std::vector<std::int64_t> begins{0};
    for (std::int64_t d = first; d < std::min(documents, first + in_shard); ++d) {
      // Lengths of 2 to 256, 129 on average; ids of a cheap rule.
      const auto length = rows ? 2 + static_cast<std::size_t>(random.below(static_cast<std::uint64_t>(d), 255)) : ids.size();
      ids.resize(length);
      for (std::size_t t = 0; t < length; ++t)
        ids[t] = 4 + static_cast<std::int32_t>((d * 31 + static_cast<std::int64_t>(t * t)) % (kVocab - 4));
      ids.back() = 2;
      writer.append(ids);
      begins.push_back(begins.back() + static_cast<std::int64_t>(length));
      ids.resize(static_cast<std::size_t>(kDocument));
    }
    writer.finish();
    if (rows) data::write_row_index(real_disk(), folder / (name + ".rows"), data::pack_best_fit(begins, 512), begins.back());
  }
}

train::Curriculum two_stages(std::int64_t steps) {
  return train::Curriculum({{"short", 512, {{8, steps}}, 0, {}, {3, 1}}, {"long", 1024, {{4, steps}}, 0, {}, {1, 1}}});
}

void index_and_order(const fs::path& folder, std::int64_t documents) {
  std::unique_ptr<train::ShardStream> stream;
  const double opening =
      seconds_of([&] { stream = std::make_unique<train::ShardStream>(std::vector<fs::path>{folder}, kVocab); });
  std::int64_t sum = 0, samples = 0;
  const double ordering = seconds_of([&] {
    const auto read = train::ReadSet::plain(7, stream->size(), kDocument, 8, (stream->size() - 1) / kDocument / 8);
    samples = read.curriculum().samples();
    for (std::int64_t i = 0; i < samples; ++i) sum += read.sample_at(0, i).token;
  });
  print("a million samples: index opened and checked", opening, "s", {{"documents", documents}, {"tokens", stream->size()}});
  print("a million samples: every one found in the order", ordering, "s", {{"samples", samples}, {"sum", sum}});
  print("a million samples, index and order", opening + ordering, "s");
}

void batches(const fs::path& streams, const fs::path& rows) {
  const train::ShardStream stream({streams}, kVocab);
  const train::RowStream packed({rows}, kVocab);
  const std::int64_t B = 8, T = 512, steps = 300;
  train::MaskOptions masks;
  masks.goldfish = train::GoldfishParams{};
  const auto rate = [&](const std::string& what, const train::Loader& loader) {
    const double seconds = seconds_of([&] {
      for (std::int64_t step = 0; step < steps; ++step) loader.batch(loader.read_set().curriculum().at(step));
    });
    print("batches of 8 x 512, one thread, " + what, static_cast<double>(steps) / seconds, "batches/s",
          {{"tokens_per_s", static_cast<double>(steps * B * T) / seconds}});
  };
  const auto plain = train::ReadSet::plain(7, stream.size(), T, B, steps);
  rate("no goldfish", train::Loader({&stream}, plain, {}));
  rate("goldfish k=50 h=50", train::Loader({&stream}, plain, masks));
  rate("blend of two in two stages",
       train::Loader({&stream, &stream},
                     train::ReadSet(7, two_stages(steps), {{"a", stream.size(), 0, 0}, {"b", stream.size(), 0, 0}}), masks));
  rate("rows packed by best fit",
       train::Loader({&packed},
                     train::ReadSet(7, train::Curriculum::plain(T, B, steps), {{"rows", packed.tokens(), packed.rows(), T}}),
                     masks));
}

// A training of tiny-10m, 8 x 512: its own time waiting for data, with and without batches made ahead.
void stall(const fs::path& folder, int threads) {
  model::ModelConfig shape = model::preset("tiny-10m");
  shape.vocab = std::max(shape.vocab, kVocab);
  const train::ShardStream stream({folder}, shape.vocab);
  train::MaskOptions masks;
  masks.goldfish = train::GoldfishParams{};
  const std::int64_t B = 8, T = 512, steps = 12;
  const train::Loader loader({&stream}, train::ReadSet::plain(7, stream.size(), T, B, steps), masks);
  ThreadPool pool(threads);
  Context context{cpu_backend(), pool};
  train::TrainerConfig config;
  config.schedule = {train::LearningRateSchedule::Shape::constant, 0, 1e-4, 0, 0, 0, 0};
  for (const std::int64_t ahead : {0, 4}) {
    train::Prefetcher prefetch([&](const train::StepPlan& plan) { return loader.batch(plan); }, loader.read_set().curriculum(),
                               ahead, 1);
    model::Parameters parameters(shape, Dtype::f32);
    model::initialise(parameters, 28);
    train::Trainer trainer(context, config, std::move(parameters), loader.read_set().curriculum(),
                           [&](const train::StepPlan& plan) { return prefetch.take(plan); });
    trainer.step();
    double waited = 0, whole = 0;
    for (std::int64_t i = 1; i < steps; ++i) {
      const train::StepReport report = trainer.step();
      waited += report.seconds.data;
      whole += report.seconds.whole;
    }
    print(ahead > 0 ? "wait for data in a step, 4 batches ahead" : "wait for data in a step, made when asked for",
          1e3 * waited / double(steps - 1), "ms",
          {{"share_of_step", waited / whole}, {"step_ms", 1e3 * whole / double(steps - 1)}, {"threads", threads}});
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: bench_loader FOLDER [DOCUMENTS] [THREADS]\n";
    return 2;
  }
  const fs::path folder = argv[1];
  const std::int64_t documents = argc > 2 ? std::stoll(argv[2]) : 1'000'001;
  write_shards(folder / "stream", documents, false);
  write_shards(folder / "rows", documents / 4, true);
  index_and_order(folder / "stream", documents);
  batches(folder / "stream", folder / "rows");
  stall(folder / "stream", argc > 3 ? std::stoi(argv[3]) : 2);
  return 0;
}
