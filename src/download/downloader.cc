#include "download/downloader.h"

namespace trolley {

std::optional<std::filesystem::path> Downloader::LocalFile(const InstanceReference& /*instance*/,
                                                           const Context& /*context*/) {
  throw Error(ErrorCode::kUnsupported, "Cannot open an archive's file in place: it has to be downloaded");
}

}  // namespace trolley
