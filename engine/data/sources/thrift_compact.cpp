#include "engine/data/sources/thrift_compact.h"

#include "base/error.h"
#include "engine/data/sources/byte_reader.h"

namespace cairn::data {

namespace {

constexpr int kMostDepth = 32;

}  // namespace

class ThriftParser {
 public:
  ThriftParser(std::string_view bytes, std::size_t most_values) : bytes_(bytes), left_(most_values) {}

  ThriftValue read_struct(int depth) {
    ThriftValue value;
    std::int16_t number = 0;
    for (;;) {
      const std::uint8_t head = bytes_.byte();
      if (head == 0) return value;
      const int step = head >> 4;
      number = static_cast<std::int16_t>(step != 0 ? number + step : bytes_.zigzag());
      value.fields_[number] = read(head & 15, depth, true);
    }
  }
  std::size_t left() const { return bytes_.rest().size(); }

 private:
  std::string_view take_bytes() { return bytes_.take(bytes_.varint()); }

  ThriftValue read(int type, int depth, bool in_struct) {
    if (depth > kMostDepth) fail("nested deeper than {}", kMostDepth);
    if (left_ == 0) fail("more values than are read of one");
    --left_;
    ThriftValue value;
    switch (type) {
      case 1:
      case 2:  // true and false; in a list the byte tells
        value.number_ = in_struct ? type == 1 : bytes_.byte() == 1;
        return value;
      case 3:
        value.number_ = static_cast<std::int8_t>(bytes_.byte());
        return value;
      case 4:
      case 5:
      case 6:
        value.number_ = bytes_.zigzag();
        return value;
      case 7:
        value.bytes_ = bytes_.take(8);
        return value;
      case 8:
        value.bytes_ = take_bytes();
        return value;
      case 9:
      case 10: {
        const std::uint8_t head = bytes_.byte();
        const std::uint64_t count = (head >> 4) == 15 ? bytes_.varint() : head >> 4;
        if (count > bytes_.rest().size()) fail("a list of {} elements in {} bytes", count, bytes_.rest().size());
        for (std::uint64_t i = 0; i < count; ++i) value.list_.push_back(read(head & 15, depth + 1, false));
        return value;
      }
      case 11: {
        const std::uint64_t count = bytes_.varint();
        if (count == 0) return value;
        if (count > bytes_.rest().size()) fail("a map of {} entries in {} bytes", count, bytes_.rest().size());
        const std::uint8_t kinds = bytes_.byte();
        for (std::uint64_t i = 0; i < count; ++i) {
          value.list_.push_back(read(kinds >> 4, depth + 1, false));
          value.list_.push_back(read(kinds & 15, depth + 1, false));
        }
        return value;
      }
      case 12:
        return read_struct(depth + 1);
      default:
        fail("a value of unknown type {}", type);
    }
  }

  ByteReader bytes_;
  std::size_t left_;  // values that may still come
};

const ThriftValue& ThriftValue::field(int number) const {
  static const ThriftValue nothing;
  const auto found = fields_.find(number);
  return found == fields_.end() ? nothing : found->second;
}

ThriftValue parse_thrift_compact(std::string_view bytes, std::size_t& used, std::size_t most_values) {
  try {
    ThriftParser parser(bytes, most_values);
    ThriftValue value = parser.read_struct(0);
    used = bytes.size() - parser.left();
    return value;
  } catch (const Error& error) {
    fail("thrift: {}", error.what());
  }
}

}  // namespace cairn::data
