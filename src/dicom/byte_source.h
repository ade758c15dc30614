#ifndef TROLLEY_DICOM_BYTE_SOURCE_H_
#define TROLLEY_DICOM_BYTE_SOURCE_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace trolley {

// Bytes from front to back, in constant memory. Throws kStorage when they cannot be read.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Up to `size` bytes; fewer only at the end.
  virtual size_t Read(char* out, size_t size) = 0;
  virtual void Skip(uint64_t count) = 0;  // past the end: the next Read gives 0
};

// From the beginning; null when `file` is no regular file. Throws kStorage when it cannot be opened.
std::unique_ptr<ByteSource> OpenFileSource(const std::filesystem::path& file);
// Inflates what begins at `offset` (deflated transfer syntax), but not more than `limit` bytes. Null when it cannot.
std::unique_ptr<ByteSource> OpenInflatedSource(const std::filesystem::path& file, uint64_t offset, uint64_t limit);

// The same of bytes in memory, which must live as long as the source.
std::unique_ptr<ByteSource> OpenMemorySource(std::string_view bytes);
std::unique_ptr<ByteSource> OpenInflatedSource(std::string_view deflated, uint64_t limit);

// Reads a source with a look at the next bytes.
class ByteReader {
 public:
  explicit ByteReader(std::unique_ptr<ByteSource> source) : source_(std::move(source)) {}

  // The next `count` bytes, fewer at the end, without taking them; valid until the next call.
  std::string_view Peek(size_t count);
  // Takes them; false when there are fewer.
  bool Take(size_t count, std::string* out);
  // May go past the end, which then is where the reader stands.
  void Skip(uint64_t count);
  uint64_t position() const { return position_; }  // bytes taken

 private:
  static constexpr size_t kChunk = 8192;

  std::unique_ptr<ByteSource> source_;
  std::string buffer_;
  size_t at_ = 0;  // in buffer_
  uint64_t position_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_DICOM_BYTE_SOURCE_H_
