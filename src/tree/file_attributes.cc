// Sizes and times of files, from the attributes that a search returns.
#include "tree/file_attributes.h"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <limits>
#include <optional>

#include "base/text.h"

namespace trolley {
namespace {

constexpr uint64_t kHeaderBytes = 2048;
constexpr uint64_t kWithoutPixelsBytes = 16384;
// An archive's attributes may be absurd; a file larger than this never is.
constexpr uint64_t kMaxBytes = uint64_t{1} << 42;

uint64_t Factor(const Attributes& attributes, Tag tag, uint64_t otherwise) {
  const auto number = attributes.Number(tag);
  return number && *number > 0 ? static_cast<uint64_t>(*number) : otherwise;
}

uint64_t Multiply(uint64_t a, uint64_t b) {
  return b != 0 && a > kMaxBytes / b ? kMaxBytes : a * b;
}

// `count` digits at `position`; nullopt when there are fewer.
std::optional<int> Digits(std::string_view text, size_t position, size_t count) {
  if (position + count > text.size()) {
    return std::nullopt;
  }
  const auto number = ParseUint(text.substr(position, count));
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

std::string Without(std::string_view text, char separator) {
  std::string kept(Trim(text));
  std::erase(kept, separator);
  return kept;
}

// "&ZZXX" of PS3.3 C.12.1.1.8: seconds east of UTC.
std::optional<int64_t> ParseOffset(std::string_view offset) {
  offset = Trim(offset);
  if (offset.size() != 5 || (offset[0] != '+' && offset[0] != '-')) {
    return std::nullopt;
  }
  const auto hours = Digits(offset, 1, 2);
  const auto minutes = Digits(offset, 3, 2);
  if (!hours || !minutes || *hours > 14 || *minutes > 59) {
    return std::nullopt;
  }
  const int64_t seconds = (int64_t{*hours} * 60 + *minutes) * 60;
  return offset[0] == '-' ? -seconds : seconds;
}

}  // namespace

uint64_t EstimateSize(const Attributes& instance) {
  const uint64_t rows = Factor(instance, tag::kRows, 0);
  const uint64_t columns = Factor(instance, tag::kColumns, 0);
  if (rows == 0 || columns == 0) {
    return kWithoutPixelsBytes;
  }
  uint64_t bytes = Multiply(rows, columns);
  bytes = Multiply(bytes, Factor(instance, tag::kSamplesPerPixel, 1));
  bytes = Multiply(bytes, Factor(instance, tag::kNumberOfFrames, 1));
  bytes = Multiply(bytes, std::max<uint64_t>(1, Factor(instance, tag::kBitsAllocated, 16) / 8));
  return std::min(bytes, kMaxBytes) + kHeaderBytes;
}

int64_t DicomTime(std::string_view date, std::string_view time, std::string_view timezone_offset) {
  const std::string day = Without(date, '.');
  const auto year = Digits(day, 0, 4);
  const auto month = Digits(day, 4, 2);
  const auto day_of_month = Digits(day, 6, 2);
  if (day.size() != 8 || !year || !month || !day_of_month ||
      !(std::chrono::year(*year) / *month / *day_of_month).ok() || *year == 0) {
    return 0;
  }
  const std::string clock = Without(time, ':');
  std::tm parts{};
  parts.tm_year = *year - 1900;
  parts.tm_mon = *month - 1;
  parts.tm_mday = *day_of_month;
  parts.tm_isdst = -1;
  const int hour = Digits(clock, 0, 2).value_or(99);
  const int minute = Digits(clock, 2, 2).value_or(0);
  const int second = Digits(clock, 4, 2).value_or(0);
  if (hour < 24 && minute < 60 && second <= 60) {
    parts.tm_hour = hour;
    parts.tm_min = minute;
    parts.tm_sec = std::min(second, 59);
  }
  if (const auto offset = ParseOffset(timezone_offset)) {
    return ::timegm(&parts) - *offset;
  }
  return ::mktime(&parts);
}

}  // namespace trolley
