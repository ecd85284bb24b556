#include "engine/data/word_exceptions.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cairn::data {

namespace {

// Here and below the exceptions of spaCy 3.8's tokenizers. Alike in all languages; beside them a letter with its dot. What has an
// apostrophe stands for itself with the other kind, too (keep, part).
constexpr std::string_view kFaces =
    "'' (*_*) (-8 (-: (-; (-_-) (._.) (: (; (= (>_<) (^_^) (o: )-: ): -_- -__- ._. 0.0 0.o 0_0 0_o 8) 8-) 8-D 8D :'( :') :'-( "
    ":'-) :( :(( :((( :() :) :)) :))) :* :-( :-(( :-((( :-) :-)) :-))) :-* :-/ :-0 :-3 :-> :-D :-O :-P :-X :-] :-o :-p :-x :-| "
    ":-} "
    ":/ :0 :1 :3 :> :D :O :P :X :] :o :o) :p :x :| :} ;) ;-) ;-D ;D ;_; <.< </3 <3 <33 <333 =( =) =/ =3 =D =[ =] =| >.< >.> >:( "
    ">:o "
    "><(((*> @_@ C++ O.O O.o O_O O_o V.V V_V XD XDD [-: [: [= \\\") ]= ^_^ ^__^ ^___^ o.0 o.O o.o o_0 o_O o_o v.v v_v xD xDD "
    "(\u00ac_\u00ac) (\u0ca0_\u0ca0) \u00af\\(\u30c4)/\u00af \u00e4. \u00f6. \u00fc.";
constexpr std::string_view kDegrees = "\u00b0|C|. \u00b0|F|. \u00b0|K|. \u00b0|c|. \u00b0|f|. \u00b0|k|.";

// Whole words that end in a dot or have an apostrophe or hyphen within.
constexpr std::string_view kEnglishWords =
    "a.m. p.m. e.g. i.e. E.g. I.e. vs. v.s. co. and/or w/o Mr. Mrs. Ms. Dr. Prof. Jr. St. Inc. Ltd. Corp. Co. Bros. "
    "Gen. Gov. Rep. Rev. Sen. Mt. Ph.D. Jan. Feb. Mar. Apr. Jun. Jul. Aug. Sep. Sept. Oct. Nov. Dec. Adm. E.G. I.E. Messrs. "
    "Ak. Ala. Ariz. Ark. Calif. Colo. Conn. D.C. Del. Fla. Ga. Ia. Id. Ill. Ind. Kan. Kans. Ky. La. Mass. Md. Mich. Minn. Miss. "
    "Mo. "
    "Mont. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Okla. Ore. Pa. S.C. Tenn. Va. Wash. Wis. Ma'am ma'am O'clock o'clock "
    "Doin' doin' Goin' goin' Havin' havin' Lovin' lovin' Nothin' nothin' Nuthin' nuthin' Ol' ol' Somethin' somethin' "
    "\u2018S \u2018s";
constexpr std::string_view kEnglishParts =
    "C'm|on c'm|on How|'d|'y how|'d|'y I|'m|a i|'m|a I|m|a i|m|a Not|'ve not|'ve Not|ve not|ve y'|all y|all";
// Behind an apostrophe.
constexpr std::string_view kEnglishClipped = "Cause cause Cos cos Coz coz Cuz cuz S s bout d em ll nuff re";
constexpr std::string_view kGermanWords =
    "z.B. d.h. u.a. usw. bzw. ca. etc. Dr. Prof. Nr. Str. St. Mio. Mrd. Jh. Jan. Feb. Apr. Aug. Sep. Sept. Okt. Nov. "
    "Dez. vgl. ggf. inkl. sog. Abb. Bd. o.k. v.a. u.U. i.d.R. evtl. geb. gest. jmd. max. min. Tel. u.s.w. z.T. 's 'n "
    "'ne 'S 'nem 'nen Abk. Abs. Abt. B.Sc. Betr. Bf. Bhf. Biol. Bsp. CDU/CSU Chr. Cie. Co. Di. Dipl. Dipl.-Ing. Do. Fa. Fam. Fr. "
    "Frl. G.m.b.H. "
    "Gebr. Hbf. Hg. Hr. Hrn. Hrsg. II. III. IV. Inc. Ing. Jhd. Jr. Jul. Jun. L' M.Sc. Mi. Mo. Mr. Mrz. MwSt. M\u00e4r. Orig. "
    "Pkt. Red. S' Sa. So. "
    "Std. Tsd. Univ. Vol. `` a.D. a.M. a.Z. abzgl. adv. al. allg. betr. biol. bspw. bzgl. c/o co. d' dgl. e.V. e.g. ebd. ehem. "
    "eigtl. engl. entspr. "
    "erm. ev. frz. gegr. gem. ggfs. gg\u00fc. h.c. hrsg. i.A. i.G. i.O. i.Tr. i.V. i.e. incl. insb. jr. jun. jur. kath. lat. lt. "
    "m.E. m.M. mind. mtl. "
    "n.Chr. nat. o.a. o.g. o.\u00e4. orig. p.a. p.s. pers. phil. q.e.d. rer. r\u00f6m. s' s.o. sen. std. stellv. t\u00e4gl. "
    "u.v.m. usf. uvm. v.Chr. "
    "v.l.n.r. vllt. vlt. vs. wiss. z.Bsp. z.Z. z.Zt. z.b. zzgl. \u00f6sterr.";
constexpr std::string_view kGermanParts = "auf|'m du|'s er|'s hinter|'m ich|'s ihr|'s sie|'s unter|'m vor|'m wir|'s \u00fcber|'m";
constexpr std::string_view kFrenchWords =
    "av. janv. févr. avr. juill. sept. oct. nov. déc. Dr. M. Mr. Mme. Mlle. MM. n° St. Ste. cf. etc. No. pp. Vol. "
    "aujourd'hui Aujourd'hui aujourd’hui Aujourd’hui après-midi au-delà au-dessus celle-ci celui-ci ci-dessous "
    "elle-même lui-même peut-être quelques-uns rendez-vous jusque-là en-dessous apr. celles-ci d°";
constexpr std::string_view kFrenchParts =
    "EST|-IL Est|-ce Est|-t|-elle Est|-t|-il Est|-t|-on J.|-C. Passe|-t|-elle Passe|-t|-il Passe|-t|-on S'|EST|-IL est|-ce "
    "est|-il est|-t|-elle "
    "est|-t|-il est|-t|-on passe|-t|-elle passe|-t|-il passe|-t|-on";
constexpr std::string_view kItalianWords =
    "po' E' n° a.C. d.C. art. Art. artt. avv. Avv. ecc. etc. pag. prof. sett. tel. Cod. Cost. Proc. St. e/o c/c "
    "e-mail week-end by-pass check-up s.p.a. col. ss. distr. Civ. Jr. al. all-path att. c.d. centro-sinistra cm. de\" nord-est";
constexpr std::string_view kItalianParts = "sett.|.";

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

std::string with_typographic_apostrophes(std::string_view word) {
  std::string text(word);
  for (std::size_t at = 0; (at = text.find('\'', at)) != text.npos; at += 3) text.replace(at, 1, "\u2019");
  return text;
}

}  // namespace

WordExceptions::WordExceptions(WordStyle style) {
  keep(kFaces);
  part(kDegrees);
  for (char letter = 'a'; letter <= 'z'; ++letter) keep(std::string(1, letter) + ".");
  if (style == WordStyle::english) add_english();
  if (style == WordStyle::german) keep(kGermanWords), part(kGermanParts);
  if (style == WordStyle::french) keep(kFrenchWords), part(kFrenchParts);
  if (style == WordStyle::italian) keep(kItalianWords), part(kItalianParts);
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
  for_each_word(words, [this](std::string_view word) {
    all_[std::string(word)] = {0, 0};
    all_[with_typographic_apostrophes(word)] = {0, 0};
  });
}

void WordExceptions::part(std::string_view words) {
  for_each_word(words, [this](std::string_view word) {
    for (std::string parts : {std::string(word), with_typographic_apostrophes(word)}) {
      Splits splits{};
      std::size_t done = 0;
      for (std::uint8_t& size : splits) {
        const std::size_t end = parts.find('|', done);
        if (end == parts.npos) break;
        parts.erase(end, 1);
        size = static_cast<std::uint8_t>(end - done);
        done = end;
      }
      all_[parts] = splits;
    }
  });
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
  for_each_word(kEnglishClipped, [this](std::string_view word) { keep("'" + std::string(word)); });
  part(kEnglishParts);
  for (int hour = 1; hour <= 12; ++hour) {
    for (const char* half : {"am", "pm", "a.m.", "p.m."}) part(std::to_string(hour) + "|" + half);
  }
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
