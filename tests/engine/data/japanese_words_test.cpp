// Japanese words beside Sudachi: with an invented dictionary (tests/golden/fineweb2/make_japanese.py).
#include "engine/data/japanese/japanese_words.h"

#include <fstream>

#include <fmt/format.h>

#include "base/disk.h"
#include "base/hash.h"
#include "base/json.h"
#include "engine/data/japanese/number_form.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;
using cairn::test::error_of;

namespace {

struct Golden {
  Json json = read_json(test::source_folder() / "tests/golden/fineweb2/japanese.json");
  std::string dictionary = base64_decode(json["dictionary"].get<std::string>());
  JapaneseWords::Files files() const {
    const auto text = [this](const char* name) { return json["files"][name].get<std::string>(); };
    return {dictionary, text("char.def"), text("unk.def"), text("rewrite.def"), text("sudachi.json")};
  }
};

std::vector<std::string_view> words_of(const JapaneseWords& japanese, const std::string& text) {
  std::vector<std::string_view> words;
  japanese.split(text, words);
  return words;
}

// A number's digits, or why it is none.
std::string number(std::u32string_view text) {
  NumberForm form;
  bool goes_on = true;
  for (const char32_t c : text) goes_on = goes_on && form.append(c);
  if (goes_on && form.is_whole()) return form.digits();
  return form.fault() == NumberForm::Fault::comma ? "comma" : form.fault() == NumberForm::Fault::point ? "point" : "none";
}

}  // namespace

TEST_CASE("japanese words: Sudachi's with the same dictionary, as datatrove takes them") {
  const Golden golden;
  const JapaneseWords japanese(golden.files(), "x");
  REQUIRE(golden.json["texts"].size() > 700);
  bool long_one = false;
  for (std::size_t i = 0; i < golden.json["texts"].size(); ++i) {
    const std::string text = golden.json["texts"][i].get<std::string>();
    CHECK_MESSAGE(Json(words_of(japanese, text)) == golden.json["words"][i], text.substr(0, 300));
    long_one |= text.size() > 40'000;
  }
  CHECK(long_one);
}

TEST_CASE("japanese words: the files of a folder; each that is missing, damaged or another's is told by name") {
  const Golden golden;
  test::TemporaryFolder folder;
  const fs::path at = folder.path();
  const auto write = [&](const char* name, std::string_view bytes) { std::ofstream(at / name, std::ios::binary) << bytes; };
  const auto told = [&] { return error_of([&] { JapaneseWords japanese(at); }); };
  CHECK(told().starts_with(at.string() + ": no system.dic in this folder; copy system.dic of sudachidict_core"));
  write("system.dic", golden.dictionary);
  CHECK(told().starts_with(at.string() + ": no char.def in this folder"));
  for (const auto& [name, text] : golden.json["files"].items()) write(name.c_str(), text.get<std::string>());
  CHECK(told().empty());
  const JapaneseWords japanese(at);
  const std::string text = golden.json["texts"][10].get<std::string>();
  CHECK(Json(words_of(japanese, text)) == golden.json["words"][10]);

  const auto with = [&](const char* name, std::string_view bytes) {
    write(name, bytes);
    const std::string error = told();
    write(name, golden.json["files"].contains(name) ? golden.json["files"][name].get<std::string>() : golden.dictionary);
    CHECK_MESSAGE(error.starts_with((at / name).string() + ": "), error);
    return error.substr(std::min(error.size(), (at / name).string().size() + 2));
  };
  CHECK(with("system.dic", "\xe7\x11\xd1\x8b\xf1\xd3\x66\x73 of 2020")
            .starts_with("expected a dictionary of Sudachi as SudachiPy 0.7 has it"));
  for (const std::size_t size : {20, 60, 200, 4096, 5000, 20'000}) {
    const std::string cut = with("system.dic", golden.dictionary.substr(0, size));
    CHECK_MESSAGE((cut == "cut short" || cut == "damaged"), cut);
  }
  CHECK(with("char.def", "KANJI 0 0\n") == "line 1: expected a class, 0 or 1, 0 or 1, and a number");
  CHECK(with("char.def", "# none\n0x30..0x29 KANJI\n") == "line 2: '0x30..0x29': expected a range of characters");
  CHECK(with("char.def", "0x30 KANGXI\n") == "line 1: 'KANGXI' is no class of characters");
  CHECK(with("char.def", "0x3z KANJI\n") == "line 1: '3z': expected a number");
  CHECK(with("unk.def", "KANJI,1,1,100,noun\n") == "line 1: expected a class, three numbers and six fields of a part of speech");
  CHECK(with("unk.def", "USER1,1,1,100,a,b,c,d,e,f\n") == "line 1: char.def does not say when words of 'USER1' are made up");
  CHECK(with("unk.def", "KANJI,1,1,100,a,b,c,d,e,f\n") == "line 1: a part of speech that the dictionary does not have");
  CHECK(with("unk.def", "KANJI,1,99,100,\xe5\x90\x8d\xe8\xa9\x9e,\xe6\x95\xb0\xe8\xa9\x9e,*,*,*,*\n") ==
        "line 1: classes 1 and 99; the dictionary has 9 and 9");
  CHECK(with("rewrite.def", "a b\na c\n") == "line 2: 'a' has come before");
  CHECK(with("rewrite.def", "ab\n") == "line 1: 'ab': expected one character");
  CHECK(with("rewrite.def", "a\xff b\n") == "byte 1 is not UTF-8");
  CHECK(with("sudachi.json", "[]") == "expected an object");
  CHECK(with("sudachi.json", "{}") == "expected SimpleOovPlugin, with six fields of oovPOS");
  CHECK(with("sudachi.json", R"({"inputTextPlugin": [{"class": "org.Other"}]})") == "a plugin that is not known: Other");
  CHECK(with("sudachi.json",
             R"({"inputTextPlugin": [{"class": "a.ProlongedSoundMarkPlugin"}, {"class": "a.DefaultInputTextPlugin"}]})") ==
        "ProlongedSoundMarkPlugin: expected prolongedSoundMarks");
}

TEST_CASE("japanese words: numbers in digits and in kanji, and what is none") {
  CHECK(number(U"1000") == "1000");
  CHECK(number(U"001000") == "001000");
  CHECK(number(U"00.1000") == "00.1");
  CHECK(number(U"6.0") == "6");
  CHECK(number(U"\u4E8C\u5341\u4E03") == "27");
  CHECK(number(U"\u5343\u4E09\u767E\u4E8C\u5341\u4E03\u4E07\u4E00\u56DB.\u3007\u4E94") == "13270014.05");
  CHECK(number(U"1.5\u767E\u4E07") == "1500000");
  CHECK(number(U"1.5\u5343"
               U"500") == "none");
  CHECK(number(U"\u5104\u4E07") == "none");
  CHECK(number(U"2,000,000") == "2000000");
  CHECK(number(U"259\u4E07"
               U"2,300") == "2592300");
  for (const std::u32string_view text : {U"200,00,000", U"2,4", U"000,000", U",000", U"256,55.1"}) CHECK(number(text) == "comma");
  for (const std::u32string_view text : {U"6.", U"1.2.3", U".5"}) CHECK(number(text) == "point");
  CHECK(number(U"") == "0");
}

TEST_CASE("japanese words: texts of one kind of character without end are cut in linear time") {
  const Golden golden;
  const JapaneseWords japanese(golden.files(), "x");
  for (const std::string unit :
       {"1 ", "\xe4\xb8\x80", "\xe3\x82\xa1", "1,", "a", "\xe3\x82\xa2\xe3\x83\xbc", "\xe6\x9d\xb1\xe4\xba\xac\xe9\x83\xbd"}) {
    std::string text;
    while (text.size() < 1'000'000) text += unit;
    std::size_t bytes = 0;
    for (const std::string_view word : words_of(japanese, text)) bytes += word.size();
    CHECK(bytes >= text.size() / 2);
    CHECK(bytes <= text.size());
  }
}
