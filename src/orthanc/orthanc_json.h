#ifndef TROLLEY_ORTHANC_ORTHANC_JSON_H_
#define TROLLEY_ORTHANC_ORTHANC_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

namespace trolley {

// The text of an object's member; empty when there is no such member or it is not a string.
inline std::string JsonText(const nlohmann::json& object, const char* member) {
  const auto at = object.find(member);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

}  // namespace trolley

#endif  // TROLLEY_ORTHANC_ORTHANC_JSON_H_
