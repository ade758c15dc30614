#include "search/mint/mint_url.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/text.h"
#include "dicom/matching.h"
#include "dicom/temporal.h"
#include "search/assemble.h"
#include "search/mint/mint_fields.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// No study is older or younger; a server that wants both ends of a range gets these for an open one.
constexpr std::string_view kFirstDay = "18000101";
constexpr std::string_view kLastDay = "29991231";

constexpr std::array kVitreaKeys = {
    tag::kStudyDate,        tag::kAccessionNumber,   tag::kModalitiesInStudy, Tag{0x00080080},  // InstitutionName
    tag::kStudyDescription, tag::kSeriesDescription, Tag{0x00081040},  // InstitutionalDepartmentName
    tag::kPatientName,      tag::kPatientID,         tag::kPatientBirthDate,  Tag{0x00100040},  // PatientSex
    tag::kStudyInstanceUID, tag::kSeriesInstanceUID};

template <size_t n>
bool Contains(const std::array<Tag, n>& tags, Tag tag) {
  return std::find(tags.begin(), tags.end(), tag) != tags.end();
}

[[noreturn]] void Unsupported(const Query& query, std::string_view reason) {
  throw Error(ErrorCode::kUnsupported, StrCat("Cannot search for ", query.Describe(), ": ", reason));
}

std::string Term(std::string_view name, std::string_view value) {
  return StrCat(name, "=", PercentEncode(value, "*,"));
}

void CheckFuzzy(const Query& query) {
  const auto is_name = [](const auto& key) { return VrOf(key.first) == "PN"; };
  if (query.fuzzy() && std::any_of(query.keys().begin(), query.keys().end(), is_name)) {
    Unsupported(query, "MINT has no fuzzy matching");
  }
}

void CheckLevel(const Query& query, Tag tag) {
  const auto depth = [](Level level) { return static_cast<int>(level); };
  if (depth(LevelOf(tag)) > depth(query.level())) {
    Unsupported(query, StrCat(TagName(tag), " belongs to a lower level; ask for that level",
                              tag == tag::kModality ? " or use ModalitiesInStudy" : ""));
  }
}

// "20200301" moved by some days.
std::string DaysAway(std::string_view date, int days) {
  namespace chrono = std::chrono;
  const auto number = static_cast<int>(ParseUint(date).value_or(0));
  const chrono::year_month_day day{chrono::year(number / 10000),
                                   chrono::month(static_cast<unsigned>(number / 100 % 100)),
                                   chrono::day(static_cast<unsigned>(number % 100))};
  const chrono::year_month_day moved{chrono::sys_days(day) + chrono::days(days)};
  const int value = static_cast<int>(moved.year()) * 10000 +
                    static_cast<int>(static_cast<unsigned>(moved.month())) * 100 +
                    static_cast<int>(static_cast<unsigned>(moved.day()));
  const std::string text = std::to_string(value);
  return std::string(8 - std::min<size_t>(8, text.size()), '0') + text;
}

TemporalKey StudyDateKey(const Query& query) {
  const std::optional<TemporalKey> key = ParseTemporalKey("DA", query.Get(tag::kStudyDate));
  if (!key) {
    Unsupported(query, "MINT matches StudyDate by a day or a range of days only");
  }
  return *key;
}

// --- Vitrea ---

void AddVitreaKey(const Query& query, Tag tag, std::string_view value, MintUrl& url) {
  const std::string name = TagName(tag);
  if (value.find('\\') != std::string_view::npos) {
    Unsupported(query, StrCat("MINT does not search by a list (", name, "); ask for each value"));
  }
  if (VrOf(tag) == "DA" && !ParseMoment("DA", value)) {
    Unsupported(query, StrCat("MINT does not search by a range of ", name));
  }
  std::string sent(value);
  std::replace(sent.begin(), sent.end(), '?', '*');  // only "*" is a wildcard
  if (sent != value || tag == tag::kSeriesInstanceUID) {
    url.filtered.push_back(tag);
  }
  url.terms.push_back(Term(name, sent));
}

void AddVitreaFields(const Query& query, MintUrl& url) {
  std::vector<Tag> fields = {tag::kStudyInstanceUID};
  if (query.level() != Level::kStudy) {
    fields.push_back(tag::kSeriesInstanceUID);
  }
  if (query.level() == Level::kInstance) {
    fields.push_back(tag::kSOPInstanceUID);
  }
  const auto add = [&](Tag tag) {
    if (std::find(fields.begin(), fields.end(), tag) == fields.end()) {
      fields.push_back(tag);
    }
  };
  for (const auto& [tag, value] : query.keys()) {
    if (IsMintField(tag, query.level())) {  // so that the rows can be checked
      add(tag);
    }
  }
  for (const Tag tag : query.include_fields()) {
    if (!IsMintField(tag, query.level())) {
      Unsupported(query, StrCat("the server does not return ", TagName(tag), " at level ", LevelName(query.level())));
    }
    add(tag);
  }
  if (fields.size() == 1 + static_cast<size_t>(query.level()) && query.include_fields().empty()) {
    return;  // nothing was wished for: let the server decide, which gives more than UIDs
  }
  std::vector<std::string> names;
  for (const Tag tag : fields) {
    names.push_back(TagName(tag));
  }
  url.terms.push_back(Term("IncludeFields", Join(names, ",")));
}

}  // namespace

MintUrl MakeVitreaUrl(const Query& query, const MintOptions& options) {
  CheckFuzzy(query);
  MintUrl url;
  for (const auto& [tag, value] : query.keys()) {
    if (IsUniversal(value)) {
      continue;
    }
    if (tag == tag::kStudyDate) {
      const TemporalKey key = StudyDateKey(query);
      url.terms.push_back(Term(options.min_date_parameter, key.from.empty() ? kFirstDay : key.from));
      url.terms.push_back(Term(options.max_date_parameter, key.to.empty() ? kLastDay : key.to));
      url.filtered.push_back(tag);  // whatever the parameters' names
    } else if (Contains(kVitreaKeys, tag)) {
      AddVitreaKey(query, tag, value, url);
    } else if (LevelOf(tag) == Level::kStudy || !IsMintField(tag, Level::kInstance)) {
      Unsupported(query, StrCat("the server does not search by ", TagName(tag)));
    } else {
      CheckLevel(query, tag);
      url.filtered.push_back(tag);
    }
  }
  url.terms.push_back(Term("QueryLevel", LevelName(query.level())));
  AddVitreaFields(query, url);
  return url;
}

MintUrl MakeReferenceUrl(const Query& query, const MintOptions& options) {
  CheckFuzzy(query);
  MintUrl url;
  for (const auto& [tag, value] : query.keys()) {
    if (IsUniversal(value)) {
      continue;
    }
    CheckLevel(query, tag);
    url.filtered.push_back(tag);
    const bool exact = value.find_first_of("*?\\") == std::string::npos;
    if (tag == tag::kStudyDate) {
      // The server takes days for those of its own time zone, and its upper end is not in the range.
      const TemporalKey key = StudyDateKey(query);
      if (!key.from.empty()) {
        url.terms.push_back(Term(options.min_date_parameter, DaysAway(key.from, -1)));
      }
      if (!key.to.empty()) {
        url.terms.push_back(Term(options.max_date_parameter, DaysAway(key.to, 2)));
      }
    } else if (exact && tag == tag::kStudyInstanceUID) {
      url.terms.push_back(Term("studyInstanceUID", value));
    } else if (exact && tag == tag::kAccessionNumber) {
      url.terms.push_back(Term("accessionNumber", value));
    } else if (exact && tag == tag::kPatientID) {
      url.terms.push_back(Term("patientID", value));
    }
  }
  return url;
}

}  // namespace trolley
