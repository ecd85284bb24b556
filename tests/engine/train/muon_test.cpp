#include "engine/train/muon.h"

#include <cmath>
#include <vector>

#include "base/disk.h"
#include "base/json.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::train;

namespace {

struct Matrix {
  std::int64_t rows, columns;
  std::vector<double> values;

  explicit Matrix(const Json& json) : rows(std::int64_t(json.size())), columns(std::int64_t(json[0].size())) {
    for (const Json& row : json) {
      for (const Json& value : row) values.push_back(value.get<double>());
    }
  }
  Tensor view() { return Tensor(values.data(), Dtype::f64, {rows, columns}); }
};

struct Scratch {
  std::vector<double> memory = std::vector<double>(4 * 64);
  MuonScratch views() {
    const auto part = [&](std::size_t i) { return Tensor(memory.data() + 64 * i, Dtype::f64, {64}); };
    return {part(0), part(1), part(2), part(3)};
  }
};

}  // namespace

TEST_CASE("muon: five steps of torch.optim.Muon, wide, tall and square") {
  const Json golden = read_json(test::source_folder() / "tests/golden/optimizer/muon.json");
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  Scratch scratch;
  for (const Json& item : golden.at("cases")) {
    MuonOptions options;
    options.momentum = item.at("momentum");
    options.nesterov = item.at("nesterov");
    options.scale = item.at("scale") == "original" ? MuonOptions::Scale::original : MuonOptions::Scale::rms;
    for (std::size_t m = 0; m < golden.at("p0").size(); ++m) {
      Matrix p(golden.at("p0")[m]), momentum = p;
      std::fill(momentum.values.begin(), momentum.values.end(), 0);
      for (std::size_t step = 0; step < 5; ++step) {
        Matrix g(golden.at("gradients")[step][m]);
        muon_update(context, p.view(), momentum.view(), g.view(), options, item.at("lr"), item.at("wd"), 1, scratch.views());
        if (step != 0 && step != 4) continue;
        const Matrix expected(item.at("p")[step / 4][m]);
        for (std::size_t i = 0; i < p.values.size(); ++i) CHECK(p.values[i] == doctest::Approx(expected.values[i]).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("muon: the iteration brings singular values near one, whatever they were") {
  ThreadPool pool(1);
  Context context{ref_backend(), pool};
  Scratch scratch;
  // Two orthogonal rows of lengths 1 and 10, beside one another in four columns.
  std::vector<double> u{0.6, 0.8, 0, 0, -8, 6, 0, 0};
  const Tensor view(u.data(), Dtype::f64, {2, 4});
  newton_schulz(context, view, 5, scratch.views());
  for (int row = 0; row < 2; ++row) {
    const double length = std::hypot(u[std::size_t(4 * row)], u[std::size_t(4 * row + 1)]);
    CHECK(length > 0.65);
    CHECK(length < 1.25);
    CHECK(u[std::size_t(4 * row + 2)] == 0);
  }
  CHECK(u[0] * u[4] + u[1] * u[5] == doctest::Approx(0));
  std::vector<double> nothing(8, 0.0);
  newton_schulz(context, Tensor(nothing.data(), Dtype::f64, {4, 2}), 5, scratch.views());
  for (const double value : nothing) CHECK(value == 0);
}

TEST_CASE("muon: the factors of Jordan and of Liu") {
  CHECK(muon_factor(MuonOptions::Scale::original, 400, 100) == 2);
  CHECK(muon_factor(MuonOptions::Scale::original, 100, 400) == 1);
  CHECK(muon_factor(MuonOptions::Scale::rms, 100, 400) == doctest::Approx(4));
  CHECK(muon_factor(MuonOptions::Scale::rms, 400, 100) == doctest::Approx(4));
}
