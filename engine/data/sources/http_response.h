// A stored HTTP response: its header's fields that matter here, and its body without transfer and content coding.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::data {

struct HttpResponse {
  int status = 0;
  std::string content_type, charset;                // lower case, without parameters; the parameter as it stands
  std::string transfer_encoding, content_encoding;  // lower case; empty when not given
  std::string_view body;                            // as stored
};

// None when `block` does not begin with a status line. Lines may end in LF alone.
std::optional<HttpResponse> parse_http_response(std::string_view block);

// The body in clear: chunked transfer coding undone, then gzip, deflate or zstd content coding. Crawlers often store the body in
// clear and leave the header's fields: a body that is not so coded is taken as it is. Error when it is so coded and damaged or
// cut short, in a coding that is not known ("br"), or larger than `limit` in clear.
std::string decoded_body(const HttpResponse& response, std::uint64_t limit);

}  // namespace cairn::data
