#include "dicom/data_set_peek.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "dicom/encoding.h"

namespace trolley {
namespace {

constexpr std::string_view kJpipDeflate = "1.2.840.10008.1.2.4.95";
constexpr std::string_view kHtj2kJpipDeflate = "1.2.840.10008.1.2.4.205";

constexpr uint32_t kSopInstanceUid = 0x00080018;

struct ElementHeader {
  uint32_t tag = 0;
  uint32_t length = 0;
  size_t size = 0;  // of the header itself
};

class SopInstanceFinder {
 public:
  SopInstanceFinder(std::string_view bytes, bool implicit, bool big_endian)
      : bytes_(bytes), implicit_(implicit), big_endian_(big_endian) {}

  DataSetPeek Find() {
    while (true) {
      const std::optional<ElementHeader> header = Next();
      if (!header) {
        return More();
      }
      if (depth_ == 0 && header->tag >= kSopInstanceUid) {
        return header->tag == kSopInstanceUid ? Value(*header) : Unknown();
      }
      at_ += header->size;
      if (header->tag == kItemEnd || header->tag == kSequenceEnd) {
        if (depth_-- == 0) {
          return Unknown();
        }
      } else if (header->length == kUndefinedLength) {
        ++depth_;
      } else {
        at_ += header->length;  // 64 bits: cannot overflow
      }
      if (at_ > kMaxDataSetPeek) {
        return Unknown();
      }
    }
  }

 private:
  static DataSetPeek Unknown() { return {DataSetPeek::Status::kUnknown, std::nullopt}; }
  DataSetPeek More() const { return bytes_.size() >= kMaxDataSetPeek ? Unknown() : DataSetPeek{}; }

  uint32_t Number(size_t at, size_t size) const {
    uint32_t value = 0;
    for (size_t i = 0; i < size; ++i) {
      const size_t index = big_endian_ ? at + i : at + size - 1 - i;
      value = value << 8 | static_cast<uint8_t>(bytes_[index]);
    }
    return value;
  }

  // nullopt: it has not arrived yet.
  std::optional<ElementHeader> Next() const {
    if (at_ + 8 > bytes_.size()) {
      return std::nullopt;
    }
    ElementHeader header{Number(at_, 2) << 16 | Number(at_ + 2, 2), Number(at_ + 4, 4), 8};
    if (implicit_ || header.tag >> 16 == 0xfffe) {
      return header;
    }
    if (!HasLongLength(bytes_.substr(at_ + 4, 2))) {
      header.length = Number(at_ + 6, 2);
      return header;
    }
    if (at_ + 12 > bytes_.size()) {
      return std::nullopt;
    }
    header.length = Number(at_ + 8, 4);
    header.size = 12;
    return header;
  }

  DataSetPeek Value(const ElementHeader& header) const {
    constexpr uint32_t kLongest = 128;  // of a value that may be a padded UID
    if (header.length > kLongest) {
      return Unknown();
    }
    if (at_ + header.size + header.length > bytes_.size()) {
      return More();
    }
    std::optional<Uid> uid = Uid::Parse(bytes_.substr(at_ + header.size, header.length));
    return uid ? DataSetPeek{DataSetPeek::Status::kOk, std::move(uid)} : Unknown();
  }

  std::string_view bytes_;
  bool implicit_;
  bool big_endian_;
  size_t at_ = 0;
  int depth_ = 0;  // of sequences and items of undefined length
};

}  // namespace

DataSetPeek PeekDataSet(std::span<const std::byte> prefix, std::string_view transfer_syntax_uid) {
  if (transfer_syntax_uid == kDeflatedLittleEndian || transfer_syntax_uid == kJpipDeflate ||
      transfer_syntax_uid == kHtj2kJpipDeflate) {
    return {DataSetPeek::Status::kUnknown, std::nullopt};
  }
  const std::string_view bytes(reinterpret_cast<const char*>(prefix.data()), prefix.size());
  return SopInstanceFinder(bytes, transfer_syntax_uid == kImplicitLittleEndian, transfer_syntax_uid == kBigEndian)
      .Find();
}

}  // namespace trolley
