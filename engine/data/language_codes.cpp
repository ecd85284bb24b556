#include "engine/data/language_codes.h"

#include <algorithm>
#include <array>

#include "engine/data/characters.h"

namespace cairn::data {

namespace {

struct Code {
  std::string_view two, three, script;  // ISO 639-1; ISO 639-3 of the language meant by it; its usual script (ISO 15924)
};
constexpr std::array<Code, 173> kCodes{
    {{"ab", "abk", "Cyrl"}, {"af", "afr", "Latn"}, {"am", "amh", "Ethi"}, {"an", "arg", "Latn"}, {"ar", "arb", "Arab"},
     {"as", "asm", "Beng"}, {"av", "ava", "Cyrl"}, {"ay", "ayr", "Latn"}, {"az", "azj", "Latn"}, {"ba", "bak", "Cyrl"},
     {"be", "bel", "Cyrl"}, {"bg", "bul", "Cyrl"}, {"bi", "bis", "Latn"}, {"bm", "bam", "Latn"}, {"bn", "ben", "Beng"},
     {"bo", "bod", "Tibt"}, {"br", "bre", "Latn"}, {"bs", "bos", "Latn"}, {"ca", "cat", "Latn"}, {"ce", "che", "Cyrl"},
     {"ch", "cha", "Latn"}, {"co", "cos", "Latn"}, {"cs", "ces", "Latn"}, {"cu", "chu", "Cyrl"}, {"cv", "chv", "Cyrl"},
     {"cy", "cym", "Latn"}, {"da", "dan", "Latn"}, {"de", "deu", "Latn"}, {"dv", "div", "Thaa"}, {"dz", "dzo", "Tibt"},
     {"ee", "ewe", "Latn"}, {"el", "ell", "Grek"}, {"en", "eng", "Latn"}, {"eo", "epo", "Latn"}, {"es", "spa", "Latn"},
     {"et", "ekk", "Latn"}, {"eu", "eus", "Latn"}, {"fa", "fas", "Arab"}, {"ff", "fuv", "Latn"}, {"fi", "fin", "Latn"},
     {"fj", "fij", "Latn"}, {"fo", "fao", "Latn"}, {"fr", "fra", "Latn"}, {"fy", "fry", "Latn"}, {"ga", "gle", "Latn"},
     {"gd", "gla", "Latn"}, {"gl", "glg", "Latn"}, {"gn", "gug", "Latn"}, {"gu", "guj", "Gujr"}, {"gv", "glv", "Latn"},
     {"ha", "hau", "Latn"}, {"he", "heb", "Hebr"}, {"hi", "hin", "Deva"}, {"ho", "hmo", "Latn"}, {"hr", "hrv", "Latn"},
     {"ht", "hat", "Latn"}, {"hu", "hun", "Latn"}, {"hy", "hye", "Armn"}, {"hz", "her", "Latn"}, {"ia", "ina", "Latn"},
     {"id", "ind", "Latn"}, {"ie", "ile", "Latn"}, {"ig", "ibo", "Latn"}, {"ik", "esk", "Latn"}, {"io", "ido", "Latn"},
     {"is", "isl", "Latn"}, {"it", "ita", "Latn"}, {"ja", "jpn", "Jpan"}, {"jv", "jav", "Latn"}, {"ka", "kat", "Geor"},
     {"kg", "kng", "Latn"}, {"ki", "kik", "Latn"}, {"kj", "kua", "Latn"}, {"kk", "kaz", "Cyrl"}, {"kl", "kal", "Latn"},
     {"km", "khm", "Khmr"}, {"kn", "kan", "Knda"}, {"ko", "kor", "Hang"}, {"kr", "knc", "Arab"}, {"ks", "kas", "Deva"},
     {"ku", "kmr", "Latn"}, {"kv", "kpv", "Cyrl"}, {"kw", "cor", "Latn"}, {"ky", "kir", "Cyrl"}, {"la", "lat", "Latn"},
     {"lb", "ltz", "Latn"}, {"lg", "lug", "Latn"}, {"li", "lim", "Latn"}, {"ln", "lin", "Latn"}, {"lo", "lao", "Laoo"},
     {"lt", "lit", "Latn"}, {"lu", "lub", "Latn"}, {"lv", "lvs", "Latn"}, {"mg", "plt", "Latn"}, {"mh", "mah", "Latn"},
     {"mi", "mri", "Latn"}, {"mk", "mkd", "Cyrl"}, {"ml", "mal", "Mlym"}, {"mn", "khk", "Cyrl"}, {"mr", "mar", "Deva"},
     {"ms", "zsm", "Latn"}, {"mt", "mlt", "Latn"}, {"my", "mya", "Mymr"}, {"nb", "nob", "Latn"}, {"nd", "nde", "Latn"},
     {"ne", "npi", "Deva"}, {"ng", "ndo", "Latn"}, {"nl", "nld", "Latn"}, {"nn", "nno", "Latn"}, {"nr", "nbl", "Latn"},
     {"nv", "nav", "Latn"}, {"ny", "nya", "Latn"}, {"oc", "oci", "Latn"}, {"oj", "ojb", "Latn"}, {"om", "gaz", "Latn"},
     {"or", "ory", "Orya"}, {"os", "oss", "Cyrl"}, {"pa", "pan", "Guru"}, {"pl", "pol", "Latn"}, {"ps", "pbt", "Arab"},
     {"pt", "por", "Latn"}, {"qu", "quh", "Latn"}, {"rm", "roh", "Latn"}, {"rn", "run", "Latn"}, {"ro", "ron", "Latn"},
     {"ru", "rus", "Cyrl"}, {"rw", "kin", "Latn"}, {"sa", "san", "Deva"}, {"sc", "srd", "Latn"}, {"sd", "snd", "Arab"},
     {"se", "sme", "Latn"}, {"sg", "sag", "Latn"}, {"si", "sin", "Sinh"}, {"sk", "slk", "Latn"}, {"sl", "slv", "Latn"},
     {"sm", "smo", "Latn"}, {"sn", "sna", "Latn"}, {"so", "som", "Latn"}, {"sq", "als", "Latn"}, {"sr", "srp", "Cyrl"},
     {"ss", "ssw", "Latn"}, {"st", "sot", "Latn"}, {"su", "sun", "Latn"}, {"sv", "swe", "Latn"}, {"sw", "swh", "Latn"},
     {"ta", "tam", "Taml"}, {"te", "tel", "Telu"}, {"tg", "tgk", "Cyrl"}, {"th", "tha", "Thai"}, {"ti", "tir", "Ethi"},
     {"tk", "tuk", "Latn"}, {"tn", "tsn", "Latn"}, {"to", "ton", "Latn"}, {"tr", "tur", "Latn"}, {"ts", "tso", "Latn"},
     {"tt", "tat", "Cyrl"}, {"tw", "twi", "Latn"}, {"ty", "tah", "Latn"}, {"ug", "uig", "Arab"}, {"uk", "ukr", "Cyrl"},
     {"ur", "urd", "Arab"}, {"uz", "uzn", "Latn"}, {"ve", "ven", "Latn"}, {"vi", "vie", "Latn"}, {"vo", "vol", "Latn"},
     {"wa", "wln", "Latn"}, {"wo", "wol", "Latn"}, {"xh", "xho", "Latn"}, {"yi", "ydd", "Hebr"}, {"yo", "yor", "Latn"},
     {"za", "zyb", "Latn"}, {"zh", "cmn", "Hani"}, {"zu", "zul", "Latn"}}};

// Codes of ISO 639-3 for a group of languages, which models and files use for its largest one.
struct Group {
  std::string_view three, two;
};
constexpr std::array<Group, 27> kGroups{{{"ara", "ar"}, {"aym", "ay"}, {"aze", "az"}, {"est", "et"}, {"ful", "ff"}, {"grn", "gn"},
                                         {"hbs", "sh"}, {"kom", "kv"}, {"kon", "kg"}, {"kur", "ku"}, {"lav", "lv"}, {"mlg", "mg"},
                                         {"mon", "mn"}, {"msa", "ms"}, {"nep", "ne"}, {"nor", "no"}, {"ori", "or"}, {"orm", "om"},
                                         {"pes", "fa"}, {"pus", "ps"}, {"sqi", "sq"}, {"srd", "sc"}, {"swa", "sw"}, {"uzb", "uz"},
                                         {"yid", "yi"}, {"zha", "za"}, {"zho", "zh"}}};

std::string_view two_letters(std::string_view three) {
  for (const Code& code : kCodes) {
    if (code.three == three) return code.two;
  }
  for (const Group& group : kGroups) {
    if (group.three == three) return group.two;
  }
  return {};
}

std::string_view usual_script(std::string_view language) {
  for (const Code& code : kCodes) {
    if (code.two == language) return code.script;
  }
  return "Latn";
}

bool is_script(std::string_view part) {
  return part.size() == 4 && std::all_of(part.begin(), part.end(), [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; });
}

}  // namespace

std::string language_of_label(std::string_view label) {
  constexpr std::string_view kPrefix = "__label__";
  if (label.starts_with(kPrefix)) label.remove_prefix(kPrefix.size());
  const std::size_t underscore = label.find('_');
  std::string_view language = label.substr(0, underscore);
  if (underscore == std::string_view::npos) {
    if (language == "als") return "gsw";  // Wikipedia's code for Alemannic, by which lid.176 was trained
    if (language.size() != 3) return lower_case_ascii(language);
  }
  if (const std::string_view two = two_letters(language); !two.empty()) language = two;
  std::string tag = lower_case_ascii(language);
  if (underscore == std::string_view::npos) return tag;
  const std::string_view script = label.substr(underscore + 1);
  if (script != usual_script(tag)) tag += "-" + lower_case_ascii(script);
  return tag;
}

std::string label_of_language(std::string_view language) {
  const std::size_t dash = std::min(language.find('-'), language.size());
  const std::string_view base = language.substr(0, dash);
  std::string_view script = usual_script(base);
  std::string label(base);
  for (const Code& code : kCodes) {
    if (code.two == base) label = code.three;
  }
  if (base == "no") label = "nob";
  std::string_view rest = dash < language.size() ? language.substr(dash + 1) : std::string_view();
  rest = rest.substr(0, rest.find('-'));
  std::string written(script);
  if (is_script(rest)) {
    written = lower_case_ascii(rest);
    written[0] = static_cast<char>(written[0] - 'a' + 'A');
  }
  return label + "_" + written;
}

}  // namespace cairn::data
