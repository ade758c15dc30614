#ifndef TROLLEY_DIRECTORY_STORAGE_H_
#define TROLLEY_DIRECTORY_STORAGE_H_

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "trolley/storage.h"

namespace trolley {

class OutputDirectory;

struct DirectoryStorageOptions {
  std::filesystem::path directory;  // made, with its parents, when something is stored
  // Each file's bytes are on the disk before it gets its name: also after a power failure a name means a whole file,
  // at the price of waiting for the disk for every file. Without it that holds for everything but a power failure or a
  // crash of the kernel: then files of the last seconds may be cut off, and if the archive tells no sizes nobody
  // notices.
  bool sync = false;
};

// Files in a directory, one for each instance, with exactly the bytes that arrived. A file is written under a temporary
// name (".trolley-...part") in its own directory and renamed: whatever happens (kill -9, full disk), a final name means
// a whole file. What a killed process leaves under temporary names is removed by the next one that writes there.
// No name leads out of the directory: components "..", absolute paths and symbolic links below it are refused.
class DirectoryStorage : public Storage {
 public:
  explicit DirectoryStorage(DirectoryStorageOptions options);
  ~DirectoryStorage() override;

  // There is a regular file of that name, it is DICOM, holds that SOPInstanceUID, and has `size` bytes if that is
  // given.
  bool IsComplete(const InstanceReference& instance, std::optional<uint64_t> size) override;
  std::unique_ptr<InstanceWriter> Begin(const InstanceReference& instance, std::optional<uint64_t> length) override;

 protected:
  // Where an instance goes, relative to the directory; different instances have different places. Thread-safe.
  virtual std::filesystem::path PathOf(const InstanceReference& instance) = 0;
  // Whether there is such a directory, relative to the storage's ("." is that one), with anything in it.
  bool HasFiles(const std::filesystem::path& directory);

 private:
  const DirectoryStorageOptions options_;
  const std::unique_ptr<OutputDirectory> output_;
};

// How files are named after their UIDs: "1.2.3.dcm", or as dicomtrolley does, "1_2_3".
enum class UidNames { kPlain, kDicomtrolley };

// <StudyInstanceUID>/<SeriesInstanceUID>/<SOPInstanceUID>.dcm
class StorageDir : public DirectoryStorage {
 public:
  explicit StorageDir(DirectoryStorageOptions options, UidNames names = UidNames::kPlain);

  bool MayHave(const SeriesReference& series) override;

 protected:
  std::filesystem::path PathOf(const InstanceReference& instance) override;

 private:
  const UidNames names_;
};

// <SOPInstanceUID>.dcm, no sub-folders. When an archive has one SOPInstanceUID in two series, the second one is refused
// with kStorage instead of taking the first one's place.
class FlatStorageDir : public DirectoryStorage {
 public:
  explicit FlatStorageDir(DirectoryStorageOptions options, UidNames names = UidNames::kPlain);
  ~FlatStorageDir() override;

  bool MayHave(const SeriesReference& series) override;

 protected:
  std::filesystem::path PathOf(const InstanceReference& instance) override;

 private:
  struct State;

  const UidNames names_;
  const std::unique_ptr<State> state_;
};

}  // namespace trolley

#endif  // TROLLEY_DIRECTORY_STORAGE_H_
