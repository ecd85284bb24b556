// Thrift's compact protocol, as far as writing Parquet's metadata needs it: the counterpart of sources/thrift_compact.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

// Fields in ascending order of their numbers. A struct ends with end(); the outermost too.
class ThriftWriter {
 public:
  void i16(int field, std::int64_t value) { head(field, 4), zigzag(value); }
  void i32(int field, std::int64_t value) { head(field, 5), zigzag(value); }
  void i64(int field, std::int64_t value) { head(field, 6), zigzag(value); }
  void boolean(int field, bool value) { head(field, value ? 1 : 2); }
  void binary(int field, std::string_view bytes) { head(field, 8), text(bytes); }
  void begin(int field) {  // a struct
    head(field, 12);
    last_.push_back(0);
  }
  void list_of_structs(int field, std::size_t count) { list(field, count, 12); }  // then begin_element() ... end() for each
  void list_of_texts(int field, const std::vector<std::string>& texts) {
    list(field, texts.size(), 8);
    for (const std::string& one : texts) text(one);
  }
  void list_of_i32(int field, const std::vector<std::int32_t>& numbers) {
    list(field, numbers.size(), 5);
    for (const std::int32_t number : numbers) zigzag(number);
  }
  void begin_element() { last_.push_back(0); }
  void end() {
    out_ += '\0';
    last_.pop_back();
  }
  const std::string& bytes() const { return out_; }

 private:
  void head(int field, int type) {
    const int step = field - last_.back();
    if (step > 0 && step <= 15) {
      out_ += static_cast<char>(step << 4 | type);
    } else {
      out_ += static_cast<char>(type);
      zigzag(field);
    }
    last_.back() = field;
  }
  void list(int field, std::size_t count, int type) {
    head(field, 9);
    if (count < 15) {
      out_ += static_cast<char>(count << 4 | static_cast<std::size_t>(type));
    } else {
      out_ += static_cast<char>(0xF0 | type);
      varint(count);
    }
  }
  void text(std::string_view bytes) {
    varint(bytes.size());
    out_ += bytes;
  }
  void zigzag(std::int64_t value) { varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63)); }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out_ += static_cast<char>(0x80 | (value & 0x7F));
    out_ += static_cast<char>(value);
  }

  std::string out_;
  std::vector<int> last_{0};  // number of the last field, of each open struct
};

}  // namespace cairn::data
