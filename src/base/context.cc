#include "base/context.h"

#include "base/error.h"
#include "base/text.h"

namespace trolley {

void Context::Check(const char* doing) const {
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, StrCat("Cannot ", doing, ": it was interrupted"));
  }
  if (deadline != Clock::time_point::max() && Clock::now() >= deadline) {
    throw Error(ErrorCode::kTimedOut, StrCat("Cannot ", doing, ": it took longer than allowed"));
  }
}

}  // namespace trolley
