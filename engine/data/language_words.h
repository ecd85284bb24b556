// Words of a text whose language is known: as words.h has them, in the language's own style, and where scripts have no spaces
// (Han, kana, Thai, Lao, Khmer, Myanmar) by ICU's dictionaries.
//
// FineWeb-2's thresholds count such words. Its own come from a tokenizer of each language's community (spaCy, jieba, Sudachi,
// PyThaiNLP ...); tests/engine/data/fineweb2_test.cpp says how often decisions agree. Words of scripts without spaces depend on
// the version of ICU (language_words_version).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/data/words.h"

namespace cairn::data {

// `language` as documents have it ("de", "zh-cn"). Appends views into `text`, which is valid UTF-8.
void split_words_of(std::string_view text, std::string_view language, std::vector<std::string_view>& words);

WordStyle word_style_of(std::string_view language);

// "3.1, ICU 72.1": of the rules, and of the dictionaries.
std::string language_words_version();

}  // namespace cairn::data
