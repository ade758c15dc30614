#include "archive/names.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <unordered_map>

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

// "00012"; empty for numbers that are missing or make no sense.
std::string PaddedNumber(const Attributes& attributes, Tag tag, int digits) {
  const auto number = attributes.Number(tag);
  if (!number || *number < 0 || *number > 9999999999) {
    return "";
  }
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%0*lld", digits, static_cast<long long>(*number));
  return text.data();
}

// Makes equal ones of `names` different, by their own UID alone.
void MakeUnique(const Series& series, const std::vector<std::string>& numbers, std::vector<std::string>& names) {
  for (const Suffix suffix : {Suffix::kLong, Suffix::kFull}) {
    std::unordered_map<std::string_view, uint32_t> count;
    for (const std::string& name : names) {
      ++count[name];
    }
    if (count.size() == names.size()) {
      return;
    }
    std::vector<size_t> equal;
    for (size_t i = 0; i < names.size(); ++i) {
      if (count[names[i]] > 1) {
        equal.push_back(i);
      }
    }
    for (const size_t i : equal) {
      names[i] = StrCat(numbers[i], numbers[i].empty() ? "" : "~", HashSuffix(series.instances[i].uid.str(), suffix),
                        kFileExtension);
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

std::string PatientDirectoryName(std::string_view patient_id, std::string_view patient_name, ArchiveConfig::Names style,
                                 Suffix suffix) {
  const std::string_view id = Trim(patient_id);
  if (id.empty()) {
    return JoinName({"no PatientID"}, "", HashSuffix(id, suffix));
  }
  if (style == ArchiveConfig::Names::kUid) {
    std::string name = EncodePatientId(id);
    if (name.size() <= kMaxNameBytes && CleanName(name) == name) {
      return name;
    }
  }
  return JoinName({CleanName(id), ReadablePersonName(patient_name)}, "patient", HashSuffix(id, suffix));
}

std::string StudyDirectoryName(const Study& study, ArchiveConfig::Names style, Suffix suffix) {
  if (style == ArchiveConfig::Names::kUid) {
    return UidName(study.uid);
  }
  const std::string modalities = ReadableModalities(study);
  const std::string description = CleanName(study.attributes.First(tag::kStudyDescription));
  return JoinName({ReadableDate(study.attributes.First(tag::kStudyDate)),
                   BeginsWithWord(description, modalities) ? "" : modalities, description},
                  "study", HashSuffix(study.uid.str(), suffix));
}

std::string SeriesDirectoryName(const Series& series, ArchiveConfig::Names style, Suffix suffix) {
  if (style == ArchiveConfig::Names::kUid) {
    return UidName(series.uid);
  }
  const std::string modality = CleanName(series.attributes.First(tag::kModality));
  const std::string description = CleanName(series.attributes.First(tag::kSeriesDescription));
  return JoinName({PaddedNumber(series.attributes, tag::kSeriesNumber, 3),
                   BeginsWithWord(description, modality) ? "" : modality, description},
                  "series", HashSuffix(series.uid.str(), suffix));
}

std::vector<std::string> InstanceFileNames(const Series& series, ArchiveConfig::Names style) {
  std::vector<std::string> names;
  names.reserve(series.instances.size());
  if (style == ArchiveConfig::Names::kUid) {
    for (const Instance& instance : series.instances) {
      names.push_back(StrCat(UidName(instance.uid), kFileExtension));
    }
    return names;
  }
  std::vector<std::string> numbers;
  numbers.reserve(series.instances.size());
  std::unordered_map<std::string, uint32_t> count;
  for (const Instance& instance : series.instances) {
    numbers.push_back(PaddedNumber(instance.attributes, tag::kInstanceNumber, 5));
    ++count[numbers.back()];
  }
  for (size_t i = 0; i < numbers.size(); ++i) {
    const std::string& uid = series.instances[i].uid.str();
    if (numbers[i].empty()) {
      names.push_back(StrCat(Hash(uid).substr(0, 8), kFileExtension));
    } else if (count[numbers[i]] > 1) {
      names.push_back(StrCat(numbers[i], "~", HashSuffix(uid, Suffix::kShort), kFileExtension));
    } else {
      names.push_back(StrCat(numbers[i], kFileExtension));
    }
  }
  MakeUnique(series, numbers, names);
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

bool MayBeDirectoryName(std::string_view name, ArchiveConfig::Names style) {
  if (style == ArchiveConfig::Names::kUid) {
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

bool MayBeFileName(std::string_view name, ArchiveConfig::Names style) {
  if (!name.ends_with(kFileExtension)) {
    return false;
  }
  name.remove_suffix(kFileExtension.size());
  if (style == ArchiveConfig::Names::kUid) {
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
