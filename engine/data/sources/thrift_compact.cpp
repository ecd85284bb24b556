#include "engine/data/sources/thrift_compact.h"

#include "base/error.h"

namespace cairn::data {

class ThriftParser {
 public:
  explicit ThriftParser(std::string_view bytes) : bytes_(bytes) {}
  ThriftValue read_struct(int depth) {
    if (depth > 32) fail("thrift: nested deeper than 32");
    ThriftValue value;
    int number = 0;
    for (;;) {
      const unsigned char head = byte();
      if (head == 0) return value;
      const int step = head >> 4;
      number = step != 0 ? number + step : static_cast<int>(zigzag());
      value.fields_[number] = read(head & 15, depth, true);
    }
  }
  std::size_t used() const { return at_; }

 private:
  unsigned char byte() {
    if (at_ >= bytes_.size()) fail("thrift: cut short");
    return static_cast<unsigned char>(bytes_[at_++]);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const unsigned char b = byte();
      value |= std::uint64_t{b & 0x7Fu} << shift;
      if (b < 0x80) return value;
    }
    fail("thrift: a number of more than 64 bits");
  }
  std::int64_t zigzag() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  std::string_view take(std::uint64_t size) {
    if (size > bytes_.size() - at_) fail("thrift: cut short");
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }
  ThriftValue read(int type, int depth, bool in_struct) {
    ThriftValue value;
    switch (type) {
      case 1:
      case 2:  // true and false; in a list the byte tells
        value.number_ = in_struct ? type == 1 : byte() == 1;
        return value;
      case 3:
        value.number_ = static_cast<signed char>(byte());
        return value;
      case 4:
      case 5:
      case 6:
        value.number_ = zigzag();
        return value;
      case 7:
        value.bytes_ = take(8);
        return value;
      case 8:
        value.bytes_ = take(varint());
        return value;
      case 9:
      case 10: {
        const unsigned char head = byte();
        const std::uint64_t count = (head >> 4) == 15 ? varint() : head >> 4;
        if (count > bytes_.size() - at_) fail("thrift: a list of {} elements in {} bytes", count, bytes_.size() - at_);
        for (std::uint64_t i = 0; i < count; ++i) value.list_.push_back(read(head & 15, depth + 1, false));
        return value;
      }
      case 11: {
        const std::uint64_t count = varint();
        if (count == 0) return value;
        if (count > bytes_.size() - at_) fail("thrift: a map of {} entries in {} bytes", count, bytes_.size() - at_);
        const unsigned char kinds = byte();
        for (std::uint64_t i = 0; i < count; ++i) {
          value.list_.push_back(read(kinds >> 4, depth + 1, false));
          value.list_.push_back(read(kinds & 15, depth + 1, false));
        }
        return value;
      }
      case 12:
        return read_struct(depth + 1);
      default:
        fail("thrift: a value of unknown type {}", type);
    }
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
};

const ThriftValue& ThriftValue::field(int number) const {
  static const ThriftValue nothing;
  const auto found = fields_.find(number);
  return found == fields_.end() ? nothing : found->second;
}

ThriftValue parse_thrift_compact(std::string_view bytes, std::size_t& used) {
  ThriftParser parser(bytes);
  ThriftValue value = parser.read_struct(0);
  used = parser.used();
  return value;
}

}  // namespace cairn::data
