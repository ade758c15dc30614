// The index store of a folder archive that has no cache directory: MakeMemoryFolderIndexStore() of
// trolley/folder_archive.h.
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "trolley/folder_archive.h"

namespace trolley {
namespace {

class MemoryFolderIndexStore : public FolderIndexStore {
 public:
  void ForEach(const std::function<void(std::string_view, const IndexedFile&)>& visit) override {
    const MutexLock lock(mutex_);
    for (const auto& [path, file] : files_) {
      visit(path, file);
    }
  }
  void Apply(const std::vector<std::pair<std::string, IndexedFile>>& changed,
             const std::vector<std::string>& removed) override {
    const MutexLock lock(mutex_);
    for (const auto& [path, file] : changed) {
      files_.insert_or_assign(path, file);
    }
    for (const std::string& path : removed) {
      files_.erase(path);
    }
  }

 private:
  Mutex mutex_;
  std::map<std::string, IndexedFile> files_ TROLLEY_GUARDED_BY(mutex_);
};

}  // namespace

std::shared_ptr<FolderIndexStore> MakeMemoryFolderIndexStore() {
  return std::make_shared<MemoryFolderIndexStore>();
}

}  // namespace trolley
