#include <fmt/format.h>

#include "base/json.h"
#include "engine/data/filters/c4.h"
#include "engine/data/filters/exact_dedup.h"
#include "engine/data/filters/fineweb_quality.h"
#include "engine/data/filters/gopher_quality.h"
#include "engine/data/filters/gopher_repetition.h"
#include "engine/data/filters/licence.h"
#include "tests/engine/data/deduplicate.h"
#include "tests/support/test.h"

using namespace cairn;
using namespace cairn::data;

namespace {

Judgement judge(const Filter& filter, const std::string& text, const std::string& language = "en") {
  Document document;
  document.text = text;
  document.language = language;
  TextAnalysis analysis(document.text);
  return filter.judge(document, analysis);
}

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

const std::string kProse =
    "The tide came in slowly that evening and with it the smell of salt. Nobody on the pier had expected to see the boat return "
    "before dark. "
    "She was carrying three baskets of mussels, a torn net and a letter that someone had left under the bench. When the harbour "
    "master asked "
    "what had happened out there, the old man only shrugged and said that the wind had turned twice. They would have to be "
    "content with that.";

}  // namespace

TEST_CASE("licence: identifiers, patterns and expressions") {
  const LicenceFilter filter({{"MIT", "GPL-*", "CC-BY-SA-4.0"}});
  CHECK(filter.allows("MIT"));
  CHECK(filter.allows("gpl-2.0-or-later"));
  CHECK(filter.allows("Proprietary OR MIT"));
  CHECK(filter.allows("MIT AND GPL-3.0-only"));
  CHECK_FALSE(filter.allows("MIT AND Proprietary"));
  CHECK_FALSE(filter.allows("unknown"));
  CHECK_FALSE(filter.allows(""));
  CHECK_FALSE(filter.allows("LGPL-2.1"));
  Document document;
  document.licence = "GFDL-1.2-only";
  TextAnalysis analysis("");
  CHECK(filter.judge(document, analysis).reason == "licence GFDL-1.2-only is not on the list");
}

TEST_CASE("gopher quality: prose passes, and each rule in its order drops what it is for") {
  const GopherQualityFilter filter({});
  CHECK(judge(filter, kProse).action == Judgement::Action::keep);
  const auto rule = [&filter](const std::string& text) { return judge(filter, text).rule; };
  CHECK(rule("too short") == "short_doc");
  CHECK(rule("") == "short_doc");
  CHECK(judge(filter, "too short").reason == "2 words, at least 50 wanted");
  CHECK(rule(repeat("a ", 60)) == "below_avg_threshold");
  CHECK(rule(repeat("extraordinarily ", 60)) == "above_avg_threshold");
  CHECK(rule(kProse + repeat(" #", 30)) == "too_many_hashes");
  CHECK(rule(kProse + repeat(" ...", 30)) == "too_many_ellipsis");
  CHECK(rule(repeat("- the word that begins with a bullet\n", 30)) == "too_many_bullets");
  CHECK(rule(repeat("the line that goes on for a good while and then stops without an end at all because of that ...\n", 9)) ==
        "too_many_end_ellipsis");
  CHECK(rule(repeat("1234 5678 the 9999\n", 30)) == "below_alpha_threshold");
  CHECK(rule(repeat("quick brown foxes jump over lazy dogs. ", 15)) == "enough_stop_words");
  // Exactly at a bound is kept: all comparisons are strict.
  CHECK(rule(repeat("that with ", 25)) == "");
  CHECK(rule(repeat("that with ", 24) + "that") == "short_doc");
}

TEST_CASE("gopher quality: languages have their own stop words, those without any are not tested") {
  const GopherQualityFilter filter({});
  const std::string german = repeat("Das Paket wird mit dem Befehl installiert und danach eingerichtet. ", 8);
  CHECK(judge(filter, german, "de-CH").action == Judgement::Action::keep);
  CHECK(judge(filter, german, "en").rule == "enough_stop_words");
  CHECK(judge(filter, german, "tlh").action == Judgement::Action::keep);
  GopherQualityParams params;
  params.stop_words = {"Befehl", "Paket"};
  CHECK(judge(GopherQualityFilter(params), german, "en").action == Judgement::Action::keep);
  // Japanese: no spaces, one character a word; mean length is not tested.
  const std::string japanese = repeat(
      "\xe3\x81\x93\xe3\x81\xae\xe6\x96\x87\xe6\x9b\xb8\xe3\x81\xaf\xe6\x96\xb0\xe3\x81\x97\xe3\x81\x84\xe5\x88\xa9\xe7\x94\xa8"
      "\xe8\x80\x85\xe3\x81\xab\xe3\x80\x82",
      6);
  CHECK(judge(filter, japanese, "ja").action == Judgement::Action::keep);
}

TEST_CASE("gopher repetition: each rule") {
  const GopherRepetitionFilter filter({});
  CHECK(judge(filter, kProse).action == Judgement::Action::keep);
  const auto rule = [&filter](const std::string& text) { return judge(filter, text).rule; };
  CHECK(rule("") == "empty");
  CHECK(rule("one\n\none\n\ntwo") == "dup_para_frac");
  CHECK(rule(kProse + "\n\n" + kProse + "\n\nx\n\ny\n\nz") == "dup_para_char_frac");
  CHECK(rule("a\nb\na\nb\nc") == "dup_line_frac");
  CHECK(rule(kProse + "\n" + kProse + "\nx\ny\nz") == "dup_line_char_frac");
  CHECK(rule(repeat("big boat ", 20)) == "top_2_gram");
  // A 2-gram that occurs once still counts: a text of two words is all of it.
  CHECK(rule("two words") == "top_2_gram");
  GopherRepetitionParams params;
  params.top_n_grams = {};
  CHECK(judge(GopherRepetitionFilter(params), repeat("the boat came in with the tide that day and left again. ", 3)).rule ==
        "duplicated_5_n_grams");
  CHECK(judge(filter, repeat("big boat ", 20)).reason.starts_with("top 2-gram covers 0.89"));
}

TEST_CASE("gopher repetition: walks on behind a repeated n-gram, and runs words together") {
  GopherRepetitionParams params;
  params.top_n_grams = {};
  params.dup_n_grams = {{2, 0.24}};
  params.max_dup_lines = params.max_dup_line_chars = params.max_dup_paragraphs = params.max_dup_paragraph_chars = 0;
  // "ab cd" repeats once: 4 of 17 characters; the overlapping "cd ab" after it is not looked at.
  CHECK(judge(GopherRepetitionFilter(params), "ab cd ab cd ef gh").action == Judgement::Action::keep);
  params.dup_n_grams = {{2, 0.23}};
  CHECK(judge(GopherRepetitionFilter(params), "ab cd ab cd ef gh").rule == "duplicated_2_n_grams");
  // "a bc" and "ab c" are the same once joined without spaces.
  params.dup_n_grams = {{2, 0.2}};
  CHECK(judge(GopherRepetitionFilter(params), "a bc xx ab c").rule == "duplicated_2_n_grams");
}

TEST_CASE("c4: lines") {
  C4Params params;
  params.min_sentences = 1;
  const C4Filter filter(params);
  const auto text = [&filter](const std::string& in) {
    const Judgement j = judge(filter, in);
    return j.action == Judgement::Action::edit ? j.text : j.action == Judgement::Action::keep ? in : "(" + j.rule + ")";
  };
  CHECK(text("This line is kept.\nno end mark here\nToo short.\nThis one as well!") == "This line is kept.\nThis one as well!");
  CHECK(text("It goes on and on...\nIt ends here.") == "It ends here.");
  CHECK(text("A fact[12] with notes[edit] and more[citation needed] here.") == "A fact with notes and more here.");
  CHECK(text("Not a [note] or [1a] there.") == "Not a [note] or [1a] there.");
  CHECK(text("Ends with a note.[3]") == "Ends with a note.");
  CHECK(text("Please enable JavaScript to go on.\nReal text stands here.") == "Real text stands here.");
  CHECK(text("We use cookies on this site.\nReal text stands here.") == "Real text stands here.");
  CHECK(text("Real text stands here.\nLorem Ipsum dolor sit amet.") == "(lorem_ipsum)");
  CHECK(text("Real text stands here.\nint main() { return 0; } is code.") == "(curly_bracket)");
  CHECK(text("A { in a dropped line\nReal text stands here.") == "Real text stands here.");
  CHECK(text(std::string(1001, 'x') + " is too long.\nReal text stands here.") == "Real text stands here.");
  CHECK(text(std::string(1000, 'x') + " is just right.").size() == 1015);
  CHECK(text("nothing") == "(too_few_sentences)");
}

TEST_CASE("c4: five sentences are wanted; FineWeb's way keeps lines without an end mark") {
  CHECK(judge(C4Filter({}), "One is here. Two is here. Three is here. Four is here.").reason ==
        "4 sentences left, at least 5 wanted");
  CHECK(judge(C4Filter({}), "One is here. Two is here. Three is here. Four is here. Five is here.").action ==
        Judgement::Action::keep);
  C4Params params;
  params.terminal_punctuation = false;
  params.min_sentences = 0;
  CHECK(judge(C4Filter(params), "A heading without end\nsome more words").action == Judgement::Action::keep);
}

TEST_CASE("fineweb quality: each rule") {
  const FineWebQualityFilter filter({});
  const auto rule = [&filter](const std::string& text) { return judge(filter, text).rule; };
  CHECK(rule(kProse) == "");
  CHECK(rule(" \n \n") == "empty");
  CHECK(rule("a line of more than thirty characters\nanother line of more than thirty\n") == "line_punct_ratio");
  CHECK(rule("short.\nshort too.\nalso short.") == "short_line_ratio");
  CHECK(rule(kProse + "\n" + kProse) == "char_dup_ratio");
  CHECK(rule(repeat("\n", 40) + kProse) == "list_ratio");
}

TEST_CASE("exact dedup: by text or address, documents already out do not count") {
  using cairn::test::Deduplicated;
  using cairn::test::text_document;
  const std::vector<Document> documents = {
      text_document("same", "http://A.org:80/x#1", "2020"), text_document("other", "http://a.org/x", "2022"),
      text_document("same", "http://a.org/X", "2021"), text_document("same"), text_document("none")};
  CHECK(Deduplicated(ExactDedup(false, KeepRule::first), documents).removed() == "2<0 3<0");
  CHECK(Deduplicated(ExactDedup(false, KeepRule::first), documents, 2, 1000, {0}).removed() == "3<2");
  CHECK(Deduplicated(ExactDedup(false, KeepRule::newest), documents).removed() == "0<2 3<2");
  CHECK(Deduplicated(ExactDedup(false, KeepRule::oldest), documents).removed() == "2<0 3<0");
  CHECK(Deduplicated(ExactDedup(true, KeepRule::first), documents).removed() == "1<0");
  const Deduplicated newest(ExactDedup(true, KeepRule::newest), documents);
  CHECK(newest.removed() == "0<1");
  CHECK(newest.story().starts_with("0: same_address, same address as http://a.org/x\n"));
}
