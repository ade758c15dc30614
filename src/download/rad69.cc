#include "download/rad69.h"

namespace trolley {

std::unique_ptr<Downloader> MakeRad69Downloader(Rad69Options, std::shared_ptr<HttpClient>) {
  throw Error(ErrorCode::kUnsupported, "Cannot download over RAD-69: this version has it not yet");
}

}  // namespace trolley
