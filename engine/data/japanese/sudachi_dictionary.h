// A system dictionary of Sudachi, as SudachiPy 0.7 and later read it ("SudachiBinaryDic", version 1): words found by their
// beginnings, what it costs that one stands behind another, and which shorter words a word is made of.
//
// source of the layout: github.com/WorksApplications/sudachi.rs, sudachi/src/dic (description, trie, word id table, word info).
// Every place that the file names is looked at before it is used: a dictionary that lies is an error that names it, or finds
// other words, but reads nothing outside of itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

class SudachiDictionary {
 public:
  using Entry = std::uint32_t;  // a word

  // `bytes` must outlive this. Named so in errors.
  SudachiDictionary(std::string_view bytes, std::string name);

  struct Prefix {
    Entry entry;
    std::size_t end;
  };
  // The words that text[at..] begins with, shorter ones first.
  void find_prefixes(std::string_view text, std::size_t at, std::vector<Prefix>& found) const;

  struct Costs {
    std::uint16_t left, right;  // its classes toward the word before and the word behind
    std::int16_t cost;
  };
  Costs costs(Entry entry) const;
  int left_classes() const { return left_classes_; }    // of words that stand before; right in Costs is below
  int right_classes() const { return right_classes_; }  // of words that stand behind; left in Costs is below
  // What it costs that a word with `left` stands behind one with `right`.
  std::int16_t connection(std::uint16_t right, std::uint16_t left) const;

  // A part of speech in six fields; nullopt: the dictionary has none such.
  std::optional<int> part_of_speech(const std::array<std::string_view, 6>& fields) const;
  int part_of_speech(Entry entry) const;
  std::string normal_form(Entry entry) const;  // UTF-8
  char normal_character(Entry entry) const;    // its normal form where that is one character of ASCII, or 0
  std::uint16_t indexed_bytes(Entry entry) const;
  // Of which it is made in mode A, the shortest; none or one: it stays whole.
  void parts(Entry entry, std::vector<Entry>& found) const;

 private:
  std::string_view block(std::string_view name) const;
  template <typename Number>
  Number number(std::string_view block, std::size_t at) const;
  std::size_t place(Entry entry) const;
  struct Text {
    std::size_t at, units;  // of UTF-16
  };
  Text headword(Entry entry) const;
  void read_parts_of_speech(std::string_view bytes);

  std::string name_;
  std::string_view bytes_, trie_, words_, entries_, strings_, connections_;
  int left_classes_ = 0, right_classes_ = 0;
  std::vector<std::array<std::string, 6>> parts_of_speech_;
};

}  // namespace cairn::data
