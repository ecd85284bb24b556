// Telephone numbers (ITU-T E.164, E.123; national ways of writing where they cannot be mistaken).
#include <algorithm>
#include <array>

#include "engine/data/filters/pii_patterns.h"

namespace cairn::data::pii {

namespace {

// Country calling codes and how many digits their national numbers have, at least and at most (fixed and mobile; ITU-T E.164
// and the national plans, as libphonenumber 9.0.43 has them).
struct Plan {
  int code, least, most;
};
constexpr Plan kPlans[] = {
    {1, 10, 10},   {20, 8, 10},  {211, 9, 9},  {212, 9, 9},  {213, 8, 9},   {216, 8, 8},   {218, 9, 9},  {220, 7, 9},
    {221, 9, 9},   {222, 8, 8},  {223, 8, 8},  {224, 8, 9},  {225, 10, 10}, {226, 8, 8},   {227, 8, 8},  {228, 8, 8},
    {229, 10, 10}, {230, 7, 8},  {231, 7, 9},  {232, 8, 8},  {233, 9, 9},   {234, 10, 10}, {235, 8, 8},  {236, 8, 8},
    {237, 9, 9},   {238, 7, 7},  {239, 7, 7},  {240, 9, 9},  {241, 7, 8},   {242, 9, 9},   {243, 7, 10}, {244, 9, 9},
    {245, 7, 9},   {246, 7, 7},  {247, 5, 5},  {248, 7, 7},  {249, 9, 9},   {250, 8, 9},   {251, 9, 9},  {252, 6, 9},
    {253, 8, 8},   {254, 7, 9},  {255, 9, 9},  {256, 9, 9},  {257, 8, 8},   {258, 8, 9},   {260, 9, 9},  {261, 9, 9},
    {262, 9, 9},   {263, 9, 10}, {264, 8, 9},  {265, 7, 9},  {266, 8, 8},   {267, 7, 8},   {268, 8, 8},  {269, 7, 7},
    {27, 5, 9},    {290, 4, 5},  {291, 7, 7},  {297, 7, 7},  {298, 6, 6},   {299, 6, 6},   {30, 10, 10}, {31, 9, 11},
    {32, 8, 9},    {33, 9, 9},   {34, 9, 9},   {350, 8, 8},  {351, 9, 9},   {352, 4, 11},  {353, 7, 10}, {354, 7, 9},
    {355, 8, 9},   {356, 8, 8},  {357, 8, 8},  {358, 5, 10}, {359, 6, 9},   {36, 8, 9},    {370, 8, 8},  {371, 8, 8},
    {372, 7, 8},   {373, 8, 8},  {374, 8, 8},  {375, 9, 9},  {376, 6, 9},   {377, 8, 9},   {378, 8, 10}, {380, 9, 9},
    {381, 7, 12},  {382, 8, 8},  {383, 8, 12}, {385, 8, 9},  {386, 8, 8},   {387, 8, 9},   {389, 8, 8},  {39, 6, 12},
    {40, 6, 9},    {41, 9, 9},   {420, 9, 9},  {421, 6, 9},  {423, 7, 9},   {43, 4, 13},   {44, 9, 10},  {45, 8, 8},
    {46, 7, 9},    {47, 8, 8},   {48, 7, 9},   {49, 5, 15},  {500, 5, 5},   {501, 7, 7},   {502, 8, 8},  {503, 8, 8},
    {504, 8, 8},   {505, 8, 8},  {506, 8, 8},  {507, 7, 8},  {508, 6, 9},   {509, 8, 8},   {51, 8, 9},   {52, 10, 10},
    {53, 6, 10},   {54, 10, 11}, {55, 10, 11}, {56, 9, 9},   {57, 8, 10},   {58, 10, 10},  {590, 9, 9},  {591, 8, 8},
    {592, 7, 7},   {593, 8, 9},  {594, 9, 9},  {595, 7, 9},  {596, 9, 9},   {597, 6, 7},   {598, 8, 8},  {599, 7, 8},
    {60, 8, 10},   {61, 9, 9},   {62, 7, 12},  {63, 6, 10},  {64, 8, 10},   {65, 8, 8},    {66, 8, 9},   {670, 7, 8},
    {672, 6, 6},   {673, 7, 7},  {674, 7, 7},  {675, 7, 8},  {676, 5, 7},   {677, 5, 7},   {678, 5, 7},  {679, 7, 7},
    {680, 7, 7},   {681, 6, 6},  {682, 5, 5},  {683, 4, 7},  {685, 5, 10},  {686, 5, 8},   {687, 6, 6},  {688, 5, 7},
    {689, 8, 8},   {690, 4, 7},  {691, 7, 7},  {692, 7, 7},  {7, 10, 10},   {800, 8, 8},   {81, 9, 10},  {82, 5, 11},
    {84, 9, 10},   {850, 8, 10}, {852, 8, 8},  {853, 8, 8},  {855, 8, 9},   {856, 8, 10},  {86, 7, 11},  {870, 9, 12},
    {878, 12, 12}, {880, 6, 10}, {881, 9, 10}, {882, 7, 12}, {883, 8, 12},  {886, 8, 11},  {90, 10, 10}, {91, 10, 10},
    {92, 9, 10},   {93, 9, 9},   {94, 9, 9},   {95, 6, 10},  {960, 7, 7},   {961, 7, 8},   {962, 8, 9},  {963, 8, 9},
    {964, 8, 10},  {965, 8, 8},  {966, 9, 9},  {967, 7, 9},  {968, 8, 8},   {970, 8, 9},   {971, 8, 9},  {972, 8, 12},
    {973, 8, 8},   {974, 8, 8},  {975, 7, 8},  {976, 8, 10}, {977, 8, 10},  {979, 9, 9},   {98, 6, 10},  {992, 9, 9},
    {993, 8, 8},   {994, 9, 9},  {995, 9, 9},  {996, 9, 9},  {998, 9, 9}};

constexpr std::size_t kMostGroups = 8, kMostDigits = 20;
constexpr int kLeastDigits = 8, kMostInternational = 15;  // with the country's code

// Groups of digits with one separator between each two, some in parentheses.
struct Groups {
  struct Group {
    std::size_t end = 0;    // in the text, behind the digits (and a parenthesis)
    int digits = 0;         // of this group
    int total = 0;          // up to its end
    char separator = '\0';  // before it: '-' for hyphens of every kind, ' ' for blanks of every kind
    bool parentheses = false;
  };
  std::array<Group, kMostGroups> group{};
  std::size_t count = 0;
  std::array<char, kMostDigits> digits{};
  int total = 0;
};

// Of the separators: '-' and U+2010 to U+2013.
bool is_hyphen(std::string_view text, std::size_t at) {
  return text[at] == '-' || (text.substr(at, 2) == "\xe2\x80" && text[at + 2] >= '\x90' && text[at + 2] <= '\x93');
}

// `closing`: a parenthesis that opened before `at` may close behind the first group, as in "(+41) 44 668 18 00".
Groups read_groups(std::string_view text, std::size_t at, bool closing = false) {
  Groups read;
  std::size_t i = at;
  char separator = '\0';
  while (read.count < kMostGroups) {
    const bool parentheses = at_or_nul(text, i) == '(';
    std::size_t digit = i + parentheses;
    const std::size_t begin = digit;
    while (is_digit(at_or_nul(text, digit))) ++digit;
    const std::size_t length = digit - begin;
    if (length == 0 || read.total + static_cast<int>(length) > static_cast<int>(kMostDigits)) break;
    if (parentheses && (length > 5 || at_or_nul(text, digit) != ')')) break;
    std::copy_n(text.begin() + static_cast<std::ptrdiff_t>(begin), length, read.digits.begin() + read.total);
    read.total += static_cast<int>(length);
    i = digit + parentheses;
    if (closing && read.count == 0 && at_or_nul(text, i) == ')') ++i;
    read.group[read.count++] = {i, static_cast<int>(length), read.total, separator, parentheses};
    // One separator, which may be left out beside a parenthesis.
    const char c = at_or_nul(text, i);
    std::size_t next = separator_length(text, i);
    separator = next == 0 ? '\0' : is_hyphen(text, i) ? '-' : ' ';
    if (next == 0 && (c == '.' || c == '/')) {
      separator = c;
      next = 1;
    }
    const char after = at_or_nul(text, i + next);
    const bool closed = i > at && text[i - 1] == ')';
    if (next == 0 && !(closed && is_digit(c)) && c != '(') break;
    if (!is_digit(after) && !(after == '(' && is_digit(at_or_nul(text, i + next + 1)))) break;
    i += next;
  }
  return read;
}

// "x123", " ext. 123", ", ext 123", "#123" behind a number: where it ends, else `end`.
std::size_t with_extension(std::string_view text, std::size_t end) {
  std::size_t i = end;
  while (i < end + 2 && (at_or_nul(text, i) == ' ' || at_or_nul(text, i) == ',')) ++i;
  const std::string_view rest = text.substr(std::min(i, text.size()), 5);
  std::size_t word = 0;
  for (const std::string_view form : {"ext. ", "ext.", "ext ", "Ext. ", "Ext.", "x"}) {
    if (rest.starts_with(form)) {
      word = form.size();
      break;
    }
  }
  if (word == 0) return end;
  std::size_t digit = i + word;
  const std::size_t begin = digit;
  while (is_digit(at_or_nul(text, digit))) ++digit;
  return digit > begin && digit - begin <= 6 && !is_alnum(at_or_nul(text, digit)) ? digit : end;
}

bool stands_alone_before(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  const char before = text[at - 1];
  if (word_before(text, at)) return false;
  if (before == '+' || before == ')' || before == '=' || before == '&' || before == '#' || before == '$' || before == '%')
    return false;
  // Part of a longer row of numbers, of a path or a sum of money.
  return !((before == '.' || before == ',' || before == '-' || before == '/' || before == ':') && at >= 2 &&
           is_digit(text[at - 2])) &&
         before != '/' && !(at >= 2 && (text.substr(at - 2, 2) == "\xc2\xa3")) &&
         !(at >= 3 && text.substr(at - 3, 3) == "\xe2\x82\xac");
}

bool stands_alone_behind(std::string_view text, std::size_t end) {
  const char after = at_or_nul(text, end), second = at_or_nul(text, end + 1);
  if (is_alnum(after) || after == '_' || after == '%') return false;
  return !((after == '.' || after == ',' || after == '-' || after == ':') && is_digit(second));
}

// Length of a number whose national part begins behind `skip` digits of `groups`, a country's code; the longest that its plan
// allows and that stands alone. 0: none.
std::size_t international_length(std::string_view text, std::size_t at, const Groups& groups, int skip) {
  int code = 0;
  const Plan* plan = nullptr;
  int code_digits = 0;
  for (int i = skip; i < groups.total && i < skip + 3 && plan == nullptr; ++i) {
    code = code * 10 + (groups.digits[static_cast<std::size_t>(i)] - '0');
    ++code_digits;
    const auto found = std::find_if(std::begin(kPlans), std::end(kPlans), [code](const Plan& p) { return p.code == code; });
    if (found != std::end(kPlans)) plan = &*found;
  }
  if (plan == nullptr) return 0;
  for (std::size_t i = groups.count; i-- > 0;) {
    const Groups::Group& last = groups.group[i];
    int national = last.total - skip - code_digits;
    for (std::size_t k = 0; k <= i; ++k) {  // "+41 (0)44 ...": a trunk prefix that is not dialled
      const Groups::Group& group = groups.group[k];
      if (group.parentheses && group.digits == 1 && groups.digits[static_cast<std::size_t>(group.total) - 1] == '0') --national;
    }
    if (national < plan->least || national > plan->most || national + code_digits < kLeastDigits ||
        national + code_digits > kMostInternational)
      continue;
    if (code == 1 && groups.digits[static_cast<std::size_t>(skip) + 1] < '2') continue;  // area codes begin with 2 to 9
    const std::size_t end = with_extension(text, last.end);
    if (stands_alone_behind(text, end)) return end - at;
  }
  return 0;
}

bool shape(const Groups& groups, std::size_t first, std::initializer_list<int> sizes, bool one_separator) {
  if (groups.count < first + sizes.size()) return false;
  std::size_t i = first;
  for (const int size : sizes) {
    if (groups.group[i].digits != size) return false;
    if (one_separator && i > first + 1 && groups.group[i].separator != groups.group[first + 1].separator) return false;
    ++i;
  }
  return true;
}

// 212-555-0123, 212.555.0123, (212) 555-0123, 1-212-555-0123: area code and exchange begin with 2 to 9. With blanks alone it
// could be any number.
std::size_t north_american_length(std::string_view text, std::size_t at, const Groups& groups) {
  const std::size_t first = groups.count > 0 && groups.group[0].digits == 1 && groups.digits[0] == '1' ? 1 : 0;
  if (!shape(groups, first, {3, 3, 4}, false)) return 0;
  const char* digits = groups.digits.data() + first;
  if (digits[0] < '2' || digits[3] < '2') return 0;
  const Groups::Group &area = groups.group[first], &exchange = groups.group[first + 1], &line = groups.group[first + 2];
  const bool hyphen_or_dot = line.separator == '-' || line.separator == '.';
  if (area.parentheses ? line.separator != '-' && line.separator != ' ' && line.separator != '.'
                       : !hyphen_or_dot || exchange.separator != line.separator)
    return 0;
  const std::size_t end = with_extension(text, line.end);
  return stands_alone_behind(text, end) ? end - at : 0;
}

// 01 23 45 67 89 (France), 044 668 18 00 and 044/668 18 00 (Switzerland), (030) 123 45 67.
std::size_t trunk_length(std::string_view text, std::size_t at, const Groups& groups) {
  if (groups.count < 2 || groups.digits[0] != '0' || groups.digits[1] < '1') return 0;
  std::size_t last = 0;
  if (shape(groups, 0, {2, 2, 2, 2, 2}, true)) {
    last = 4;
  } else if (shape(groups, 0, {3, 3, 2, 2}, false) && groups.group[2].separator == groups.group[3].separator &&
             (groups.group[1].separator == groups.group[2].separator || groups.group[1].separator == '/')) {
    last = 3;
  } else if (groups.group[0].parentheses && groups.group[0].digits >= 2) {
    for (last = 1; last + 1 < groups.count && groups.group[last].total < 9; ++last) {
    }
    const int digits = groups.group[last].total;
    if (digits < 8 || digits > 12) return 0;
  }
  if (last == 0) return 0;
  const std::size_t end = with_extension(text, groups.group[last].end);
  return stands_alone_behind(text, end) ? end - at : 0;
}

// Words that announce a number, and words that may stand between one and the number.
constexpr std::string_view kStrong[] = {"tel",
                                        "tel\xc3\xa9"
                                        "fono",
                                        "t\xc3\xa9l\xc3\xa9phone",
                                        "t\xc3\xa9l",
                                        "telefon",
                                        "telefono",
                                        "telefone",
                                        "telephone",
                                        "telefax",
                                        "fax",
                                        "phone",
                                        "phones",
                                        "mobile",
                                        "mobil",
                                        "mobiltelefon",
                                        "handy",
                                        "natel",
                                        "cell",
                                        "cellphone",
                                        "m\xc3\xb3vil",
                                        "cellulare",
                                        "cellulaire",
                                        "gsm",
                                        "hotline",
                                        "landline",
                                        "mob",
                                        "whatsapp",
                                        "viber",
                                        "fon",
                                        "tlf",
                                        "puh",
                                        "\xe2\x98\x8e",
                                        "\xe2\x98\x8f",
                                        "\xf0\x9f\x93\x9e",
                                        "\xd1\x82\xd0\xb5\xd0\xbb",
                                        "\xd1\x82\xd0\xb5\xd0\xbb\xd0\xb5\xd1\x84\xd0\xbe\xd0\xbd",
                                        "\xd0\xa2\xd0\xb5\xd0\xbb",
                                        "\xd0\xa2\xd0\xb5\xd0\xbb\xd0\xb5\xd1\x84\xd0\xbe\xd0\xbd",
                                        "\xe7\x94\xb5\xe8\xaf\x9d",
                                        "\xe9\x9b\xbb\xe8\xa9\xb1"};
constexpr std::string_view kWeak[] = {"call", "desk",    "calling", "dial",    "ring",     "contact", "sms",
                                      "text", "appeler", "appelez", "anrufen", "chiamare", "llamar"};
constexpr std::string_view kFiller[] = {
    "number", "numbers", "no",   "nr",   "num", "nummer", "num\xc3\xa9ro", "n\xc3\xbamero", "numero", "is",
    "at",     "me",      "us",   "on",   "to",  "my",     "your",          "her",           "his",    "the",
    "a",      "office",  "home", "work", "or"};

template <std::size_t N>
bool among(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

enum class Announced { no, weakly, strongly };

Announced announced(std::string_view text, std::size_t at) {
  std::array<char, 48> buffer;
  for (const std::string_view word : words_before(text, at, buffer)) {
    if (word.empty()) break;
    if (among(kStrong, word)) return Announced::strongly;
    if (among(kWeak, word)) return Announced::weakly;
    if (!among(kFiller, word)) break;
  }
  return Announced::no;
}

// 12-05-2024, 2024-05-12, 12.05.24.
bool like_a_date(const Groups& groups, std::size_t last) {
  if (last != 2) return false;
  const int a = groups.group[0].digits, b = groups.group[1].digits, c = groups.group[2].digits;
  return b <= 2 && ((a == 4 && c <= 2) || (a <= 2 && (c == 4 || c == 2)));
}

std::size_t announced_length(std::string_view text, std::size_t at, const Groups& groups) {
  const Announced how = announced(text, at);
  if (how == Announced::no) return 0;
  for (std::size_t i = groups.count; i-- > 0;) {
    const Groups::Group& last = groups.group[i];
    if (last.total < (how == Announced::strongly ? 6 : 7) || last.total > kMostInternational) continue;
    if (how == Announced::weakly && i == 0 && last.total < 10) continue;
    if (like_a_date(groups, i)) return 0;
    const std::size_t end = with_extension(text, last.end);
    if (stands_alone_behind(text, end)) return end - at;
  }
  return 0;
}

}  // namespace

std::size_t phone_length(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c == '(' ? !is_digit(at_or_nul(text, at + 1)) && at_or_nul(text, at + 1) != '+' : c != '+' && !is_digit(c)) return 0;
  if (!stands_alone_before(text, at)) return 0;
  std::size_t length = 0;
  if (c == '+') {
    if (!is_digit(at_or_nul(text, at + 1)) && at_or_nul(text, at + 1) != '(') return 0;
    length = international_length(text, at, read_groups(text, at + 1), 0);
  } else if (c == '(' && at_or_nul(text, at + 1) == '+') {
    length = international_length(text, at, read_groups(text, at + 2, true), 0);
    // "(+41446681800)" is a number in parentheses, which begins at its '+'.
    if (length > 0 && text.substr(at, length - 1).find(')') == std::string_view::npos) length = 0;
  } else {
    const Groups groups = read_groups(text, at);
    if (groups.total < 6) return 0;
    if (groups.digits[0] == '0' && groups.digits[1] == '0' && groups.count >= 3)
      length = international_length(text, at, groups, 2);
    if (length == 0) length = north_american_length(text, at, groups);
    if (length == 0) length = trunk_length(text, at, groups);
    if (length == 0) length = announced_length(text, at, groups);
  }
  return length > 0 && !inside_url(text, at) ? length : 0;
}

}  // namespace cairn::data::pii
