#include "trolley/downloader.h"

namespace trolley {

void Downloader::DownloadSeries(const SeriesReference&, DownloadSink&, const Context&) {
  throw Error(ErrorCode::kUnsupported, "Cannot download a series without naming its instances: search for them");
}

std::optional<std::filesystem::path> Downloader::LocalFile(const InstanceReference&, const Context&) {
  throw Error(ErrorCode::kUnsupported, "Cannot open a file of the archive directly: it is not local; download it");
}

}  // namespace trolley
