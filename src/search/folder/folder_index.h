#ifndef TROLLEY_SEARCH_FOLDER_FOLDER_INDEX_H_
#define TROLLEY_SEARCH_FOLDER_FOLDER_INDEX_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trolley/attributes.h"
#include "trolley/folder_archive.h"
#include "trolley/references.h"

namespace trolley {

struct FolderSeries;
struct FolderInstance;

// A file of a folder archive.
struct FolderFile {
  const std::string* path = nullptr;  // relative to the folder
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  uint64_t inode = 0;
  uint64_t seen = 0;               // the latest scan that found it
  bool may_change = false;         // was young when it was read: a change could leave size and time as they are
  FolderSeries* series = nullptr;  // null: not DICOM
  FolderInstance* instance = nullptr;
  Attributes own;  // those not in series->common
};

struct FolderInstance {
  std::vector<FolderFile*> files;  // several hold the same instance: ordered by path, the first is served
  const FolderFile& served() const { return *files.front(); }
};

// Most attributes are equal within a series; keeping them once makes an index of 100 000 instances fit in memory.
struct FolderSeries {
  Attributes common;  // what all files of the series agree on
  std::map<Uid, FolderInstance> instances;
};

using FolderStudy = std::map<Uid, FolderSeries>;

// The value of `tag` in a file: that of its series unless it has its own.
std::string_view FolderValue(const FolderSeries& series, const FolderFile& file, Tag tag);

// What is known of a folder, by path and by UID. Not thread-safe; FolderFiles stay where they are until removed.
class FolderIndex {
 public:
  FolderFile& Put(std::string_view path, const IndexedFile& file);
  void Remove(const std::string& path);
  // Null: not known.
  FolderFile* Find(const std::string& path);
  const FolderInstance* Find(const InstanceReference& instance) const;
  // Files whose `seen` differs.
  std::vector<std::string> NotSeen(uint64_t scan) const;
  const std::map<Uid, FolderStudy>& studies() const { return studies_; }
  // Files that are not served because another one holds the same instance.
  size_t repeated() const { return repeated_; }

 private:
  void Attach(FolderFile& file, const Attributes& attributes);
  void Detach(FolderFile& file);

  std::unordered_map<std::string, FolderFile> files_;
  std::map<Uid, FolderStudy> studies_;
  size_t repeated_ = 0;
};

}  // namespace trolley

#endif  // TROLLEY_SEARCH_FOLDER_FOLDER_INDEX_H_
