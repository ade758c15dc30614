#include "search/qido/qido_url.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "search/assemble.h"
#include "trolley/error.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

// What stands in a query string as it is. "&", "=" and "+" would be legal there too, but mean something to servers; "="
// is harmless inside a value.
constexpr std::string_view kRaw = "/:*,?!$'()@=";

bool IsRaw(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos || kRaw.find(c) != std::string_view::npos;
}

std::string_view Vr(const TagInfo* info) {
  return info != nullptr ? info->vr_text() : std::string_view("UN");
}

// PS3.4 C.2.2.2.4
bool AllowsWildcards(std::string_view vr) {
  constexpr std::array<std::string_view, 10> kVrs = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"};
  return std::find(kVrs.begin(), kVrs.end(), vr) != kVrs.end();
}

struct Value {
  std::string text;
  bool widened = false;
};

// Every character that a server would misread becomes a wildcard: "?" for ASCII; "*" for others, because servers
// disagree whether one character of a name matches one "?" (Orthanc drops accented letters before it matches).
Value Widen(std::string_view value, bool server_decodes) {
  Value out;
  for (const char c : value) {
    if (c == ',') {
      out.text += '?';
      out.widened = true;
    } else if (server_decodes || IsRaw(c)) {
      if (c != '*' || !out.text.ends_with('*')) {
        out.text += c;
      }
    } else {
      const char wildcard = static_cast<unsigned char>(c) < 0x80 ? '?' : '*';
      if (wildcard == '?' || !out.text.ends_with('*')) {
        out.text += wildcard;
      }
      out.widened = true;
    }
  }
  return out;
}

Value Spell(const std::string& name, std::string_view vr, std::string_view value, bool server_decodes) {
  Value out;
  if (vr == "UI") {
    out.text = value;
    std::replace(out.text.begin(), out.text.end(), '\\', ',');
  } else if (AllowsWildcards(vr)) {
    out = Widen(value, server_decodes);
  } else {
    out.text = value;
  }
  if (server_decodes) {
    out.text = PercentEncode(out.text, kRaw);
  } else if (!std::all_of(out.text.begin(), out.text.end(), IsRaw)) {
    throw Error(ErrorCode::kUnsupported,
                StrCat("Cannot search by ", name,
                       ": the server does not decode its query string, and the value cannot be "
                       "sent without encoding; leave out blanks and special characters"));
  }
  return out;
}

// Attributes that an archive returns of itself, PS3.18 2024d Tables 10.6.3-3 to 5. Ordered.
constexpr std::array kOfStudies = {0x00080005u, 0x00080020u, 0x00080030u, 0x00080050u, 0x00080056u, 0x00080061u,
                                   0x00080090u, 0x00080201u, 0x00081190u, 0x00100010u, 0x00100020u, 0x00100030u,
                                   0x00100040u, 0x0020000Du, 0x00200010u, 0x00201206u, 0x00201208u};
constexpr std::array kOfSeries = {0x00080005u, 0x00080060u, 0x00080201u, 0x0008103Eu, 0x00081190u, 0x0020000Eu,
                                  0x00200011u, 0x00201209u, 0x00400244u, 0x00400245u, 0x00400275u};
constexpr std::array kOfInstances = {0x00080005u, 0x00080016u, 0x00080018u, 0x00080056u, 0x00080201u, 0x00081190u,
                                     0x00200013u, 0x00280008u, 0x00280010u, 0x00280011u, 0x00280100u};

template <size_t n>
bool Holds(const std::array<uint32_t, n>& tags, Tag tag) {
  return std::binary_search(tags.begin(), tags.end(), tag.value);
}

class Spelling {
 public:
  Spelling(const Query& query, bool server_decodes, const QidoProfile& profile)
      : query_(query), server_decodes_(server_decodes), profile_(profile) {}

  QidoUrl Make() {
    SetPath();
    for (const auto& [tag, value] : query_.keys()) {
      AddKey(tag, value);
    }
    RequireNarrow();
    for (const Tag tag : query_.include_fields()) {
      AddInclude(tag);
    }
    for (const Tag tag : included_) {
      url_.terms.push_back("includefield=" + Name(tag));
    }
    if (query_.fuzzy()) {
      RequireFuzzy();
      url_.terms.emplace_back("fuzzymatching=true");
    }
    return std::move(url_);
  }

 private:
  static std::string Name(Tag tag) {
    const std::optional<TagInfo> info = FindTag(tag);
    return info && !info->keyword.empty() ? info->keyword : TagHex(tag);
  }

  bool Put(Tag tag, const char* before) {
    const std::optional<Uid> uid = Uid::Parse(query_.Get(tag));
    if (!uid) {
      return false;
    }
    url_.path += before + PercentEncode(uid->str());
    url_.in_path.push_back(tag);
    return true;
  }

  void SetPath() {
    const bool below_study = query_.level() != Level::kStudy && Put(tag::kStudyInstanceUID, "/studies/");
    const bool below_series =
        below_study && query_.level() == Level::kInstance && Put(tag::kSeriesInstanceUID, "/series/");
    study_returned_ = !below_study;
    series_returned_ = !below_series;
    url_.path += query_.level() == Level::kStudy    ? "/studies"
                 : query_.level() == Level::kSeries ? "/series"
                                                    : "/instances";
  }

  bool InPath(Tag tag) const { return std::find(url_.in_path.begin(), url_.in_path.end(), tag) != url_.in_path.end(); }

  // A relational response holds the attributes of the levels above, too, save those that are counted or collected.
  bool ReturnedAnyway(Tag tag) const {
    if (tag == tag::kStudyInstanceUID || tag == tag::kSeriesInstanceUID || tag == tag::kSOPInstanceUID) {
      return true;
    }
    if (!profile_.default_attributes) {
      return false;
    }
    switch (query_.level()) {
      case Level::kStudy:
        return Holds(kOfStudies, tag);
      case Level::kSeries:
        return Holds(kOfSeries, tag) || (study_returned_ && Holds(kOfStudies, tag));
      case Level::kInstance:
        return Holds(kOfInstances, tag) || (series_returned_ && Holds(kOfSeries, tag)) ||
               (study_returned_ && Holds(kOfStudies, tag));
    }
    return false;
  }

  // Of a tag that no table knows, nobody can say which level it describes; servers may well search by it.
  bool IsOfLevelBelow(Tag tag) const {
    const bool of_series = tag == tag::kModality || Holds(kOfSeries, tag);
    const bool of_instance = Holds(kOfInstances, tag);
    switch (query_.level()) {
      case Level::kStudy:
        return (of_series || of_instance) && !Holds(kOfStudies, tag);
      case Level::kSeries:
        return of_instance && !Holds(kOfSeries, tag) && !Holds(kOfStudies, tag);
      case Level::kInstance:
        return false;
    }
    return false;
  }

  void AddKey(Tag tag, const std::string& value) {
    if (InPath(tag)) {
      return;
    }
    if (value.find_first_not_of('*') == std::string::npos) {
      AddInclude(tag);  // universal matching: any value, also none; servers take "*" for "has a value"
      return;
    }
    const std::string name = Name(tag);
    if (IsOfLevelBelow(tag)) {
      throw Error(ErrorCode::kUnsupported, StrCat("Cannot search by ", name, " at level ", LevelName(query_.level()),
                                                  ": it belongs to a lower level; ask for that level",
                                                  tag == tag::kModality ? " or use ModalitiesInStudy" : ""));
    }
    const std::optional<TagInfo> info = FindTag(tag);
    const Value spelled = Spell(name, Vr(info ? &*info : nullptr), value, server_decodes_);
    if (spelled.widened && profile_.wildcards) {
      url_.widened.push_back(tag);
    }
    AddInclude(tag);
    const bool has_wildcard = AllowsWildcards(Vr(info ? &*info : nullptr)) &&
                              (spelled.widened || value.find_first_of("*?") != std::string::npos);
    if (has_wildcard && !profile_.wildcards) {
      url_.widened.push_back(tag);
      not_sent_ = name;
      return;
    }
    url_.terms.push_back(name + "=" + spelled.text);
  }

  // To ask for everything and filter it here is no way to search an archive.
  void RequireNarrow() const {
    if (!not_sent_.empty() && url_.terms.empty() && url_.in_path.empty()) {
      throw Error(ErrorCode::kUnsupported,
                  StrCat("Cannot search by ", not_sent_,
                         " alone: the server has no wildcards; give the exact value, or another term besides"));
    }
  }

  void RequireFuzzy() const {
    if (!profile_.fuzzy) {
      throw Error(ErrorCode::kUnsupported, "Cannot search by fuzzymatching: the server has no fuzzy matching");
    }
  }

  // Attributes of a level below are dropped by servers (§10.6.1.2.3): asking for them would only lengthen the URL.
  void AddInclude(Tag tag) {
    if (!ReturnedAnyway(tag) && !IsOfLevelBelow(tag) &&
        std::find(included_.begin(), included_.end(), tag) == included_.end()) {
      included_.push_back(tag);
    }
  }

  const Query& query_;
  const bool server_decodes_;
  const QidoProfile& profile_;
  std::string not_sent_;  // name of a key that is only filtered here
  bool study_returned_ = false;
  bool series_returned_ = false;
  std::vector<Tag> included_;
  QidoUrl url_;
};

}  // namespace

std::string QidoUrl::PathAndQuery(std::optional<uint64_t> limit, std::optional<uint64_t> offset) const {
  std::vector<std::string> all = terms;
  if (limit) {
    all.push_back(StrCat("limit=", *limit));
  }
  if (offset && *offset > 0) {
    all.push_back(StrCat("offset=", *offset));
  }
  return all.empty() ? path : StrCat(path, "?", Join(all, "&"));
}

bool NeedsPercentEncoding(const Query& query) {
  return std::any_of(query.keys().begin(), query.keys().end(), [](const auto& key) {
    const std::optional<TagInfo> info = FindTag(key.first);
    return !(info && info->vr_text() == "UI") && !std::all_of(key.second.begin(), key.second.end(), IsRaw);
  });
}

QidoUrl MakeQidoUrl(const Query& query, bool server_decodes, const QidoProfile& profile) {
  return Spelling(query, server_decodes, profile).Make();
}

}  // namespace trolley
