#include "tree/names.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>

#include "base/index_set.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kMaxNameBytes = 255;
constexpr std::string_view kFileExtension = ".dcm";

// 16 hex digits.
std::string Hash(std::string_view id) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(id.data(), id.size())));
  return text.data();
}

// Longer suffixes begin with the shorter ones, so that a name's family is seen at once.
std::string HashSuffix(std::string_view id, Suffix suffix) {
  std::string hash = Hash(id);
  switch (suffix) {
    case Suffix::kShort:
      return hash.substr(0, 6);
    case Suffix::kLong:
      return hash;
    case Suffix::kFull:
      return StrCat(hash, "-", TruncateUtf8(CleanName(id), 64));
  }
  return hash;
}

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// `parts` that are not empty, joined by blanks, cut so that the suffix fits.
std::string JoinName(const std::vector<std::string>& parts, std::string_view fallback, const std::string& suffix) {
  std::string text;
  for (const std::string& part : parts) {
    text += part.empty() || text.empty() ? part : " " + part;
  }
  text = CleanName(text);
  if (text.empty()) {
    text = fallback;
  }
  std::string name = CleanName(TruncateUtf8(text, kMaxNameBytes - 1 - suffix.size()));
  return name + "~" + suffix;
}

// A UID as a name: as it is, unless it could mislead.
std::string UidName(const Uid& uid) {
  const char first = uid.str()[0];
  return first == '.' || first == '-' || first == '~' ? "_" + uid.str() : uid.str();
}

// Many descriptions begin with the modality already: "CT", "CT Chest".
bool BeginsWithWord(std::string_view text, std::string_view word) {
  return text.starts_with(word) && (text.size() == word.size() || text[word.size()] == ' ');
}

std::string ReadableDate(std::string_view date) {
  std::string digits(date.substr(0, 10));
  // "2020.03.01" is how ACR-NEMA wrote dates; archives still return some (PS3.5 §6.2).
  digits.erase(std::remove(digits.begin(), digits.end(), '.'), digits.end());
  if (digits.size() != 8 || !ParseUint(digits)) {
    return "";
  }
  return StrCat(digits.substr(0, 4), "-", digits.substr(4, 2), "-", digits.substr(6, 2));
}

// "CT+PT": sorted, each once; documents and such are named only when there is nothing else.
std::string ReadableModalities(const Study& study) {
  std::vector<std::string> all;
  for (const std::string_view modality : Split(study.attributes.Get(tag::kModalitiesInStudy), '\\')) {
    all.push_back(CleanName(modality));
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::erase(all, "");
  constexpr std::array<std::string_view, 7> kAccompanying = {"AU", "DOC", "KO", "PR", "REG", "SEG", "SR"};
  std::vector<std::string> images;
  std::copy_if(all.begin(), all.end(), std::back_inserter(images), [&](const std::string& modality) {
    return std::find(kAccompanying.begin(), kAccompanying.end(), modality) == kAccompanying.end();
  });
  std::vector<std::string>& shown = images.empty() ? all : images;
  shown.resize(std::min<size_t>(shown.size(), 5));
  return Join(shown, "+");
}

// As readable as a PatientID can be: only what a name cannot hold, or what would make it another kind of name, is
// percent-encoded.
std::string EncodePatientId(std::string_view id) {
  const bool junk = IsJunkName(id);
  std::string name;
  for (size_t i = 0; i < id.size(); ++i) {
    const char c = id[i];
    const bool ends = i == 0 || i + 1 == id.size();
    const std::string sample = ends ? std::string(1, c) : StrCat("x", c, "x");
    const bool high = static_cast<unsigned char>(c) >= 0x80;
    if (!(junk && i == 0) && c != '%' && c != '~' && (high || CleanName(sample) == sample)) {
      name.push_back(c);
      continue;
    }
    std::array<char, 4> encoded{};
    std::snprintf(encoded.data(), encoded.size(), "%%%02X", static_cast<unsigned char>(c));
    name += encoded.data();
  }
  return name;
}

constexpr int64_t kNoNumber = -1;

// kNoNumber for those that are missing or make no sense.
int64_t SensibleNumber(const Attributes& attributes, Tag tag) {
  const auto number = attributes.Number(tag);
  return number && *number >= 0 && *number <= 9999999999 ? *number : kNoNumber;
}

int64_t NumberOf(const Instance& instance) {
  return SensibleNumber(instance.attributes, tag::kInstanceNumber);
}

// "00012"; empty for kNoNumber.
std::string NumberText(int64_t number, size_t digits) {
  std::string text = number == kNoNumber ? "" : std::to_string(number);
  return text.empty() || text.size() >= digits ? text : text.insert(0, digits - text.size(), '0');
}

// Which of `count` things are equal to another one of them.
template <typename Hash, typename Equals>
std::vector<bool> NotUnique(size_t count, const Hash& hash, const Equals& equals) {
  std::vector<bool> not_unique(count);
  IndexSet set;
  for (uint32_t i = 0; i < count; ++i) {
    const auto [first, is_new] = set.Insert(
        i, hash(i), [&](uint32_t other) { return equals(other, i); }, hash);
    not_unique[i] = !is_new;
    not_unique[first] = not_unique[first] || !is_new;
  }
  return not_unique;
}

// Makes equal ones of `names` different, by their own UID alone.
void MakeUnique(const Series& series, std::vector<std::string>& names) {
  for (const Suffix suffix : {Suffix::kLong, Suffix::kFull}) {
    const std::vector<bool> equal = NotUnique(
        names.size(), [&](uint32_t i) { return std::hash<std::string>()(names[i]); },
        [&](uint32_t a, uint32_t b) { return names[a] == names[b]; });
    if (std::find(equal.begin(), equal.end(), true) == equal.end()) {
      return;
    }
    for (size_t i = 0; i < names.size(); ++i) {
      if (equal[i]) {
        const std::string number = NumberText(NumberOf(series.instances[i]), 5);
        names[i] = StrCat(number, number.empty() ? "" : "~", HashSuffix(series.instances[i].uid.str(), suffix),
                          kFileExtension);
      }
    }
  }
}

}  // namespace

std::string ReadablePersonName(std::string_view person_name) {
  for (const std::string_view group : Split(Split(person_name, '\\')[0], '=')) {
    std::string name(group);
    std::replace(name.begin(), name.end(), '^', ' ');
    name = CleanName(name);
    if (!name.empty()) {
      return name;
    }
  }
  return "";
}

std::string PatientDirectoryName(std::string_view patient_id, std::string_view patient_name, NameStyle style,
                                 Suffix suffix) {
  const std::string_view id = Trim(patient_id);
  if (id.empty()) {
    return JoinName({"no PatientID"}, "", HashSuffix(id, suffix));
  }
  if (style == NameStyle::kUid) {
    std::string name = EncodePatientId(id);
    if (name.size() <= kMaxNameBytes && CleanName(name) == name) {
      return name;
    }
  }
  return JoinName({CleanName(id), ReadablePersonName(patient_name)}, "patient", HashSuffix(id, suffix));
}

std::string StudyDirectoryName(const Study& study, NameStyle style, Suffix suffix) {
  if (style == NameStyle::kUid) {
    return UidName(study.uid);
  }
  const std::string modalities = ReadableModalities(study);
  const std::string description = CleanName(study.attributes.First(tag::kStudyDescription));
  return JoinName({ReadableDate(study.attributes.First(tag::kStudyDate)),
                   BeginsWithWord(description, modalities) ? "" : modalities, description},
                  "study", HashSuffix(study.uid.str(), suffix));
}

std::string SeriesDirectoryName(const Series& series, NameStyle style, Suffix suffix) {
  if (style == NameStyle::kUid) {
    return UidName(series.uid);
  }
  const std::string modality = CleanName(series.attributes.First(tag::kModality));
  const std::string description = CleanName(series.attributes.First(tag::kSeriesDescription));
  return JoinName({NumberText(SensibleNumber(series.attributes, tag::kSeriesNumber), 3),
                   BeginsWithWord(description, modality) ? "" : modality, description},
                  "series", HashSuffix(series.uid.str(), suffix));
}

std::vector<std::string> InstanceFileNames(const Series& series, NameStyle style) {
  std::vector<std::string> names;
  names.reserve(series.instances.size());
  if (style == NameStyle::kUid) {
    for (const Instance& instance : series.instances) {
      names.push_back(StrCat(UidName(instance.uid), kFileExtension));
    }
    return names;
  }
  std::vector<int64_t> numbers;
  numbers.reserve(series.instances.size());
  for (const Instance& instance : series.instances) {
    numbers.push_back(NumberOf(instance));
  }
  const std::vector<bool> shared = NotUnique(
      numbers.size(), [&](uint32_t i) { return static_cast<size_t>(numbers[i]); },
      [&](uint32_t a, uint32_t b) { return numbers[a] == numbers[b]; });
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::string& uid = series.instances[i].uid.str();
    if (numbers[i] == kNoNumber) {
      names.push_back(StrCat(Hash(uid).substr(0, 8), kFileExtension));
      continue;
    }
    std::string name = NumberText(numbers[i], 5);
    if (shared[i]) {
      name.append("~").append(HashSuffix(uid, Suffix::kShort));
    }
    names.push_back(std::move(name.append(kFileExtension)));
  }
  MakeUnique(series, names);
  return names;
}

std::optional<Uid> ParseBareUid(std::string_view name, bool is_file) {
  if (is_file && name.ends_with(kFileExtension)) {
    name.remove_suffix(kFileExtension.size());
  }
  if (name.empty() || name[0] < '0' || name[0] > '9' || name.find('.') == std::string_view::npos ||
      name.size() != Trim(name).size()) {
    return std::nullopt;
  }
  return Uid::Parse(name);
}

bool MayBeDirectoryName(std::string_view name, NameStyle style) {
  if (style == NameStyle::kUid) {
    return Uid::Parse(name.starts_with('_') ? name.substr(1) : name).has_value();
  }
  const size_t mark = name.rfind('~');
  if (mark == std::string_view::npos) {
    return false;
  }
  const std::string_view suffix = name.substr(mark + 1);
  return suffix.size() == 6 || (suffix.size() >= 16 && (suffix.size() == 16 || suffix[16] == '-'))
             ? IsHex(suffix.substr(0, 16))
             : false;
}

bool MayBeFileName(std::string_view name, NameStyle style) {
  if (!name.ends_with(kFileExtension)) {
    return false;
  }
  name.remove_suffix(kFileExtension.size());
  if (style == NameStyle::kUid) {
    return Uid::Parse(name.starts_with('_') ? name.substr(1) : name).has_value();
  }
  const std::string_view number = name.substr(0, name.find('~'));
  return !name.empty() && IsHex(number);
}

bool IsJunkName(std::string_view name) {
  // Nothing that is listed begins with a ".".
  if (name.empty() || name[0] == '.') {
    return true;
  }
  constexpr std::array<std::string_view, 34> kProbed = {"$recycle.bin",
                                                        "@eadir",
                                                        "albumart.jpg",
                                                        "albumartsmall.jpg",
                                                        "audio_ts",
                                                        "autorun",
                                                        "autorun.inf",
                                                        "autorun.sh",
                                                        "bdmv",
                                                        "cargo.toml",
                                                        "catalog",
                                                        "commondir",
                                                        "cover.jpg",
                                                        "dcim",
                                                        "desktop.ini",
                                                        "ehthumbs.db",
                                                        "folder.jpg",
                                                        "go.mod",
                                                        "head",
                                                        "icon\r",
                                                        "lost+found",
                                                        "makefile",
                                                        "node_modules",
                                                        "objects",
                                                        "package.json",
                                                        "recycle.bin",
                                                        "recycler",
                                                        "refs",
                                                        "system volume information",
                                                        "tags",
                                                        "thumbs.db",
                                                        "video_ts",
                                                        "__macosx",
                                                        "pyproject.toml"};
  return std::find(kProbed.begin(), kProbed.end(), AsciiLower(name)) != kProbed.end();
}

}  // namespace trolley
