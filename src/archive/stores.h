#ifndef TROLLEY_ARCHIVE_STORES_H_
#define TROLLEY_ARCHIVE_STORES_H_

#include <memory>

#include "cache/stores.h"
#include "search/answer_store.h"
#include "search/folder.h"

namespace trolley {

// What search/ wants to keep, kept in cache/: the two do not know each other.
std::shared_ptr<AnswerStore> MakeAnswerStore(std::shared_ptr<BlobStore> blobs);
std::shared_ptr<FolderIndexStore> MakeFolderIndexStore(std::shared_ptr<BlobStore> blobs);

}  // namespace trolley

#endif  // TROLLEY_ARCHIVE_STORES_H_
