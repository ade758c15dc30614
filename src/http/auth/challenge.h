#ifndef TROLLEY_HTTP_AUTH_CHALLENGE_H_
#define TROLLEY_HTTP_AUTH_CHALLENGE_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trolley::internal {

// One authentication scheme that a server offers.
struct AuthChallenge {
  std::string scheme;                             // lower case: "digest"
  std::map<std::string, std::string> parameters;  // names in lower case, values without quotes
  // Empty when absent.
  std::string Parameter(const std::string& name) const;
};

// Parses a WWW-Authenticate header (RFC 9110, section 11.6.1), which may hold several challenges. Malformed ones are
// left out.
std::vector<AuthChallenge> ParseChallenges(std::string_view header);

}  // namespace trolley::internal

#endif  // TROLLEY_HTTP_AUTH_CHALLENGE_H_
