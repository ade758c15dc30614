// A failure of the cache is logged and never fails a search: the archive is searched instead.
#include "config/search_stores.h"

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"
#include "trolley/log.h"

namespace trolley {
namespace {

class BlobResultStore : public ResultStore {
 public:
  explicit BlobResultStore(std::shared_ptr<BlobStore> blobs) : blobs_(std::move(blobs)) {}

  std::optional<ResultWithTime> Load(std::string_view key) override {
    try {
      const auto stored = blobs_->Load(key);
      return stored ? ParseResult(*stored) : std::nullopt;
    } catch (const Error& error) {
      LogWarning(StrCat("Cannot read a kept search result, searching the archive instead: ", error.what()));
      return std::nullopt;
    }
  }

  void Save(std::string_view key, const ResultWithTime& result) override {
    try {
      blobs_->Save(key, SerializeResult(result));
    } catch (const Error& error) {
      LogWarning(StrCat("Cannot keep a search result, it will be requested again after a restart: ", error.what()));
    }
  }

 private:
  const std::shared_ptr<BlobStore> blobs_;
};

// The stored form of an IndexedFile: this head, then the attributes.
struct IndexedFileHead {
  uint64_t size;
  int64_t mtime_ns;
  uint64_t inode;
  uint64_t is_dicom;
};

std::string SerializeFile(const IndexedFile& file) {
  const IndexedFileHead head{file.size, file.mtime_ns, file.inode, file.is_dicom ? 1U : 0U};
  std::string stored(reinterpret_cast<const char*>(&head), sizeof head);
  return stored.append(file.attributes.Serialize());
}

std::optional<IndexedFile> ParseFile(std::string_view stored) {
  IndexedFileHead head{};
  if (stored.size() < sizeof head) {
    return std::nullopt;
  }
  std::memcpy(&head, stored.data(), sizeof head);
  auto attributes = Attributes::Parse(stored.substr(sizeof head));
  if (!attributes || head.is_dicom > 1) {
    return std::nullopt;
  }
  return IndexedFile{head.size, head.mtime_ns, head.inode, head.is_dicom == 1, std::move(*attributes)};
}

class BlobFolderIndexStore : public FolderIndexStore {
 public:
  explicit BlobFolderIndexStore(std::shared_ptr<BlobStore> blobs) : blobs_(std::move(blobs)) {}

  void ForEach(const std::function<void(std::string_view, const IndexedFile&)>& visit) override {
    blobs_->ForEach([&](std::string_view path, std::string_view stored) {
      // A damaged record is ignored: the file is read again.
      if (const auto file = ParseFile(stored)) {
        visit(path, *file);
      }
    });
  }

  void Apply(const std::vector<std::pair<std::string, IndexedFile>>& changed,
             const std::vector<std::string>& removed) override {
    std::vector<std::pair<std::string, std::string>> stored;
    stored.reserve(changed.size());
    for (const auto& [path, file] : changed) {
      stored.emplace_back(path, SerializeFile(file));
    }
    blobs_->Apply(stored, removed);
  }

 private:
  const std::shared_ptr<BlobStore> blobs_;
};

}  // namespace

std::shared_ptr<ResultStore> MakeResultStore(std::shared_ptr<BlobStore> blobs) {
  return std::make_shared<BlobResultStore>(std::move(blobs));
}

std::shared_ptr<FolderIndexStore> MakeFolderIndexStore(std::shared_ptr<BlobStore> blobs) {
  return std::make_shared<BlobFolderIndexStore>(std::move(blobs));
}

}  // namespace trolley
