#ifndef TROLLEY_STUDY_H_
#define TROLLEY_STUDY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "trolley/attributes.h"
#include "trolley/references.h"

namespace trolley {

// What a searcher found: Study > Series > Instance. A level that was not asked for is empty.
struct Instance {
  Uid uid;  // SOPInstanceUID
  Attributes attributes;
  std::optional<uint64_t> size;  // bytes of the stored Part-10 file, only when the archive told it exactly
  auto operator<=>(const Instance&) const = default;
};

struct Series {
  Uid uid;  // SeriesInstanceUID
  Attributes attributes;
  std::vector<Instance> instances;
  auto operator<=>(const Series&) const = default;
};

struct Study {
  Uid uid;                // StudyInstanceUID
  Attributes attributes;  // includes the patient's
  std::vector<Series> series;
  auto operator<=>(const Study&) const = default;
};

// A search result, shared and never changed after it was made. Never null; empty: the archive says that there is none.
using Studies = std::vector<Study>;
using SearchResult = std::shared_ptr<const Studies>;

}  // namespace trolley

#endif  // TROLLEY_STUDY_H_
