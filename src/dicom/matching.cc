#include "dicom/matching.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "base/text.h"
#include "dicom/encoding.h"
#include "dicom/temporal.h"
#include "dicom/text_fold.h"

namespace trolley {
namespace {

enum class Strictness {
  kStandard,       // PS3.4 C.2.2.2
  kIgnoreCase,     // nor are characters that did not survive decoding held against a text
  kIgnoreAccents,  // nor accents
};

std::string_view TrimPadding(std::string_view text) {
  constexpr std::string_view kPadding(" \0", 2);
  const size_t begin = text.find_first_not_of(kPadding);
  return begin == std::string_view::npos ? std::string_view()
                                         : text.substr(begin, text.find_last_not_of(kPadding) - begin + 1);
}

bool SameCharacter(char32_t wanted, char32_t got, Strictness strictness) {
  return wanted == U'?' || wanted == got ||
         (strictness != Strictness::kStandard && (got == U'?' || got == kReplacementCharacter));
}

// "*" any characters, "?" exactly one. Goes back only to the latest "*": time is at most the product of the lengths.
bool MatchesWildcards(std::u32string_view pattern, std::u32string_view text, Strictness strictness) {
  size_t p = 0;
  size_t t = 0;
  std::optional<size_t> star;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == U'*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && SameCharacter(pattern[p], text[t], strictness)) {
      ++p;
      ++t;
    } else if (star) {
      p = *star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == U'*') {
    ++p;
  }
  return p == pattern.size();
}

bool MatchesText(std::string_view pattern, std::string_view text, Fold fold, Strictness strictness) {
  return MatchesWildcards(FoldText(TrimPadding(pattern), fold), FoldText(TrimPadding(text), fold), strictness);
}

std::string_view TrimName(std::string_view group) {
  constexpr std::string_view kPadding(" ^\0", 3);
  const size_t end = group.find_last_not_of(kPadding);
  return TrimPadding(group.substr(0, end == std::string_view::npos ? 0 : end + 1));
}

// One person name, PS3.5 §6.2.1: up to three component groups ("=") of components ("^").
bool MatchesName(std::string_view pattern, std::string_view name, Strictness strictness) {
  const Fold fold = strictness == Strictness::kIgnoreAccents ? Fold::kCaseAndAccents : Fold::kCase;
  const auto matches = [&](std::string_view wanted, std::string_view got) {
    return MatchesWildcards(FoldText(TrimName(wanted), fold), FoldText(TrimName(got), fold), strictness);
  };
  const auto groups = Split(name, '=');
  const auto wanted = Split(pattern, '=');
  if (wanted.size() == 1) {
    return std::any_of(groups.begin(), groups.end(),
                       [&](std::string_view group) { return !TrimName(group).empty() && matches(pattern, group); });
  }
  const bool tolerant = strictness != Strictness::kStandard && !TrimName(groups.front()).empty();
  for (size_t i = 0; i < wanted.size(); ++i) {
    const std::string_view group = i < groups.size() ? TrimName(groups[i]) : std::string_view();
    // A group that is not returned is like an attribute that is not.
    const bool passes = IsUniversal(TrimName(wanted[i])) || (group.empty() && tolerant) || matches(wanted[i], group);
    if (!passes) {
      return false;
    }
  }
  return true;
}

std::optional<double> ParseNumber(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

bool MatchesNumber(std::string_view pattern, std::string_view text, Strictness strictness) {
  const auto wanted = ParseNumber(pattern);
  const auto got = ParseNumber(text);
  if (!wanted || !got) {
    return pattern == text;
  }
  // A float that was sent as a double's digits has about six that count.
  const double slack = strictness != Strictness::kStandard ? 1e-6 * std::abs(*wanted) : 0;
  return std::abs(*wanted - *got) <= slack;
}

bool MatchesUids(std::string_view list, std::string_view uid) {
  const auto uids = Split(list, '\\');
  return std::any_of(uids.begin(), uids.end(), [&](std::string_view wanted) { return TrimPadding(wanted) == uid; });
}

bool MatchesMoment(std::string_view vr, std::string_view pattern, std::string_view text) {
  const auto key = ParseTemporalKey(vr, pattern);
  const auto moment = ParseMomentLeniently(vr, text);
  return key && moment ? key->range.Overlaps(*moment) : pattern == text;
}

// One value of an attribute.
bool MatchesOne(std::string_view vr, std::string_view pattern, std::string_view text, Strictness strictness) {
  if (vr == "PN") {
    return MatchesName(pattern, text, strictness);
  }
  if (IsOneOf(vr, {"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "UN"})) {
    const Fold fold = strictness == Strictness::kStandard     ? Fold::kNone
                      : strictness == Strictness::kIgnoreCase ? Fold::kCase
                                                              : Fold::kCaseAndAccents;
    return MatchesText(pattern, text, fold, strictness);
  }
  const std::string_view wanted = TrimPadding(pattern);
  const std::string_view got = TrimPadding(text);
  if (got.empty()) {
    return false;
  }
  if (vr == "UI") {
    return MatchesUids(wanted, got);
  }
  if (IsTemporal(vr)) {
    return MatchesMoment(vr, wanted, got);
  }
  return vr == "AS" ? wanted == got : MatchesNumber(wanted, got, strictness);
}

bool MatchesAny(Tag tag, std::string_view pattern, std::string_view text, Strictness strictness) {
  if (IsUniversal(pattern)) {
    return true;
  }
  const std::string_view vr = VrOf(tag);
  if (IsOneOf(vr, {"LT", "ST", "UR", "UT"})) {  // "\" is an ordinary character
    return MatchesOne(vr, pattern, text, strictness);
  }
  const auto values = Split(text, '\\');
  return std::any_of(values.begin(), values.end(),
                     [&](std::string_view value) { return MatchesOne(vr, pattern, value, strictness); });
}

}  // namespace

bool IsUniversal(std::string_view pattern) {
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

bool IsHierarchyUid(Tag tag) {
  return tag == tag::kStudyInstanceUID || tag == tag::kSeriesInstanceUID || tag == tag::kSOPInstanceUID;
}

bool MatchesValue(Tag tag, std::string_view pattern, std::string_view text) {
  return MatchesAny(tag, pattern, text, Strictness::kStandard);
}

bool Matches(const Query& query, const Attributes& row) {
  return std::all_of(query.keys().begin(), query.keys().end(), [&](const auto& key) {
    return MatchesAny(key.first, key.second, row.Get(key.first), Strictness::kStandard);
  });
}

bool Contradicts(const Query& query, const Attributes& row) {
  return std::any_of(query.keys().begin(), query.keys().end(), [&](const auto& key) {
    const auto& [tag, pattern] = key;
    if (!row.Has(tag)) {
      return false;
    }
    const std::string_view text = row.Get(tag);
    const bool anything_goes = query.fuzzy() && VrOf(tag) == "PN" && !text.empty();
    // One after the other: ignoring more can spoil a "?" that stands for a letter with two in its plain spelling.
    return !anything_goes && !MatchesAny(tag, pattern, text, Strictness::kStandard) &&
           !MatchesAny(tag, pattern, text, Strictness::kIgnoreCase) &&
           !MatchesAny(tag, pattern, text, Strictness::kIgnoreAccents);
  });
}

}  // namespace trolley
