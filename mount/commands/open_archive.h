#ifndef TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_
#define TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_

#include <chrono>

#include "config/clients.h"
#include "config/config.h"

namespace trolley {

// The ends of an archive, for commands that ask it themselves. Without a cache, apart from the index of a folder: it is
// used when it is there, since reading a big folder anew takes long. Throws as MakeClients.
Clients OpenClients(const ArchiveConfig& config);

// How long a command waits for the answer to a question.
std::chrono::milliseconds QueryTimeout(const ArchiveConfig& config);

}  // namespace trolley

#endif  // TROLLEY_MOUNT_COMMANDS_OPEN_ARCHIVE_H_
