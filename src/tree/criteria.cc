#include "trolley/criteria.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>

#include "base/text.h"
#include "search/assemble.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

using std::chrono::year_month_day;

[[noreturn]] void Refuse(std::string_view term, std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument, StrCat("Cannot search by '", term, "': ", reason));
}

year_month_day LocalDay(std::chrono::system_clock::time_point now) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  return std::chrono::year(local.tm_year + 1900) / std::chrono::month(static_cast<unsigned>(local.tm_mon + 1)) /
         std::chrono::day(static_cast<unsigned>(local.tm_mday));
}

std::string DicomDate(year_month_day day) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

// "last 7 days" -> "20200301-". The end stays open: the archive's clock may be later than ours by a time zone.
std::optional<std::string> SinceDate(std::string_view period, year_month_day today) {
  uint64_t count = 1;
  std::string_view unit = period;
  if (const size_t blank = period.find(' '); blank != std::string_view::npos) {
    const auto number = ParseUint(period.substr(0, blank));
    if (!number || *number == 0 || *number > 36500) {
      return std::nullopt;
    }
    count = *number;
    unit = Trim(period.substr(blank));
  }
  const int steps = static_cast<int>(count);
  year_month_day since;
  if (unit == "day" || unit == "days") {
    since = std::chrono::sys_days(today) - std::chrono::days(steps);
  } else if (unit == "week" || unit == "weeks") {
    since = std::chrono::sys_days(today) - std::chrono::days(7 * steps);
  } else if (unit == "month" || unit == "months") {
    since = today - std::chrono::months(steps);
    if (!since.ok()) {
      since = since.year() / since.month() / std::chrono::last;
    }
  } else {
    return std::nullopt;
  }
  if (since.year() < std::chrono::year(1)) {
    return std::nullopt;
  }
  return DicomDate(since) + "-";
}

// Dates in words; nullopt for anything else.
std::optional<std::string> ResolveDate(std::string_view keyword, std::string_view value,
                                       std::chrono::system_clock::time_point now) {
  const std::string words = AsciiLower(Trim(value));
  const year_month_day today = LocalDay(now);
  if (words == "today") {
    return DicomDate(today);
  }
  if (words == "yesterday") {
    return DicomDate(std::chrono::sys_days(today) - std::chrono::days(1));
  }
  if (words.starts_with("last ")) {
    auto range = SinceDate(Trim(std::string_view(words).substr(5)), today);
    if (!range) {
      Refuse(keyword,
             "write dates as 20200301, 20200301-20200331, 'today', 'yesterday' or 'last 7 days' (days, weeks, "
             "months)");
    }
    return range;
  }
  return std::nullopt;
}

void AddTerm(std::string_view term, Query& query, std::chrono::system_clock::time_point now) {
  const size_t equals = term.find('=');
  if (equals == std::string_view::npos) {
    Refuse(Sensitive(term), "criteria are Keyword=value[,Keyword=value...]; write a ',' in a value as %2C");
  }
  const std::string_view keyword = term.substr(0, equals);
  const std::string_view encoded = term.substr(equals + 1);
  const auto info = FindTag(keyword);
  if (!info) {
    const std::string nearest = NearestKeyword(keyword);
    Refuse(keyword, nearest.empty() ? "it is not a DICOM keyword"
                                    : StrCat("it is not a DICOM keyword, did you mean '", nearest, "'?"));
  }
  if (encoded.find('=') != std::string_view::npos) {
    Refuse(keyword, "write a '=' in a value as %3D");
  }
  auto value = PercentDecode(encoded);
  if (!value) {
    Refuse(keyword, "a '%' is followed by two hex digits; write the '%' itself as %25");
  }
  if (info->vr_text() == "DA") {
    value = ResolveDate(keyword, *value, now).value_or(*value);
  } else if (info->vr_text() == "UI") {
    std::replace(value->begin(), value->end(), ',', '\\');
  }
  Query changed = query;
  changed.Where(info->tag, *value);
  if (const auto before = query.Get(info->tag); !before.empty() && before != changed.Get(info->tag)) {
    Refuse(keyword, "it is given twice with different values");
  }
  if (changed.level() < LevelOf(info->tag)) {
    changed.SetLevel(LevelOf(info->tag));
  }
  query = std::move(changed);
}

}  // namespace

bool LooksLikeCriteria(std::string_view name) {
  return name.find('=') != std::string_view::npos;
}

void AddCriteria(std::string_view criteria, Query& query, std::chrono::system_clock::time_point now) {
  Query changed = query;
  for (const std::string_view term : Split(criteria, ',')) {
    AddTerm(term, changed, now);
  }
  query = std::move(changed);
}

std::string FormatCriteria(const Query& query) {
  // Besides what is special in matching, every byte of a UTF-8 sequence stays readable.
  std::string keep = " *?^:+()@!$&';[]{}";
  for (int byte = 0x80; byte <= 0xff; ++byte) {
    keep.push_back(static_cast<char>(byte));
  }
  std::vector<std::string> terms;
  for (const auto& [tag, value] : query.keys()) {
    const auto info = FindTag(tag);
    terms.push_back(StrCat(info ? info->keyword : TagHex(tag), "=", PercentEncode(value, keep)));
  }
  return Join(terms, ",");
}

}  // namespace trolley
