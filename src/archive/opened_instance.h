#ifndef TROLLEY_ARCHIVE_OPENED_INSTANCE_H_
#define TROLLEY_ARCHIVE_OPENED_INSTANCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "archive/retriever.h"
#include "base/unique_fd.h"

namespace trolley {

// Fills `out` from `offset`; throws kStorage when the file ends before that or cannot be read.
void ReadFully(int fd, uint64_t offset, std::span<std::byte> out);

// An instance whose file is whole: from the cache, or a folder's own file.
std::shared_ptr<OpenedInstance> MakeCompleteInstance(UniqueFd fd, uint64_t size);

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_OPENED_INSTANCE_H_
