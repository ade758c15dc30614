#ifndef TROLLEY_DOWNLOAD_FOLDER_FOLDER_DOWNLOADER_H_
#define TROLLEY_DOWNLOAD_FOLDER_FOLDER_DOWNLOADER_H_

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "download/downloader.h"

namespace trolley {

// The file of an instance in a folder archive; nullopt when there is none (see search/folder.h,
// FolderArchive::FindFile).
using LocateFile = std::function<std::optional<std::filesystem::path>(const InstanceReference&, const Context&)>;

// Downloads by reading files; Capabilities::local_files is set. A file whose SOPInstanceUID is no longer the one asked
// for fails with kProtocol.
std::unique_ptr<Downloader> MakeFolderDownloader(LocateFile locate);

}  // namespace trolley

#endif  // TROLLEY_DOWNLOAD_FOLDER_FOLDER_DOWNLOADER_H_
