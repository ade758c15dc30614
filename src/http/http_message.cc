#include "trolley/http_client.h"

namespace trolley {

std::string_view HttpHead::Header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_name) {
      return value;
    }
  }
  return {};
}

}  // namespace trolley
