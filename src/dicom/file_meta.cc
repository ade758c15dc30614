#include "dicom/file_meta.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "dicom/encoding.h"

namespace trolley {
namespace {

constexpr std::string_view kMagic = "DICM";
constexpr size_t kMaxUid = 64;
constexpr uint16_t kMetaGroup = 0x0002;

// Little-endian reader over bytes that may end anywhere.
class MetaReader {
 public:
  explicit MetaReader(std::string_view bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size() - at_; }
  uint8_t Byte(size_t offset) const { return static_cast<uint8_t>(bytes_[at_ + offset]); }
  uint16_t U16(size_t offset) const { return static_cast<uint16_t>(Byte(offset) | Byte(offset + 1) << 8); }
  uint32_t U32(size_t offset) const { return U16(offset) | static_cast<uint32_t>(U16(offset + 2)) << 16; }
  std::string_view Text(size_t offset, size_t length) const { return bytes_.substr(at_ + offset, length); }
  void Skip(size_t length) { at_ += length; }
  size_t position() const { return at_; }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

std::string TrimMetaValue(std::string_view text) {
  const size_t end = text.find_last_not_of(std::string_view("\0 ", 2));
  return std::string(text.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

FileMetaPeek NotDicom() {
  return {FileMetaPeek::Status::kNotDicom, std::nullopt};
}

struct Seen {
  std::optional<std::string> sop_class, sop_instance, transfer_syntax;

  std::optional<std::string>* At(uint16_t element) {
    switch (element) {
      case 0x0002:
        return &sop_class;
      case 0x0003:
        return &sop_instance;
      case 0x0010:
        return &transfer_syntax;
      default:
        return nullptr;
    }
  }

  FileMetaPeek Result() const {
    std::optional<Uid> uid = Uid::Parse(sop_instance.value_or(""));
    if (!uid) {
      return NotDicom();
    }
    return {FileMetaPeek::Status::kOk, FileMeta{*std::move(uid), sop_class.value_or(""), transfer_syntax.value_or("")}};
  }
};

enum class Step { kElement, kNeedMore, kMalformed };

// Takes one element at the reader's position, which has at least 8 bytes.
Step TakeElement(MetaReader& reader, Seen& seen) {
  const uint16_t element = reader.U16(2);
  const std::string_view vr = reader.Text(4, 2);
  if (!IsVr(vr)) {
    return Step::kMalformed;
  }
  size_t header = 8;
  size_t length = reader.U16(6);
  if (HasLongLength(vr)) {
    if (reader.left() < 12) {
      return Step::kNeedMore;
    }
    header = 12;
    length = reader.U32(8);
  }
  if (reader.position() + header + length > kMaxFileMeta) {
    return Step::kMalformed;
  }
  std::optional<std::string>* slot = seen.At(element);
  if (slot != nullptr && length > kMaxUid) {
    return Step::kMalformed;
  }
  if (reader.left() < header + length) {
    return Step::kNeedMore;
  }
  if (slot != nullptr && !slot->has_value()) {
    *slot = TrimMetaValue(reader.Text(header, length));
  }
  reader.Skip(header + length);
  return Step::kElement;
}

}  // namespace

FileMetaPeek PeekFileMeta(std::span<const std::byte> prefix) {
  const std::string_view bytes(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  if (bytes.size() > kPreambleSize) {
    const std::string_view magic = bytes.substr(kPreambleSize, kMagic.size());
    if (magic != kMagic.substr(0, magic.size())) {
      return NotDicom();
    }
  }
  if (bytes.size() < kPreambleSize + kMagic.size()) {
    return {};
  }
  MetaReader reader(bytes);
  reader.Skip(kPreambleSize + kMagic.size());
  Seen seen;
  while (true) {
    if (seen.sop_instance && seen.transfer_syntax) {
      return seen.Result();
    }
    if (reader.left() >= 2 && reader.U16(0) != kMetaGroup) {
      return seen.Result();  // the group ended
    }
    // An element that does not fit below kMaxFileMeta is refused, so waiting for more ends.
    const Step step = reader.left() < 8 ? Step::kNeedMore : TakeElement(reader, seen);
    if (step == Step::kMalformed || (step == Step::kNeedMore && bytes.size() >= kMaxFileMeta)) {
      return NotDicom();
    }
    if (step == Step::kNeedMore) {
      return {};
    }
  }
}

}  // namespace trolley
