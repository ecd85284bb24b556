#include "engine/data/sources/http_response.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "engine/data/characters.h"
#include "engine/data/compressed.h"
#include "engine/data/signals/page_lines.h"
#include "engine/data/sources/warc.h"

namespace cairn::data {

namespace {

// The line that `rest` begins with, taken from it, without its end.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\n'), rest.size());
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The size in a chunk's line: hexadecimal, perhaps with extensions behind ';'. False when there is none.
bool chunk_size(std::string_view line, std::uint64_t& size) {
  line = strip(line.substr(0, std::min(line.find(';'), line.size())));
  if (line.empty() || line.size() > 15) return false;
  const auto [end, problem] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
  return problem == std::errc() && end == line.data() + line.size();
}

std::string without_chunks(std::string_view body) {
  std::string_view rest = body;
  std::uint64_t size = 0;
  if (rest.find('\n') == std::string_view::npos || !chunk_size(take_line(rest), size)) return std::string(body);
  std::string clear;
  while (size > 0) {
    if (size > rest.size()) fail("the chunked body is cut short");
    clear += rest.substr(0, size);
    rest.remove_prefix(size);
    take_line(rest);
    if (rest.empty()) fail("the chunked body is cut short");
    const std::string_view line = take_line(rest);
    if (!chunk_size(line, size)) fail("no size of a chunk where one should stand");
  }
  return clear;
}

std::string inflated(std::string_view body, int window, std::uint64_t limit) {
  z_stream stream{};
  if (inflateInit2(&stream, window) != Z_OK) fail("no memory to decode deflate");
  std::string clear;
  int result = Z_OK;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  while (result == Z_OK && clear.size() <= limit) {
    const std::size_t filled = clear.size();
    clear.resize(filled + (1 << 16));
    stream.next_out = reinterpret_cast<Bytef*>(clear.data() + filled);
    stream.avail_out = 1 << 16;
    result = inflate(&stream, Z_NO_FLUSH);
    clear.resize(filled + (1 << 16) - stream.avail_out);
  }
  inflateEnd(&stream);
  if (clear.size() > limit) fail("larger than {} bytes once unpacked", limit);
  if (result != Z_STREAM_END) fail("damaged deflate stream");
  return clear;
}

}  // namespace

std::optional<HttpResponse> parse_http_response(std::string_view block) {
  if (!block.starts_with("HTTP/")) return std::nullopt;
  HttpResponse response;
  std::string_view rest = block;
  const std::string_view status = take_line(rest);
  const std::size_t space = status.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  for (const char c : status.substr(space + 1, 3)) {
    if (c < '0' || c > '9') return std::nullopt;
    response.status = response.status * 10 + (c - '0');
  }
  std::array<std::size_t, 2> of_kind{};  // signals, links: many of one do not hide the other
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.empty()) break;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string name = lower_case_ascii(strip(line.substr(0, colon)));
    const std::string_view value = strip(line.substr(colon + 1));
    if (name == "content-type") response.content_type = media_type(value, &response.charset);
    if (name == "transfer-encoding") response.transfer_encoding = lower_case_ascii(value);
    if (name == "content-encoding") response.content_encoding = lower_case_ascii(value);
    if (const bool link = name == "link"; (link || is_signal_field(name)) && of_kind[link]++ < kMostFields)
      response.uses.emplace_back(name, value);
  }
  response.body = rest;
  return response;
}

std::string decoded_body(const HttpResponse& response, std::uint64_t limit) {
  std::string body = response.transfer_encoding.find("chunked") != std::string::npos ? without_chunks(response.body)
                                                                                     : std::string(response.body);
  const std::string& coding = response.content_encoding;
  const Compression found = compression_of(body);
  if (coding.find("gzip") != std::string::npos && found == Compression::gzip) return decompress_all(body, "body", limit);
  if (coding == "zstd" && found == Compression::zstd) return decompress_all(body, "body", limit);
  if (coding == "deflate" && !body.empty()) {
    if ((body[0] & 0x0f) == 8 && body.size() > 1 &&
        (static_cast<unsigned char>(body[0]) * 256 + static_cast<unsigned char>(body[1])) % 31 == 0)
      return inflated(body, 15, limit);
    // Some servers send the bare stream. Text is not one: its first bytes would be a block of a kind that does not exist.
    if (body.find_first_of("<{") > 8) return inflated(body, -15, limit);
  }
  if (coding == "br" && body.find('<') > 512) fail("content coding br is not read");
  if (body.size() > limit) fail("larger than {} bytes", limit);
  return body;
}

}  // namespace cairn::data
