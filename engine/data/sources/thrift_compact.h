// Thrift's compact protocol, as far as Parquet's metadata needs it: a value as a tree, bounded in depth and size.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

// A struct's fields by their number, a list's elements, a number (also a boolean), or bytes. What is not there reads as 0, as
// empty bytes, or as a value without fields.
class ThriftValue {
 public:
  const ThriftValue& field(int number) const;  // of a struct
  bool has(int number) const { return fields_.contains(number); }
  const std::vector<ThriftValue>& list() const { return list_; }
  std::int64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }  // into what was parsed

 private:
  friend class ThriftParser;
  std::map<int, ThriftValue> fields_;
  std::vector<ThriftValue> list_;
  std::int64_t number_ = 0;
  std::string_view bytes_;
};

// The struct that `bytes` begin with; `used` gets its length. Error when it is cut short, nests deeper than 32, claims lists
// longer than its bytes, or has more than `most_values` values in all, each of which takes some 100 bytes of memory.
ThriftValue parse_thrift_compact(std::string_view bytes, std::size_t& used, std::size_t most_values);

}  // namespace cairn::data
