// The downloader "folder": opens the files of a directory on this machine.
#include "config/client_factory.h"
#include "config/registry.h"
#include "trolley/downloaders.h"
#include "trolley/folder_archive.h"

namespace trolley {
namespace {

class FolderDownloaderConfig final : public DownloaderConfig {
 public:
  explicit FolderDownloaderConfig(FolderEndpoint endpoint)
      : DownloaderConfig(kFolderDownloader.name, std::move(endpoint)) {}

  static std::shared_ptr<const DownloaderConfig> Read(ConfigTable& table, const Endpoint* searcher) {
    return std::make_shared<FolderDownloaderConfig>(ReadFolderEndpoint(table, searcher));
  }

  std::shared_ptr<Downloader> Make(ClientFactory& factory) const override {
    const auto folder = factory.Folder(*endpoint_as<FolderEndpoint>());
    return MakeFolderDownloader([folder](const InstanceReference& instance, const Context& context) {
      return folder->FindFile(instance, context);
    });
  }
};

}  // namespace

const DownloaderType kFolderDownloader = {
    .name = "folder",
    .example = R"(path = "/data/studies")",
    .read = FolderDownloaderConfig::Read,
};

}  // namespace trolley
