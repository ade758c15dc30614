#include "trolley/query.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/text.h"
#include "dicom/encoding.h"
#include "dicom/temporal.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

constexpr size_t kMaxValueLength = 1024;
constexpr Tag kQueryRetrieveLevel{0x00080052};

// Whether a value may stand in logs and messages: never a patient's, and else only what is no free text.
bool MayBeShown(Tag tag, std::string_view vr) {
  return tag.group() != 0x0010 &&
         (IsOneOf(vr, {"UI", "CS", "IS", "US", "SS", "UL", "SL"}) || (IsTemporal(vr) && tag.group() == 0x0008));
}

std::string Shown(Tag tag, std::string_view vr, std::string_view value) {
  return MayBeShown(tag, vr) ? std::string(value) : Sensitive(value);
}

[[noreturn]] void Refuse(const TagInfo& info, std::string_view value, std::string_view reason) {
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("Cannot use ", info.keyword, "=", Shown(info.tag, info.vr_text(), TruncateUtf8(value, 100)), ": ",
                     reason));
}

std::string_view TrimBlanks(std::string_view text, bool leading_too) {
  const size_t end = text.find_last_not_of(' ');
  text = text.substr(0, end == std::string_view::npos ? 0 : end + 1);
  if (leading_too) {
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  return text;
}

std::string CanonicalUids(const TagInfo& info, std::string_view value) {
  std::vector<std::string> uids;
  for (const std::string_view piece : Split(value, '\\')) {
    const auto uid = Uid::Parse(piece);
    if (!uid) {
      Refuse(info, value, R"(not a DICOM UID, nor a list of them with "\" between them)");
    }
    uids.push_back(uid->str());
  }
  std::sort(uids.begin(), uids.end());
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  return Join(uids, "\\");
}

std::string CanonicalTemporal(const TagInfo& info, std::string_view value) {
  const std::string_view vr = info.vr_text();
  const auto key = ParseTemporalKey(vr, value);
  if (!key) {
    Refuse(info, value,
           vr == "DA"   ? "not a DICOM date (YYYYMMDD or YYYYMMDD-YYYYMMDD)"
           : vr == "TM" ? "not a DICOM time (HHMMSS or HHMMSS-HHMMSS)"
                        : "not a DICOM date and time (YYYYMMDDHHMMSS or a range of two)");
  }
  if (key->is_backwards()) {
    Refuse(info, value, "the range ends before it begins");
  }
  return std::string(key->from == key->to ? key->from : value);
}

std::string CanonicalInteger(const TagInfo& info, std::string_view value) {
  std::string_view digits = value;
  if (digits.starts_with('+') && !digits.starts_with("+-")) {
    digits.remove_prefix(1);
  }
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    Refuse(info, value, "not an integer");
  }
  return std::to_string(number);
}

std::string CanonicalDecimal(const TagInfo& info, std::string_view value) {
  std::string_view digits = value;
  if (digits.starts_with('+') && !digits.starts_with("+-")) {
    digits.remove_prefix(1);
  }
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  // from_chars knows "inf" and "nan", DICOM does not.
  if (error != std::errc() || end != digits.data() + digits.size() ||
      digits.find_first_not_of("0123456789+-.eE") != std::string_view::npos) {
    Refuse(info, value, "not a number");
  }
  return std::string(digits);  // not reformatted: servers compare the text
}

std::string CanonicalAge(const TagInfo& info, std::string_view value) {
  const bool digits_only = value.substr(0, 3).find_first_not_of("0123456789") == std::string_view::npos;
  if (value.size() != 4 || !digits_only || std::string_view("DWMY").find(value[3]) == std::string_view::npos) {
    Refuse(info, value, "not a DICOM age (like 045Y)");
  }
  return std::string(value);
}

// Without what matching leaves out of account: trailing "^" in a group, trailing "=", blanks around them.
std::string CanonicalName(std::string_view value) {
  std::vector<std::string> groups;
  for (std::string_view group : Split(value, '=')) {
    const size_t end = group.find_last_not_of("^ ");
    group = group.substr(0, end == std::string_view::npos ? 0 : end + 1);
    groups.emplace_back(TrimBlanks(group, true));
  }
  while (!groups.empty() && groups.back().empty()) {
    groups.pop_back();
  }
  return Join(groups, "=");
}

std::string CanonicalText(const TagInfo& info, std::string_view value) {
  // In these VRs "\" is an ordinary character.
  const bool single_valued = IsOneOf(info.vr_text(), {"LT", "ST", "UT", "UR"});
  if (!single_valued && value.find('\\') != std::string_view::npos) {
    Refuse(info, value, "only UIDs can be given as a list");
  }
  std::string text = info.vr_text() == "PN" ? CanonicalName(value) : std::string(TrimBlanks(value, !single_valued));
  // "**" asks what "*" asks.
  text.erase(std::unique(text.begin(), text.end(), [](char a, char b) { return a == '*' && b == '*'; }), text.end());
  return text;
}

std::string Canonical(const TagInfo& info, std::string_view value) {
  const std::string_view vr = info.vr_text();
  if (vr == "UI") {
    return CanonicalUids(info, value);
  }
  const std::string_view trimmed = TrimBlanks(value, true);
  if (IsTemporal(vr)) {
    return CanonicalTemporal(info, trimmed);
  }
  if (IsOneOf(vr, {"IS", "US", "SS", "UL", "SL", "UV", "SV"})) {
    return CanonicalInteger(info, trimmed);
  }
  if (IsOneOf(vr, {"DS", "FL", "FD"})) {
    return CanonicalDecimal(info, trimmed);
  }
  if (vr == "AS") {
    return CanonicalAge(info, trimmed);
  }
  if (IsOneOf(vr, {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"})) {
    return CanonicalText(info, value);
  }
  Refuse(info, value, StrCat("an attribute of type ", vr, " cannot be searched for"));
}

void CheckCharacters(const TagInfo& info, std::string_view value) {
  if (value.size() > kMaxValueLength) {
    Refuse(info, "...", StrCat("the value is longer than ", kMaxValueLength, " bytes"));
  }
  if (!IsValidUtf8(value)) {
    Refuse(info, "...", "the value is not UTF-8");
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (std::any_of(value.begin(), value.end(), is_control)) {
    Refuse(info, "...", "the value has control characters");
  }
}

// Digits also for a day that does not exist, so that the refusal can name it.
std::string DicomDate(std::chrono::year_month_day day) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%04d%02u%02u", static_cast<int>(day.year()),
                static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
  return text.data();
}

template <typename Vector, typename Value, typename Less>
auto LowerBound(Vector& vector, const Value& value, Less less) {
  return std::lower_bound(vector.begin(), vector.end(), value, less);
}

}  // namespace

Query Query::ForStudy(const StudyReference& study, Level level) {
  Query query(level);
  query.Where(tag::kStudyInstanceUID, study.study.str());
  return query;
}

Query Query::ForSeries(const SeriesReference& series) {
  Query query(Level::kInstance);
  query.Where(tag::kStudyInstanceUID, series.study.str()).Where(tag::kSeriesInstanceUID, series.series.str());
  return query;
}

Query Query::ForInstance(const InstanceReference& instance) {
  Query query = ForSeries(instance.series_reference());
  query.Where(tag::kSOPInstanceUID, instance.instance.str());
  return query;
}

Query& Query::Where(std::string_view keyword, std::string_view value) {
  return Where(RequireTag(keyword).tag, value);
}

Query& Query::Where(Tag tag, std::string_view value) {
  const TagInfo info = RequireTag(TagHex(tag));
  if (tag == tag::kSpecificCharacterSet || tag == kQueryRetrieveLevel || tag.group() <= 0x0002) {
    Refuse(info, "...", "it says how a query is made, and cannot be searched for");
  }
  CheckCharacters(info, value);
  const std::string canonical = value.empty() ? "" : Canonical(info, value);
  if (canonical.empty()) {
    Refuse(info, "", "the value is empty; leave the key out to find all");
  }
  const auto at = LowerBound(keys_, tag, [](const auto& key, Tag t) { return key.first < t; });
  if (at != keys_.end() && at->first == tag) {
    at->second = canonical;
  } else {
    keys_.emplace(at, tag, canonical);
  }
  return *this;
}

Query& Query::StudyDates(std::optional<std::chrono::year_month_day> min,
                         std::optional<std::chrono::year_month_day> max) {
  if (!min && !max) {
    std::erase_if(keys_, [](const auto& key) { return key.first == tag::kStudyDate; });
    return *this;
  }
  return Where(tag::kStudyDate, StrCat(min ? DicomDate(*min) : "", "-", max ? DicomDate(*max) : ""));
}

Query& Query::Include(std::string_view keyword) {
  return Include(RequireTag(keyword).tag);
}

Query& Query::Include(Tag tag) {
  const auto at = std::lower_bound(include_fields_.begin(), include_fields_.end(), tag);
  if (at == include_fields_.end() || *at != tag) {
    include_fields_.insert(at, tag);
  }
  return *this;
}

Query& Query::SetLevel(Level level) {
  level_ = level;
  return *this;
}

Query& Query::SetLimit(std::optional<uint32_t> limit) {
  limit_ = limit;
  return *this;
}

Query& Query::SetOffset(std::optional<uint32_t> offset) {
  offset_ = offset;
  return *this;
}

Query& Query::IncludeSize() {
  for (const Tag tag : {tag::kNumberOfFrames, tag::kRows, tag::kColumns, tag::kBitsAllocated}) {
    Include(tag);
  }
  includes_size_ = true;
  return *this;
}

Query& Query::SetFuzzy(bool fuzzy) {
  fuzzy_ = fuzzy;
  return *this;
}

std::string_view Query::Get(Tag tag) const {
  const auto at = LowerBound(keys_, tag, [](const auto& key, Tag t) { return key.first < t; });
  return at != keys_.end() && at->first == tag ? std::string_view(at->second) : std::string_view();
}

std::string Query::Describe() const {
  std::string out = LevelName(level_);
  for (const auto& [tag, value] : keys_) {
    out += StrCat(" ", TagName(tag), "=", Shown(tag, VrOf(tag), value));
  }
  if (limit_) {
    out += StrCat(" limit=", *limit_);
  }
  if (offset_) {
    out += StrCat(" offset=", *offset_);
  }
  if (fuzzy_) {
    out += " fuzzy";
  }
  return out;
}

std::string Query::CacheKey() const {
  // The leading number is the form's version. Values carry their length, so that no two queries look alike.
  std::string out = StrCat("1", LevelName(level_), fuzzy_ ? "f" : "", includes_size_ ? "s" : "");
  if (limit_) {
    out += StrCat("l", *limit_);
  }
  if (offset_) {
    out += StrCat("o", *offset_);
  }
  for (const Tag tag : include_fields_) {
    out += StrCat("+", TagHex(tag));
  }
  for (const auto& [tag, value] : keys_) {
    out += StrCat("?", TagHex(tag), value.size(), "=", value);
  }
  return out;
}

}  // namespace trolley
