#include "search/folder/folder_find.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "dicom/matching.h"
#include "search/assemble.h"

namespace trolley {
namespace {

constexpr Tag kSopClassesInStudy{0x00080062};

// Of the attributes that describe a single image, those that listings show or estimate sizes from; others when asked.
constexpr std::array kInstanceTags = {
    tag::kSOPClassUID,    tag::kSOPInstanceUID, tag::kContentDate, tag::kContentTime,    Tag{0x00080008},
    Tag{0x00080022},      Tag{0x00080032},      Tag{0x00200012},   tag::kInstanceNumber, tag::kSamplesPerPixel,
    tag::kNumberOfFrames, tag::kRows,           tag::kColumns,     tag::kBitsAllocated,
};

class Finder {
 public:
  Finder(const FolderIndex& index, const Query& query, const Context& context)
      : index_(index), query_(query), context_(context), left_(query.limit()), to_skip_(query.offset().value_or(0)) {
    for (const auto& [tag, pattern] : query.keys()) {
      wanted_.push_back(tag);
    }
    wanted_.insert(wanted_.end(), query.include_fields().begin(), query.include_fields().end());
  }

  SearchResult Find() {
    // Looked up when the query names it.
    if (const auto uid = Uid::Parse(query_.Get(tag::kStudyInstanceUID))) {
      if (const auto study = index_.studies().find(*uid); study != index_.studies().end()) {
        VisitStudy(study->first, study->second);
      }
    } else {
      for (const auto& [study_uid, study] : index_.studies()) {
        VisitStudy(study_uid, study);
      }
    }
    return std::make_shared<const Studies>(std::move(found_));
  }

 private:
  bool Done() const { return left_ == 0u; }

  // Counts a row; false when it is before the offset.
  bool Take() {
    if (to_skip_ > 0) {
      --to_skip_;
      return false;
    }
    if (left_) {
      --*left_;
    }
    return true;
  }

  static Attributes Computed(const FolderStudy& study) {
    size_t instances = 0;
    std::set<std::string> modalities;
    std::set<std::string> classes;
    for (const auto& [uid, series] : study) {
      instances += series.instances.size();
      Collect(series, tag::kModality, modalities);
      Collect(series, tag::kSOPClassUID, classes);
    }
    Attributes computed;
    computed.Set(tag::kModalitiesInStudy, Join({modalities.begin(), modalities.end()}, "\\"));
    computed.Set(kSopClassesInStudy, Join({classes.begin(), classes.end()}, "\\"));
    computed.Set(tag::kNumberOfStudyRelatedSeries, std::to_string(study.size()));
    computed.Set(tag::kNumberOfStudyRelatedInstances, std::to_string(instances));
    return computed;
  }

  static void Collect(const FolderSeries& series, Tag tag, std::set<std::string>& values) {
    if (series.common.Has(tag)) {
      values.emplace(series.common.Get(tag));
    } else {
      for (const auto& [uid, instance] : series.instances) {
        values.emplace(instance.served().own.Get(tag));
      }
    }
    values.erase("");
  }

  void VisitStudy(const Uid& uid, const FolderStudy& study) {
    if (Done()) {
      return;
    }
    computed_ = Computed(study);
    Study out{uid, {}, {}};
    bool found = false;
    for (const auto& [series_uid, series] : study) {
      context_.Check("search the folder");
      if (PrepareSeries(series)) {
        found = query_.level() == Level::kStudy ? MatchStudy(series, out) : AddSeries(series_uid, series, out) || found;
      }
      if (Done() || (found && query_.level() == Level::kStudy)) {
        break;
      }
    }
    if (found && (query_.level() != Level::kStudy || Take())) {
      out.attributes.ShrinkToFit();
      out.series.shrink_to_fit();
      found_.push_back(std::move(out));
    }
  }

  // Whether the study matches because of this series.
  bool MatchStudy(const FolderSeries& series, Study& study) {
    bool found = false;
    ForEachMatch(series, [&](const Uid&, const FolderFile& file) {
      found = true;
      AddAttributes(series, file, Level::kStudy, study.attributes);
      return true;
    });
    return found;
  }

  // Adds what matches, and is wanted, to `study`; false when that is nothing.
  bool AddSeries(const Uid& uid, const FolderSeries& series, Study& study) {
    const bool each_instance = query_.level() == Level::kInstance;
    const FolderFile* first = nullptr;
    Series out{uid, {}, {}};
    ForEachMatch(series, [&](const Uid& instance, const FolderFile& file) {
      if (!Take()) {
        return !each_instance;
      }
      first = first == nullptr ? &file : first;
      if (each_instance) {
        out.instances.push_back({instance, {}, file.size});
        AddAttributes(series, file, Level::kInstance, out.instances.back().attributes);
        out.instances.back().attributes.ShrinkToFit();
      }
      return !each_instance || Done();
    });
    if (first == nullptr) {
      return false;
    }
    AddAttributes(series, *first, Level::kSeries, out.attributes);
    out.attributes.ShrinkToFit();
    out.instances.shrink_to_fit();
    if (study.series.empty()) {
      AddAttributes(series, *first, Level::kStudy, study.attributes);
    }
    study.series.push_back(std::move(out));
    return true;
  }

  // Until `visit` gives true.
  template <typename Visit>
  void ForEachMatch(const FolderSeries& series, const Visit& visit) const {
    if (const auto uid = Uid::Parse(query_.Get(tag::kSOPInstanceUID))) {
      const auto found = series.instances.find(*uid);
      if (found != series.instances.end() && MatchesFile(found->second.served())) {
        visit(found->first, found->second.served());
      }
      return;
    }
    for (const auto& [uid, instance] : series.instances) {
      if (MatchesFile(instance.served()) && visit(uid, instance.served())) {
        return;
      }
    }
  }

  // Gathers once what of the keys is the same for the whole series. False: nothing of it matches.
  bool PrepareSeries(const FolderSeries& series) {
    computed_.Set(tag::kNumberOfSeriesRelatedInstances, std::to_string(series.instances.size()));
    key_row_ = Attributes();
    varying_.clear();
    for (const auto& [tag, pattern] : query_.keys()) {
      if (computed_.Has(tag)) {
        key_row_.Set(tag, computed_.Get(tag));
      } else if (series.common.Has(tag)) {
        key_row_.Set(tag, series.common.Get(tag));
      } else {
        varying_.push_back(tag);
      }
    }
    return !varying_.empty() || Matches(query_, key_row_);
  }

  bool MatchesFile(const FolderFile& file) const {
    if (varying_.empty()) {
      return true;  // PrepareSeries saw to it
    }
    Attributes row = key_row_;
    for (const Tag tag : varying_) {
      if (file.own.Has(tag)) {
        row.Set(tag, file.own.Get(tag));
      }
    }
    return Matches(query_, row);
  }

  // What belongs to that level, and at the level of the query also the included fields.
  void AddAttributes(const FolderSeries& series, const FolderFile& file, Level level, Attributes& out) const {
    const auto add = [&](Tag tag, std::string_view text) {
      if (!computed_.Has(tag) && Belongs(tag, level)) {
        out.Set(tag, text);
      }
    };
    series.common.ForEach(add);
    file.own.ForEach(add);
    computed_.ForEach([&](Tag tag, std::string_view text) {
      if (LevelOf(tag) == level || (level == query_.level() && IsWanted(tag))) {
        out.Set(tag, text);
      }
    });
  }

  bool IsWanted(Tag tag) const { return std::find(wanted_.begin(), wanted_.end(), tag) != wanted_.end(); }

  bool Belongs(Tag tag, Level level) const {
    if (level == query_.level() && IsWanted(tag)) {
      return true;
    }
    if (LevelOf(tag) != level) {
      return false;
    }
    return level != Level::kInstance ||
           std::find(kInstanceTags.begin(), kInstanceTags.end(), tag) != kInstanceTags.end();
  }

  const FolderIndex& index_;
  const Query& query_;
  const Context& context_;
  std::optional<uint32_t> left_;
  uint32_t to_skip_;
  std::vector<Tag> wanted_;
  Studies found_;

  // Of the study and series that are being visited.
  Attributes computed_;
  Attributes key_row_;
  std::vector<Tag> varying_;  // keys that differ within the series
};

}  // namespace

SearchResult FindInFolder(const FolderIndex& index, const Query& query, const Context& context) {
  return Finder(index, query, context).Find();
}

}  // namespace trolley
