#ifndef TROLLEY_READABLE_STORAGE_H_
#define TROLLEY_READABLE_STORAGE_H_

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "trolley/directory_storage.h"
#include "trolley/searcher.h"

namespace trolley {

// How a mount names directories and files.
enum class NameStyle {
  kReadable,  // "2020-03-01 CT Chest~3f9a2c"
  kUid,       // bare UIDs
};

// The names that a mount shows: "2020-03-01 CT Chest~3f9a2c/004 CT AX 1.0 B30f~81c02a/00012.dcm". They are made
// of the archive's attributes of studies, series and instances; each series is listed once for them. A study, series or
// instance that the archive does not list is named by its UID.
class ReadableStorageDir : public DirectoryStorage {
 public:
  ReadableStorageDir(DirectoryStorageOptions options, std::shared_ptr<Searcher> searcher);
  ~ReadableStorageDir() override;

  // Throws as Searcher::Find.
  void Prepare(std::span<const InstanceReference> instances, const Context& context) override;

 protected:
  // For instances of the latest 1000 series that were prepared.
  std::filesystem::path PathOf(const InstanceReference& instance) override;

 private:
  struct State;

  const std::unique_ptr<State> state_;
};

}  // namespace trolley

#endif  // TROLLEY_READABLE_STORAGE_H_
