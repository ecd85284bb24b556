#include "engine/infer/text_stream.h"

#include <algorithm>
#include <utility>

#include "engine/text/unicode.h"

namespace cairn::infer {

TextStream::Stop::Stop(std::string whole) : text(std::move(whole)), shorter(text.size() + 1, 0) {
  for (std::size_t n = 1; n < text.size(); ++n) {
    std::size_t length = shorter[n];
    while (length > 0 && text[length] != text[n]) length = shorter[length];
    shorter[n + 1] = text[length] == text[n] ? length + 1 : 0;
  }
}

void TextStream::Stop::take(char byte) {
  while (matched > 0 && text[matched] != byte) matched = shorter[matched];
  matched += text[matched] == byte;
}

TextStream::TextStream(std::vector<std::string> stops) {
  for (std::string& stop : stops) {
    if (!stop.empty()) stops_.emplace_back(std::move(stop));
  }
}

std::string TextStream::show(std::size_t count) {
  std::string out = text::utf8_lossy(std::string_view(held_).substr(0, count));
  held_.erase(0, count);
  shown_ += out;
  return out;
}

std::string TextStream::feed(std::string_view bytes) {
  if (stopped_) return "";
  const std::size_t before = held_.size();
  held_ += bytes;
  std::size_t first = std::string::npos;
  for (Stop& stop : stops_) {
    for (std::size_t at = before; at < held_.size() && !stop.complete(); ++at) {
      stop.take(held_[at]);
      if (!stop.complete() || at + 1 - stop.text.size() >= first) continue;
      first = at + 1 - stop.text.size();
      stop_ = stop.text;
    }
  }
  if (first != std::string::npos) {
    stopped_ = true;
    std::string out = show(first);
    held_.clear();
    return out;
  }
  std::size_t hold = text::unfinished_utf8_suffix(held_);
  for (const Stop& stop : stops_) hold = std::max(hold, stop.matched);
  return show(held_.size() - hold);
}

std::string TextStream::finish() {
  if (stopped_) return "";
  return show(held_.size());
}

}  // namespace cairn::infer
