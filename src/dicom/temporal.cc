#include "dicom/temporal.h"

#include <algorithm>
#include <chrono>

namespace trolley {
namespace {

constexpr int64_t kMicrosecond = 1;
constexpr int64_t kSecond = 1'000'000 * kMicrosecond;
constexpr int64_t kMinute = 60 * kSecond;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Takes `digits` digits off the front of `text`; nullopt when there are fewer.
std::optional<int> TakeNumber(std::string_view& text, size_t digits) {
  if (text.size() < digits || !AllDigits(text.substr(0, digits))) {
    return std::nullopt;
  }
  int value = 0;
  for (size_t i = 0; i < digits; ++i) {
    value = value * 10 + (text[i] - '0');
  }
  text.remove_prefix(digits);
  return value;
}

std::optional<Moment> ParseDate(std::string_view text) {
  const auto year = TakeNumber(text, 4);
  const auto month = TakeNumber(text, 2);
  const auto day = TakeNumber(text, 2);
  if (!year || !month || !day || !text.empty()) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok()) {
    return std::nullopt;
  }
  const int64_t number = *year * 10000 + *month * 100 + *day;
  return Moment{number, number, std::nullopt};
}

std::optional<Moment> ParseDateLeniently(std::string_view text) {
  std::string digits(text);
  std::erase_if(digits, [](char c) { return c == '.' || c == '-' || c == '/'; });
  if (!AllDigits(digits) || (digits.size() != 4 && digits.size() != 6 && digits.size() != 8)) {
    return std::nullopt;
  }
  std::string first = digits;
  std::string last = digits;
  first.resize(8, '0');
  last.resize(8, '9');
  return Moment{std::stoll(first), std::stoll(last), std::nullopt};
}

// HH[MM[SS[.F{1,6}]]], nothing behind it.
std::optional<Moment> ParseTime(std::string_view text) {
  const auto hour = TakeNumber(text, 2);
  if (!hour || *hour > 23) {
    return std::nullopt;
  }
  int64_t first = *hour * kHour;
  if (text.empty()) {
    return Moment{first, first + kHour - 1, std::nullopt};
  }
  const auto minute = TakeNumber(text, 2);
  if (!minute || *minute > 59) {
    return std::nullopt;
  }
  first += *minute * kMinute;
  if (text.empty()) {
    return Moment{first, first + kMinute - 1, std::nullopt};
  }
  const auto second = TakeNumber(text, 2);
  if (!second || *second > 60) {  // 60: a leap second
    return std::nullopt;
  }
  first += *second * kSecond;
  if (text.empty()) {
    return Moment{first, first + kSecond - 1, std::nullopt};
  }
  if (text.front() != '.' || text.size() < 2 || text.size() > 7 || !AllDigits(text.substr(1))) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  int64_t unit = kSecond;
  for (; !text.empty(); text.remove_prefix(1)) {
    unit /= 10;
    first += (text.front() - '0') * unit;
  }
  return Moment{first, first + unit - 1, std::nullopt};
}

std::optional<Moment> ParseTimeLeniently(std::string_view text) {
  std::string digits(text);
  std::erase(digits, ':');
  return ParseTime(std::string_view(digits).substr(0, 13));  // HHMMSS.FFFFFF; more digits are noise
}

int64_t MicrosecondsSince1970(int year, int month, int day) {
  const std::chrono::sys_days days = std::chrono::year(year) / month / day;
  return days.time_since_epoch().count() * kDay;
}

// Takes "+HHMM" or "-HHMM" off the end of `text`. False when what looks like one is out of bounds.
bool TakeOffset(std::string_view& text, std::optional<int>& offset_minutes) {
  if (text.size() < 9 || (text[text.size() - 5] != '+' && text[text.size() - 5] != '-')) {
    return true;
  }
  const bool negative = text[text.size() - 5] == '-';
  std::string_view digits = text.substr(text.size() - 4);
  const auto hours = TakeNumber(digits, 2);
  const auto minutes = TakeNumber(digits, 2);
  if (!hours || !minutes || *minutes > 59) {
    return false;
  }
  const int offset = *hours * 60 + *minutes;
  if (offset > (negative ? 12 : 14) * 60) {
    return false;
  }
  offset_minutes = negative ? -offset : offset;
  text.remove_suffix(5);
  return true;
}

// YYYY[MM[DD[HH[MM[SS[.F{1,6}]]]]]][&ZZXX]
std::optional<Moment> ParseDateTime(std::string_view text) {
  std::optional<int> offset;
  if (!TakeOffset(text, offset)) {
    return std::nullopt;
  }
  const std::string_view time = text.size() > 8 ? text.substr(8) : std::string_view();
  std::string date(text.substr(0, 8));
  if (date.size() != 4 && date.size() != 6 && date.size() != 8) {
    return std::nullopt;
  }
  const size_t precision = date.size();
  date += std::string_view("0101").substr(precision == 8 ? 4 : precision - 4);
  if (!ParseDate(date)) {
    return std::nullopt;
  }
  const int year = std::stoi(date.substr(0, 4));
  const int month = std::stoi(date.substr(4, 2));
  const int day = std::stoi(date.substr(6, 2));
  const int64_t first = MicrosecondsSince1970(year, month, day);
  if (!time.empty()) {
    const auto moment = ParseTime(time);
    return moment ? std::optional(Moment{first + moment->first, first + moment->last, offset}) : std::nullopt;
  }
  if (precision == 8) {
    return Moment{first, first + kDay - 1, offset};
  }
  const bool whole_year = precision == 4 || month == 12;
  const int64_t next = MicrosecondsSince1970(whole_year ? year + 1 : year, whole_year ? 1 : month + 1, 1);
  return Moment{first, next - 1, offset};
}

// Whether `a` ends before `b` begins. Where one of them does not tell its offset, both are taken for local time.
bool IsBefore(const Moment& a, const Moment& b) {
  const bool use_offsets = a.offset_minutes && b.offset_minutes;
  const int64_t a_shift = use_offsets ? *a.offset_minutes * kMinute : 0;
  const int64_t b_shift = use_offsets ? *b.offset_minutes * kMinute : 0;
  return a.last - a_shift < b.first - b_shift;
}

}  // namespace

bool MomentRange::Overlaps(const Moment& moment) const {
  return !(from && IsBefore(moment, *from)) && !(to && IsBefore(*to, moment));
}

bool TemporalKey::is_backwards() const {
  return range.from && range.to && IsBefore(*range.to, *range.from);
}

std::optional<Moment> ParseMoment(std::string_view vr, std::string_view text) {
  if (vr == "DA") {
    return ParseDate(text);
  }
  return vr == "TM" ? ParseTime(text) : ParseDateTime(text);
}

std::optional<Moment> ParseMomentLeniently(std::string_view vr, std::string_view text) {
  if (vr == "DA") {
    return ParseDateLeniently(text);
  }
  return vr == "TM" ? ParseTimeLeniently(text) : ParseDateTime(text);
}

std::optional<TemporalKey> ParseTemporalKey(std::string_view vr, std::string_view text) {
  // One moment first: in a DT "-0500" at the end is an offset from UTC rather than the year 500.
  if (const auto moment = ParseMoment(vr, text)) {
    return TemporalKey{text, text, {moment, moment}};
  }
  for (size_t dash = text.find('-'); dash != std::string_view::npos; dash = text.find('-', dash + 1)) {
    TemporalKey key{text.substr(0, dash), text.substr(dash + 1), {}};
    key.range.from = ParseMoment(vr, key.from);
    key.range.to = ParseMoment(vr, key.to);
    const bool from_ok = key.from.empty() || key.range.from;
    const bool to_ok = key.to.empty() || key.range.to;
    if (from_ok && to_ok && !(key.from.empty() && key.to.empty())) {
      return key;
    }
  }
  return std::nullopt;
}

}  // namespace trolley
