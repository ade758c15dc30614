#include "orthanc/orthanc_searcher.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/async_call.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"

namespace trolley {
namespace {

constexpr size_t kMaxSeries = 100;  // an answer with more of them is no listing of files

uint64_t Factor(const Attributes& attributes, Tag tag, uint64_t otherwise) {
  const std::optional<int64_t> number = attributes.Number(tag);
  return number && *number > 0 ? std::min(static_cast<uint64_t>(*number), uint64_t{1} << 20) : otherwise;
}

// Older versions tell sizes modulo 4 GiB.
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
      // Whatever becomes of it, DICOMweb has time enough.
      Context part = context;
      if (context.deadline != Clock::time_point::max()) {
        const auto now = Clock::now();
        part.deadline = now + (context.deadline - now) / 2;
      }
      if (SearchResult listed = Try([&] { return List(*series, part); })) {
        return listed;
      }
    }
    SearchResult answer = searcher_->Find(query, context);
    if (query.level() != Level::kInstance || answer->empty() || CountSeries(*answer) > kMaxSeries ||
        (rest_->is_guess() && !query.includes_size())) {
      return answer;
    }
    const SearchResult with_sizes =
        Try([&] { return rest_->Usable(context) ? WithSizes(query, *answer, context) : nullptr; });
    return with_sizes != nullptr ? with_sizes : answer;
  }

 private:
  // Null when it failed.
  template <typename F>
  static SearchResult Try(const F& ask) {
    try {
      return ask();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kCancelled) {
        throw;
      }
      LogDebug(StrCat("No exact sizes: ", error.what()));
      return nullptr;
    }
  }

  // The series, when the question asks for nothing but its instances, and no more of them than REST tells.
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

  SearchResult List(const SeriesReference& reference, const Context& context) {
    if (!rest_->Usable(context)) {
      return nullptr;
    }
    std::optional<AsyncCall<std::optional<int64_t>>> counted;
    if (rest_->is_guess()) {  // behind the same address may be two archives
      counted.emplace(context, [&](const Context& limited) { return DicomWebCount(reference, limited); });
    }
    std::optional<std::vector<Instance>> instances = rest_->List(reference, context);
    if (!instances || (counted && counted->Get() != static_cast<int64_t>(instances->size()))) {
      return nullptr;
    }
    auto studies = std::make_shared<Studies>();
    Series series{reference.series, {{tag::kSeriesInstanceUID, reference.series.str()}}, *std::move(instances)};
    studies->push_back({reference.study, {{tag::kStudyInstanceUID, reference.study.str()}}, {}});
    studies->front().series.push_back(std::move(series));
    return studies;
  }

  // The number of its instances, as DICOMweb tells it.
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

  SearchResult WithSizes(const Query& query, const Studies& found, const Context& context) {
    const bool one = Uid::Parse(query.Get(tag::kSOPInstanceUID)).has_value();
    auto studies = std::make_shared<Studies>(found);
    for (Study& study : *studies) {
      for (Series& series : study.series) {
        const SeriesReference reference{study.uid, series.uid};
        const OrthancRest::Sizes sizes =
            one && series.instances.size() == 1
                ? rest_->SizesOf(InstanceReference{study.uid, series.uid, series.instances.front().uid}, context)
                : rest_->SizesOf(reference, context);
        for (Instance& instance : series.instances) {
          const auto size = sizes.find(instance.uid);
          if (size != sizes.end() && !MayBeOver4GiB(instance)) {
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
