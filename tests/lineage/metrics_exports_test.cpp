#include <sys/wait.h>

#include <cmath>
#include <sstream>

#include "base/json.h"
#include "lineage/exports/metrics_csv.h"
#include "lineage/exports/tensorboard.h"
#include "tests/lineage/lineage_support.h"
#include "tests/support/hex_page.h"

using namespace cairn;
using namespace cairn::lineage;
using cairn::test::error_of;
using cairn::test::TemporaryFolder;
using lineage::test::write_text;

namespace {

constexpr std::size_t kVersionBytes = 40;  // the record that opens a file

Run run_of(const std::string& config) {
  Run run;
  run.id = 3;
  run.op = "pretrain";
  run.uuid = RunUuid::parse("068e7789-1b80-7000-8000-000000000000");
  run.config = config;
  run.seed = 7;
  run.started = 1'800'000'000'000'000;
  return run;
}

std::string from_hex(const std::string& digits) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2) bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

std::vector<std::string> golden_records() {
  std::istringstream text(read_file(cairn::test::source_folder() / "tests/golden/tensorboard/events.hex"));
  std::vector<std::string> records;
  for (std::string line; std::getline(text, line);) records.push_back(from_hex(line));
  return records;
}

std::string csv_of(const RunMetrics& metrics, const std::vector<std::string>& names = {}) {
  std::string text;
  write_metrics_csv(metrics, names, [&](std::string_view piece) { text += piece; });
  return text;
}

}  // namespace

TEST_CASE("tensorboard: records, values and hyperparameters are the bytes of TensorBoard's own writer") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  const auto golden = golden_records();
  REQUIRE(golden.size() == 2);
  CHECK(cairn::test::hex_blocks("metrics.md").at(0) == golden[0]);

  TensorBoardFile events(real_disk(), folder.path() / "out",
                         run_of(R"({"batch":8,"mask":true,"none":null,"optimizer":{"name":"adamw"}})"));
  write_text(file, "{\"loss\":2.5,\"step\":7,\"step_s\":0.25,\"time\":1800000001000000}\n");
  RunMetrics metrics({file});
  metrics.refresh();
  CHECK(events.append(metrics) == 1);
  CHECK(events.append(metrics) == 0);
  const std::string head = golden[0].substr(0, kVersionBytes) + golden[1];
  const std::size_t session = golden[0].size() - (8 + 4 + 15 + 4);
  CHECK(read_file(events.path()) == head + golden[0].substr(kVersionBytes, session - kVersionBytes));

  // Steps that were written are done again from step 5 on.
  write_text(file, "{\"loss\":9.0,\"step\":5,\"time\":1800000001000000}\n");
  metrics.refresh();
  // A file that began anew took back step 7, which is where a reader must begin again.
  CHECK(metrics.taken_back() == 7);
}

TEST_CASE("tensorboard: where steps are done again, readers are told to drop what they had") {
  const TemporaryFolder folder;
  const fs::path a = folder.path() / "a", b = folder.path() / "b";
  std::string text;
  for (int step = 1; step <= 7; ++step) text += fmt::format("{{\"loss\":2.5,\"step\":{},\"time\":1800000001000000}}\n", step);
  write_text(a, text);
  RunMetrics metrics({a, b});
  metrics.refresh();
  TensorBoardFile events(real_disk(), folder.path() / "out", run_of("{}"));
  CHECK(events.append(metrics) == 7);
  const std::size_t before = fs::file_size(events.path());
  write_text(b, "{\"loss\":2.0,\"step\":5,\"time\":1800000001000000}\n");
  metrics.refresh();
  CHECK(events.append(metrics) == 1);
  const std::string golden = golden_records().at(0);
  const std::string session = golden.substr(golden.size() - (8 + 4 + 15 + 4));
  CHECK(read_file(events.path()).substr(before, session.size()) == session);
}

TEST_CASE("tensorboard: its reader gives back every value, with the last attempt's where two did a step") {
  const char* python = std::getenv("CAIRN_PYTHON");
  if (!python) SKIP_TEST("needs CAIRN_PYTHON with tensorboard");
  if (std::system(("'" + std::string(python) + "' -c 'import tensorboard' 2>/dev/null").c_str()) != 0)
    SKIP_TEST("needs tensorboard in CAIRN_PYTHON");
  const TemporaryFolder folder;
  const fs::path a = folder.path() / "a", b = folder.path() / "b";
  const auto line = [](int step, double loss) {
    return fmt::format("{{\"loss\":{},\"gpu\":{{\"0\":{}}},\"skipped\":true,\"step\":{},\"step_s\":0.5,\"time\":{}}}\n", loss,
                       step * 3, step, 1'800'000'000'000'000 + step * 1'000'000LL);
  };
  std::string text;
  for (int step = 1; step <= 2000; ++step) text += line(step, 10.0 / step);
  write_text(a, text + "{\"loss\":\"nan\",\"step\":2001}\n");
  RunMetrics metrics({a, b});
  metrics.refresh();
  TensorBoardFile events(real_disk(), folder.path() / "out",
                         run_of(R"({"batch":8,"clip":0.5,"list":[1,2],"mask":false,"model":{"preset":"tiny ä"}})"));
  events.append(metrics);
  text.clear();
  for (int step = 1501; step <= 1700; ++step) text += line(step, 3.25);
  write_text(b, text);
  metrics.refresh();
  events.append(metrics);

  Json values = {
      {"scalars", Json::object()},
      {"hparams", {{"batch", 8}, {"clip", 0.5}, {"list", "[1,2]"}, {"mask", false}, {"model.preset", "tiny ä"}, {"seed", 7}}}};
  for (int step = 1; step <= 1700; ++step) {
    values["scalars"]["train/loss"].push_back({step, step > 1500 ? 3.25 : 10.0 / step});
    values["scalars"]["train/gpu/0"].push_back({step, step * 3});
    values["scalars"]["train/skipped"].push_back({step, 1});
    values["scalars"]["time/step_s"].push_back({step, 0.5});
  }
  write_text(folder.path() / "values.json", values.dump());
  const fs::path script = cairn::test::source_folder() / "tests/golden/tensorboard/check_events.py";
  const std::string command = "'" + std::string(python) + "' '" + script.string() + "' '" + (folder.path() / "out").string() +
                              "' < '" + (folder.path() / "values.json").string() + "'";
  const int status = std::system(command.c_str());
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("csv: a line a step, numbers as they were written, empty cells where a step tells nothing") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "metrics.jsonl";
  write_text(file,
             "{\"loss\":0.1,\"step\":1,\"time\":5,\"tokens\":9007199254740991}\n"
             "{\"loss\":\"nan\",\"skipped\":true,\"why\":\"a, \\\"b\\\"\",\"step\":3}\n");
  RunMetrics metrics({file});
  metrics.refresh();
  CHECK(csv_of(metrics) ==
        "step,time,loss,skipped,tokens,why\n"
        "1,5,0.1,,9007199254740991,\n"
        "3,,nan,true,,\"a, \"\"b\"\"\"\n");
  CHECK(csv_of(metrics, {"tokens", "loss"}) == "step,time,tokens,loss\n1,5,9007199254740991,0.1\n3,,,nan\n");
  CHECK(error_of([&] { csv_of(metrics, {"los"}); }) == "no step of this run tells 'los'; it tells: loss, skipped, tokens, why");
}
