// The searcher "folder": a directory of DICOM files on this machine.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/folder_archive.h"

namespace trolley {
namespace {

class FolderSearcherConfig final : public SearcherConfig {
 public:
  explicit FolderSearcherConfig(FolderEndpoint endpoint) : SearcherConfig(kFolderSearcher.name, std::move(endpoint)) {}

  static std::shared_ptr<const SearcherConfig> Read(ConfigTable& table) {
    return std::make_shared<FolderSearcherConfig>(ReadFolderEndpoint(table, nullptr));
  }

  // Everything is shown, and results expire soon: looking at local files is cheap.
  void ApplyDefaults(ArchiveConfig& archive) const override {
    archive.browse = "all";
    archive.search_expiry = std::chrono::seconds(10);
  }

  std::shared_ptr<Searcher> Make(ClientFactory& factory) const override {
    return MakeFolderSearcher(factory.Folder(*endpoint_as<FolderEndpoint>()));
  }
};

}  // namespace

const SearcherType kFolderSearcher = {
    .name = "folder",
    .example = R"(path = "/data/studies")",
    .default_downloader = "folder",
    .read = FolderSearcherConfig::Read,
};

}  // namespace trolley
