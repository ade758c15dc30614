#ifndef TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_
#define TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "base/context.h"
#include "dicom/references.h"
#include "dicom/study.h"
#include "download/downloader.h"
#include "search/searcher.h"

namespace trolley {

// Some studies of an archive, few rows: of those that `browse` (criteria, or "all") finds, else of any.
SearchResult FindSomeStudies(Searcher& searcher, const std::string& browse, const Context& context);

// A small instance to try a retrieval with, from one of `studies`: from one with few instances, and no large one if
// there are others. nullopt when these studies hold none.
std::optional<InstanceReference> PickSample(Searcher& searcher, const Studies& studies, const Context& context);

struct RetrievedSample {
  uint64_t bytes = 0;
  std::string transfer_syntax;
};

// Fetches an instance and throws it away. Throws also when the archive does not have it after all, or when what comes
// is no DICOM file.
RetrievedSample RetrieveSample(Downloader& downloader, const InstanceReference& instance, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_
