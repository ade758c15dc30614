#include "tree/views/control_view.h"

#include <algorithm>
#include <utility>

namespace trolley {
namespace {

constexpr uint64_t kControlFileBytes = 4096;  // the size shown until the file is opened

Node MakeControlFile(const DirectoryPtr& directory, std::string_view name) {
  File file;
  file.directory = directory;
  file.control = name;
  file.estimated_size = kControlFileBytes;
  file.mtime = directory->mtime;
  return {nullptr, std::move(file)};
}

class ControlView : public MemoryView {
 public:
  explicit ControlView(const TreeOptions& options) : options_(options) {}

  std::variant<ListingPtr, Query> List(const DirectoryPtr& directory) const override {
    return MakeMemoryListing(
        options_.control_files, false, [directory](std::string_view name) { return MakeControlFile(directory, name); },
        options_.now());
  }
  LookupStep Lookup(const DirectoryPtr& directory, std::string_view name,
                    const std::function<TablePtr()>&) const override {
    const auto& files = options_.control_files;
    const bool exists = std::find(files.begin(), files.end(), name) != files.end();
    return exists ? std::optional(MakeControlFile(directory, name)) : std::nullopt;
  }

 private:
  const TreeOptions& options_;
};

}  // namespace

TopLevelView MakeControlView(const ViewParts& parts) {
  return {".trolleyfs", std::make_unique<ControlView>(parts.options), std::nullopt};
}

}  // namespace trolley
