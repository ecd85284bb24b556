// A stored HTTP response: its header's fields that matter here, and its body without transfer and content coding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cairn::data {

struct HttpResponse {
  int status = 0;
  std::string content_type, charset;                // lower case, without parameters; the parameter as it stands
  std::string transfer_encoding, content_encoding;  // lower case; empty when not given
  // Fields that say what may be done with the content: those of signals/page_lines.h, and "link"; name in lower case, value as it
  // stands. Of a header at most kMostFields of the former, and as many of the latter.
  std::vector<std::pair<std::string, std::string_view>> uses;
  std::string_view body;  // as stored
};

inline constexpr std::size_t kMostFields = 64;

// None when `block` does not begin with a status line. Lines may end in LF alone.
std::optional<HttpResponse> parse_http_response(std::string_view block);

// The body in clear: chunked transfer coding undone, then gzip, deflate or zstd content coding. Crawlers often store the body in
// clear and leave the header's fields: a body that is not so coded is taken as it is. Error when it is so coded and damaged or
// cut short, in a coding that is not known ("br"), or larger than `limit` in clear.
std::string decoded_body(const HttpResponse& response, std::uint64_t limit);

}  // namespace cairn::data
