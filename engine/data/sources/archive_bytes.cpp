#include "engine/data/sources/archive_bytes.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "base/error.h"
#include "engine/data/compressed.h"

namespace cairn::data {

namespace {

constexpr std::size_t kStep = 1 << 16;  // decoded at a time
constexpr std::size_t kTrial = 4096;    // decoded of a member to see whether it holds a record
constexpr int kMaxZstdWindowLog = 27;   // 128 MB
constexpr std::size_t kMaxDictionary = 32u << 20;
constexpr std::string_view kDictionaryFrame = "\x5d\x2a\x4d\x18";  // skippable frame that holds a dictionary
constexpr std::string_view kZstdFrame = "\x28\xb5\x2f\xfd";

}  // namespace

// Decodes one gzip member or zstd frame at a time.
class MemberDecoder {
 public:
  enum class Outcome { more, end, damage };
  virtual ~MemberDecoder() = default;
  virtual std::string_view magic() const = 0;
  // Stored bytes that are enough to decode kTrial of a member: what begins like one need not be one, and may say that it goes on
  // and on without giving anything.
  virtual std::size_t trial_bytes() const = 0;
  virtual void begin() = 0;
  // Takes from `in` and appends to `out`, about `room` bytes; drops from `in` what it took.
  virtual Outcome decode(std::string_view& in, std::string& out, std::size_t room) = 0;
  virtual std::string what() const = 0;
};

namespace {

class GzipMembers : public MemberDecoder {
 public:
  GzipMembers() {
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail("no memory to decode gzip");
  }
  ~GzipMembers() override { inflateEnd(&stream_); }
  std::string_view magic() const override { return "\x1f\x8b\x08"; }
  std::size_t trial_bytes() const override { return kTrial + 1000; }
  void begin() override { inflateReset(&stream_); }
  Outcome decode(std::string_view& in, std::string& out, std::size_t room) override {
    const std::size_t filled = out.size();
    out.resize(filled + room);
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(in.size(), 1u << 30));
    stream_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
    stream_.avail_out = static_cast<uInt>(room);
    const uInt offered = stream_.avail_in;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(offered - stream_.avail_in);
    out.resize(filled + room - stream_.avail_out);
    if (result == Z_STREAM_END) return Outcome::end;
    if (result == Z_OK || (result == Z_BUF_ERROR && !in.empty())) return Outcome::more;
    what_ = result == Z_BUF_ERROR ? "the gzip member is cut short" : stream_.msg ? stream_.msg : "damaged gzip member";
    return Outcome::damage;
  }
  std::string what() const override { return what_; }

 private:
  z_stream stream_{};
  std::string what_;
};

class ZstdFrames : public MemberDecoder {
 public:
  explicit ZstdFrames(std::string_view stored) : context_(ZSTD_createDCtx(), &ZSTD_freeDCtx) {
    if (!context_) fail("no memory to decode zstd");
    ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxZstdWindowLog);
    if (!stored.starts_with(kDictionaryFrame) || stored.size() < 8) return;
    std::size_t size = 0;
    for (std::size_t i = 0; i < 4; ++i) size |= std::size_t{static_cast<unsigned char>(stored[4 + i])} << (8 * i);
    if (size > stored.size() - 8 || size > kMaxDictionary) fail("the zstd dictionary is longer than the file or than 32 MB");
    std::string dictionary(stored.substr(8, size));
    if (dictionary.starts_with(kZstdFrame)) dictionary = decompress_all(dictionary, "zstd dictionary", kMaxDictionary);
    if (ZSTD_isError(ZSTD_DCtx_loadDictionary(context_.get(), dictionary.data(), dictionary.size())))
      fail("damaged zstd dictionary");
  }
  std::string_view magic() const override { return kZstdFrame; }
  std::size_t trial_bytes() const override { return ZSTD_BLOCKSIZE_MAX + 1000; }  // a block comes whole
  void begin() override { ZSTD_DCtx_reset(context_.get(), ZSTD_reset_session_only); }
  Outcome decode(std::string_view& in, std::string& out, std::size_t room) override {
    const std::size_t filled = out.size();
    out.resize(filled + room);
    ZSTD_inBuffer from{in.data(), in.size(), 0};
    ZSTD_outBuffer to{out.data() + filled, room, 0};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &to, &from);
    out.resize(filled + to.pos);
    in.remove_prefix(from.pos);
    if (ZSTD_isError(result)) return what_ = ZSTD_getErrorName(result), Outcome::damage;
    if (result == 0) return Outcome::end;
    if (in.empty() && to.pos < room) return what_ = "the zstd frame is cut short", Outcome::damage;
    return Outcome::more;
  }
  std::string what() const override { return what_; }

 private:
  std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context_;
  std::string what_;
};

}  // namespace

ArchiveBytes::ArchiveBytes(std::string_view stored, bool (*begins_record)(std::string_view))
    : stored_(stored), begins_record_(begins_record) {
  refuse_lz4(stored);
  const Compression compression = compression_of(stored);
  if (compression == Compression::gzip) decoder_ = std::make_unique<GzipMembers>();
  if (compression == Compression::zstd) decoder_ = std::make_unique<ZstdFrames>(stored);
}
ArchiveBytes::~ArchiveBytes() = default;

void ArchiveBytes::break_off(std::string damage) {
  broken_ = true;
  broken_member_ = members_.empty() ? at_ : members_.back().stored;
  damage_ = std::move(damage);
}

void ArchiveBytes::decode_more() {
  if (!in_member_) {
    // Padding of zeros after the last member is common on tapes and disks and means nothing.
    if (stored_.substr(at_).find_first_not_of('\0') == std::string_view::npos) {
      at_ = stored_.size();
      return;
    }
    members_.push_back({unpacked_, at_});
    if (compression_of(stored_.substr(at_)) == Compression::none) return break_off("no gzip member or zstd frame begins here");
    decoder_->begin();
    in_member_ = true;
  }
  const std::size_t filled = buffer_.size();
  std::string_view in = stored_.substr(at_);
  const MemberDecoder::Outcome outcome = decoder_->decode(in, buffer_, kStep);
  at_ = stored_.size() - in.size();
  unpacked_ += buffer_.size() - filled;
  if (outcome == MemberDecoder::Outcome::damage) break_off(decoder_->what());
  if (outcome == MemberDecoder::Outcome::end) in_member_ = false;
}

std::string_view ArchiveBytes::look(std::size_t want) {
  if (!decoder_) return stored_.substr(at_);
  if (buffer_.size() - begin_ < want && begin_ > kStep) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  while (buffer_.size() - begin_ < want && !broken_ && (in_member_ || at_ < stored_.size())) decode_more();
  forget_members();
  return std::string_view(buffer_).substr(begin_);
}

void ArchiveBytes::skip(std::size_t count) {
  if (!decoder_)
    at_ += std::min(count, stored_.size() - at_);
  else
    begin_ += std::min(count, buffer_.size() - begin_);
  forget_members();
}

void ArchiveBytes::forget_members() {
  const std::uint64_t here = unpacked_ - (buffer_.size() - begin_);
  while (members_.size() > 1 && members_[1].unpacked <= here) members_.pop_front();
}

std::uint64_t ArchiveBytes::offset() const {
  return !decoder_ || members_.empty() ? at_ : members_.front().stored;
}

std::size_t ArchiveBytes::member_behind(std::size_t least) const {
  const std::uint64_t here = unpacked_ - (buffer_.size() - begin_);
  const auto found = std::lower_bound(members_.begin(), members_.end(), here + least,
                                      [](const Member& member, std::uint64_t at) { return member.unpacked < at; });
  return found == members_.end() ? std::string::npos : static_cast<std::size_t>(found->unpacked - here);
}

bool ArchiveBytes::resync() {
  if (!decoder_ || !broken_) return false;
  broken_ = in_member_ = false;
  buffer_.clear();
  begin_ = 0;
  members_.clear();
  for (std::size_t at = broken_member_ + 1; (at = stored_.find(decoder_->magic(), at)) != std::string_view::npos; ++at) {
    decoder_->begin();
    std::string trial;
    std::string_view in = stored_.substr(at, decoder_->trial_bytes());
    if (decoder_->decode(in, trial, kTrial) == MemberDecoder::Outcome::damage && trial.size() < kTrial / 4) continue;
    if (!begins_record_(trial)) continue;
    at_ = at;
    return true;
  }
  at_ = stored_.size();
  return false;
}

}  // namespace cairn::data
