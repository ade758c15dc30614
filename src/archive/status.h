#ifndef TROLLEY_ARCHIVE_STATUS_H_
#define TROLLEY_ARCHIVE_STATUS_H_

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/instance_cache.h"
#include "fetch/retriever.h"
#include "trolley/config.h"

namespace trolley {

// What MOUNT/.trolleyfs tells, gathered at one moment.
struct ArchiveStatus {
  bool down = false;  // the archive did not respond to the latest query
  std::chrono::system_clock::time_point started_at;
  RetrieverStatus transfers;
  std::optional<InstanceCacheStatus> cache;  // absent for a folder
};

std::string StatusJson(const ArchiveConfig& config, const ArchiveStatus& status);
// The same for people: what, and how it is. Takes what an older or newer program wrote, too. Throws kProtocol for what
// is no such JSON.
std::vector<std::pair<std::string, std::string>> StatusLines(std::string_view json);
// Prometheus text format.
std::string MetricsText(const ArchiveConfig& config, const ArchiveStatus& status);
std::string ReadmeText(const ArchiveConfig& config);
std::string ErrorsText();

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_STATUS_H_
