#include "trolley/context.h"

#include "base/text.h"
#include "trolley/error.h"

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
