#include "engine/data/sources/encoding.h"

#include <iconv.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "engine/data/characters.h"
#include "engine/text/unicode.h"

namespace cairn::data {

namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// Converts with the C library; false when it does not know the encoding.
bool convert(std::string_view bytes, const std::string& encoding, std::string& out) {
  const iconv_t handle = iconv_open("UTF-8", encoding.c_str());
  if (handle == reinterpret_cast<iconv_t>(-1)) return false;
  const std::unique_ptr<void, int (*)(iconv_t)> closer(handle, iconv_close);
  out.clear();
  char* in = const_cast<char*>(bytes.data());
  std::size_t left = bytes.size();
  char buffer[1 << 14];
  while (left > 0) {
    char* to = buffer;
    std::size_t room = sizeof buffer;
    const std::size_t result = iconv(handle, &in, &left, &to, &room);
    out.append(buffer, sizeof buffer - room);
    if (result != static_cast<std::size_t>(-1) || errno == E2BIG) continue;
    if (errno == EINVAL || left == 0) {  // the bytes end in the middle of a character
      out += kReplacement;
      break;
    }
    out += kReplacement;
    ++in;
    --left;
  }
  return true;
}

std::string cleaned(std::string text) {
  std::replace(text.begin(), text.end(), '\0', ' ');
  if (text::valid_utf8_prefix(text) != text.size()) return text::utf8_lossy(text);
  return text;
}

// Browsers read pages that say ISO-8859-1 or ASCII as windows-1252, for that is what they are when they use its extra characters.
std::string as_browsers_read(std::string encoding) {
  encoding = lower_case_ascii(encoding);
  if (encoding == "iso-8859-1" || encoding == "latin1" || encoding == "latin-1" || encoding == "us-ascii" ||
      encoding == "ascii") {
    return "windows-1252";
  }
  if (encoding == "gb2312" || encoding == "gbk") return "gb18030";
  if (encoding == "x-sjis" || encoding == "shift_jis" || encoding == "shift-jis") return "cp932";
  if (encoding == "ks_c_5601-1987" || encoding == "euc-kr") return "cp949";
  return encoding;
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

std::string to_utf8(std::string_view bytes, std::string_view declared) {
  if (bytes.starts_with("\xef\xbb\xbf")) return cleaned(std::string(bytes.substr(3)));
  std::string out;
  if (bytes.starts_with("\xff\xfe") && convert(bytes.substr(2), "UTF-16LE", out)) return cleaned(std::move(out));
  if (bytes.starts_with("\xfe\xff") && convert(bytes.substr(2), "UTF-16BE", out)) return cleaned(std::move(out));
  const bool valid = text::valid_utf8_prefix(bytes) == bytes.size();
  std::string encoding = as_browsers_read(std::string(declared));
  // A page that declares UTF-16 in bytes one can read is not in UTF-16.
  if (encoding.starts_with("utf-16") || encoding.starts_with("utf16") || encoding.starts_with("utf-32")) encoding = "utf-8";
  const bool is_utf8 = encoding == "utf-8" || encoding == "utf8";
  if (is_utf8 || (encoding.empty() && valid)) return cleaned(std::string(bytes));
  // Single-byte declarations are often stale: bytes beyond ASCII that are valid UTF-8 throughout are UTF-8.
  if (valid && (encoding == "windows-1252" || encoding.starts_with("iso-8859"))) return cleaned(std::string(bytes));
  if (!encoding.empty() && convert(bytes, encoding, out)) return cleaned(std::move(out));
  if (!valid && convert(bytes, "windows-1252", out)) return cleaned(std::move(out));
  return cleaned(std::string(bytes));
}

}  // namespace cairn::data
