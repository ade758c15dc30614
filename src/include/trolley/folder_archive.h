#ifndef TROLLEY_FOLDER_ARCHIVE_H_
#define TROLLEY_FOLDER_ARCHIVE_H_

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "trolley/attributes.h"
#include "trolley/references.h"
#include "trolley/searcher.h"

namespace trolley {

// What is known of one file of a folder archive, so that only changed files are read again.
struct IndexedFile {
  uint64_t size = 0;  // bytes
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
  bool is_dicom = false;  // when false, `attributes` is empty: looked at, not DICOM
  Attributes attributes;
};

// Where the index is kept (LMDB in cache/, or memory). Keys are paths relative to the folder. Thread-safe; throws
// kStorage.
class FolderIndexStore {
 public:
  virtual ~FolderIndexStore() = default;
  virtual void ForEach(const std::function<void(std::string_view path, const IndexedFile&)>& visit) = 0;
  // In one transaction: all of `changed` put, all of `removed` taken away.
  virtual void Apply(const std::vector<std::pair<std::string, IndexedFile>>& changed,
                     const std::vector<std::string>& removed) = 0;
};
std::shared_ptr<FolderIndexStore> MakeMemoryFolderIndexStore();

struct FolderOptions {
  std::filesystem::path path;
  std::chrono::milliseconds rescan_interval{10000};  // a query later than this after the last scan scans again
};

// A directory of DICOM files, however unsorted, nested, or mixed with other files; headers only are read. Symbolic
// links to files are followed, to directories not (no cycles). Two files with the same (Study, Series, SOPInstanceUID):
// the first by path is served, the other is logged. Unreadable files and directories are logged; they fail the query
// with kStorage only when nothing could be read: the folder itself, or any DICOM file in it. Thread-safe.
class FolderArchive {
 public:
  FolderArchive(FolderOptions options, std::shared_ptr<FolderIndexStore> index);
  ~FolderArchive();

  // Matching as in PS3.4 C.2.2.2 over the index; scans first when the last scan is too old. All instances carry exact
  // sizes.
  SearchResult Find(const Query& query, const Context& context);
  // The file's absolute path; nullopt when the folder has no such instance.
  std::optional<std::filesystem::path> FindFile(const InstanceReference& instance, const Context& context);
  // Throws kStorage when the folder cannot be opened. Does not scan: indexing a big folder takes its time.
  void Check() const;
  // The next query looks for changes.
  void Rescan();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// The Searcher of a folder archive.
std::unique_ptr<Searcher> MakeFolderSearcher(std::shared_ptr<FolderArchive> folder);

}  // namespace trolley

#endif  // TROLLEY_FOLDER_ARCHIVE_H_
