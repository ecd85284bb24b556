#include "app/cli/plot.h"

#include <cmath>

#include "tests/support/test.h"

using namespace cairn;
using app::plot_lines;

TEST_CASE("a falling line falls from the upper left to the lower right") {
  CHECK(plot_lines({3, 2, 1, 0}, 2, 1) == std::vector<std::string>{"⠑⢄"});
  CHECK(plot_lines({0, 1, 2, 3}, 2, 1) == std::vector<std::string>{"⡠⠊"});
}

TEST_CASE("peaks survive when there are more values than columns; gaps and flat lines are drawn") {
  std::vector<double> values(1000, 0.0);
  values[500] = 1;
  const auto lines = plot_lines(values, 10, 2);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].find("⡇") != std::string::npos);
  CHECK(plot_lines({1, 1, 1, 1}, 2, 1).size() == 1);
  CHECK(plot_lines({0, NAN, NAN, 0}, 2, 1) == std::vector<std::string>{"⠂⠐"});
  CHECK(plot_lines({}, 5, 5).empty());
  CHECK(plot_lines({NAN}, 5, 5).empty());
}
