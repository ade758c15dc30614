#include "trolley/authenticator.h"

#include "trolley/http_client.h"

namespace trolley {

bool Authenticator::Refused(const HttpHead& head) const {
  return head.status == 401;
}

bool Authenticator::Renew(const AuthRequest&, const HttpHead&, const std::vector<std::string>&) {
  return false;
}

}  // namespace trolley
