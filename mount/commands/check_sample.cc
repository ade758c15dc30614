#include "mount/commands/check_sample.h"

#include <algorithm>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "base/text.h"
#include "dicom/file_meta.h"
#include "tree/file_attributes.h"
#include "trolley/criteria.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr uint32_t kSomeRows = 20;
constexpr size_t kMaxSeries = 5;
constexpr uint64_t kSmallEnough = uint64_t{4} << 20;

// At most `kSomeRows`, if the protocol has limits.
SearchResult FindSome(Searcher& searcher, Query query, const Context& context) {
  return searcher.Find(query.SetLimit(kSomeRows), context);
}

// Whole-slide images, cines and the like come in files of gigabytes.
bool MayBeHuge(std::string_view modality) {
  constexpr std::string_view kHuge[] = {"SM", "XA", "XC", "US", "MG", "IVUS", "OPT", "ES", "GM", "RF"};
  return std::find(std::begin(kHuge), std::end(kHuge), modality) != std::end(kHuge);
}

int64_t Count(const Attributes& attributes, Tag tag) {
  const auto count = attributes.Number(tag);
  return count && *count > 0 ? *count : std::numeric_limits<int64_t>::max();
}

// The most promising first.
std::vector<const Study*> Ranked(const Studies& studies) {
  std::vector<const Study*> ranked;
  for (const Study& study : studies) {
    if (study.attributes.Number(tag::kNumberOfStudyRelatedInstances) != 0) {
      ranked.push_back(&study);
    }
  }
  const auto rank = [](const Study* study) {
    bool huge = false;
    for (const std::string_view modality : Split(study->attributes.Get(tag::kModalitiesInStudy), '\\')) {
      huge = huge || MayBeHuge(modality);
    }
    return std::pair(huge, Count(study->attributes, tag::kNumberOfStudyRelatedInstances));
  };
  std::stable_sort(ranked.begin(), ranked.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
  return ranked;
}

std::vector<const Series*> Ranked(const std::vector<Series>& all) {
  std::vector<const Series*> ranked;
  for (const Series& series : all) {
    ranked.push_back(&series);
  }
  const auto rank = [](const Series* series) {
    return std::pair(MayBeHuge(series->attributes.Get(tag::kModality)),
                     Count(series->attributes, tag::kNumberOfSeriesRelatedInstances));
  };
  std::stable_sort(ranked.begin(), ranked.end(), [&](auto* a, auto* b) { return rank(a) < rank(b); });
  return ranked;
}

// Lists series until an instance is small enough.
class Picker {
 public:
  Picker(Searcher& searcher, const Context& context) : searcher_(searcher), context_(context) {}

  std::optional<InstanceReference> Pick(const Studies& studies) {
    for (const Study* study : Ranked(studies)) {
      Query query = Query::ForStudy({study->uid}, Level::kSeries);
      query.Include(tag::kModality).Include(tag::kNumberOfSeriesRelatedInstances);
      const SearchResult result = FindSome(searcher_, query, context_);
      for (const Study& found : *result) {
        for (const Series* series : Ranked(found.series)) {
          Inspect({study->uid, series->uid});
          if (size_ <= kSmallEnough || ++inspected_ >= kMaxSeries) {
            return best_;
          }
        }
      }
    }
    return best_;
  }

 private:
  void Inspect(const SeriesReference& reference) {
    Query query = Query::ForSeries(reference);
    for (const Tag tag : {tag::kRows, tag::kColumns, tag::kNumberOfFrames, tag::kBitsAllocated}) {
      query.Include(tag);
    }
    const SearchResult result = FindSome(searcher_, query, context_);
    for (const Study& study : *result) {
      for (const Series& series : study.series) {
        for (const Instance& instance : series.instances) {
          const uint64_t size = instance.size.value_or(EstimateSize(instance.attributes));
          if (!best_ || size < size_) {
            size_ = size;
            best_ = InstanceReference{reference.study, reference.series, instance.uid};
          }
        }
      }
    }
  }

  Searcher& searcher_;
  const Context& context_;
  size_t inspected_ = 0;
  uint64_t size_ = std::numeric_limits<uint64_t>::max();
  std::optional<InstanceReference> best_;
};

class SampleSink : public DownloadSink {
 public:
  void OnBegin(const InstanceReference&, std::optional<uint64_t>) override { sample = {}; }
  void OnData(std::span<const std::byte> piece) override {
    const size_t wanted = std::min(piece.size(), kMaxFileMeta - head_.size());
    head_.insert(head_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(wanted));
    sample.bytes += piece.size();
  }
  void OnEnd() override {
    const FileMetaPeek peek = PeekFileMeta(head_);
    if (peek.status != FileMetaPeek::Status::kOk) {
      throw Error(ErrorCode::kProtocol,
                  StrCat("Cannot use what arrived (", sample.bytes, " bytes): it is not a DICOM file"));
    }
    sample.transfer_syntax = peek.meta->transfer_syntax_uid;
    whole = true;
  }
  void OnMissing(const InstanceReference& instance) override {
    throw Error(ErrorCode::kProtocol, StrCat("Cannot get instance ", instance.instance.str(),
                                             ": the archive lists it, but reports that it does not exist; do "
                                             "downloader and searcher use the same archive?"));
  }
  void OnFailed(const InstanceReference&, const Error& error) override { throw Error(error); }

  RetrievedSample sample;
  bool whole = false;

 private:
  std::vector<std::byte> head_;
};

}  // namespace

SearchResult FindSomeStudies(Searcher& searcher, const std::string& browse, const Context& context) {
  Query any(Level::kStudy);
  any.Include(tag::kNumberOfStudyRelatedInstances).Include(tag::kModalitiesInStudy);
  if (browse != "all") {
    Query recent = any;
    AddCriteria(browse, recent);
    if (SearchResult result = FindSome(searcher, recent, context); !result->empty()) {
      return result;
    }
  }
  return FindSome(searcher, any, context);
}

std::optional<InstanceReference> PickSample(Searcher& searcher, const Studies& studies, const Context& context) {
  return Picker(searcher, context).Pick(studies);
}

RetrievedSample RetrieveSample(Downloader& downloader, const InstanceReference& instance, const Context& context) {
  SampleSink sink;
  downloader.Download(std::span(&instance, 1), sink, context);
  if (!sink.whole) {
    throw Error(ErrorCode::kProtocol, "Cannot get the instance: nothing arrived");
  }
  return sink.sample;
}

}  // namespace trolley
