#ifndef TROLLEY_ARCHIVE_ARCHIVE_H_
#define TROLLEY_ARCHIVE_ARCHIVE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/instance_cache.h"
#include "fetch/retriever.h"
#include "tree/tree.h"
#include "trolley/caching_searcher.h"
#include "trolley/config.h"
#include "trolley/context.h"

namespace trolley {

// An archive put together from its configuration: searcher, downloader, caches, tree. Thread-safe.
class Archive {
 public:
  // Opens caches and threads; asks the archive nothing. Throws kInvalidArgument, kStorage.
  explicit Archive(ArchiveConfig config);
  ~Archive();
  Archive(const Archive&) = delete;
  Archive& operator=(const Archive&) = delete;

  // Sends one cheap query. Throws what it failed with, unless the archive is merely out of reach and something of it
  // is cached: that is logged, and what is cached can be used.
  void CheckReachable(const Context& context);
  // Expires all search results and scans a folder anew: the next queries go to the archive.
  void Refresh();

  // Learns the exact sizes of instances by retrieving those whose size is not known (sizes = "exact"). Throws the first
  // failure.
  void LearnSizes(const std::vector<InstanceReference>& instances, const Context& context);

  const ArchiveConfig& config() const;
  CachingSearcher& searcher();
  Retriever& retriever();
  Tree& tree();
  // Null for a folder, which needs none.
  InstanceCache* instance_cache();
  // The content of MOUNT/.trolleyfs/`name` ("README.txt", "status.json", "metrics", "errors"), from memory.
  std::string ControlFile(std::string_view name);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_ARCHIVE_H_
