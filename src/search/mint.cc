#include "search/mint.h"

#include "base/error.h"

namespace trolley {

std::unique_ptr<Searcher> MakeMintSearcher(MintOptions, std::shared_ptr<HttpClient>) {
  throw Error(ErrorCode::kUnsupported, "Cannot search over MINT: this version has it not yet");
}

}  // namespace trolley
