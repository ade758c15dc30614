#include "fetch/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

constexpr uint64_t kBudget = uint64_t{64} << 20;
std::atomic<uint64_t> in_use{0};

}  // namespace

std::shared_ptr<UniqueFd> MakeMemoryFile(std::optional<uint64_t> length) {
  const auto refuse = [] {
    throw Error(ErrorCode::kNoSpace, "Cannot store an instance: the cache's disk is full; free some space there");
  };
  if (!length || *length > kBudget) {
    refuse();
  }
  if (in_use.fetch_add(*length) + *length > kBudget) {
    in_use.fetch_sub(*length);
    refuse();
  }
  const auto give_back = [share = *length](UniqueFd* file) {
    delete file;
    in_use.fetch_sub(share);
  };
  std::shared_ptr<UniqueFd> file(new UniqueFd(memfd_create("trolleyfs-instance", MFD_CLOEXEC)), give_back);
  if (!*file) {
    refuse();
  }
  return file;
}

void WriteFully(int fd, uint64_t offset, std::span<const std::byte> piece) {
  while (!piece.empty()) {
    const ssize_t put = pwrite(fd, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      throw Error(ErrorCode::kNoSpace, StrCat("Cannot store an instance in memory: ", std::strerror(errno)));
    }
    offset += static_cast<uint64_t>(put);
    piece = piece.subspan(static_cast<size_t>(put));
  }
}

}  // namespace trolley
