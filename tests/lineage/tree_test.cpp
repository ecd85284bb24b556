#include "lineage/tree.h"

#include <sys/stat.h>

#include "base/error.h"
#include "tests/lineage/lineage_support.h"

using namespace cairn;
using namespace cairn::lineage;
using namespace cairn::lineage::test;

namespace {

const char* kHello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";  // SHA-256 of "hello"

}  // namespace

TEST_CASE("the manifest of a folder is the one that docs/format/tree.md shows") {
  const std::string page = read_file(cairn::test::source_folder() / "docs/format/tree.md");
  const std::size_t begin = page.find("cairn-tree 1\n");
  REQUIRE(begin != std::string::npos);
  const std::string shown = page.substr(begin, page.find("```", begin) - begin);

  cairn::test::TemporaryFolder folder;
  write_text(folder.path() / "t" / "b.txt", "hello");
  write_text(folder.path() / "t" / "a" / "run.sh", "hello");
  write_text(folder.path() / "t" / "a-z", "");
  fs::permissions(folder.path() / "t" / "a" / "run.sh", fs::perms::owner_exec, fs::perm_options::add);
  const Content content = hash_content(folder.path() / "t");
  CHECK(tree_manifest(content.entries) == shown);
  CHECK(content.bytes == 10);
  CHECK(page.find("Digest: `" + content.digest.hex() + "`") != std::string::npos);
  CHECK(content.digest == sha256(shown));
}

TEST_CASE("a folder's digest depends on names, bytes and the executable bit, and on nothing else") {
  cairn::test::TemporaryFolder folder;
  const fs::path tree = folder.path() / "t";
  write_text(tree / "one", "1");
  write_text(tree / "sub" / "two", "22");
  const Digest before = hash_content(tree).digest;
  ThreadPool pool(3);
  CHECK(hash_content(tree, &pool).digest == before);
  fs::permissions(tree / "one", fs::perms::owner_write, fs::perm_options::remove);
  fs::last_write_time(tree / "one", fs::file_time_type::clock::now() - std::chrono::hours(5));
  CHECK(hash_content(tree).digest == before);
  fs::rename(tree / "sub", tree / "bus");
  CHECK(hash_content(tree).digest != before);
  fs::rename(tree / "bus", tree / "sub");
  fs::permissions(tree / "one", fs::perms::owner_exec, fs::perm_options::add);
  CHECK(hash_content(tree).digest != before);
}

TEST_CASE("a manifest parsed and written again is the same text") {
  const std::vector<TreeEntry> entries{{"ü/x", Digest::from_hex(kHello), 5, false},
                                       {"a b\nc", Digest::from_hex(kHello), 5, true}};
  const std::string text = tree_manifest(entries);
  CHECK(tree_manifest(parse_tree_manifest(text, "m")) == text);
}

TEST_CASE("manifests that are not in the one form are refused with the line") {
  const std::string good = tree_manifest({{"a", Digest::from_hex(kHello), 5, false}, {"b", Digest::from_hex(kHello), 5, false}});
  const auto message = [](std::string text) { return cairn::test::error_of([&] { parse_tree_manifest(text, "m"); }); };
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  CHECK(message(good) == "");
  CHECK(message("") == "m: line 1: expected the header 'cairn-tree 1'");
  CHECK(message(with("tree 1", "tree 2")) == "m: line 1: expected the header 'cairn-tree 1'");
  CHECK(message(with("f - 5", "f - 05")) == "m: line 2: expected a byte length");
  CHECK(message(with("f - 5", "f - -5")) == "m: line 2: expected a byte length");
  CHECK(message(with("f - 5", "f - 99999999999999999999")) == "m: line 2: expected a byte length");
  CHECK(message(with("f - 5", "f w 5")) == "m: line 2: expected 'x ' or '- '");
  CHECK(message(with("2cf24", "2CF24")) == "m: line 2: expected 64 lower-case hex digits");
  CHECK(message(with(" 1 a", " 9999 a")) == "m: line 2: expected a path of the stated length");
  CHECK(message(with(" 1 a", " 2 aa")) == "");
  CHECK(message(with(" 1 a", " 1 c")) == "m: line 3: expected paths in byte order, each once");
  CHECK(message(with(" 1 a", " 1 b")) == "m: line 3: expected paths in byte order, each once");
  CHECK(message(with(" 1 a", " 4 ../a")) == "m: line 2: expected a relative UTF-8 path");
  CHECK(message(with(" 1 a", " 2 /a")) == "m: line 2: expected a relative UTF-8 path");
  CHECK(message(with(" 1 a", " 1 \xff")) == "m: line 2: expected a relative UTF-8 path");
  CHECK(message(good.substr(0, good.size() - 1)) == "m: line 3: expected the end of the line after the path");
}

TEST_CASE("symbolic links, empty folders, pipes and odd names are refused by name") {
  cairn::test::TemporaryFolder folder;
  const fs::path tree = folder.path() / "t";
  const auto message = [&] { return cairn::test::error_of([&] { hash_content(tree); }); };
  CHECK(message() == tree.string() + ": no such file or folder");
  fs::create_directories(tree);
  CHECK(message() == tree.string() + ": an empty folder; an artifact holds files only");
  write_text(tree / "f", "x");
  fs::create_directories(tree / "empty");
  CHECK(message() == (tree / "empty").string() + ": an empty folder; an artifact holds files only");
  fs::remove(tree / "empty");
  fs::create_symlink("f", tree / "link");
  CHECK(message() == (tree / "link").string() + ": a symbolic link; an artifact holds regular files only");
  fs::remove(tree / "link");
  REQUIRE(::mkfifo((tree / "pipe").c_str(), 0600) == 0);
  CHECK(message().find("not a regular file") != std::string::npos);
  fs::remove(tree / "pipe");
  write_text(tree / "bad\xff", "x");
  CHECK(message().find("not UTF-8") != std::string::npos);
}

TEST_CASE("only the members that are asked for are hashed") {
  cairn::test::TemporaryFolder folder;
  write_text(folder.path() / "in", "hello");
  write_text(folder.path() / "out", "other");
  const Content content = hash_members(folder.path(), {"in"});
  REQUIRE(content.entries.size() == 1);
  CHECK(content.entries[0].digest.hex() == kHello);
  CHECK(cairn::test::error_of([&] { hash_members(folder.path(), {"gone"}); }).find("no such file") != std::string::npos);
  CHECK(cairn::test::error_of([&] { hash_members(folder.path(), {}); }).find("no file in it") != std::string::npos);
}
