// The storages that keep instances as files in a directory. OutputDirectory does the writing; this part decides names,
// and whether a file that exists already is the wanted instance. Called from any thread.

#include "trolley/directory_storage.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/text.h"
#include "dicom/file_meta.h"
#include "storage/output_directory.h"
#include "trolley/error.h"
#include "trolley/file_header.h"

namespace trolley {
namespace {

constexpr size_t kFirstLook = 1024;  // enough for the meta group of most files

std::string FileName(const Uid& uid, UidNames names) {
  if (names == UidNames::kPlain) {
    return uid.str() + ".dcm";
  }
  std::string name = uid.str();
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::string DirectoryName(const Uid& uid, UidNames names) {
  return names == UidNames::kPlain ? uid.str() : FileName(uid, names);
}

// The SOPInstanceUID of an open file; empty when it is not DICOM.
std::string SopInstanceUid(int file) {
  std::vector<std::byte> begin;
  for (size_t look = kFirstLook; look <= kMaxFileMeta; look *= 8) {
    begin.resize(look);
    const ssize_t got = ::pread(file, begin.data(), begin.size(), 0);
    if (got < 0) {
      return "";
    }
    begin.resize(static_cast<size_t>(got));
    const FileMetaPeek peek = PeekFileMeta(begin);
    if (peek.status == FileMetaPeek::Status::kOk) {
      return peek.meta->sop_instance_uid.str();
    }
    if (peek.status == FileMetaPeek::Status::kNotDicom || begin.size() < look) {
      break;
    }
  }
  try {
    // Folders hold files without preamble and meta group, too.
    const auto header = ReadFileHeader(StrCat("/proc/self/fd/", file));
    return header ? std::string(header->attributes.Get(tag::kSOPInstanceUID)) : "";
  } catch (const Error&) {
    return "";
  }
}

}  // namespace

DirectoryStorage::DirectoryStorage(DirectoryStorageOptions options)
    : options_(std::move(options)), output_(std::make_unique<OutputDirectory>(options_.directory)) {}

DirectoryStorage::~DirectoryStorage() = default;

bool DirectoryStorage::IsComplete(const InstanceReference& instance, std::optional<uint64_t> size) {
  const UniqueFd file = output_->Read(PathOf(instance));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0 || (size && *size != static_cast<uint64_t>(status.st_size))) {
    return false;
  }
  return SopInstanceUid(file.get()) == instance.instance.str();
}

std::unique_ptr<InstanceWriter> DirectoryStorage::Begin(const InstanceReference& instance, std::optional<uint64_t>) {
  return output_->Write(PathOf(instance), options_.sync);
}

bool DirectoryStorage::HasFiles(const std::filesystem::path& directory) {
  std::error_code error;
  const std::filesystem::directory_iterator files(options_.directory / directory, error);
  return !error && files != std::filesystem::directory_iterator();
}

StorageDir::StorageDir(DirectoryStorageOptions options, UidNames names)
    : DirectoryStorage(std::move(options)), names_(names) {}

bool StorageDir::MayHave(const SeriesReference& series) {
  return HasFiles(std::filesystem::path(DirectoryName(series.study, names_)) / DirectoryName(series.series, names_));
}

std::filesystem::path StorageDir::PathOf(const InstanceReference& instance) {
  return std::filesystem::path(DirectoryName(instance.study, names_)) / DirectoryName(instance.series, names_) /
         FileName(instance.instance, names_);
}

struct FlatStorageDir::State {
  Mutex mutex;
  bool was_empty TROLLEY_GUARDED_BY(mutex) = false;  // at the first look
  bool looked TROLLEY_GUARDED_BY(mutex) = false;
  std::map<Uid, SeriesReference> series_of TROLLEY_GUARDED_BY(mutex);
};

FlatStorageDir::FlatStorageDir(DirectoryStorageOptions options, UidNames names)
    : DirectoryStorage(std::move(options)), names_(names), state_(std::make_unique<State>()) {}

FlatStorageDir::~FlatStorageDir() = default;

bool FlatStorageDir::MayHave(const SeriesReference&) {
  // The files that this run puts there belong to other series.
  const MutexLock lock(state_->mutex);
  if (!state_->looked) {
    state_->looked = true;
    state_->was_empty = !HasFiles(".");
  }
  return !state_->was_empty;
}

std::filesystem::path FlatStorageDir::PathOf(const InstanceReference& instance) {
  {
    const MutexLock lock(state_->mutex);
    const auto [owner, is_new] = state_->series_of.try_emplace(instance.instance, instance.series_reference());
    if (owner->second != instance.series_reference()) {
      throw Error(ErrorCode::kStorage, StrCat("Cannot store instance ", instance.instance.str(), " of series ",
                                              instance.series.str(), ": series ", owner->second.series.str(),
                                              " has one of the same UID, and a flat directory has room for one; store "
                                              "them in a tree"));
    }
  }
  return FileName(instance.instance, names_);
}

}  // namespace trolley
