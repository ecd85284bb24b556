#include "engine/infer/text_stream.h"

#include <algorithm>
#include <utility>

#include "engine/text/unicode.h"

namespace cairn::infer {

TextStream::TextStream(std::vector<std::string> stops) : stops_(std::move(stops)) {
  std::erase(stops_, std::string());
}

std::string TextStream::show(std::size_t count) {
  std::string out = text::utf8_lossy(std::string_view(held_).substr(0, count));
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
  std::size_t hold = text::unfinished_utf8_suffix(held_);
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
  return show(held_.size());
}

}  // namespace cairn::infer
