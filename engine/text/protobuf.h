// Reading protocol buffers by hand: the fields of one message in the order of the file. Lengths are checked before they are used.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"

namespace cairn::text {

class ProtobufReader {
 public:
  // `place` names the message in errors; `offset` is where it begins in the file.
  ProtobufReader(std::string_view bytes, std::string place, std::size_t offset = 0)
      : bytes_(bytes), place_(std::move(place)), offset_(offset) {}

  // Goes to the next field; false at the end.
  bool next() {
    if (at_ == bytes_.size()) return false;
    const std::uint64_t key = varint();
    field_ = static_cast<int>(key >> 3 & 0x1FFFFFFF);
    type_ = static_cast<int>(key & 7);
    switch (type_) {
      case 0:
        number_ = varint();
        return true;
      case 1:
        take(8);
        return true;
      case 2:
        take(varint());
        return true;
      case 5:
        take(4);
        return true;
      default:
        fail("{}: byte {}: wire type {} is not one of protocol buffers", place_, offset_ + at_, type_);
    }
  }

  int field() const { return field_; }
  // The value of the field just read; Error when the file gives it another wire type.
  std::string_view bytes() const { return expect(2, "bytes"), value_; }
  std::int32_t integer() const { return expect(0, "an integer"), static_cast<std::int32_t>(number_); }
  bool boolean() const { return integer() != 0; }
  float number() const {
    expect(5, "a float");
    std::uint32_t bits;
    std::memcpy(&bits, value_.data(), 4);
    return std::bit_cast<float>(bits);
  }
  ProtobufReader message(std::string place) const { return {bytes(), std::move(place), offset_ + at_ - value_.size()}; }
  const std::string& place() const { return place_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == bytes_.size()) fail("{}: byte {}: the file ends inside a number", place_, offset_ + at_);
      const auto byte = static_cast<std::uint8_t>(bytes_[at_++]);
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("{}: byte {}: a number of more than ten bytes", place_, offset_ + at_);
  }
  void take(std::uint64_t length) {
    if (length > bytes_.size() - at_)
      fail("{}: byte {}: field {} claims {} bytes, {} are left", place_, offset_ + at_, field_, length, bytes_.size() - at_);
    value_ = bytes_.substr(at_, static_cast<std::size_t>(length));
    at_ += static_cast<std::size_t>(length);
  }
  void expect(int type, const char* what) const {
    if (type_ != type) fail("{}: byte {}: field {} has wire type {}; expected {}", place_, offset_ + at_, field_, type_, what);
  }

  std::string_view bytes_, value_;
  std::string place_;
  std::size_t offset_ = 0, at_ = 0;
  std::uint64_t number_ = 0;
  int field_ = 0, type_ = 0;
};

}  // namespace cairn::text
