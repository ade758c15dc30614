#include "fetch/expand.h"

#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"
#include "search/level_queries.h"

namespace trolley {
namespace {

// What is wanted of a series or study: all of it, or just what is named.
struct WantedSeries {
  bool whole = false;
  std::optional<uint64_t> count;  // of instances, as the archive reported
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

std::vector<const Series*> SeriesOf(const Studies& result, const Uid& study) {
  std::vector<const Series*> all;
  for (const Study& row : result) {
    for (const Series& series : row.series) {
      if (row.uid == study) {
        all.push_back(&series);
      }
    }
  }
  return all;
}

std::optional<uint64_t> CountOf(const Series& series) {
  const auto count = series.attributes.Number(tag::kNumberOfSeriesRelatedInstances);
  return count && *count > 0 ? std::optional(static_cast<uint64_t>(*count)) : std::nullopt;
}

std::vector<WantedInstance> InstancesOf(const Studies& result, const SeriesReference& wanted) {
  std::vector<WantedInstance> instances;
  for (const Series* series : SeriesOf(result, wanted.study)) {
    for (const Instance& instance : series->instances) {
      if (series->uid == wanted.series) {
        instances.push_back({{wanted.study, wanted.series, instance.uid}, instance.size});
      }
    }
  }
  return instances;
}

class Expander {
 public:
  Expander(Searcher& searcher, ExpandSink& sink, const Context& context)
      : searcher_(searcher), sink_(sink), context_(context) {}

  void Expand(WantedStudy study) {
    std::optional<StudyReference> unseen;  // a whole study of which nothing was seen yet
    if (study.whole) {
      const StudyReference reference{study.uid};
      if (const SearchResult result = FindSeries(Query::ForStudy(reference, Level::kSeries), reference)) {
        unseen = reference;
        for (const Series* series : SeriesOf(*result, study.uid)) {
          WantedSeries& wanted = study.At(series->uid);
          wanted.whole = true;
          wanted.count = CountOf(*series);
        }
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
  // Null when it failed, which was reported.
  SearchResult Search(const std::function<SearchResult()>& search, const Reference& reference) {
    try {
      return search();
    } catch (const Error& error) {
      context_.Check("find the instances of a selection");
      sink_.OnFailed(reference, error);
      return nullptr;
    }
  }

  // With the number of instances in each, where the archive can tell it.
  SearchResult FindSeries(const Query& query, const Reference& reference) {
    return Search(
        [&] {
          try {
            return searcher_.Find(Query(query).Include(tag::kNumberOfSeriesRelatedInstances), context_);
          } catch (const Error& error) {
            if (error.code() != ErrorCode::kUnsupported) {
              throw;
            }
            return searcher_.Find(query, context_);
          }
        },
        reference);
  }

  // Whether anything was reported of it.
  bool Expand(const SeriesReference& reference, WantedSeries series, bool of_whole_study) {
    if (series.whole && series.named.empty() && sink_.TakesWholeSeries(reference)) {
      if (!series.count) {
        Query query = Query::ForStudy({reference.study}, Level::kSeries);
        query.Where(tag::kSeriesInstanceUID, reference.series.str());
        const SearchResult result = FindSeries(query, reference);
        if (result == nullptr) {
          return true;
        }
        for (const Series* found : SeriesOf(*result, reference.study)) {
          series.count = found->uid == reference.series ? CountOf(*found) : series.count;
        }
      }
      if (series.count) {
        sink_.OnWholeSeries(reference, *series.count);
        return true;
      }
    }
    return ExpandByList(reference, std::move(series), of_whole_study);
  }

  bool ExpandByList(const SeriesReference& reference, WantedSeries series, bool of_whole_study) {
    bool reported = false;
    std::vector<WantedInstance> instances;
    if (series.whole) {
      const SearchResult result = Search([&] { return searcher_.Find(SeriesQuery(reference), context_); }, reference);
      reported = result == nullptr;
      if (result) {
        instances = InstancesOf(*result, reference);
      }
      // Archives list series without instances; in a whole study nothing is missing then.
      if (result && instances.empty() && !of_whole_study) {
        sink_.OnMissing(reference);
        reported = true;
      }
    }
    std::unordered_set<Uid> seen;
    for (const WantedInstance& instance : instances) {
      seen.insert(instance.reference.instance);
    }
    for (InstanceReference& instance : series.named) {
      if (seen.insert(instance.instance).second) {
        instances.push_back({std::move(instance), std::nullopt});
      }
    }
    if (!instances.empty()) {
      sink_.OnSeries(std::move(instances));
      reported = true;
    }
    return reported;
  }

  Searcher& searcher_;
  ExpandSink& sink_;
  const Context& context_;
};

}  // namespace

bool ExpandSink::TakesWholeSeries(const SeriesReference&) {
  return false;
}

void ExpandSink::OnWholeSeries(const SeriesReference&, uint64_t) {}

std::vector<WantedInstance> ListSeries(const SeriesReference& series, Searcher& searcher, const Context& context) {
  return InstancesOf(*searcher.Find(SeriesQuery(series), context), series);
}

void Expand(std::span<const Reference> references, Searcher& searcher, ExpandSink& sink, const Context& context) {
  Expander expander(searcher, sink, context);
  for (WantedStudy& study : Sort(references)) {
    context.Check("find the instances of a selection");
    expander.Expand(std::move(study));
  }
}

}  // namespace trolley
