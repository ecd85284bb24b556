#include "engine/data/word_exceptions.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cairn::data {

namespace {

// Alike in all languages; beside them a letter with its dot.
constexpr std::string_view kFaces = ":) :-) ;) ;-) :( :-( :D :-D :P :/ :| <3 ^_^ -_- o_o O_O C++";

// Whole words that end in a dot or have an apostrophe or hyphen within.
constexpr std::string_view kEnglishWords =
    "a.m. p.m. e.g. i.e. E.g. I.e. vs. v.s. co. and/or w/o Mr. Mrs. Ms. Dr. Prof. Jr. St. Inc. Ltd. Corp. Co. Bros. "
    "Gen. Gov. Rep. Rev. Sen. Mt. Ph.D. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec.";
constexpr std::string_view kGermanWords =
    "z.B. d.h. u.a. usw. bzw. ca. etc. Dr. Prof. Nr. Str. St. Mio. Mrd. Jh. Jan. Feb. Apr. Aug. Sep. Sept. Okt. Nov. "
    "Dez. vgl. ggf. inkl. sog. Abb. Bd. o.k. v.a. u.U. i.d.R. evtl. geb. gest. jmd. max. min. Tel. u.s.w. z.T. 's 'n "
    "'ne";
constexpr std::string_view kFrenchWords =
    "av. janv. févr. avr. juill. sept. oct. nov. déc. Dr. M. Mr. Mme. Mlle. MM. n° St. Ste. cf. etc. No. pp. Vol. "
    "aujourd'hui Aujourd'hui aujourd’hui Aujourd’hui après-midi au-delà au-dessus celle-ci celui-ci ci-dessous "
    "elle-même lui-même peut-être quelques-uns rendez-vous jusque-là en-dessous";
constexpr std::string_view kItalianWords =
    "po' E' n° a.C. d.C. art. Art. artt. avv. Avv. ecc. etc. pag. prof. sett. tel. Cod. Cost. Proc. St. e/o c/c "
    "e-mail week-end by-pass check-up s.p.a. col. ss. distr.";

constexpr std::string_view kFrenchPrefixes =
    "anti après arrière audio auto avant bas beau belle bien bio cache casse champ chasse chauffe chou co compte "
    "contre coupe court courte couvre cyber demi dix entre est ex extra faux franco garde grand grande gratte gros "
    "haut haute hip hors hyper infra inter intra mal mi micro mini mono mont moyen multi neuf non nord ouest outre "
    "ouvre pare passe petit petite pied pique poisson voiture mot arc port perce pont wagon bateau porte post pousse "
    "pré pro pseudo quasi quatre radio ré sainte sans saint semi serre socio soixante sous sud super sur taille tire "
    "tiers tourne tout toute trans trente trois télé ultra vice vidéo vieux ville vingt à";

// Calls fn with each of some words that spaces separate.
template <typename Fn>
void for_each_word(std::string_view words, Fn&& fn) {
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    fn(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
}

}  // namespace

WordExceptions::WordExceptions(WordStyle style) {
  keep(kFaces);
  for (char letter = 'a'; letter <= 'z'; ++letter) keep(std::string(1, letter) + ".");
  if (style == WordStyle::english) add_english();
  if (style == WordStyle::german) keep(kGermanWords);
  if (style == WordStyle::french) keep(kFrenchWords);
  if (style == WordStyle::italian) keep(kItalianWords);
  index();
}

WordExceptions::Key WordExceptions::Key::of(std::string_view chunk) {
  const auto load = [&chunk](auto number, std::size_t at) {
    std::memcpy(&number, chunk.data() + at, sizeof number);
    return std::uint64_t{number};
  };
  // Head and tail overlap in the middle.
  const std::size_t size = chunk.size();
  if (size >= 8) return {load(std::uint64_t{}, 0), load(std::uint64_t{}, size - 8)};
  if (size >= 4) return {load(std::uint32_t{}, 0), load(std::uint32_t{}, size - 4)};
  return {load(std::uint16_t{}, 0), load(std::uint16_t{}, size - 2)};
}

void WordExceptions::index() {
  slots_.resize(std::bit_ceil(4 * all_.size()));
  for (const auto& [chunk, splits] : all_) {
    if (chunk.size() < 2 || chunk.size() > 16) continue;
    const Key key = Key::of(chunk);
    const std::uint64_t hash = key.hash(chunk.size());
    may_be_there_.set(hash % may_be_there_.size());
    std::size_t at = hash & (slots_.size() - 1);
    while (slots_[at].size != 0) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = {key, static_cast<std::uint8_t>(chunk.size()), splits};
  }
}

const WordExceptions::Splits* WordExceptions::find(std::string_view chunk) const {
  if (chunk.size() < 2 || chunk.size() > 16) return nullptr;
  const Key key = Key::of(chunk);
  const std::uint64_t hash = key.hash(chunk.size());
  if (!may_be_there_[hash % may_be_there_.size()]) return nullptr;
  for (std::size_t at = hash & (slots_.size() - 1); slots_[at].size != 0; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].size == chunk.size() && slots_[at].key == key) return &slots_[at].splits;
  }
  return nullptr;
}

const WordExceptions& WordExceptions::of(WordStyle style) {
  static const std::array<WordExceptions, 6> all = {WordExceptions(WordStyle::english), WordExceptions(WordStyle::plain),
                                                    WordExceptions(WordStyle::german),  WordExceptions(WordStyle::french),
                                                    WordExceptions(WordStyle::italian), WordExceptions(WordStyle::indic)};
  return all[static_cast<std::size_t>(style)];
}

void WordExceptions::keep(std::string_view words) {
  for_each_word(words, [this](std::string_view word) { all_[std::string(word)] = {0, 0}; });
}

void WordExceptions::add(std::string chunk, std::size_t first, std::size_t second) {
  const Splits splits = {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(second)};
  all_[chunk] = splits;
  chunk[0] = static_cast<char>(chunk[0] >= 'a' && chunk[0] <= 'z' ? chunk[0] - 32 : chunk[0]);
  all_[chunk] = splits;
}

void WordExceptions::contract(const std::string& word, const std::vector<std::string>& endings, bool with_have) {
  for (const char* apostrophe : {"'", "\xe2\x80\x99", ""}) {
    for (const std::string& ending : endings) {
      const std::string tail = apostrophe + ending;
      add(word + tail, word.size());
      if (with_have) add(word + tail + apostrophe + "ve", word.size(), tail.size());
    }
  }
}

void WordExceptions::add_english() {
  const std::vector<std::string> pronouns = {"i", "you", "he", "she", "it", "we", "they"};
  const std::vector<std::string> question = {"who",   "what", "when", "where", "why",  "how",
                                             "there", "that", "this", "these", "those"};
  for (const std::string& word : pronouns) contract(word, {"ll", "d"}, true);
  for (const std::string word : {"i", "you", "we", "they"}) contract(word, {"ve"}, false);
  for (const std::string word : {"you", "we", "they"}) contract(word, {"re"}, false);
  for (const std::string word : {"he", "she", "it"}) contract(word, {"s"}, false);
  contract("i", {"m"}, false);
  for (const std::string& word : question) {
    contract(word, {"ll", "d"}, true);
    contract(word, {"s", "re", "ve"}, false);
  }
  for (const std::string verb : {"ca",     "could", "do",    "does", "did", "had", "may", "might", "must", "need", "ought", "sha",
                                 "should", "wo",    "would", "ai",   "are", "is",  "was", "were",  "have", "has",  "dare"}) {
    for (const char* apostrophe : {"'", "\xe2\x80\x99", ""}) {
      const std::string negated = verb + std::string("n") + apostrophe + "t";
      add(negated, verb.size());
      add(negated + apostrophe + "ve", verb.size(), negated.size() - verb.size());
    }
  }
  for (const std::string verb : {"could", "might", "must", "should", "would"}) contract(verb, {"ve"}, false);
  add("cannot", 3), add("gonna", 3), add("gotta", 3), add("let's", 3), add("let\xe2\x80\x99s", 3);
  keep(kEnglishWords);
  for (const char* inherited :
       {"Ill", "ill", "Its", "its", "Hell", "hell", "Shell", "shell", "Shed", "shed", "were", "Were", "Well", "well"}) {
    all_.erase(inherited);
  }
}

bool is_french_prefix(std::string_view word) {
  bool found = false;
  for_each_word(kFrenchPrefixes, [&](std::string_view prefix) { found |= prefix == word; });
  return found;
}

}  // namespace cairn::data
