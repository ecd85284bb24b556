// Tokenizers side by side as one HTML file that opens from disk, light and dark, and prints well.
#pragma once

#include <string>
#include <vector>

#include "engine/text/tokenizer_measure.h"

namespace cairn::app {

struct MeasuredTokenizer {
  std::string name;
  text::TokenizerMeasure measure;  // of the same texts for all
};

std::string tokenizer_report(const std::vector<MeasuredTokenizer>& tokenizers, std::size_t texts, bool parallel_texts,
                             const std::string& version);

}  // namespace cairn::app
