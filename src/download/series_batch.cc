#include "download/series_batch.h"

#include <cstddef>
#include <unordered_map>
#include <unordered_set>

namespace trolley {

std::vector<SeriesBatch> GroupBySeries(std::span<const InstanceReference> instances) {
  std::vector<SeriesBatch> batches;
  std::unordered_map<SeriesReference, size_t> index;
  std::unordered_set<InstanceReference> seen;
  for (const InstanceReference& instance : instances) {
    if (!seen.insert(instance).second) {
      continue;
    }
    const auto [at, is_new] = index.try_emplace(instance.series_reference(), batches.size());
    if (is_new) {
      batches.push_back({at->first, {}});
    }
    batches[at->second].instances.push_back(instance);
  }
  return batches;
}

}  // namespace trolley
