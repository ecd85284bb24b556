#include "engine/data/sources/encoding.h"

#include <unicode/ucnv.h>
#include <unicode/ucsdet.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::size_t kDetectBytes = 1 << 18;  // that are looked at to guess an encoding
constexpr int kLeastConfidence = 20;           // of 100, of a guess that is believed
constexpr int kSureMultibyte = 90;             // real text in a multi-byte encoding gets more

// The encoding that is meant by a label on the web (WHATWG Encoding, the labels whose plain meaning is another), in ICU's names.
std::string meant_by(std::string_view declared) {
  static constexpr std::pair<std::string_view, std::string_view> kMeant[] = {{"iso-8859-1", "windows-1252"},
                                                                             {"iso8859-1", "windows-1252"},
                                                                             {"iso_8859-1", "windows-1252"},
                                                                             {"latin1", "windows-1252"},
                                                                             {"latin-1", "windows-1252"},
                                                                             {"us-ascii", "windows-1252"},
                                                                             {"ascii", "windows-1252"},
                                                                             {"iso-8859-9", "windows-1254"},
                                                                             {"latin5", "windows-1254"},
                                                                             {"iso-8859-11", "windows-874"},
                                                                             {"tis-620", "windows-874"},
                                                                             {"gb2312", "gb18030"},
                                                                             {"gbk", "gb18030"},
                                                                             {"x-gbk", "gb18030"},
                                                                             {"shift_jis", "windows-31j"},
                                                                             {"shift-jis", "windows-31j"},
                                                                             {"sjis", "windows-31j"},
                                                                             {"x-sjis", "windows-31j"},
                                                                             {"euc-kr", "windows-949"},
                                                                             {"euckr", "windows-949"},
                                                                             {"ks_c_5601-1987", "windows-949"},
                                                                             {"ks_c_5601", "windows-949"},
                                                                             {"big5", "big5-hkscs"},
                                                                             {"x-x-big5", "big5-hkscs"},
                                                                             {"iso-8859-8-i", "windows-1255"}};
  std::string name = lower_case_ascii(declared);
  if (name.starts_with("x-cp125")) name = "windows-" + name.substr(4);
  for (const auto& [label, meaning] : kMeant) {
    if (name == label) return std::string(meaning);
  }
  return name;
}

using Converter = std::unique_ptr<UConverter, void (*)(UConverter*)>;

// None for what ICU does not know, and for encodings in which ASCII is not ASCII: no page on the web is in EBCDIC.
Converter open_converter(const std::string& name) {
  Converter none(nullptr, ucnv_close);
  if (name.empty() || name.size() > 40) return none;
  for (const char c : name) {
    if (!std::isalnum(static_cast<unsigned char>(c)) && std::string_view("-_:.").find(c) == std::string_view::npos) return none;
  }
  UErrorCode status = U_ZERO_ERROR;
  Converter converter(ucnv_open(name.c_str(), &status), ucnv_close);
  if (U_FAILURE(status) || !converter) return none;
  if (name.starts_with("utf-16")) return converter;
  UChar sample[8];
  const std::int32_t length = ucnv_toUChars(converter.get(), sample, 8, "<A1>", 4, &status);
  if (U_FAILURE(status) || length != 4 || sample[0] != '<' || sample[1] != 'A' || sample[2] != '1' || sample[3] != '>')
    return none;
  ucnv_reset(converter.get());
  return converter;
}

std::string convert(std::string_view bytes, UConverter* from) {
  UErrorCode status = U_ZERO_ERROR;
  const Converter to(ucnv_open("UTF-8", &status), ucnv_close);
  if (U_FAILURE(status)) fail("ICU: {}", u_errorName(status));
  std::string out;
  char buffer[1 << 14];
  UChar pivot[1 << 12];
  UChar *pivot_from = pivot, *pivot_to = pivot;
  const char *in = bytes.data(), *in_end = in + bytes.size();
  for (bool first = true;; first = false) {
    char* target = buffer;
    status = U_ZERO_ERROR;
    ucnv_convertEx(to.get(), from, &target, buffer + sizeof buffer, &in, in_end, pivot, &pivot_from, &pivot_to,
                   pivot + std::size(pivot), first, true, &status);
    out.append(buffer, static_cast<std::size_t>(target - buffer));
    if (status != U_BUFFER_OVERFLOW_ERROR) return out;
  }
}

std::string cleaned(std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text::valid_utf8_prefix(text) != text.size()) return text::utf8_lossy(text);
  return text;
}

// Whether the bytes beyond ASCII are Thai, which ICU's detector does not know: all of them are characters of Thai, many of these
// consonants, which tells it from Hebrew, and most stand behind another, which tells it from the languages of Latin letters.
bool looks_thai(std::string_view bytes) {
  std::size_t high = 0, consonants = 0, together = 0;
  bool after_high = false;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) {
      if (!(byte == 0x85 || (byte >= 0x91 && byte <= 0x97) || (byte >= 0xA0 && byte <= 0xDA) || (byte >= 0xDF && byte <= 0xFB)))
        return false;
      ++high;
      consonants += byte >= 0xA1 && byte <= 0xCE;
      together += after_high;
    }
    after_high = byte >= 0x80;
  }
  return high >= 8 && consonants * 3 > high && together * 2 > high;
}

// What bytes that are not UTF-8 look like: ICU's guess where it is one that a page can be in, else windows-1252.
std::string detected_encoding(std::string_view bytes) {
  const std::string fallback = "windows-1252";
  bytes = bytes.substr(0, kDetectBytes);
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UCharsetDetector, void (*)(UCharsetDetector*)> detector(ucsdet_open(&status), ucsdet_close);
  if (U_FAILURE(status)) return fallback;
  ucsdet_setText(detector.get(), bytes.data(), static_cast<std::int32_t>(bytes.size()), &status);
  ucsdet_enableInputFilter(detector.get(), true);  // leaves out tags
  std::int32_t count = 0;
  const UCharsetMatch** matches = ucsdet_detectAll(detector.get(), &count, &status);
  for (std::int32_t i = 0; i < count && U_SUCCESS(status); ++i) {
    const std::string_view name = ucsdet_getName(matches[i], &status);
    const int confidence = ucsdet_getConfidence(matches[i], &status);
    if (confidence < kLeastConfidence) break;
    if (name.starts_with("UTF") || name.starts_with("IBM")) continue;
    if (confidence < kSureMultibyte && looks_thai(bytes)) return "windows-874";
    return meant_by(name);
  }
  return fallback;
}

}  // namespace

std::string declared_encoding(std::string_view html) {
  const std::string head = lower_case_ascii(html.substr(0, 4096));
  for (const std::string_view mark : {"charset", "encoding"}) {
    for (std::size_t at = head.find(mark); at != std::string::npos; at = head.find(mark, at + 1)) {
      std::size_t i = at + mark.size();
      const auto skip = [&](std::string_view set) {
        while (i < head.size() && set.find(head[i]) != std::string_view::npos) ++i;
      };
      skip(" \t\r\n");
      if (i >= head.size() || head[i] != '=') continue;
      ++i;
      skip(" \t\r\n\"'");
      std::size_t end = i;
      while (end < head.size() && end - i < 40 &&
             (std::isalnum(static_cast<unsigned char>(head[end])) ||
              std::string_view("-_:.").find(head[end]) != std::string_view::npos))
        ++end;
      if (end > i) return head.substr(i, end - i);
    }
  }
  return {};
}

bool known_encoding(std::string_view name) {
  return open_converter(meant_by(name)) != nullptr;
}

std::string to_utf8(std::string_view bytes, std::string_view declared) {
  if (bytes.starts_with("\xef\xbb\xbf")) return cleaned(std::string(bytes.substr(3)));
  if (bytes.starts_with("\xff\xfe")) return cleaned(convert(bytes.substr(2), open_converter("utf-16le").get()));
  if (bytes.starts_with("\xfe\xff")) return cleaned(convert(bytes.substr(2), open_converter("utf-16be").get()));
  const bool valid = text::valid_utf8_prefix(bytes) == bytes.size();
  std::string encoding = meant_by(declared);
  // A page that declares UTF-16 in bytes one can read is not in UTF-16.
  if (encoding.starts_with("utf-16") || encoding.starts_with("utf16") || encoding.starts_with("utf-32")) encoding = "utf-8";
  const bool is_utf8 = encoding == "utf-8" || encoding == "utf8";
  if (is_utf8 || (encoding.empty() && valid)) return cleaned(std::string(bytes));
  // Single-byte declarations are often stale: bytes beyond ASCII that are valid UTF-8 throughout are UTF-8.
  if (valid && (encoding.starts_with("windows-12") || encoding.starts_with("iso-8859"))) return cleaned(std::string(bytes));
  Converter converter = open_converter(encoding);
  if (!converter && !valid) converter = open_converter(detected_encoding(bytes));
  return cleaned(converter ? convert(bytes, converter.get()) : std::string(bytes));
}

}  // namespace cairn::data
