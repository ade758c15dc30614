#include "trolley/server_profile.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "base/text.h"
#include "trolley/error.h"

namespace trolley {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, 8> kNames = {"generic", "orthanc", "dcm4chee", "google",
                                                    "azure",   "aws",     "vitrea",   "auto"};

}  // namespace

ServerProfile ParseServerProfile(std::string_view name) {
  const auto at = std::find(kNames.begin(), kNames.end(), name);
  if (at == kNames.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                StrCat("Cannot use the server profile '", name, "': it is none of ",
                       Join(std::vector<std::string>(kNames.begin(), kNames.end()), ", ")));
  }
  return static_cast<ServerProfile>(at - kNames.begin());
}

}  // namespace trolley
