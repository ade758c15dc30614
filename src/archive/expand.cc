#include "archive/expand.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "archive/directories.h"
#include "base/text.h"

namespace trolley {
namespace {

// What is wanted of a series or study: all of it, or just what is named.
struct WantedSeries {
  bool whole = false;
  std::vector<InstanceReference> named;
};

struct WantedStudy {
  explicit WantedStudy(Uid study) : uid(std::move(study)) {}

  WantedSeries& At(const Uid& series) {
    const auto [at, is_new] = index.try_emplace(series, series_in_order.size());
    if (is_new) {
      series_in_order.emplace_back(series, WantedSeries());
    }
    return series_in_order[at->second].second;
  }

  Uid uid;
  bool whole = false;
  std::vector<std::pair<Uid, WantedSeries>> series_in_order;
  std::unordered_map<Uid, size_t> index;
};

// References put together by study and series, in order of first mention.
std::vector<WantedStudy> Sort(std::span<const Reference> references) {
  std::vector<WantedStudy> studies;
  std::unordered_map<Uid, size_t> index;
  const auto study_at = [&](const Uid& uid) -> WantedStudy& {
    const auto [at, is_new] = index.try_emplace(uid, studies.size());
    if (is_new) {
      studies.emplace_back(uid);
    }
    return studies[at->second];
  };
  for (const Reference& reference : references) {
    if (const auto* study = std::get_if<StudyReference>(&reference)) {
      study_at(study->study).whole = true;
    } else if (const auto* series = std::get_if<SeriesReference>(&reference)) {
      study_at(series->study).At(series->series).whole = true;
    } else {
      const auto& instance = std::get<InstanceReference>(reference);
      study_at(instance.study).At(instance.series).named.push_back(instance);
    }
  }
  return studies;
}

class Expander {
 public:
  Expander(Searcher& searcher, ExpandSink& sink, const Context& context)
      : searcher_(searcher), sink_(sink), context_(context) {}

  void Expand(WantedStudy study) {
    std::optional<StudyReference> unseen;  // a whole study of which nothing was seen yet
    if (study.whole) {
      const StudyReference reference{study.uid};
      if (const Answer answer = Ask(StudyQuestion(reference), reference)) {
        unseen = reference;
        AddSeries(*answer, study);
      }
    }
    for (auto& [uid, series] : study.series_in_order) {
      if (Expand({study.uid, uid}, std::move(series), study.whole)) {
        unseen.reset();
      }
    }
    if (unseen) {
      sink_.OnMissing(*unseen);
    }
  }

 private:
  // Null when it failed, which was told.
  Answer Ask(const Query& query, const Reference& reference) {
    try {
      return searcher_.Find(query, context_);
    } catch (const Error& error) {
      context_.Check("find the instances of a selection");
      sink_.OnFailed(reference, error);
      return nullptr;
    }
  }

  static void AddSeries(const Studies& answer, WantedStudy& study) {
    for (const Study& row : answer) {
      for (const Series& series : row.series) {
        if (row.uid == study.uid) {
          study.At(series.uid).whole = true;
        }
      }
    }
  }

  // Whether anything was told of it.
  bool Expand(const SeriesReference& reference, WantedSeries series, bool of_whole_study) {
    bool told = false;
    std::vector<WantedInstance> instances;
    std::unordered_set<Uid> seen;
    if (series.whole) {
      const Answer answer = Ask(SeriesQuestion(reference), reference);
      told = answer == nullptr;
      if (answer) {
        Take(*answer, reference, instances, seen);
      }
      // Archives list series without instances; in a whole study nothing is missing then.
      if (answer && instances.empty() && !of_whole_study) {
        sink_.OnMissing(reference);
        told = true;
      }
    }
    for (InstanceReference& instance : series.named) {
      if (seen.insert(instance.instance).second) {
        instances.push_back({std::move(instance), std::nullopt});
      }
    }
    if (!instances.empty()) {
      sink_.OnSeries(std::move(instances));
      told = true;
    }
    return told;
  }

  static void Take(const Studies& answer, const SeriesReference& wanted, std::vector<WantedInstance>& instances,
                   std::unordered_set<Uid>& seen) {
    for (const Study& study : answer) {
      for (const Series& series : study.series) {
        if (study.uid != wanted.study || series.uid != wanted.series) {
          continue;
        }
        for (const Instance& instance : series.instances) {
          if (seen.insert(instance.uid).second) {
            instances.push_back({{wanted.study, wanted.series, instance.uid}, instance.size});
          }
        }
      }
    }
  }

  Searcher& searcher_;
  ExpandSink& sink_;
  const Context& context_;
};

}  // namespace

std::string ToString(const Reference& reference) {
  if (const auto* study = std::get_if<StudyReference>(&reference)) {
    return study->study.str();
  }
  if (const auto* series = std::get_if<SeriesReference>(&reference)) {
    return StrCat(series->study.str(), "/", series->series.str());
  }
  const auto& instance = std::get<InstanceReference>(reference);
  return StrCat(instance.study.str(), "/", instance.series.str(), "/", instance.instance.str());
}

void Expand(std::span<const Reference> references, Searcher& searcher, ExpandSink& sink, const Context& context) {
  Expander expander(searcher, sink, context);
  for (WantedStudy& study : Sort(references)) {
    context.Check("find the instances of a selection");
    expander.Expand(std::move(study));
  }
}

}  // namespace trolley
