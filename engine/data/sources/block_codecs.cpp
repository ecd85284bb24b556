#include "engine/data/sources/block_codecs.h"

#include "base/error.h"

namespace cairn::data {

namespace {

class Unpacker {
 public:
  Unpacker(std::string_view packed, std::size_t size, const char* name) : in_(packed), size_(size), name_(name) {
    // A byte of either format gives at most some 255 bytes.
    if (size / 256 > packed.size()) damaged();
    out_.reserve(size);
  }
  bool at_end() const { return at_ == in_.size(); }
  std::size_t byte() {
    if (at_end()) damaged();
    return static_cast<unsigned char>(in_[at_++]);
  }
  std::size_t number(int bytes) {  // little-endian
    std::size_t value = 0;
    for (int i = 0; i < bytes; ++i) value |= byte() << (8 * i);
    return value;
  }
  void literal(std::size_t length) {
    if (length > in_.size() - at_ || length > size_ - out_.size()) damaged();
    out_.append(in_.substr(at_, length));
    at_ += length;
  }
  void copy(std::size_t distance, std::size_t length) {
    if (distance == 0 || distance > out_.size() || length > size_ - out_.size()) damaged();
    std::size_t from = out_.size() - distance;
    for (std::size_t i = 0; i < length; ++i) out_ += out_[from + i];  // may overlap what it makes
  }
  std::string finish() {
    if (out_.size() != size_) damaged();
    return std::move(out_);
  }
  [[noreturn]] void damaged() { fail("damaged {} block", name_); }

 private:
  std::string_view in_;
  std::size_t at_ = 0, size_;
  const char* name_;
  std::string out_;
};

}  // namespace

std::string unpack_snappy(std::string_view packed, std::size_t size) {
  Unpacker block(packed, size, "snappy");
  std::size_t claimed = 0;
  for (int shift = 0;; shift += 7) {
    const std::size_t b = block.byte();
    if (shift > 28) block.damaged();
    claimed |= (b & 0x7F) << shift;
    if (b < 0x80) break;
  }
  if (claimed != size) block.damaged();
  while (!block.at_end()) {
    const std::size_t tag = block.byte();
    std::size_t length = (tag >> 2) + 1;
    switch (tag & 3) {
      case 0:
        if (length > 60) length = block.number(static_cast<int>(length) - 60) + 1;
        block.literal(length);
        break;
      case 1:
        block.copy((tag >> 5) << 8 | block.byte(), ((tag >> 2) & 7) + 4);
        break;
      case 2:
        block.copy(block.number(2), length);
        break;
      default:
        block.copy(block.number(4), length);
    }
  }
  return block.finish();
}

std::string unpack_lz4_block(std::string_view packed, std::size_t size) {
  Unpacker block(packed, size, "LZ4");
  const auto extended = [&block](std::size_t length) {
    if (length < 15) return length;
    for (std::size_t more = 255; more == 255;) length += more = block.byte();
    return length;
  };
  while (!block.at_end()) {
    const std::size_t token = block.byte();
    block.literal(extended(token >> 4));
    if (block.at_end()) break;  // the last sequence has no match
    const std::size_t distance = block.number(2);
    block.copy(distance, extended(token & 15) + 4);
  }
  return block.finish();
}

}  // namespace cairn::data
