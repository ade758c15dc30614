#ifndef TROLLEYFS_MOUNT_OPEN_ARCHIVE_H_
#define TROLLEYFS_MOUNT_OPEN_ARCHIVE_H_

#include <chrono>

#include "archive/config.h"
#include "archive/end_points.h"

namespace trolley {

// The ends of an archive, for commands that ask it themselves. Without a cache, apart from the index of a folder: it is
// used when it is there, since reading a big folder anew takes long. Throws as MakeEndPoints.
EndPoints OpenEndPoints(const ArchiveConfig& config);

// How long a command waits for the answer to a question.
std::chrono::milliseconds QuestionTimeout(const ArchiveConfig& config);

}  // namespace trolley

#endif  // TROLLEYFS_MOUNT_OPEN_ARCHIVE_H_
