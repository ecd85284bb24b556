#include "engine/infer/text_stream.h"

#include <algorithm>
#include <utility>

namespace cairn::infer {
namespace {

// Bytes at the end of `text` that begin a UTF-8 character but do not complete it.
std::size_t incomplete_tail(std::string_view text) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    const std::size_t length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, std::string());
}

std::string TextStream::show(std::size_t count) {
  std::string out = held_.substr(0, count);
  held_.erase(0, count);
  shown_ += out;
  return out;
}

std::string TextStream::feed(std::string_view bytes) {
  if (stopped_) return "";
  held_ += bytes;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) {
    const std::size_t at = held_.find(stop);
    if (at < first) {
      first = at;
      stop_ = stop;
    }
  }
  if (first != std::string::npos) {
    stopped_ = true;
    std::string out = show(first);
    held_.clear();
    return out;
  }
  std::size_t hold = incomplete_tail(held_);
  for (const std::string& stop : stops_) {  // the longest end that could begin a stop string
    for (std::size_t length = std::min(stop.size() - 1, held_.size()); length > hold; --length) {
      if (std::string_view(held_).substr(held_.size() - length) == std::string_view(stop).substr(0, length)) {
        hold = length;
        break;
      }
    }
  }
  return show(held_.size() - hold);
}

std::string TextStream::finish() {
  if (stopped_) return "";
  const std::size_t tail = incomplete_tail(held_);
  if (tail > 0) held_.replace(held_.size() - tail, tail, "\xEF\xBF\xBD");
  return show(held_.size());
}

}  // namespace cairn::infer
