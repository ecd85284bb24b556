// Hand-written scanners for the pre-tokenizer patterns that nearly every byte-level BPE tokenizer uses: GPT-2's, cl100k's
// (dolma2, Llama 3, Qwen 2) and tekken's (Apertus, Mistral Nemo, o200k). Each cuts exactly where its regular expression does; a
// test compares them with PCRE2 on random and real text. Every character belongs to some piece, so a piece ends where the next
// begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cairn::text {

enum class PatternFamily { gpt2, cl100k, tekken };

struct KnownPattern {
  PatternFamily family = PatternFamily::gpt2;
  int digits = 1;                  // cl100k, tekken: \p{N}{1,digits}
  bool newline_tail = false;       // tekken: punctuation takes following \r and \n along
  bool slash_tail = false;         // tekken: and following slashes
  bool contractions = false;       // tekken: a word takes 's, 't, 're, 've, 'm, 'll, 'd along (o200k)
  bool digits_from_right = false;  // groups of digits are counted from the end of the number, as people write them: 1 234 567

  bool operator==(const KnownPattern&) const = default;
};

// The regular expression of a known pattern, as tokenizer.json files spell it.
std::string pattern_regex(const KnownPattern& pattern);
// What `regex` is, if it is spelt like one of the known ones.
std::optional<KnownPattern> recognise_pattern(std::string_view regex);

// The patterns by the names that configs use: gpt2, cl100k (Llama 3, dolma2), qwen2, apertus (tekken; spec/apertus.md §2.1),
// o200k. Error (usage) on another name.
KnownPattern pattern_named(std::string_view name);
bool is_pattern_name(std::string_view name);

// End of the piece that starts at `p` < `end`, in valid UTF-8; `p` is the start of the text or the end of a piece before.
// `number_end` is null for the first piece of a text and kept for the others: where the number ends that is being cut.
const char* next_piece(const KnownPattern& pattern, const char* p, const char* end, const std::uint8_t* classes,
                       const char*& number_end);

}  // namespace cairn::text
