// MakeCGetDownloader() of downloaders.h: splits a download into C-GET requests, a list of instances or a whole series
// each; c_get_fetch.h performs them. Thread-safe: each call of Download runs on the thread of its caller.
#include <algorithm>
#include <span>
#include <utility>

#include "dimse/association_pool.h"
#include "download/c_get/c_get_fetch.h"
#include "download/retrieve.h"
#include "download/series_batch.h"
#include "trolley/downloaders.h"

namespace trolley {
namespace {

constexpr size_t kWorthSeries = 16;  // fewer instances are asked for by their UIDs

class CGet : public Downloader {
 public:
  CGet(CGetOptions options, std::shared_ptr<AssociationPool> pool) : options_(options), pool_(std::move(pool)) {}

  // On a low-latency link one association is as fast as the network. On a high-latency link each instance waits for the
  // acknowledgement of the one before, so that lists split among associations are faster.
  Capabilities capabilities() const override {
    const bool low_latency = pool_->round_trip() < options_.high_latency;
    return {.batching = low_latency ? Capabilities::Batching::kSeries : Capabilities::Batching::kList,
            .parallel_lists = !low_latency};
  }

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    const RetrieveModel& model = options_.patient_root ? PatientRoot() : StudyRoot();
    for (const SeriesBatch& batch : GroupBySeries(instances)) {
      const std::span<const InstanceReference> all = batch.instances;
      const CGetRequestKind kind = ChooseKind(model, batch, context);
      const size_t step = kind == CGetRequestKind::kList ? std::max<size_t>(options_.batch, 1) : all.size();
      for (size_t begin = 0; begin < all.size(); begin += step) {
        context.Check("download instances");
        FetchByCGet(model, *pool_, experience_, batch.series, all.subspan(begin, std::min(step, all.size() - begin)),
                    kind, sink, context);
      }
    }
  }

 private:
  CGetRequestKind ChooseKind(const RetrieveModel& model, const SeriesBatch& batch, const Context& context) {
    const size_t wanted = batch.instances.size();
    if (options_.whole_series_from > 0 && wanted >= options_.whole_series_from) {
      return CGetRequestKind::kSeries;
    }
    // Only for most of a series: the archive sends the unwanted instances, too.
    if (wanted < kWorthSeries || capabilities().batching != Capabilities::Batching::kSeries) {
      return CGetRequestKind::kList;
    }
    const size_t count = CountInstances(*pool_, model, batch.series, context);
    return count > 0 && wanted * 4 >= count * 3 ? CGetRequestKind::kSeriesThenList : CGetRequestKind::kList;
  }

  const CGetOptions options_;
  const std::shared_ptr<AssociationPool> pool_;
  CGetExperience experience_;
};

}  // namespace

std::unique_ptr<Downloader> MakeCGetDownloader(CGetOptions options, std::shared_ptr<AssociationPool> pool) {
  return std::make_unique<CGet>(options, std::move(pool));
}

}  // namespace trolley
