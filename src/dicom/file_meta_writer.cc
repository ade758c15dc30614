#include "dicom/file_meta_writer.h"

#include <cstdint>
#include <string>
#include <string_view>

#include "dicom/encoding.h"

namespace trolley {
namespace {

// Explicit VR Little Endian, which group 0002 is always written in.
class Group0002 {
 public:
  void Short(uint16_t element, std::string_view vr, std::string value, char padding) {
    if (value.size() % 2 != 0) {
      value.push_back(padding);
    }
    Tag(element);
    bytes_.append(vr);
    U16(static_cast<uint16_t>(value.size()));
    bytes_.append(value);
  }
  void Uid(uint16_t element, std::string_view uid) { Short(element, "UI", std::string(uid), '\0'); }
  void Version() {  // (0002,0001) has a 32-bit length
    Tag(0x0001);
    bytes_.append(std::string_view("OB\0\0\2\0\0\0\0\1", 10));
  }
  void Length(size_t length) {
    Tag(0x0000);
    bytes_.append("UL");
    U16(4);
    U16(static_cast<uint16_t>(length & 0xffff));
    U16(static_cast<uint16_t>(length >> 16));
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void U16(uint16_t value) {
    bytes_.push_back(static_cast<char>(value & 0xff));
    bytes_.push_back(static_cast<char>(value >> 8));
  }
  void Tag(uint16_t element) {
    U16(0x0002);
    U16(element);
  }
  std::string bytes_;
};

}  // namespace

std::vector<std::byte> Part10Prefix(const FileMeta& meta) {
  Group0002 elements;
  elements.Version();
  elements.Uid(0x0002, meta.sop_class_uid);
  elements.Uid(0x0003, meta.sop_instance_uid.str());
  elements.Uid(0x0010, meta.transfer_syntax_uid);
  elements.Uid(0x0012, kImplementationClassUid);
  elements.Short(0x0013, "SH", kImplementationVersionName, ' ');
  Group0002 length;
  length.Length(elements.bytes().size());

  std::string all(kPreambleSize, '\0');
  all.append("DICM").append(length.bytes()).append(elements.bytes());
  const auto* begin = reinterpret_cast<const std::byte*>(all.data());
  return {begin, begin + all.size()};
}

}  // namespace trolley
