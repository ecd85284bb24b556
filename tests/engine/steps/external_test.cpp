#include "engine/steps/external.h"

#include <fstream>

#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::steps;

TEST_CASE("globs: stars stay within a part, double stars cross parts") {
  CHECK(glob_matches("*.html", "a.html"));
  CHECK_FALSE(glob_matches("*.html", "x/a.html"));
  CHECK(glob_matches("**/*.html", "a.html"));
  CHECK(glob_matches("**/*.html", "x/y/a.html"));
  CHECK_FALSE(glob_matches("**/*.html", "x/y/a.htm"));
  CHECK(glob_matches("x/**", "x/y/a"));
  CHECK_FALSE(glob_matches("x/**", "y/a"));
  CHECK(glob_matches("x/**/z", "x/z"));
  CHECK(glob_matches("?.txt", "a.txt"));
  CHECK_FALSE(glob_matches("?.txt", "/.txt"));
  CHECK(glob_matches("[a-c]1", "b1"));
  CHECK_FALSE(glob_matches("[!a-c]1", "b1"));
  CHECK(glob_matches("[]]", "]"));
  CHECK(glob_matches("[", "["));
  CHECK(glob_matches("{en,de}/*.{html,htm}", "de/a.htm"));
  CHECK_FALSE(glob_matches("{en,de}/*.html", "fr/a.html"));
  CHECK(glob_matches("a{b,{c,d}}e", "ade"));
}

TEST_CASE("the members of a folder are sorted by bytes and chosen by globs") {
  test::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() / "b");
  for (const char* name : {"z.html", "b/a.html", "b/a.txt", "B.html"}) std::ofstream(folder.path() / name) << name;
  CHECK(matching_members(folder.path(), {"**/*.html"}) == std::vector<std::string>{"B.html", "b/a.html", "z.html"});
  CHECK(matching_members(folder.path(), {}).size() == 4);
  CHECK(test::error_of([&] { matching_members(folder.path(), {"*.pdf"}); }).find("no file matches *.pdf") != std::string::npos);
  CHECK(test::error_of([&] { matching_members(folder.path() / "none", {}); }).find("expected a folder") != std::string::npos);
}
