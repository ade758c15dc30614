#include "dimse/dimse.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr uint16_t kCommandGroupLength = 0x0000;
constexpr uint16_t kNoDataSet = 0x0101;
constexpr size_t kMaxComment = 200;

void Append16(std::string& out, size_t value) {
  out.push_back(static_cast<char>(value & 0xFF));
  out.push_back(static_cast<char>(value >> 8 & 0xFF));
}

void Append32(std::string& out, size_t value) {
  Append16(out, value & 0xFFFF);
  Append16(out, value >> 16 & 0xFFFF);
}

uint16_t Read16(std::string_view bytes) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[0]) | static_cast<uint8_t>(bytes[1]) << 8);
}

uint32_t Read32(std::string_view bytes) {
  return Read16(bytes) | static_cast<uint32_t>(Read16(bytes.substr(2))) << 16;
}

std::string Hex4(uint16_t value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const int shift : {12, 8, 4, 0}) {
    out.push_back(kDigits[value >> shift & 0xF]);
  }
  return out;
}

}  // namespace

CommandSet& CommandSet::SetNumber(uint16_t element, uint16_t value) {
  std::string bytes;
  Append16(bytes, value);
  elements_[element] = std::move(bytes);
  return *this;
}

CommandSet& CommandSet::SetText(uint16_t element, std::string_view value) {
  elements_[element] = StrCat(value, value.size() % 2 != 0 ? " " : "");
  return *this;
}

CommandSet& CommandSet::SetUid(uint16_t element, std::string_view value) {
  elements_[element] = value;
  if (value.size() % 2 != 0) {
    elements_[element].push_back('\0');
  }
  return *this;
}

std::optional<uint16_t> CommandSet::Number(uint16_t element) const {
  const auto found = elements_.find(element);
  return found == elements_.end() || found->second.size() < 2 ? std::nullopt : std::optional(Read16(found->second));
}

std::string CommandSet::Text(uint16_t element) const {
  const auto found = elements_.find(element);
  return found == elements_.end() ? std::string() : std::string(Trim(found->second));
}

uint16_t CommandSet::status() const {
  const std::optional<uint16_t> status = Number(dimse::kStatus);
  if (!status) {
    throw Error(ErrorCode::kProtocol, "Cannot read the peer's response: it has no status");
  }
  return *status;
}

bool CommandSet::has_data_set() const {
  const std::optional<uint16_t> type = Number(dimse::kCommandDataSetType);
  return type && *type != kNoDataSet;
}

std::string CommandSet::Comment() const {
  std::string comment = Text(dimse::kErrorComment).substr(0, kMaxComment);
  std::replace_if(
      comment.begin(), comment.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  std::vector<std::string> parts;
  if (!comment.empty()) {
    parts.push_back(StrCat("ErrorComment '", comment, "'"));
  }
  if (const auto found = elements_.find(dimse::kOffendingElement);
      found != elements_.end() && found->second.size() >= 4) {
    const std::string_view tag = found->second;
    parts.push_back(StrCat("OffendingElement (", Hex4(Read16(tag)), ",", Hex4(Read16(tag.substr(2))), ")"));
  }
  return Join(parts, ", ");
}

std::string CommandSet::Encode() const {
  std::string rest;
  for (const auto& [element, value] : elements_) {
    Append16(rest, 0);
    Append16(rest, element);
    Append32(rest, value.size());
    rest += value;
  }
  std::string out;
  Append16(out, 0);
  Append16(out, kCommandGroupLength);
  Append32(out, 4);
  Append32(out, rest.size());
  return out + rest;
}

CommandSet CommandSet::Parse(std::string_view bytes) {
  CommandSet set;
  while (!bytes.empty()) {
    if (bytes.size() < 8 || Read16(bytes) != 0 || Read32(bytes.substr(4)) > bytes.size() - 8) {
      throw Error(ErrorCode::kProtocol, "Cannot read the peer's message: it is no command set");
    }
    const uint16_t element = Read16(bytes.substr(2));
    const uint32_t length = Read32(bytes.substr(4));
    if (element != kCommandGroupLength) {
      set.elements_[element] = bytes.substr(8, length);
    }
    bytes.remove_prefix(8 + length);
  }
  return set;
}

std::string StatusText(uint16_t status) {
  return Hex4(status);
}

}  // namespace trolley
