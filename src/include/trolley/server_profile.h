#ifndef TROLLEY_SERVER_PROFILE_H_
#define TROLLEY_SERVER_PROFILE_H_

#include <string_view>

namespace trolley {

// The product that an archive runs, if the configuration names it. Requests that this product cannot handle are then
// not tried, and its extensions are used. kGeneric: found out from its responses. kAuto: likewise, but Orthanc is
// recognised.
enum class ServerProfile { kGeneric, kOrthanc, kDcm4chee, kGoogle, kAzure, kAws, kVitrea, kAuto };

// "generic", "orthanc", "dcm4chee", "google", "azure", "aws", "vitrea", "auto"; throws kInvalidArgument for anything
// else.
ServerProfile ParseServerProfile(std::string_view name);

}  // namespace trolley

#endif  // TROLLEY_SERVER_PROFILE_H_
