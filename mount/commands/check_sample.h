#ifndef TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_
#define TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "trolley/context.h"
#include "trolley/downloader.h"
#include "trolley/references.h"
#include "trolley/searcher.h"
#include "trolley/study.h"

namespace trolley {

// Some studies of an archive, few rows: results of `browse` (criteria, or "all"), or of any study if it finds none.
SearchResult FindSomeStudies(Searcher& searcher, const std::string& browse, const Context& context);

// A small instance to try a retrieval with, from one of `studies`: a study with few instances, and a large instance
// only if there is no other. nullopt when these studies have no instance.
std::optional<InstanceReference> PickSample(Searcher& searcher, const Studies& studies, const Context& context);

struct RetrievedSample {
  uint64_t bytes = 0;
  std::string transfer_syntax;
};

// Fetches an instance and drops it. Throws Error, in particular when the archive does not have the instance, or what
// arrives is not a DICOM file.
RetrievedSample RetrieveSample(Downloader& downloader, const InstanceReference& instance, const Context& context);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_CHECK_SAMPLE_H_
