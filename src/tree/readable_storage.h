#ifndef TROLLEY_TREE_READABLE_STORAGE_H_
#define TROLLEY_TREE_READABLE_STORAGE_H_

#include <cstddef>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/mutex.h"
#include "search/searcher.h"
#include "storage/directory_storage.h"
#include "tree/table.h"

namespace trolley {

// The names that a mount shows: "2020-03-01 CT Chest~3f9a2c/004 CT AX 1.0 B30f~81c02a/00012.dcm". They are made
// of the archive's attributes of studies, series and instances; each series is listed once for them. A study, series or
// instance that the archive does not list is named by its UID.
class ReadableStorageDir : public DirectoryStorage {
 public:
  ReadableStorageDir(DirectoryStorageOptions options, std::shared_ptr<Searcher> searcher);

  // Throws as Searcher::Find.
  void Prepare(std::span<const InstanceReference> instances, const Context& context) override;

 protected:
  // For instances of the latest 1000 series that were prepared.
  std::filesystem::path PathOf(const InstanceReference& instance) override;

 private:
  struct SeriesNames {
    std::filesystem::path directory;
    TablePtr instances;
  };

  std::string StudyName(const Uid& study, const Context& context);
  std::string SeriesName(const SeriesReference& series, const Context& context);

  const std::shared_ptr<Searcher> searcher_;
  Mutex mutex_;
  std::map<std::string, Uid> study_of_name_ TROLLEY_GUARDED_BY(mutex_);
  std::map<SeriesReference, SeriesNames> series_ TROLLEY_GUARDED_BY(mutex_);
  std::deque<SeriesReference> prepared_ TROLLEY_GUARDED_BY(mutex_);  // the latest last
};

}  // namespace trolley

#endif  // TROLLEY_TREE_READABLE_STORAGE_H_
