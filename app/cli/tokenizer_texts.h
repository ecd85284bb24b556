// The texts that tokenizers are compared on.
#pragma once

#include <string>
#include <vector>

#include "engine/text/tokenizer_measure.h"

namespace cairn::app {

// Each path is a file, a folder of files, or a folder of curated documents (JSONL), which are grouped by their language. A file
// is called after its name without extension, or as "NAME=PATH" says; of .xml and .html what stands in angle brackets falls away.
// Bytes that are no UTF-8 become U+FFFD. Error when there is no text at all.
std::vector<text::LabelledText> read_labelled_texts(const std::vector<std::string>& paths);

}  // namespace cairn::app
