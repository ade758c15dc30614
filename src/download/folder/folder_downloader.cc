// MakeFolderDownloader() of downloaders.h: reads the files of a folder as an archive. Files may change at any
// time: one that changed while it was read is a failed instance, never wrong bytes. Thread-safe.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/downloaders.h"
#include "trolley/file_header.h"
#include "trolley/log.h"

namespace trolley {
namespace {

constexpr size_t kPiece = 1 << 20;

Error ReadError(ErrorCode code, const std::filesystem::path& file, std::string_view why) {
  return {code, StrCat("Cannot read ", Sensitive(file.string()), ": ", why)};
}

// Reads one file. Every Error it throws is a failure of the file.
class OpenFile {
 public:
  OpenFile(std::filesystem::path path, const InstanceReference& instance) : path_(std::move(path)) {
    fd_.Reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd_) {
      throw ReadError(ErrorCode::kStorage, path_, std::strerror(errno));
    }
    begin_ = Status();
    const std::optional<FileHeader> header = ReadFileHeader(path_);
    if (!header || header->attributes.Get(tag::kSOPInstanceUID) != instance.instance.str()) {
      throw ReadError(ErrorCode::kProtocol, path_, StrCat("it holds no longer instance ", instance.instance.str()));
    }
  }

  uint64_t length() const { return static_cast<uint64_t>(begin_.st_size); }

  // As much as fits, never past `length`; throws when the file is shorter now.
  std::span<const std::byte> Read(std::vector<std::byte>& buffer) {
    const size_t want = static_cast<size_t>(std::min<uint64_t>(buffer.size(), length() - offset_));
    while (true) {
      const ssize_t got = ::pread(fd_.get(), buffer.data(), want, static_cast<off_t>(offset_));
      if (got > 0) {
        offset_ += static_cast<uint64_t>(got);
        return std::span(buffer).first(static_cast<size_t>(got));
      }
      if (got == 0) {
        throw Changed();
      }
      if (errno != EINTR) {
        throw ReadError(ErrorCode::kStorage, path_, std::strerror(errno));
      }
    }
  }
  bool AtEnd() const { return offset_ == length(); }

  void CheckUnchanged() {
    const struct stat now = Status();
    if (now.st_size != begin_.st_size || now.st_mtim.tv_sec != begin_.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != begin_.st_mtim.tv_nsec) {
      throw Changed();
    }
  }

 private:
  struct stat Status() {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) {
      throw ReadError(ErrorCode::kStorage, path_, std::strerror(errno));
    }
    return status;
  }
  Error Changed() const { return ReadError(ErrorCode::kProtocol, path_, "it changed while it was read; try again"); }

  std::filesystem::path path_;
  UniqueFd fd_;
  struct stat begin_ {};
  uint64_t offset_ = 0;
};

class FolderDownloader : public Downloader {
 public:
  explicit FolderDownloader(LocateFile locate) : locate_(std::move(locate)) {}

  void Download(std::span<const InstanceReference> instances, DownloadSink& sink, const Context& context) override {
    std::vector<std::byte> buffer(kPiece);
    for (const InstanceReference& instance : instances) {
      context.Check("read instances of the folder");
      const std::optional<std::filesystem::path> path = locate_(instance, context);
      if (!path) {
        sink.OnMissing(instance);
      } else if (const std::optional<Error> failure = Send(*path, instance, buffer, sink, context)) {
        sink.OnFailed(instance, *failure);
      }
    }
  }

  Capabilities capabilities() const override { return {.local_files = true}; }

  std::optional<std::filesystem::path> LocalFile(const InstanceReference& instance, const Context& context) override {
    return locate_(instance, context);
  }

 private:
  // Returns a failure of the file. Exceptions of the sink and the context pass through.
  static std::optional<Error> Send(const std::filesystem::path& path, const InstanceReference& instance,
                                   std::vector<std::byte>& buffer, DownloadSink& sink, const Context& context) {
    std::optional<OpenFile> file;
    const auto attempt = [](const auto& work) -> std::optional<Error> {
      try {
        work();
        return std::nullopt;
      } catch (const Error& error) {
        return error;
      }
    };
    if (auto failure = attempt([&] { file.emplace(path, instance); })) {
      return failure;
    }
    sink.OnBegin(instance, file->length());
    while (!file->AtEnd()) {
      context.Check("read instances of the folder");
      std::span<const std::byte> piece;
      if (auto failure = attempt([&] { piece = file->Read(buffer); })) {
        return failure;
      }
      sink.OnData(piece);
    }
    if (auto failure = attempt([&] { file->CheckUnchanged(); })) {
      return failure;
    }
    sink.OnEnd();
    return std::nullopt;
  }

  const LocateFile locate_;
};

}  // namespace

std::unique_ptr<Downloader> MakeFolderDownloader(LocateFile locate) {
  return std::make_unique<FolderDownloader>(std::move(locate));
}

}  // namespace trolley
