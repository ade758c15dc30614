// Not with DCMTK's parser: it descends into nested sequences by recursion and keeps elements in a list, so that a file
// of a few megabytes ends the process or costs minutes. A folder holds anything; here memory is constant, and time is
// linear in the length of the header.
#include "trolley/file_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include "base/text.h"
#include "dicom/byte_source.h"
#include "dicom/element_text.h"
#include "dicom/encoding.h"
#include "trolley/tag.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr std::string_view kMediaStorageDirectory = "1.2.840.10008.1.3.10";

constexpr uint16_t kPixelGroup = 0x7FE0;
constexpr Tag kMediaStorageSopClass{0x00020002};
constexpr Tag kMetaGroupLength{0x00020000};

// Bounds against hostile files.
constexpr uint32_t kMaxHeaderValue = 16 * 1024;  // longer values are skipped
constexpr size_t kMaxKept = size_t{256} * 1024;  // of all values
constexpr uint64_t kMaxElements = 10'000'000;    // a PET with 10 000 frames has a million
constexpr uint64_t kMaxInflated = uint64_t{64} << 20;

struct HeaderElement {
  Tag tag;
  std::array<char, 2> vr{};  // zeros in implicit VR
  uint32_t length = 0;
  std::string_view vr_text() const { return {vr.data(), vr[0] == 0 ? size_t{0} : size_t{2}}; }
};

bool IsShortVr(std::string_view vr) {
  constexpr std::string_view kShort[] = {"AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO",
                                         "LT", "PN", "SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"};
  return std::find(std::begin(kShort), std::end(kShort), vr) != std::end(kShort);
}

class ElementReader {
 public:
  explicit ElementReader(ByteReader reader) : reader_(std::move(reader)) {}

  bool explicit_vr = true;
  bool big_endian = false;

  ByteReader& bytes() { return reader_; }

  std::optional<Tag> PeekTag() {
    const std::string_view next = reader_.Peek(4);
    if (next.size() < 4) {
      return std::nullopt;
    }
    return Tag{U16(next) << 16 | U16(next.substr(2))};
  }

  // Takes an element's header; nullopt at the end, or when there are too many elements.
  std::optional<HeaderElement> Next() {
    const std::optional<Tag> tag = PeekTag();
    const std::string_view header = reader_.Peek(12);
    if (!tag || header.size() < 8 || ++elements_ > kMaxElements) {
      return std::nullopt;
    }
    HeaderElement element{*tag, {}, 0};
    const std::string_view vr = header.substr(4, 2);
    // Some devices leave the VR out within an explicit data set, element by element.
    if (!explicit_vr || tag->group() == kDelimiterGroup || !IsVr(vr)) {
      element.length = U32(header.substr(4));
      reader_.Skip(8);
      return element;
    }
    element.vr = {vr[0], vr[1]};
    if (IsShortVr(vr)) {
      element.length = U16(header.substr(6));
      reader_.Skip(8);
      return element;
    }
    if (header.size() < 12) {
      return std::nullopt;
    }
    element.length = U32(header.substr(8));
    reader_.Skip(12);
    return element;
  }

  // Passes over the value of an element whose header was taken. False when the data set ends within it.
  bool SkipValue(const HeaderElement& element) {
    if (element.length != kUndefinedLength) {
      reader_.Skip(element.length);
      return true;
    }
    return SkipUndefined(element);
  }

 private:
  uint32_t U16(std::string_view at) const {
    const auto a = static_cast<unsigned char>(at[0]);
    const auto b = static_cast<unsigned char>(at[1]);
    return big_endian ? static_cast<uint32_t>(a << 8 | b) : static_cast<uint32_t>(b << 8 | a);
  }
  uint32_t U32(std::string_view at) const {
    return big_endian ? U16(at) << 16 | U16(at.substr(2)) : U16(at.substr(2)) << 16 | U16(at);
  }

  // Nested items and sequences are counted, not descended into.
  bool SkipUndefined(const HeaderElement& sequence) {
    const bool outer_explicit = explicit_vr;
    if (sequence.vr_text() == "UN") {
      explicit_vr = false;  // PS3.5 §6.2.2, note 6
    }
    uint64_t implicit_from = 0;  // depth at which a nested UN switched to implicit VR
    uint64_t depth = 1;
    while (depth > 0) {
      const std::optional<HeaderElement> element = Next();
      if (!element) {
        break;
      }
      const bool ends = element->tag.value == kItemEnd || element->tag.value == kSequenceEnd;
      if (ends) {
        --depth;
        if (depth < implicit_from) {
          implicit_from = 0;
          explicit_vr = true;
        }
      } else if (element->length == kUndefinedLength) {
        ++depth;
        if (explicit_vr && element->vr_text() == "UN") {
          implicit_from = depth;
          explicit_vr = false;
        }
      } else {
        // An item of defined length is passed over as a whole.
        reader_.Skip(element->length);
      }
    }
    explicit_vr = outer_explicit;
    return depth == 0;
  }

  ByteReader reader_;
  uint64_t elements_ = 0;
};

class HeaderParser {
 public:
  // Opens what a deflated data set inflates to; it begins at `offset`.
  using Inflate = std::function<std::unique_ptr<ByteSource>(uint64_t offset)>;

  HeaderParser(std::unique_ptr<ByteSource> source, Inflate inflate)
      : inflate_(std::move(inflate)), elements_(ByteReader(std::move(source))) {}

  std::optional<FileHeader> Parse() {
    if (!FindStart() || !ReadMeta() || !EnterDataSet()) {
      return std::nullopt;
    }
    ReadDataSet();
    FileHeader header;
    for (const auto& [tag, text] : values_) {
      header.attributes.Set(tag, text);
    }
    header.attributes.ShrinkToFit();
    header.transfer_syntax_uid = transfer_syntax_;
    for (const Tag tag : {tag::kSOPInstanceUID, tag::kSeriesInstanceUID, tag::kStudyInstanceUID}) {
      if (!Uid::Parse(header.attributes.Get(tag))) {
        return std::nullopt;
      }
    }
    return header;
  }

 private:
  // Passes over the preamble; without one, the file must begin as data sets do.
  bool FindStart() {
    const std::string_view start = elements_.bytes().Peek(132);
    if (start.size() == 132 && start.substr(128) == "DICM") {
      elements_.bytes().Skip(132);
      return true;
    }
    if (start.size() < 16) {
      return false;
    }
    const std::string_view group = start.substr(0, 2);
    const std::string_view vr = start.substr(4, 2);
    using namespace std::string_view_literals;
    if (group == "\x02\0"sv) {
      return IsVr(vr);
    }
    if (group == "\0\x08"sv) {
      transfer_syntax_ = kBigEndian;
      return IsShortVr(vr);
    }
    const bool low_element = start[3] == 0;
    return group == "\x08\0"sv && low_element && (IsShortVr(vr) || (start[6] == 0 && start[7] == 0));
  }

  std::string Value(const HeaderElement& element) {
    std::string bytes;
    if (element.length > kMaxHeaderValue || !elements_.bytes().Take(element.length, &bytes)) {
      elements_.SkipValue(element);
      return "";
    }
    return bytes;
  }

  // False for a directory record file.
  bool ReadMeta() {
    std::optional<uint64_t> end;
    while (true) {
      const std::optional<Tag> next = elements_.PeekTag();
      if (!next || next->group() != 0x0002 || (end && elements_.bytes().position() >= *end)) {
        return true;
      }
      const std::optional<HeaderElement> element = elements_.Next();
      if (!element || element->length == kUndefinedLength) {
        return false;
      }
      const std::string value = Value(*element);
      if (element->tag == kMetaGroupLength) {
        const auto length = ElementText(element->tag, "UL", value, false, "");
        if (const auto number = ParseUint(length.value_or(""))) {
          end = elements_.bytes().position() + *number;
        }
      } else if (element->tag == kMediaStorageSopClass && Trim(value) == kMediaStorageDirectory) {
        return false;
      } else if (element->tag == tag::kTransferSyntaxUID) {
        transfer_syntax_ = Trim(value);
        // Only here the group's stated length counts: compressed bytes could look like more of the group.
        end = transfer_syntax_ == kDeflatedLittleEndian ? end : std::nullopt;
      }
    }
  }

  bool EnterDataSet() {
    if (transfer_syntax_ == kDeflatedLittleEndian) {
      auto source = inflate_(elements_.bytes().position());
      if (source == nullptr) {
        return false;
      }
      elements_ = ElementReader(ByteReader(std::move(source)));
    }
    elements_.big_endian = transfer_syntax_ == kBigEndian;
    // What the bytes say counts more than what the meta group says: they disagree in some archives.
    const std::string_view first = elements_.bytes().Peek(8);
    elements_.explicit_vr = first.size() == 8 && IsVr(first.substr(4, 2));
    if (transfer_syntax_.empty() && !elements_.explicit_vr) {
      transfer_syntax_ = kImplicitLittleEndian;
    }
    return true;
  }

  void ReadDataSet() {
    while (const std::optional<HeaderElement> element = elements_.Next()) {
      const uint16_t group = element->tag.group();
      if (group >= kPixelGroup) {
        return;  // pixel data and what follows it, or a delimiter out of place
      }
      if (element->length == kUndefinedLength || group % 2 == 1 || element->length > kMaxHeaderValue ||
          !Keep(*element)) {
        if (!elements_.SkipValue(*element)) {
          return;
        }
      }
    }
  }

  // False when the value was not taken.
  bool Keep(const HeaderElement& element) {
    std::string_view vr = element.vr_text();
    const std::string_view known = VrOf(element.tag);
    if (known == "UN" || kept_ >= kMaxKept) {
      return false;
    }
    if (vr.empty() || vr == "UN" || vr == "OB") {
      vr = known;  // gateways that did not know the attribute wrote UN
    }
    if (!HasText(vr) || element.tag.element() == 0) {
      return false;
    }
    std::string bytes;
    if (!elements_.bytes().Take(element.length, &bytes)) {
      return false;
    }
    if (auto text = ElementText(element.tag, vr, bytes, elements_.big_endian, charset_)) {
      if (element.tag == tag::kSpecificCharacterSet) {
        charset_ = *text;
      }
      kept_ += text->size() + sizeof(Tag);
      values_.try_emplace(element.tag, *std::move(text));
    }
    return true;
  }

  const Inflate inflate_;
  ElementReader elements_;
  std::string transfer_syntax_;
  std::string charset_;
  std::map<Tag, std::string> values_;
  size_t kept_ = 0;
};

}  // namespace

std::optional<FileHeader> ReadFileHeader(const std::filesystem::path& file) {
  std::unique_ptr<ByteSource> source = OpenFileSource(file);
  if (source == nullptr) {
    return std::nullopt;
  }
  return HeaderParser(std::move(source),
                      [&file](uint64_t offset) { return OpenInflatedSource(file, offset, kMaxInflated); })
      .Parse();
}

std::optional<FileHeader> ParseFileHeader(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return HeaderParser(OpenMemorySource(text),
                      [text](uint64_t offset) {
                        return OpenInflatedSource(text.substr(static_cast<size_t>(offset)), kMaxInflated);
                      })
      .Parse();
}

}  // namespace trolley
