#include "search/mint/mint_rows.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "dicom/matching.h"
#include "search/assemble.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// What one key has shown.
struct KeyCheck {
  Tag tag;
  Query alone;
  bool filtered = false;
  bool returned = false;
  bool contradicted = false;
};

class Rows {
 public:
  Rows(const Query& query, const std::vector<Tag>& filtered, bool complete) : query_(query), complete_(complete) {
    for (const auto& [tag, value] : query.keys()) {
      if (!IsUniversal(value)) {
        Query alone(query.level());
        alone.Where(tag, value);
        const bool here = std::find(filtered.begin(), filtered.end(), tag) != filtered.end();
        checks_.push_back({tag, std::move(alone), here, false, false});
      }
    }
  }

  std::vector<Attributes> Of(const std::vector<const MintNode*>& studies) {
    size_t rows = 0;
    for (const MintNode* study : studies) {
      Visit(*study, [&](const Attributes& row, auto&&...) {
        Learn(row);
        ++rows;
      });
    }
    CheckAnswer(studies, rows);
    std::vector<Attributes> out;
    for (const MintNode* study : studies) {
      AddStudy(*study, out);
    }
    return out;
  }

 private:
  // Calls `function` with each row of the query's level, all its parents' attributes in it, and with its own node and
  // its series'.
  template <typename Function>
  void Visit(const MintNode& study, Function function) const {
    if (query_.level() == Level::kStudy) {
      function(study.attributes, study, study);
      return;
    }
    for (const MintNode& series : study.children) {
      Attributes of_series = series.attributes;
      of_series.MergeMissing(study.attributes);
      if (query_.level() == Level::kSeries) {
        function(of_series, series, series);
        continue;
      }
      for (const MintNode& instance : series.children) {
        Attributes row = instance.attributes;
        row.MergeMissing(of_series);
        function(row, instance, series);
      }
    }
  }

  void Learn(const Attributes& row) {
    for (KeyCheck& check : checks_) {
      check.returned = check.returned || row.Has(check.tag);
      check.contradicted = check.contradicted || Contradicts(check.alone, row);
    }
  }

  void CheckAnswer(const std::vector<const MintNode*>& studies, size_t rows) const {
    if (rows == 0) {
      // A key of a series may leave a study without any.
      const bool narrowed = std::any_of(checks_.begin(), checks_.end(),
                                        [](const KeyCheck& check) { return LevelOf(check.tag) != Level::kStudy; });
      if (!studies.empty() && !complete_ && !narrowed) {
        throw Error(ErrorCode::kProtocol,
                    StrCat("Cannot search for ", query_.Describe(), ": the server responded with ", studies.size(),
                           " studies, but nothing of the level that was asked"));
      }
      return;
    }
    for (const KeyCheck& check : checks_) {
      if (!check.returned && !complete_) {
        throw Error(ErrorCode::kUnsupported,
                    StrCat("Cannot search for ", query_.Describe(), ": the server does not return ", TagName(check.tag),
                           ", so nobody can tell whether it searched by it"));
      }
    }
  }

  bool Matches(const Attributes& row) const {
    return std::none_of(checks_.begin(), checks_.end(), [&](const KeyCheck& check) {
      // Shown to match more loosely than was asked: then a row without the attribute is no match either.
      const bool must_have = complete_ || check.filtered || check.contradicted;
      return (must_have && !row.Has(check.tag)) || Contradicts(check.alone, row);
    });
  }

  void AddStudy(const MintNode& study, std::vector<Attributes>& out) const {
    const MintNode* told_series = nullptr;
    bool told_study = false;
    Visit(study, [&](const Attributes& row, const MintNode& own, const MintNode& series) {
      if (!Matches(row)) {
        return;
      }
      Attributes slim = own.attributes;
      if (std::exchange(told_series, &series) != &series) {
        slim.MergeMissing(series.attributes);
      }
      if (!std::exchange(told_study, true)) {
        slim.MergeMissing(study.attributes);
      }
      for (const Tag tag : {tag::kStudyInstanceUID, tag::kSeriesInstanceUID}) {
        if (!slim.Has(tag) && row.Has(tag)) {
          slim.Set(tag, row.Get(tag));
        }
      }
      out.push_back(std::move(slim));
    });
  }

  const Query& query_;
  const bool complete_;
  std::vector<KeyCheck> checks_;
};

}  // namespace

std::vector<Attributes> MintRows(const Query& query, const std::vector<Tag>& filtered, bool complete,
                                 const std::vector<const MintNode*>& studies) {
  return Rows(query, filtered, complete).Of(studies);
}

void AddComputedAttributes(MintNode& study) {
  std::set<std::string> modalities;
  size_t instances = 0;
  const auto add = [](Attributes& to, Tag tag, std::string_view value) {
    if (to.Get(tag).empty()) {
      to.Set(tag, value);
    }
  };
  for (MintNode& series : study.children) {
    if (const std::string_view modality = series.attributes.Get(tag::kModality); !modality.empty()) {
      modalities.emplace(modality);
    }
    instances += series.children.size();
    add(series.attributes, tag::kNumberOfSeriesRelatedInstances, std::to_string(series.children.size()));
  }
  if (!modalities.empty()) {
    add(study.attributes, tag::kModalitiesInStudy, Join({modalities.begin(), modalities.end()}, "\\"));
  }
  add(study.attributes, tag::kNumberOfStudyRelatedSeries, std::to_string(study.children.size()));
  add(study.attributes, tag::kNumberOfStudyRelatedInstances, std::to_string(instances));
}

}  // namespace trolley
