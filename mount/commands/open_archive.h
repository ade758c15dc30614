#ifndef TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_
#define TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_

#include <chrono>
#include <filesystem>

#include "config/clients.h"
#include "trolley/config.h"

namespace trolley {

// The clients of an archive, for commands that search it themselves. Without a cache, apart from the index of a folder:
// reading a big folder without it takes long. Throws as MakeClients.
Clients OpenClients(const ArchiveConfig& config);

// Whether `path` lies inside the folder that the archive reads: what is mounted or written there would become part of
// it.
bool IsInsideFolderOf(const ArchiveConfig& archive, const std::filesystem::path& path);

// How long a command waits for the result of a query.
std::chrono::milliseconds QueryTimeout(const ArchiveConfig& config);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_
