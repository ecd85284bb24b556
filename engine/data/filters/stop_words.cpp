// The commonest function words of some languages: a text of any length that has none of them is not running text of that
// language. English has the eight of Gopher. Chinese and Japanese entries are single characters, as words are there (words.h).
#include <algorithm>
#include <unordered_map>

#include "engine/data/filters/gopher_quality.h"

namespace cairn::data {

const std::vector<std::string_view>& stop_words_of(std::string_view language) {
  using Words = std::vector<std::string_view>;
  static const std::unordered_map<std::string_view, Words> table = {
      {"en", {"the", "be", "to", "of", "and", "that", "have", "with"}},
      {"de", {"der", "die", "das", "und", "ist", "nicht", "mit", "von", "zu", "den", "ein", "eine"}},
      {"fr", {"le", "la", "les", "de", "des", "et", "est", "un", "une", "que", "pour", "dans"}},
      {"it", {"il", "la", "di", "e", "che", "un", "per", "non", "con", "del", "si", "le"}},
      {"es", {"el", "la", "de", "que", "y", "en", "los", "un", "para", "con", "las", "se"}},
      {"pt", {"o", "a", "de", "que", "e", "do", "da", "em", "um", "para", "os", "com"}},
      {"ca", {"el", "la", "de", "que", "i", "en", "els", "un", "per", "amb", "les", "es"}},
      {"gl", {"o", "a", "de", "que", "e", "do", "da", "en", "un", "para", "os", "con"}},
      {"ro", {"de", "\xc8\x99i", "\xc3\xaen", "la", "cu", "un", "o", "este", "pentru", "care", "din", "nu"}},
      {"nl", {"de", "het", "een", "van", "en", "is", "dat", "niet", "met", "te", "op", "voor"}},
      {"sv", {"och", "att", "det", "i", "en", "som", "\xc3\xa4r", "f\xc3\xb6r", "med", "av", "inte", "till"}},
      {"da", {"og", "at", "det", "i", "en", "er", "for", "med", "af", "ikke", "til", "som"}},
      {"nb", {"og", "\xc3\xa5", "det", "i", "en", "er", "for", "med", "av", "ikke", "til", "som"}},
      {"fi", {"ja", "on", "ei", "se", "ett\xc3\xa4", "tai", "kun", "jos", "ole", "my\xc3\xb6s", "ovat", "mutta"}},
      {"pl",
       {"i", "w", "nie", "na", "do", "jest", "to", "z",
        "\xc5\xbc"
        "e",
        "si\xc4\x99", "lub", "dla"}},
      {"cs",
       {"a", "v", "je", "na", "se", "to", "s",
        "\xc5\xbe"
        "e",
        "do", "pro", "nebo", "z"}},
      {"sk",
       {"a", "v", "je", "na", "sa", "to", "s",
        "\xc5\xbe"
        "e",
        "do", "pre", "alebo", "z"}},
      {"hu", {"a", "az", "\xc3\xa9s", "nem", "hogy", "egy", "is", "ez", "vagy", "meg", "van", "csak"}},
      {"tr", {"ve", "bir", "bu", "i\xc3\xa7in", "ile", "de", "da", "olarak", "veya", "olan", "ise", "daha"}},
      {"id", {"dan", "yang", "di", "untuk", "dengan", "ini", "dari", "atau", "pada", "tidak", "ke", "adalah"}},
      {"vi",
       {"v\xc3\xa0",
        "c\xe1\xbb\xa7"
        "a",
        "l\xc3\xa0", "c\xc3\xb3", "cho",
        "c\xc3\xa1"
        "c",
        "m\xe1\xbb\x99t", "trong", "kh\xc3\xb4ng", "n\xc3\xa0y", "v\xe1\xbb\x9bi", "\xc4\x91\xe1\xbb\x83"}},
      {"ru",
       {"\xd0\xb8", "\xd0\xb2", "\xd0\xbd\xd0\xb5", "\xd0\xbd\xd0\xb0", "\xd1\x87\xd1\x82\xd0\xbe", "\xd1\x81",
        "\xd0\xb4\xd0\xbb\xd1\x8f", "\xd0\xbf\xd0\xbe", "\xd0\xba", "\xd0\xb8\xd0\xbb\xd0\xb8", "\xd0\xba\xd0\xb0\xd0\xba",
        "\xd0\xb8\xd0\xb7"}},
      {"uk",
       {"\xd1\x96", "\xd0\xb2", "\xd0\xbd\xd0\xb5", "\xd0\xbd\xd0\xb0", "\xd1\x89\xd0\xbe", "\xd0\xb7",
        "\xd0\xb4\xd0\xbb\xd1\x8f", "\xd1\x82\xd0\xb0", "\xd0\xb4\xd0\xbe", "\xd0\xb0\xd0\xb1\xd0\xbe", "\xd1\x8f\xd0\xba",
        "\xd1\x83"}},
      {"el",
       {"\xce\xba\xce\xb1\xce\xb9", "\xcf\x84\xce\xbf", "\xce\xbd\xce\xb1", "\xcf\x84\xce\xb7\xcf\x82", "\xce\xb7", "\xce\xbf",
        "\xce\xb3\xce\xb9\xce\xb1", "\xce\xbc\xce\xb5", "\xcf\x83\xce\xb5", "\xcf\x84\xce\xb1", "\xce\xb1\xcf\x80\xcf\x8c",
        "\xce\xb8\xce\xb1"}},
      {"zh",
       {"\xe7\x9a\x84", "\xe4\xb8\x80", "\xe6\x98\xaf", "\xe4\xb8\x8d", "\xe5\x9c\xa8", "\xe6\x9c\x89", "\xe4\xba\x86",
        "\xe5\x92\x8c", "\xe4\xba\xba", "\xe8\xbf\x99", "\xe7\x82\xba", "\xe4\xb8\xba"}},
      {"ja",
       {"\xe3\x81\xae", "\xe3\x81\xab", "\xe3\x82\x92", "\xe3\x81\xaf", "\xe3\x81\x9f", "\xe3\x81\x8c", "\xe3\x81\xa8",
        "\xe3\x81\xa7", "\xe3\x81\xa6", "\xe3\x81\x97", "\xe3\x82\x8b", "\xe3\x81\x99"}},
  };
  static const Words none;
  const auto found = table.find(language.substr(0, language.find_first_of("-_")));
  return found == table.end() ? none : found->second;
}

}  // namespace cairn::data
