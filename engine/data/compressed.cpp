#include "engine/data/compressed.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace cairn::data {

namespace {

constexpr int kMaxZstdWindowLog = 27;  // 128 MB, the most that `zstd` decodes without being asked for more

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(std::string_view bytes) : bytes_(bytes) {}
  std::size_t read(char* buffer, std::size_t size) override {
    const std::size_t taken = std::min(size, bytes_.size() - at_);
    if (taken > 0) std::memcpy(buffer, bytes_.data() + at_, taken);
    at_ += taken;
    return taken;
  }
  std::uint64_t offset() const override { return at_; }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

class GzipSource : public ByteSource {
 public:
  GzipSource(std::string_view bytes, std::string name) : bytes_(bytes), name_(std::move(name)) {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail("{}: no memory to decode gzip", name_);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data()));
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  std::size_t read(char* buffer, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
    const std::size_t wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && !done_) {
      stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes_.size() - offset(), 1u << 30));
      if (stream_.avail_in == 0) fail("{}: byte {}: the gzip stream is cut short", name_, offset());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result == Z_STREAM_END) {
        const std::string_view rest = bytes_.substr(offset());
        // Padding of zeros after the last member is common on tapes and disks and means nothing.
        done_ = rest.find_first_not_of('\0') == std::string_view::npos;
        if (!done_ && inflateReset(&stream_) != Z_OK) fail("{}: byte {}: damaged gzip stream", name_, offset());
      } else if (result != Z_OK && result != Z_BUF_ERROR) {
        fail("{}: byte {}: damaged gzip stream ({})", name_, offset(), stream_.msg ? stream_.msg : "unknown");
      }
    }
    return wanted - stream_.avail_out;
  }
  std::uint64_t offset() const override {
    return static_cast<std::uint64_t>(reinterpret_cast<const char*>(stream_.next_in) - bytes_.data());
  }

 private:
  std::string_view bytes_;
  std::string name_;
  z_stream stream_{};
  bool done_ = false;
};

class ZstdSource : public ByteSource {
 public:
  ZstdSource(std::string_view bytes, std::string name)
      : name_(std::move(name)), stream_(ZSTD_createDStream(), &ZSTD_freeDStream), in_{bytes.data(), bytes.size(), 0} {
    if (!stream_) fail("{}: no memory to decode zstd", name_);
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
  }
  std::size_t read(char* buffer, std::size_t size) override {
    ZSTD_outBuffer out{buffer, size, 0};
    while (out.pos == 0) {
      if (in_.pos == in_.size && between_frames_) return 0;
      const std::size_t before = in_.pos;
      const std::size_t result = ZSTD_decompressStream(stream_.get(), &out, &in_);
      if (ZSTD_isError(result)) fail("{}: byte {}: damaged zstd stream ({})", name_, before, ZSTD_getErrorName(result));
      between_frames_ = result == 0;
      if (out.pos == 0 && in_.pos == in_.size && !between_frames_) {
        fail("{}: byte {}: the zstd stream is cut short", name_, in_.size);
      }
    }
    return out.pos;
  }
  std::uint64_t offset() const override { return in_.pos; }

 private:
  std::string name_;
  std::unique_ptr<ZSTD_DStream, decltype(&ZSTD_freeDStream)> stream_;
  ZSTD_inBuffer in_;
  bool between_frames_ = true;
};

}  // namespace

Compression compression_of(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x1f\x8b")) return Compression::gzip;
  if (first_bytes.starts_with("\x28\xb5\x2f\xfd")) return Compression::zstd;
  // A skippable frame may open a zstd file: 0x184D2A50 to 0x184D2A5F, little-endian.
  if (first_bytes.size() >= 4 && (first_bytes[0] & '\xf0') == '\x50' && first_bytes.substr(1, 3) == "\x2a\x4d\x18") {
    return Compression::zstd;
  }
  return Compression::none;
}

void refuse_lz4(std::string_view first_bytes) {
  if (first_bytes.starts_with("\x04\x22\x4d\x18")) fail("compressed with lz4, which is not read; gzip, zstd and plain files are");
}

std::unique_ptr<ByteSource> decompress(std::string_view bytes, std::string name) {
  switch (compression_of(bytes)) {
    case Compression::gzip:
      return std::make_unique<GzipSource>(bytes, std::move(name));
    case Compression::zstd:
      return std::make_unique<ZstdSource>(bytes, std::move(name));
    case Compression::none:
      break;
  }
  return std::make_unique<PlainSource>(bytes);
}

std::string decompress_all(std::string_view bytes, const std::string& name, std::uint64_t limit) {
  const std::unique_ptr<ByteSource> source = decompress(bytes, name);
  std::string content;
  constexpr std::size_t kStep = 1 << 16;
  for (;;) {
    const std::size_t filled = content.size();
    content.resize(filled + kStep);
    const std::size_t got = source->read(content.data() + filled, kStep);
    content.resize(filled + got);
    if (got == 0) return content;
    if (content.size() > limit) fail("{}: larger than {} bytes once unpacked", name, limit);
  }
}

LineReader::LineReader(std::unique_ptr<ByteSource> source, std::string name, std::size_t max_line)
    : source_(std::move(source)), name_(std::move(name)), max_line_(max_line) {}

bool LineReader::next(std::string_view& line) {
  constexpr std::size_t kStep = 1 << 18;
  can_go_on_ = false;
  for (;;) {
    const char* found =
        static_cast<const char*>(scanned_ < filled_ ? std::memchr(buffer_.data() + scanned_, '\n', filled_ - scanned_) : nullptr);
    const std::size_t end = found ? static_cast<std::size_t>(found - buffer_.data()) : filled_;
    if (in_long_line_ && (found != nullptr || at_end_)) {
      begin_ = scanned_ = std::min(end + 1, filled_);
      in_long_line_ = false;
      continue;
    }
    if (found != nullptr || (at_end_ && begin_ < filled_)) {
      line = std::string_view(buffer_).substr(begin_, end - begin_);
      if (line.ends_with('\r')) line.remove_suffix(1);
      begin_ = scanned_ = std::min(end + 1, filled_);
      ++line_number_;
      return true;
    }
    if (at_end_) return false;
    const std::size_t kept = in_long_line_ ? 0 : filled_ - begin_;
    if (kept > 0 && begin_ > 0) std::memmove(buffer_.data(), buffer_.data() + begin_, kept);
    begin_ = 0;
    filled_ = scanned_ = kept;
    if (filled_ > max_line_) {
      ++line_number_;
      in_long_line_ = can_go_on_ = true;
      filled_ = scanned_ = 0;
      buffer_ = std::string();  // as large as the line was
      fail("{}: line {}: longer than {} bytes", name_, line_number_, max_line_);
    }
    if (buffer_.size() < filled_ + kStep) {
      buffer_.reserve(filled_ + kStep < max_line_ ? std::min(2 * filled_, max_line_) + kStep : filled_ + 2 * kStep);
      buffer_.resize(filled_ + kStep);
    }
    const std::size_t got = source_->read(buffer_.data() + filled_, kStep);
    filled_ += got;
    at_end_ = got == 0;
  }
}

}  // namespace cairn::data
