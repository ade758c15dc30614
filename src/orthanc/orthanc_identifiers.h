#ifndef TROLLEY_ORTHANC_ORTHANC_IDENTIFIERS_H_
#define TROLLEY_ORTHANC_ORTHANC_IDENTIFIERS_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "trolley/references.h"
#include "trolley/uid.h"

namespace trolley {

// Orthanc's own identifiers of instances, as its listings gave them; a bounded number, the oldest series go first.
// Thread-safe.
class OrthancIdentifiers {
 public:
  using OfInstances = std::unordered_map<Uid, std::string>;

  // Adds to what is known of the series; newer identifiers replace older ones.
  void Remember(const SeriesReference& series, OfInstances ids);
  std::optional<std::string> Find(const InstanceReference& instance) const;

 private:
  mutable Mutex mutex_;
  std::unordered_map<SeriesReference, OfInstances> by_series_ TROLLEY_GUARDED_BY(mutex_);
  std::deque<SeriesReference> order_ TROLLEY_GUARDED_BY(mutex_);  // of by_series_, oldest first
  size_t count_ TROLLEY_GUARDED_BY(mutex_) = 0;
};

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_IDENTIFIERS_H_
