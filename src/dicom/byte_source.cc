#include "dicom/byte_source.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcistrmf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "base/unique_fd.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

[[noreturn]] void FailToRead(const std::filesystem::path& file) {
  const int reason = errno;
  throw Error(ErrorCode::kStorage, StrCat("Cannot read ", Sensitive(file.string()), ": ", std::strerror(reason)));
}

class FileSource : public ByteSource {
 public:
  FileSource(std::filesystem::path file, UniqueFd fd) : file_(std::move(file)), fd_(std::move(fd)) {}

  size_t Read(char* out, size_t size) override {
    size_t done = 0;
    while (done < size) {
      if (offset_ > INT64_MAX - static_cast<int64_t>(size)) {
        break;
      }
      const ssize_t got = ::pread(fd_.get(), out + done, size - done, offset_);
      if (got < 0 && errno != EINTR) {
        FailToRead(file_);
      }
      if (got == 0) {
        break;
      }
      if (got > 0) {
        done += static_cast<size_t>(got);
        offset_ += got;
      }
    }
    return done;
  }

  void Skip(uint64_t count) override {
    const auto room = static_cast<uint64_t>(INT64_MAX - offset_);
    offset_ += static_cast<int64_t>(std::min(count, room));
  }

 private:
  std::filesystem::path file_;
  UniqueFd fd_;
  int64_t offset_ = 0;
};

class MemorySource : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}

  size_t Read(char* out, size_t size) override {
    const size_t got = bytes_.copy(out, size);
    bytes_.remove_prefix(got);
    return got;
  }
  void Skip(uint64_t count) override {
    bytes_.remove_prefix(static_cast<size_t>(std::min<uint64_t>(count, bytes_.size())));
  }

 private:
  std::string_view bytes_;
};

// DCMTK's streams know how to inflate.
class InflatedSource : public ByteSource {
 public:
  InflatedSource(std::unique_ptr<DcmInputStream> stream, uint64_t limit) : stream_(std::move(stream)), left_(limit) {}

  bool Start() { return stream_->good() && stream_->installCompressionFilter(ESC_zlib).good(); }

  size_t Read(char* out, size_t size) override {
    size = static_cast<size_t>(std::min<uint64_t>(size, left_));
    size_t done = 0;
    while (done < size && stream_->good()) {
      const offile_off_t got = stream_->read(out + done, static_cast<offile_off_t>(size - done));
      if (got <= 0) {
        break;
      }
      done += static_cast<size_t>(got);
    }
    left_ -= done;
    return done;
  }

  void Skip(uint64_t count) override {
    char piece[4096];
    while (count > 0) {
      const size_t got = Read(piece, static_cast<size_t>(std::min<uint64_t>(count, sizeof piece)));
      if (got == 0) {
        return;
      }
      count -= got;
    }
  }

 private:
  std::unique_ptr<DcmInputStream> stream_;
  uint64_t left_;
};

}  // namespace

std::unique_ptr<ByteSource> OpenFileSource(const std::filesystem::path& file) {
  // O_NONBLOCK: a named pipe must not make us wait for its writer.
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) {
    FailToRead(file);
  }
  if (!S_ISREG(status.st_mode)) {
    return nullptr;
  }
  return std::make_unique<FileSource>(file, std::move(fd));
}

namespace {

std::unique_ptr<ByteSource> StartInflating(std::unique_ptr<DcmInputStream> stream, uint64_t limit) {
  auto source = std::make_unique<InflatedSource>(std::move(stream), limit);
  return source->Start() ? std::move(source) : nullptr;
}

}  // namespace

std::unique_ptr<ByteSource> OpenInflatedSource(const std::filesystem::path& file, uint64_t offset, uint64_t limit) {
  return StartInflating(
      std::make_unique<DcmInputFileStream>(OFFilename(file.c_str()), static_cast<offile_off_t>(offset)), limit);
}

std::unique_ptr<ByteSource> OpenMemorySource(std::string_view bytes) {
  return std::make_unique<MemorySource>(bytes);
}

std::unique_ptr<ByteSource> OpenInflatedSource(std::string_view deflated, uint64_t limit) {
  auto stream = std::make_unique<DcmInputBufferStream>();
  stream->setBuffer(deflated.data(), static_cast<offile_off_t>(deflated.size()));
  stream->setEos();
  return StartInflating(std::move(stream), limit);
}

std::string_view ByteReader::Peek(size_t count) {
  if (buffer_.size() - at_ < count) {
    buffer_.erase(0, at_);
    at_ = 0;
    const size_t had = buffer_.size();
    buffer_.resize(std::max(count, kChunk));
    buffer_.resize(had + source_->Read(buffer_.data() + had, buffer_.size() - had));
  }
  return std::string_view(buffer_).substr(at_, count);
}

bool ByteReader::Take(size_t count, std::string* out) {
  const std::string_view bytes = Peek(count);
  if (bytes.size() < count) {
    return false;
  }
  *out = bytes;
  at_ += count;
  position_ += count;
  return true;
}

void ByteReader::Skip(uint64_t count) {
  position_ += count;
  const size_t buffered = static_cast<size_t>(std::min<uint64_t>(count, buffer_.size() - at_));
  at_ += buffered;
  if (count > buffered) {
    source_->Skip(count - buffered);
  }
}

}  // namespace trolley
