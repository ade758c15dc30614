#include "orthanc/orthanc_searcher.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/async_call.h"
#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kMaxSeries = 100;  // a result with more of them is not a listing of files

uint64_t Factor(const Attributes& attributes, Tag tag, uint64_t otherwise) {
  const std::optional<int64_t> number = attributes.Number(tag);
  return number && *number > 0 ? std::min(static_cast<uint64_t>(*number), uint64_t{1} << 20) : otherwise;
}

// Older versions give sizes modulo 4 GiB.
bool MayBeOver4GiB(const Instance& instance) {
  const Attributes& attributes = instance.attributes;
  const uint64_t plane = Factor(attributes, tag::kRows, 1) * Factor(attributes, tag::kColumns, 1);
  const uint64_t frames = Factor(attributes, tag::kNumberOfFrames, 1);
  constexpr uint64_t kMaxBytesOfPixel = 3 * 4;
  return plane > (uint64_t{1} << 32) / kMaxBytesOfPixel / frames;
}

class OrthancSizes : public Searcher {
 public:
  OrthancSizes(std::unique_ptr<Searcher> searcher, std::shared_ptr<OrthancRest> rest)
      : searcher_(std::move(searcher)), rest_(std::move(rest)) {}

  SearchResult Find(const Query& query, const Context& context) override {
    if (const auto series = SeriesToList(query)) {
      // Half of the time is left for DICOMweb.
      Context part = context;
      if (context.deadline != Clock::time_point::max()) {
        const auto now = Clock::now();
        part.deadline = now + (context.deadline - now) / 2;
      }
      if (SearchResult listed = List(*series, part)) {
        return listed;
      }
    }
    SearchResult result = searcher_->Find(query, context);
    if (query.level() != Level::kInstance || result->empty() || CountSeries(*result) > kMaxSeries ||
        (rest_->is_detected() && !query.includes_size())) {
      return result;
    }
    const SearchResult with_sizes = AddSizes(query, *result, context);
    return with_sizes != nullptr ? with_sizes : result;
  }

  void Check(const Context& context) override { searcher_->Check(context); }

 private:
  // A failure of Orthanc's interface is not a failure of the search: DICOMweb's result is used. A stop request is.
  static void LogFailure(const Error& error) {
    if (error.code() == ErrorCode::kCancelled) {
      throw Error(error);
    }
    LogDebug(StrCat("No exact sizes: ", error.what()));
  }

  // The series, when the query is for nothing but its instances with attributes that REST has.
  static std::optional<SeriesReference> SeriesToList(const Query& query) {
    Query plain(Level::kInstance);
    for (const Tag tag : {tag::kStudyInstanceUID, tag::kSeriesInstanceUID}) {
      if (!Uid::Parse(query.Get(tag))) {
        return std::nullopt;
      }
      plain.Where(tag, query.Get(tag));
    }
    Query numbered = plain.IncludeSize();
    if (query != plain && query != numbered.Include(tag::kInstanceNumber)) {
      return std::nullopt;
    }
    return SeriesReference{Uid(query.Get(tag::kStudyInstanceUID)), Uid(query.Get(tag::kSeriesInstanceUID))};
  }

  // Null when Orthanc's interface does not give a reliable list.
  SearchResult List(const SeriesReference& reference, const Context& context) {
    std::optional<std::vector<Instance>> instances;
    try {
      instances = ListInstances(reference, context);
    } catch (const Error& error) {
      LogFailure(error);
    }
    if (!instances) {
      return nullptr;
    }
    auto studies = std::make_shared<Studies>();
    Series series{reference.series, {{tag::kSeriesInstanceUID, reference.series.str()}}, *std::move(instances)};
    studies->push_back({reference.study, {{tag::kStudyInstanceUID, reference.study.str()}}, {}});
    studies->front().series.push_back(std::move(series));
    return studies;
  }

  std::optional<std::vector<Instance>> ListInstances(const SeriesReference& reference, const Context& context) {
    if (!rest_->IsAvailable(context)) {
      return std::nullopt;
    }
    std::optional<AsyncCall<std::optional<int64_t>>> counted;
    if (rest_->is_detected()) {  // two archives may share the address
      counted.emplace(context, [&](const Context& limited) { return DicomWebCount(reference, limited); });
    }
    auto instances = rest_->List(reference, context);
    if (instances && counted && counted->Get() != static_cast<int64_t>(instances->size())) {
      return std::nullopt;
    }
    return instances;
  }

  // The number of its instances according to DICOMweb.
  std::optional<int64_t> DicomWebCount(const SeriesReference& reference, const Context& context) {
    Query query(Level::kSeries);
    query.Where(tag::kStudyInstanceUID, reference.study.str()).Where(tag::kSeriesInstanceUID, reference.series.str());
    const SearchResult found =
        searcher_->Find(query.Include(tag::kNumberOfSeriesRelatedInstances).SetLimit(1), context);
    return found->size() == 1 && found->front().series.size() == 1
               ? found->front().series.front().attributes.Number(tag::kNumberOfSeriesRelatedInstances)
               : std::nullopt;
  }

  static size_t CountSeries(const Studies& studies) {
    size_t count = 0;
    for (const Study& study : studies) {
      count += study.series.size();
    }
    return count;
  }

  // Null when Orthanc's interface does not give the sizes.
  SearchResult AddSizes(const Query& query, const Studies& found, const Context& context) {
    try {
      return rest_->IsAvailable(context) ? WithSizes(query, found, context) : nullptr;
    } catch (const Error& error) {
      LogFailure(error);
      return nullptr;
    }
  }

  SearchResult WithSizes(const Query& query, const Studies& found, const Context& context) {
    const bool one = Uid::Parse(query.Get(tag::kSOPInstanceUID)).has_value();
    auto studies = std::make_shared<Studies>(found);
    for (Study& study : *studies) {
      for (Series& series : study.series) {
        const SeriesReference reference{study.uid, series.uid};
        const std::optional<OrthancRest::Sizes> sizes =
            one && series.instances.size() == 1
                ? rest_->SizesOf(InstanceReference{study.uid, series.uid, series.instances.front().uid}, context)
                : rest_->SizesOf(reference, context);
        if (!sizes) {
          return nullptr;
        }
        for (Instance& instance : series.instances) {
          const auto size = sizes->find(instance.uid);
          if (size != sizes->end() && !MayBeOver4GiB(instance)) {
            instance.size = size->second;
          }
        }
      }
    }
    return studies;
  }

  const std::unique_ptr<Searcher> searcher_;
  const std::shared_ptr<OrthancRest> rest_;
};

}  // namespace

std::unique_ptr<Searcher> MakeOrthancSizesSearcher(std::unique_ptr<Searcher> searcher,
                                                   std::shared_ptr<OrthancRest> rest) {
  return std::make_unique<OrthancSizes>(std::move(searcher), std::move(rest));
}

}  // namespace trolley
