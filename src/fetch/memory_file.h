#ifndef TROLLEY_FETCH_MEMORY_FILE_H_
#define TROLLEY_FETCH_MEMORY_FILE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/unique_fd.h"

namespace trolley {

// A nameless file in memory for an instance that the full disk has no room for. All of them together hold at most 64
// MiB; throws kNoSpace beyond that, and when the length is not known. Its share goes back when the last user lets go.
std::shared_ptr<UniqueFd> MakeMemoryFile(std::optional<uint64_t> length);

// Writes all of `piece` at `offset`; throws kNoSpace.
void WriteFully(int fd, uint64_t offset, std::span<const std::byte> piece);

}  // namespace trolley

#endif  // TROLLEY_FETCH_MEMORY_FILE_H_
