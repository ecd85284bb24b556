// One chunk of text between white space, taken apart by all the rules of words.h: prefixes and suffixes off, exceptions kept,
// then what lies between parted at infixes.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "engine/data/words.h"

namespace cairn::data {

class ChunkSplitter {
 public:
  // `words`, which split() appends to, and `segmenter` (may be nullptr) must outlive it.
  ChunkSplitter(WordStyle style, RunSegmenter* segmenter, Unspaced unspaced, std::vector<std::string_view>& words);
  ~ChunkSplitter();
  ChunkSplitter(const ChunkSplitter&) = delete;
  ChunkSplitter& operator=(const ChunkSplitter&) = delete;

  // `chunk`: valid UTF-8 without white space, not empty.
  void split(std::string_view chunk);

 private:
  class Rules;
  std::unique_ptr<Rules> rules_;
};

}  // namespace cairn::data
