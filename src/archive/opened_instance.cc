#include "archive/opened_instance.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace trolley {
namespace {

class CompleteInstance : public OpenedInstance {
 public:
  CompleteInstance(UniqueFd fd, uint64_t size, std::shared_ptr<SeriesUse> use)
      : fd_(std::move(fd)), size_(size), use_(std::move(use)) {
    if (use_ != nullptr) {
      use_->NoteOpened();
    }
  }
  ~CompleteInstance() override {
    if (use_ != nullptr) {
      use_->NoteClosed();
    }
  }
  CompleteInstance(const CompleteInstance&) = delete;
  CompleteInstance& operator=(const CompleteInstance&) = delete;

  uint64_t size() const override { return size_; }

  std::optional<size_t> TryRead(uint64_t offset, std::span<std::byte> out) override {
    if (use_ != nullptr) {
      use_->Touch();
    }
    if (offset >= size_) {
      return 0;
    }
    const size_t length = static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - offset));
    ReadFully(fd_.get(), offset, out.first(length));
    return length;
  }

  void WhenReadable(uint64_t /*offset*/, size_t /*length*/, std::stop_token /*stop*/,
                    std::function<void()> ready) override {
    ready();
  }

  int CompleteFd() const override { return fd_.get(); }

 private:
  const UniqueFd fd_;
  const uint64_t size_;
  const std::shared_ptr<SeriesUse> use_;
};

}  // namespace

void ReadFully(int fd, uint64_t offset, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      throw Error(ErrorCode::kStorage, StrCat("Cannot read an instance from disk: ", std::strerror(errno)));
    }
    if (got == 0) {
      throw Error(ErrorCode::kStorage, "Cannot read an instance from disk: the file was cut short while it was open");
    }
    done += static_cast<size_t>(got);
  }
}

std::shared_ptr<OpenedInstance> MakeCompleteInstance(UniqueFd fd, uint64_t size, std::shared_ptr<SeriesUse> use) {
  return std::make_shared<CompleteInstance>(std::move(fd), size, std::move(use));
}

}  // namespace trolley
