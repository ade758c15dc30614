#include "fetch/opened_instance.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

class CompleteInstance : public OpenedInstance {
 public:
  CompleteInstance(CachedInstance whole, std::shared_ptr<SeriesUse> use)
      : whole_(std::move(whole)), use_(std::move(use)) {
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

  uint64_t size() const override { return whole_.size; }

  std::optional<size_t> TryRead(uint64_t offset, std::span<std::byte> out) override {
    if (use_ != nullptr) {
      use_->Touch();
    }
    if (offset >= whole_.size) {
      return 0;
    }
    const size_t length = static_cast<size_t>(std::min<uint64_t>(out.size(), whole_.size - offset));
    if (whole_.bytes != nullptr) {
      std::memcpy(out.data(), whole_.bytes->data() + offset, length);
    } else {
      ReadFully(whole_.fd.get(), offset, out.first(length));
    }
    return length;
  }

  void WhenReadable(uint64_t /*offset*/, size_t /*length*/, std::stop_token /*stop*/,
                    std::function<void()> ready) override {
    ready();
  }

  int CompleteFd() const override { return whole_.fd ? whole_.fd.get() : -1; }

 private:
  const CachedInstance whole_;
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

std::shared_ptr<OpenedInstance> MakeCompleteInstance(CachedInstance whole, std::shared_ptr<SeriesUse> use) {
  return std::make_shared<CompleteInstance>(std::move(whole), std::move(use));
}

}  // namespace trolley
