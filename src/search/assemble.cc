#include "search/assemble.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/index_set.h"
#include "base/text.h"
#include "dicom/matching.h"
#include "trolley/error.h"
#include "trolley/uid.h"

namespace trolley {
namespace {

// Ordered. Besides these: all of group 0010 (patient), 0032 (study) and 0038 (visit).
constexpr std::array kStudyTags = {0x00080020u, 0x00080030u, 0x00080050u, 0x00080051u, 0x00080061u, 0x00080062u,
                                   0x00080090u, 0x00080201u, 0x00081030u, 0x00081032u, 0x00081048u, 0x00081049u,
                                   0x00081060u, 0x00081080u, 0x00081110u, 0x00081120u, 0x0020000Du, 0x00200010u,
                                   0x00201070u, 0x00201200u, 0x00201202u, 0x00201204u, 0x00201206u, 0x00201208u};
constexpr std::array kSeriesTags = {0x00080021u, 0x00080031u, 0x00080060u, 0x00080068u, 0x00080070u, 0x00080080u,
                                    0x00080081u, 0x00081010u, 0x0008103Eu, 0x0008103Fu, 0x00081040u, 0x00081050u,
                                    0x00081052u, 0x00081070u, 0x00081072u, 0x00081090u, 0x00081111u, 0x00180015u,
                                    0x00181000u, 0x00181020u, 0x00181030u, 0x00185100u, 0x0020000Eu, 0x00200011u,
                                    0x00200052u, 0x00200060u, 0x00201209u, 0x00400244u, 0x00400245u, 0x00400250u,
                                    0x00400251u, 0x00400253u, 0x00400254u, 0x00400260u, 0x00400275u, 0x00400280u};
// SpecificCharacterSet, RetrieveURL, RetrieveURI, WADO-RS and WADO URLs of referenced objects
constexpr std::array kTransportTags = {0x00080005u, 0x00081190u, 0x0040E010u, 0x0040E023u, 0x0040E025u};

template <size_t n>
bool Contains(const std::array<uint32_t, n>& tags, Tag tag) {
  return std::binary_search(tags.begin(), tags.end(), tag.value);
}

Uid UidOf(Tag tag, std::string_view text) {
  std::optional<Uid> uid = Uid::Parse(text);
  if (!uid) {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot read the response of the archive: a row has ",
                                             text.empty() ? "no " : "an invalid ", TagName(tag)));
  }
  return *std::move(uid);
}

// A key that names exactly one UID; nullopt for lists and wildcards.
std::optional<Uid> SingleUid(const Query& query, Tag tag) {
  return Uid::Parse(query.Get(tag));
}

class Assembler {
 public:
  // `rows`: so many will be added at most.
  Assembler(const Query& query, size_t rows)
      : query_(query),
        rows_(rows),
        study_key_(SingleUid(query, tag::kStudyInstanceUID)),
        series_key_(SingleUid(query, tag::kSeriesInstanceUID)) {}

  void Add(const Attributes& row) {
    StudyNode& study = StudyFor(UidFor(row, tag::kStudyInstanceUID, Level::kStudy, study_key_));
    if (query_.level() == Level::kStudy) {
      Distribute(row, study.study.attributes, nullptr, nullptr);
      return;
    }
    SeriesNode& series = SeriesFor(study, UidFor(row, tag::kSeriesInstanceUID, Level::kSeries, series_key_));
    Series& out = study.study.series[series.index];
    if (query_.level() == Level::kSeries) {
      Distribute(row, study.study.attributes, &out.attributes, nullptr);
      return;
    }
    Uid uid = UidFor(row, tag::kSOPInstanceUID, Level::kInstance, std::nullopt);
    const std::hash<Uid> hash;
    const auto [at, is_new] = series.instances.Insert(
        static_cast<uint32_t>(out.instances.size()), hash(uid),
        [&](uint32_t other) { return out.instances[other].uid == uid; },
        [&](uint32_t other) { return hash(out.instances[other].uid); });
    if (is_new) {
      out.instances.push_back({std::move(uid), {}, std::nullopt});
    }
    Distribute(row, study.study.attributes, &out.attributes, &out.instances[at].attributes);
    if (is_new) {
      out.instances[at].attributes.ShrinkToFit();
    }
  }

  SearchResult Finish() {
    auto studies = std::make_shared<Studies>();
    studies->reserve(nodes_.size());
    for (StudyNode& node : nodes_) {
      Shrink(node.study);
      studies->push_back(std::move(node.study));
    }
    return studies;
  }

 private:
  struct SeriesNode {
    size_t index = 0;  // in study.series
    IndexSet instances;
  };
  struct StudyNode {
    Study study;
    std::unordered_map<Uid, SeriesNode> series;
  };

  // Only parents may be taken from the query: a row without its UID is not a response to this query.
  Uid UidFor(const Attributes& row, Tag tag, Level level, const std::optional<Uid>& key) const {
    const std::string_view text = row.Get(tag);
    if (text.empty() && key && level != query_.level()) {
      return *key;
    }
    return UidOf(tag, text);
  }

  StudyNode& StudyFor(const Uid& uid) {
    const auto [at, is_new] = studies_.try_emplace(uid, nodes_.size());
    if (is_new) {
      nodes_.push_back({{uid, {}, {}}, {}});
    }
    return nodes_[at->second];
  }

  SeriesNode& SeriesFor(StudyNode& study, const Uid& uid) {
    const auto [at, is_new] = study.series.try_emplace(uid);
    if (is_new) {
      at->second.index = study.study.series.size();
      study.study.series.push_back({uid, {}, {}});
      if (query_.level() == Level::kInstance && series_key_ == uid) {
        study.study.series.back().instances.reserve(rows_);  // a vector that grows is in memory twice
      }
    }
    return at->second;
  }

  bool IsUnwanted(Tag tag) const {
    return Contains(kTransportTags, tag) &&
           !std::binary_search(query_.include_fields().begin(), query_.include_fields().end(), tag);
  }

  // Null: the level was not asked for, and what belongs there goes to the level above.
  void Distribute(const Attributes& row, Attributes& study, Attributes* series, Attributes* instance) const {
    row.ForEach([&](Tag tag, std::string_view value) {
      if (IsUnwanted(tag)) {
        return;
      }
      const Level level = LevelOf(tag);
      Attributes* to = &study;
      if (level != Level::kStudy && series != nullptr) {
        to = level == Level::kInstance && instance != nullptr ? instance : series;
      }
      if (!to->Has(tag)) {
        to->Set(tag, value);
      }
    });
  }

  static void Shrink(Study& study) {
    study.attributes.ShrinkToFit();
    study.series.shrink_to_fit();
    for (Series& series : study.series) {
      series.attributes.ShrinkToFit();
      series.instances.shrink_to_fit();
    }
  }

  const Query& query_;
  const size_t rows_;
  const std::optional<Uid> study_key_;
  const std::optional<Uid> series_key_;
  std::vector<StudyNode> nodes_;  // in the archive's order
  std::unordered_map<Uid, size_t> studies_;
};

}  // namespace

Level LevelOf(Tag tag) {
  if (tag.group() == 0x0010 || tag.group() == 0x0032 || tag.group() == 0x0038 || Contains(kStudyTags, tag)) {
    return Level::kStudy;
  }
  return Contains(kSeriesTags, tag) ? Level::kSeries : Level::kInstance;
}

SearchResult Assemble(const Query& query, std::vector<Attributes> rows) {
  Assembler assembler(query, rows.size());
  for (Attributes& row : rows) {
    if (!Contradicts(query, row)) {
      assembler.Add(row);
    }
    row = Attributes();  // a long result must not be in memory twice
  }
  return assembler.Finish();
}

}  // namespace trolley
