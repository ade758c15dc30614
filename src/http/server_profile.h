#ifndef TROLLEY_HTTP_SERVER_PROFILE_H_
#define TROLLEY_HTTP_SERVER_PROFILE_H_

#include <string>
#include <string_view>
#include <vector>

namespace trolley {

// What kind of server an archive is, where somebody knows: what it cannot do is then not tried, and what it can do
// beyond the standard is used. kGeneric: found out as it shows. kAuto: as kGeneric, but Orthanc is recognised.
enum class ServerProfile { kGeneric, kOrthanc, kDcm4chee, kGoogle, kAzure, kAws, kVitrea, kAuto };

// "generic", "orthanc", "dcm4chee", "google", "azure", "aws", "vitrea", "auto"; throws kInvalidArgument for anything
// else.
ServerProfile ParseServerProfile(std::string_view name);
std::string_view ServerProfileName(ServerProfile profile);
std::vector<std::string> ServerProfileNames();

}  // namespace trolley

#endif  // TROLLEY_HTTP_SERVER_PROFILE_H_
