#ifndef TROLLEY_CACHE_CACHE_DIRECTORY_H_
#define TROLLEY_CACHE_CACHE_DIRECTORY_H_

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/unique_fd.h"

namespace trolley {

// The folders of an instance cache:
//   objects/<2 hex>/<32 hex>.<size>   whole instances, named by their content
//   staging/<pid>-<random>/           files on their way in; locked by the process that owns it while it lives
//   quarantine/                       damaged files, the newest few
//   trash/                            whatever is to be deleted in the background
// Several processes share them. Thread-safe.
class CacheDirectory {
 public:
  // Claims a staging folder. Throws kStorage.
  explicit CacheDirectory(std::filesystem::path path);
  ~CacheDirectory();  // removes the staging folder
  CacheDirectory(const CacheDirectory&) = delete;
  CacheDirectory& operator=(const CacheDirectory&) = delete;

  // True when an earlier owner ended without cleaning up: objects/ may hold files that the index does not know.
  bool unclean() const { return unclean_; }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path objects() const { return path_ / "objects"; }
  // `checksum` are 16 bytes. The second is the same as a string: every open of an instance asks for it.
  std::filesystem::path ObjectPath(std::string_view checksum, uint64_t size) const {
    return ObjectFile(checksum, size);
  }
  std::string ObjectFile(std::string_view checksum, uint64_t size) const;
  // A name in the staging folder that was never used before.
  std::filesystem::path NewStagingPath();
  // Makes the folders again when somebody deleted them. Throws kStorage.
  void Restore();

  // Moves an object out of the way, into `to`, or deletes it when `to` is empty. False: it was not there.
  static bool Move(const std::filesystem::path& from, const std::filesystem::path& to);
  // Puts a staged file into objects/, replacing what is there. Returns errno.
  int Place(const std::filesystem::path& staged, const std::filesystem::path& object);
  // Writes a file into objects/, within a write transaction of the index, so that nobody else does. With `replace`
  // others may open what lies there, and see it whole or the new one whole. Returns errno.
  int Write(std::string_view bytes, const std::filesystem::path& object, bool replace);
  // Moves a damaged object to quarantine/, where the newest 16 are kept.
  void Quarantine(const std::filesystem::path& object);
  // Takes all objects away (into trash/) and begins an empty objects/ that carries `id`.
  void ResetObjects(const std::string& id);
  // The id of objects/; empty when it has none.
  std::string ObjectsId() const;
  void TrashQuarantine();

  // Slow; for a background thread.
  void EmptyTrash(std::stop_token stop) const;
  // Names and checksums of all objects, one of the 256 folders after the other.
  struct Object {
    std::filesystem::path path;
    std::string name;
  };
  void ForEachFolder(std::stop_token stop,
                     const std::function<void(const std::vector<Object>& objects_of_a_folder)>& visit) const;

 private:
  void Claim();
  void CleanStaging();
  void MoveToTrash(const std::filesystem::path& path) const;
  int WriteNew(std::string_view bytes, const std::filesystem::path& file) const;

  std::filesystem::path path_;
  std::filesystem::path staging_;  // ours
  Mutex restoring_;
  UniqueFd owner_;  // our staging folder, locked
  std::atomic<uint64_t> next_{0};
  bool unclean_ = false;
};

}  // namespace trolley

#endif  // TROLLEY_CACHE_CACHE_DIRECTORY_H_
