#include "mount/fuse/open_inodes.h"

#include <sys/stat.h>

#include "trolley/error.h"

namespace trolley {
namespace {

struct FileState {
  uint64_t stamp = 0;
  uint64_t size = 0;
};

// The state of a complete file; its stamp is not 0.
std::optional<FileState> StateOf(const OpenedInstance& instance) {
  struct stat status {};
  const int fd = instance.CompleteFd();
  if (fd < 0 || fstat(fd, &status) != 0) {
    return std::nullopt;
  }
  const auto mtime =
      static_cast<uint64_t>(status.st_mtim.tv_sec) * 1000000000U + static_cast<uint64_t>(status.st_mtim.tv_nsec);
  return FileState{(mtime ^ (static_cast<uint64_t>(status.st_ino) << 20)) | 1, static_cast<uint64_t>(status.st_size)};
}

}  // namespace

OpenInodes::Handle::~Handle() {
  if (owner_ != nullptr) {
    owner_->Close(id_);
  }
}

OpenInodes::Handle OpenInodes::Open(NodeId id, std::shared_ptr<OpenedInstance> instance, bool prefer_backing) {
  Handle handle;
  const MutexLock lock(mutex_);
  State& state = states_[id];
  if (state.backing != 0) {
    instance = state.instance;
  }
  const std::optional<FileState> file = StateOf(*instance);
  if (state.backing != 0 && (!file || file->stamp != state.stamp)) {
    throw Error(ErrorCode::kStorage,
                "Cannot open an instance: its file in the cache was changed while a program has it open");
  }
  // Reading past the end of a file that was cut short would look like the end of the instance.
  if (state.handles == 0 && prefer_backing && file && file->size == instance->size()) {
    if (const auto number = kernel_.register_file(instance->CompleteFd())) {
      state.backing = *number;
      state.instance = instance;
      state.stamp = file->stamp;
    }
  }
  ++state.handles;
  handle.owner_ = this;
  handle.id_ = id;
  handle.instance_ = std::move(instance);
  handle.backing_ = state.backing;
  handle.stamp_ = file ? file->stamp : 0;
  return handle;
}

void OpenInodes::WhileAlone(NodeId id, const std::function<void()>& function) const {
  const MutexLock lock(mutex_);
  const auto found = states_.find(id);
  if (found != states_.end() && found->second.handles == 1) {
    function();
  }
}

std::shared_ptr<OpenedInstance> OpenInodes::ReadByKernel(NodeId id) const {
  const MutexLock lock(mutex_);
  const auto found = states_.find(id);
  return found == states_.end() ? nullptr : found->second.instance;
}

size_t OpenInodes::size() const {
  const MutexLock lock(mutex_);
  return states_.size();
}

void OpenInodes::Close(NodeId id) {
  std::shared_ptr<OpenedInstance> ended;  // outside the lock
  const MutexLock lock(mutex_);
  const auto found = states_.find(id);
  if (--found->second.handles > 0) {
    return;
  }
  if (found->second.backing != 0) {
    kernel_.unregister(found->second.backing);
  }
  ended = std::move(found->second.instance);
  states_.erase(found);
}

}  // namespace trolley
