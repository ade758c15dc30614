#ifndef TROLLEY_CONFIG_SEARCH_STORES_H_
#define TROLLEY_CONFIG_SEARCH_STORES_H_

#include <memory>

#include "cache/blob_store.h"
#include "search/result_store.h"
#include "trolley/folder_archive.h"

namespace trolley {

// The stores of src/search, kept in src/cache. Those two rooms do not include each other.
std::shared_ptr<ResultStore> MakeResultStore(std::shared_ptr<BlobStore> blobs);
std::shared_ptr<FolderIndexStore> MakeFolderIndexStore(std::shared_ptr<BlobStore> blobs);

}  // namespace trolley

#endif  // TROLLEY_CONFIG_SEARCH_STORES_H_
