#ifndef TROLLEY_DOWNLOAD_SERIES_BATCH_H_
#define TROLLEY_DOWNLOAD_SERIES_BATCH_H_

#include <span>
#include <vector>

#include "trolley/references.h"

namespace trolley {

struct SeriesBatch {
  SeriesReference series;
  std::vector<InstanceReference> instances;
};

// In order of appearance, each instance once.
std::vector<SeriesBatch> GroupBySeries(std::span<const InstanceReference> instances);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_SERIES_BATCH_H_
