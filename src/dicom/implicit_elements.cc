#include "dicom/implicit_elements.h"

#include <cstdint>

#include "base/text.h"

namespace trolley {
namespace {

constexpr uint32_t kItemEnd = 0xfffee00d;
constexpr uint32_t kSequenceEnd = 0xfffee0dd;
constexpr uint32_t kUndefinedLength = 0xffffffff;

void AppendNumber(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> 8 * i & 0xff));
  }
}

uint32_t Number(std::string_view bytes, size_t at, int size) {
  uint32_t value = 0;
  for (int i = size; i-- > 0;) {
    value = value << 8 | static_cast<uint8_t>(bytes[at + static_cast<size_t>(i)]);
  }
  return value;
}

}  // namespace

std::string EncodeImplicit(const RawElements& elements) {
  std::string out;
  for (const auto& [tag, value] : elements) {
    const bool odd = value.size() % 2 != 0;
    AppendNumber(out, tag.group(), 2);
    AppendNumber(out, tag.element(), 2);
    AppendNumber(out, static_cast<uint32_t>(value.size() + odd), 4);
    out += value;
    if (odd) {
      out.push_back(VrOf(tag) == "UI" ? '\0' : ' ');
    }
  }
  return out;
}

std::optional<RawElements> ParseImplicit(std::string_view data_set) {
  RawElements elements;
  int depth = 0;  // of sequences and items of undefined length
  for (size_t at = 0; at < data_set.size();) {
    if (data_set.size() - at < 8) {
      return std::nullopt;
    }
    const Tag tag{Number(data_set, at, 2) << 16 | Number(data_set, at + 2, 2)};
    const uint32_t length = Number(data_set, at + 4, 4);
    at += 8;
    if (tag.value == kItemEnd || tag.value == kSequenceEnd) {
      if (depth-- == 0) {
        return std::nullopt;
      }
    } else if (length == kUndefinedLength) {
      ++depth;
    } else if (length > data_set.size() - at) {
      return std::nullopt;
    } else {
      if (depth == 0) {
        elements[tag] = Trim(data_set.substr(at, length));
      }
      at += length;
    }
  }
  return depth == 0 ? std::optional(std::move(elements)) : std::nullopt;
}

}  // namespace trolley
