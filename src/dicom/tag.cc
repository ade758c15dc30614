// DCMTK wants its configuration first.
#include <dcmtk/config/osconfig.h>

#include <algorithm>
//
#include <dcmtk/dcmdata/dcdicent.h>
#include <dcmtk/dcmdata/dcdict.h>

#include <cstdio>
#include <unordered_map>

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"
#include "trolley/tag.h"

namespace trolley {
namespace {

constexpr std::string_view kRetired = "RETIRED_";

struct Dictionary {
  std::unordered_map<uint32_t, TagInfo> by_tag;
  std::unordered_map<std::string_view, const TagInfo*> by_keyword;  // views and points into by_tag
  std::vector<std::string> keywords;
};

// DCMTK has pseudo VRs where PS3.6 leaves a choice.
std::string_view FirstVr(const DcmVR& vr) {
  switch (vr.getEVR()) {
    case EVR_ox:
    case EVR_px:
      return "OB";
    case EVR_xs:
    case EVR_lt:
      return "US";
    case EVR_up:
      return "UL";
    case EVR_na:
      return "";
    default:
      return vr.getVRName();
  }
}

bool IsStandard(const DcmDictEntry& entry) {
  const std::string_view version = entry.getStandardVersion() == nullptr ? "" : entry.getStandardVersion();
  return entry.getPrivateCreator() == nullptr && !entry.isRepeating() && version.starts_with("DICOM");
}

std::optional<TagInfo> ToTagInfo(const DcmDictEntry& entry) {
  const std::string_view vr = FirstVr(entry.getVR());
  std::string_view keyword = entry.getTagName() == nullptr ? "" : entry.getTagName();
  if (keyword.starts_with(kRetired)) {
    keyword.remove_prefix(kRetired.size());  // DCMTK's mark, not part of PS3.6's keyword
  }
  if (!IsStandard(entry) || vr.size() != 2 || keyword.empty()) {
    return std::nullopt;
  }
  const Tag tag{static_cast<uint32_t>(entry.getGroup()) << 16 | entry.getElement()};
  return TagInfo{tag, std::string(keyword), {vr[0], vr[1]}};
}

Dictionary LoadDictionary() {
  if (!dcmDataDict.isDictionaryLoaded()) {
    throw Error(ErrorCode::kStorage,
                "Cannot look up DICOM attributes: DCMTK's data dictionary (dicom.dic) is not loaded; install the DCMTK "
                "library's data files, or unset DCMDICTPATH if it is set to something else");
  }
  Dictionary dictionary;
  auto& dcmtk = const_cast<DcmDataDictionary&>(dcmDataDict.rdlock());  // DCMTK has no const iterators
  for (auto entry = dcmtk.normalBegin(); entry != dcmtk.normalEnd(); ++entry) {
    if (auto info = ToTagInfo(**entry)) {
      const uint32_t tag = info->tag.value;
      dictionary.by_tag.insert_or_assign(tag, std::move(*info));
    }
  }
  dcmDataDict.rdunlock();
  for (const auto& [tag, info] : dictionary.by_tag) {
    const auto [known, is_new] = dictionary.by_keyword.try_emplace(info.keyword, &info);
    // Should a keyword be there twice, the choice must not depend on the order of a hash table.
    if (is_new) {
      dictionary.keywords.push_back(info.keyword);
    } else if (info.tag < known->second->tag) {
      known->second = &info;
    }
  }
  return dictionary;
}

const Dictionary& TheDictionary() {
  static const Dictionary* const dictionary = new Dictionary(LoadDictionary());  // outlives static destruction
  return *dictionary;
}

const TagInfo* Lookup(Tag tag) {
  const auto& by_tag = TheDictionary().by_tag;
  const auto found = by_tag.find(tag.value);
  return found == by_tag.end() ? nullptr : &found->second;
}

}  // namespace

std::optional<Tag> ParseTagHex(std::string_view text) {
  if (text.size() != 8) {
    return std::nullopt;
  }
  uint32_t value = 0;
  for (const char c : text) {
    uint32_t digit = 0;
    if (c >= '0' && c <= '9') {
      digit = static_cast<uint32_t>(c - '0');
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<uint32_t>(c - 'A' + 10);
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<uint32_t>(c - 'a' + 10);
    } else {
      return std::nullopt;
    }
    value = value << 4 | digit;
  }
  return Tag{value};
}

std::optional<TagInfo> FindTag(std::string_view keyword_or_hex) {
  if (const auto tag = ParseTagHex(keyword_or_hex)) {
    return FindTag(*tag);
  }
  const auto& by_keyword = TheDictionary().by_keyword;
  const auto found = by_keyword.find(keyword_or_hex);
  if (found == by_keyword.end()) {
    return std::nullopt;
  }
  return *found->second;
}

std::optional<TagInfo> FindTag(Tag tag) {
  const TagInfo* info = Lookup(tag);
  return info == nullptr ? std::nullopt : std::optional(*info);
}

std::string_view VrOf(Tag tag) {
  const TagInfo* info = Lookup(tag);
  return info == nullptr ? "UN" : info->vr_text();
}

std::string TagName(Tag tag) {
  if (const TagInfo* info = Lookup(tag)) {
    return info->keyword;
  }
  char text[12];
  std::snprintf(text, sizeof text, "(%04x,%04x)", unsigned{tag.group()}, unsigned{tag.element()});
  return text;
}

std::string TagHex(Tag tag) {
  char text[9];
  std::snprintf(text, sizeof text, "%08X", tag.value);
  return text;
}

std::string NearestKeyword(std::string_view keyword) {
  const auto& dictionary = TheDictionary();
  for (const std::string& known : dictionary.keywords) {
    if (EqualsIgnoreCase(known, keyword)) {
      return known;
    }
  }
  return Nearest(keyword, dictionary.keywords);
}

TagInfo RequireTag(std::string_view keyword) {
  if (auto info = FindTag(keyword)) {
    return *std::move(info);
  }
  const std::string nearest = NearestKeyword(keyword);
  // A keyword that is none may be anything, a name typed at the wrong place too; but who mistyped it has to see it.
  const bool printable = keyword.size() <= 64 && std::all_of(keyword.begin(), keyword.end(), [](char c) {
                           return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                         });
  throw Error(ErrorCode::kInvalidArgument,
              StrCat("Cannot use ", printable ? std::string(keyword) : Sensitive(keyword), ": not a DICOM keyword",
                     nearest.empty() ? "" : "; did you mean ", nearest, nearest.empty() ? "" : "?"));
}

}  // namespace trolley
